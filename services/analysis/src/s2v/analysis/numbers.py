"""Numbers written as words, read as the digits that a label shows."""

from __future__ import annotations

import math
from collections.abc import Sequence

_UNITS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SMALL = {word: value for value, word in enumerate(_UNITS)} | {word: 10 * place for place, word in enumerate(_TENS, start=2)}
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_KEPT_SCALES = ("million", "billion")

_ORDINALS = {
    word: value
    for value, word in enumerate(
        [
            "first",
            "second",
            "third",
            "fourth",
            "fifth",
            "sixth",
            "seventh",
            "eighth",
            "ninth",
            "tenth",
            "eleventh",
            "twelfth",
            "thirteenth",
            "fourteenth",
            "fifteenth",
            "sixteenth",
            "seventeenth",
            "eighteenth",
            "nineteenth",
            "twentieth",
        ],
        start=1,
    )
} | {"thirtieth": 30}


def read_number(words: Sequence[str]) -> float | None:
    """Returns the value of words such as ["two", "hundred", "and", "five"], ["2.4"] or ["10,000"]; None when they are none.

    "Infinity" and "nan", which are numbers to Python, are words.
    """
    pieces = [piece for word in words for piece in word.lower().replace("-", " ").split() if piece not in {"and", "a"}]
    if not pieces:
        return None
    total, current = 0.0, 0.0
    for piece in pieces:
        if piece in _SMALL:
            current += _SMALL[piece]
        elif piece == "hundred":
            current = (current or 1) * 100
        elif piece in _SCALES:
            total += (current or 1) * _SCALES[piece]
            current = 0
        else:
            try:
                current += float(piece.replace(",", ""))
            except ValueError:
                return None
    value = total + current
    return value if math.isfinite(value) else None


def write_number(words: Sequence[str]) -> str | None:
    """Returns the digits that stand for number words ("twenty" → "20", "2.5 million" as it is); None when they are no number."""
    if words and words[-1].lower() in _KEPT_SCALES and len(words) > 1:
        value = read_number(words[:-1])
        return None if value is None else f"{_digits(value)} {words[-1].lower()}"
    value = read_number(words)
    return None if value is None else _digits(value)


def read_year(words: Sequence[str]) -> int | None:
    """Returns the year of ["1998"], ["nineteen", "ninety", "eight"] or ["two", "thousand", "four"]; None when they are none."""
    pieces = [piece for word in words for piece in word.lower().replace("-", " ").split()]
    said = len(pieces)
    pieces = [piece for piece in pieces if piece != "and"]
    if len(pieces) == 1:
        return int(pieces[0]) if len(pieces[0]) == 4 and pieces[0].isdigit() and 1000 <= int(pieces[0]) <= 2199 else None
    if not pieces or any(piece not in _SMALL and piece not in ("thousand", "hundred", "oh") for piece in pieces):
        return None
    century = _SMALL.get(pieces[0], 0)
    if 10 <= century <= 21 and len(pieces) in (2, 3) and pieces[1] not in _SCALES:
        rest = sum(_SMALL.get(piece, 0) for piece in pieces[1:])
        # "Twenty one" is a number: of a year one says "twenty oh one". Nor does it hold an "and".
        single = len(pieces) == 2 or pieces[1] in _TENS or "oh" in pieces
        least = 1 if "oh" in pieces else 10
        return century * 100 + rest if least <= rest <= 99 and single and len(pieces) == said else None
    value = read_number(pieces)
    return int(value) if value is not None and 1000 <= value <= 2199 and "thousand" in pieces else None


def read_ordinal(word: str) -> int | None:
    """Returns 19 for "19th" or "nineteenth"; None for other words."""
    word = word.lower()
    if word in _ORDINALS:
        return _ORDINALS[word]
    for suffix in ("st", "nd", "rd", "th"):
        if word.endswith(suffix) and word[: -len(suffix)].isdigit():
            return int(word[: -len(suffix)])
    if "-" in word:
        tens, _, unit = word.partition("-")
        if tens in _SMALL and unit in _ORDINALS and _ORDINALS[unit] < 10:
            return _SMALL[tens] + _ORDINALS[unit]
    return None


def _digits(value: float) -> str:
    if value == int(value):
        return f"{int(value):,}" if value >= 10_000 else str(int(value))
    return f"{value:g}"
