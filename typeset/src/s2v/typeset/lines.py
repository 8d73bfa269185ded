"""Text broken into balanced lines, and shortened with an ellipsis where it does not fit."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from itertools import accumulate

import regex  # type: ignore[import-untyped]

from s2v.typeset.families import Family, family
from s2v.typeset.runs import is_right_to_left
from s2v.typeset.shaping import clean, width
from s2v.v1.composition_pb2 import FontWeight

ELLIPSIS = "…"
BREAK_AFTER = frozenset("-–—/\\_.,:;@&=+?")
"""Marks after which a word that is wider than the line may be broken."""
WEAK_ENDS = frozenset(("a", "an", "the", "of", "to", "in", "on", "at", "by", "for", "and", "or", "with", "from"))
"""Words that read badly at the end of a line, and at the end of a shortened text."""
WEAK_END_COST = 0.02
"""What a weak end costs, as a share of the squared line width."""
SINGLE_WORD_COST = 0.04
"""What a last line of one short word costs, likewise."""
WIDE = frozenset("WF")
"""East Asian widths of Han, kana, Hangul and emoji."""
OPENING = frozenset("（〔［｛〈《「『【([{“‘")
"""Marks that no line ends with."""
SMALL_KANA = frozenset("ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮ々")
"""Characters that no line starts with, beside closing marks."""
LEFT_TO_RIGHT_MARK, RIGHT_TO_LEFT_MARK = "\u200e", "\u200f"
"""Leave no mark on the line; a line that starts with one has its direction."""
LETTER = regex.compile(r"[\u0e40-\u0e44\u0ec0-\u0ec4]*\X")
"""What is never cut: a character as its reader sees it, with its marks and all that is joined to it, and the vowels of Thai and
Lao that stand before their consonant."""
MAX_CHARACTERS = 2000
"""More than any canvas takes; what follows is cut before measuring, so that the time stays bounded."""


def wrap(text: str, weight: FontWeight.ValueType, size_px: float, max_width_px: float, max_lines: int) -> tuple[str, ...]:
    """Breaks `text` into as few lines as fit `max_width_px`, and these into lines of like width.

    Where `max_lines` are not enough, words are dropped from the end and an ellipsis stands for them (`is_abbreviated` tells).
    A word that is wider than a line is broken after a mark such as "-" or "/", else between two letters; Han and kana are broken
    between any two characters but before a closing mark. All lines have the direction of the whole text: one that would have the
    other starts with Unicode's mark of it. Returns no line for an empty text.
    """
    return _wrap(family(), text, weight, size_px, max_width_px, max_lines)


@lru_cache(maxsize=4096)
def _wrap(
    _family: Family, text: str, weight: FontWeight.ValueType, size_px: float, max_width_px: float, max_lines: int
) -> tuple[str, ...]:
    """The family is in force already: it is a parameter so that the cache knows it."""
    text = clean(text)[:MAX_CHARACTERS]
    words = _words(text, weight, size_px, max_width_px)
    if not words:
        return ()
    count = len(_fill(words, weight, size_px, max_width_px))
    if count > max_lines:
        words = _shorten(words, weight, size_px, max_width_px, max_lines)
        count = len(_fill(words, weight, size_px, max_width_px))
    return _direct(_balance(words, weight, size_px, max_width_px, count), rightward=not is_right_to_left(text))


def is_abbreviated(text: str, lines: tuple[str, ...]) -> bool:
    """Tells whether `wrap` has left something of `text` out of `lines`."""
    return _letters(text) != _letters("".join(lines))


def is_whole(text: str, lines: tuple[str, ...]) -> bool:
    """Tells whether `lines` hold all of `text`, each of its words on one line; Han and kana may part between characters."""
    pieces = [piece for word in clean(text).split() for piece in _between_ideographs(word)]
    ends = set(accumulate(len(_letters(piece)) for piece in pieces))
    return not is_abbreviated(text, lines) and ends.issuperset(accumulate(len(_letters(line)) for line in lines))


def _letters(text: str) -> str:
    """Returns a text without its spaces and marks of direction, which `wrap` takes and gives."""
    return "".join(clean(text).replace(LEFT_TO_RIGHT_MARK, "").replace(RIGHT_TO_LEFT_MARK, "").split())


def _direct(lines: tuple[str, ...], *, rightward: bool) -> tuple[str, ...]:
    """Gives lines the direction of their paragraph, which holds for all of it. Source: UAX #9, rule P2."""
    mark = LEFT_TO_RIGHT_MARK if rightward else RIGHT_TO_LEFT_MARK
    return tuple(mark + line if is_right_to_left(line) == rightward else line for line in lines)


def _words(text: str, weight: FontWeight.ValueType, size_px: float, max_width_px: float) -> tuple[str, ...]:
    """Splits at spaces; a piece that ends in a space is followed by one, so that pieces of a broken word join without."""
    pieces: list[str] = []
    for word in text.split():
        for piece in _between_ideographs(word):
            rest = piece
            while width(rest, weight, size_px) > max_width_px and (cut := _cut(rest, weight, size_px, max_width_px)) < len(rest):
                pieces.append(rest[:cut])
                rest = rest[cut:]
            pieces.append(rest)
        pieces[-1] += " "
    return tuple(pieces)


def _between_ideographs(word: str) -> list[str]:
    """Cuts a word of Han or kana where a line may end; any other word stays whole."""
    pieces = [""]
    before = " "
    for letter in LETTER.findall(word):
        either = _is_ideograph(before) or _is_ideograph(letter[0])
        if either and pieces[-1] and before not in OPENING and not _is_closing(letter[0]):
            pieces.append("")
        pieces[-1] += letter
        before = letter[0]
    return pieces


def _is_ideograph(character: str) -> bool:
    """Hangul is as wide as Han, but has spaces between its words."""
    return unicodedata.east_asian_width(character) in WIDE and not unicodedata.name(character, "").startswith("HANGUL")


def _is_closing(character: str) -> bool:
    """No line starts with these: marks that close or end, small kana and the sign for a long vowel, and what joins."""
    return character in SMALL_KANA or unicodedata.category(character) in {"Pe", "Pf", "Po", "Mn", "Mc", "Cf", "Sk", "Lm"}


def _cut(word: str, weight: FontWeight.ValueType, size_px: float, max_width_px: float) -> int:
    """Returns where a word that is wider than a line is cut: its whole length if it is a single letter."""
    cuts = list(accumulate(len(letter) for letter in LETTER.findall(word)))
    low, high = 0, max(len(cuts) - 2, 0)
    while low < high:
        middle = (low + high + 1) // 2
        if width(word[: cuts[middle]], weight, size_px) <= max_width_px:
            low = middle
        else:
            high = middle - 1
    marks = [cut for cut in cuts[: low + 1] if word[cut - 1] in BREAK_AFTER]
    return marks[-1] if marks else cuts[low]


def _join(words: tuple[str, ...]) -> str:
    return "".join(words).rstrip()


def _fill(words: tuple[str, ...], weight: FontWeight.ValueType, size_px: float, max_width_px: float) -> list[tuple[str, ...]]:
    """Fills each line as far as it goes: the least number of lines."""
    lines: list[tuple[str, ...]] = []
    current: tuple[str, ...] = ()
    for word in words:
        if current and width(_join((*current, word)), weight, size_px) > max_width_px:
            lines.append(current)
            current = ()
        current = (*current, word)
    if current:
        lines.append(current)
    return lines


def _shorten(
    words: tuple[str, ...], weight: FontWeight.ValueType, size_px: float, max_width_px: float, max_lines: int
) -> tuple[str, ...]:
    """Drops words from the end until the rest and an ellipsis fit; of a single word, letters."""
    first = _fill(words, weight, size_px, max_width_px)[:max_lines]
    kept = [*words[: sum(map(len, first))], ""]
    while len(kept) > 1:
        kept.pop()
        while len(kept) > 1 and kept[-1].strip().lower() in WEAK_ENDS:
            kept.pop()
        candidate = (*kept[:-1], kept[-1].rstrip(" ,.;:-–—") + ELLIPSIS)
        lines = _fill(candidate, weight, size_px, max_width_px)
        if len(lines) <= max_lines and all(width(_join(line), weight, size_px) <= max_width_px for line in lines):
            return candidate
    letters = LETTER.findall(kept[0].strip())
    while len(letters) > 1 and width("".join(letters) + ELLIPSIS, weight, size_px) > max_width_px:
        letters.pop()
    return ("".join(letters) + ELLIPSIS,)


def _balance(
    words: tuple[str, ...], weight: FontWeight.ValueType, size_px: float, max_width_px: float, count: int
) -> tuple[str, ...]:
    """Places the breaks so that the squared widths are least, by dynamic programming over (words placed, lines used)."""
    total = len(words)
    best: list[dict[int, tuple[float, int]]] = [{} for _ in range(count + 1)]
    best[0][0] = (0.0, 0)
    for line in range(1, count + 1):
        for end in range(1, total + 1):
            for start, (cost, _) in best[line - 1].items():
                if start >= end:
                    continue
                text = _join(words[start:end])
                length = width(text, weight, size_px)
                if length > max_width_px and end - start > 1:
                    continue
                sum_ = cost + length**2 + max_width_px**2 * _penalty(words, start, end)
                if end not in best[line] or sum_ < best[line][end][0]:
                    best[line][end] = (sum_, start)
    lines: list[str] = []
    end = total
    for line in range(count, 0, -1):
        start = best[line][end][1]
        lines.append(_join(words[start:end]))
        end = start
    return tuple(reversed(lines))


def _penalty(words: tuple[str, ...], start: int, end: int) -> float:
    last = words[end - 1]
    if end < len(words):
        # A break after a comma or a full stop follows the sense of the phrase.
        if last.rstrip().endswith((",", ";", ":", ".", "?", "!")):
            return -WEAK_END_COST
        return WEAK_END_COST if last.strip().lower() in WEAK_ENDS else 0.0
    return SINGLE_WORD_COST if start > 0 and end - start == 1 and len(last) <= 4 else 0.0
