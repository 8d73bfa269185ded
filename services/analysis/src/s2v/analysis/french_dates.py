"""French dates as they are spoken or written: years, days and months, ranges, decades, centuries, distances."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from spacy.tokens import Span

from s2v.analysis.content import Date, Label
from s2v.analysis.french_lexicon import DATE_PREPOSITIONS, EARLY_YEAR_LEADS, MONTHS, UNITS, YEAR_LEADS
from s2v.analysis.language import Talk
from s2v.v1.diagram_pb2 import DatePrecision

_MONTH = "|".join(MONTHS)
_YEAR = r"(1\d{3}|20\d{2}|[3-9]\d{2})"
_LATE_YEAR = r"(1\d{3}|20\d{2})"
_BEFORE = r" (?:avant|av) (?:J\.? ?-?C\b|jésus-christ|notre ère|l'ère commune)"
_PATTERNS = (
    ("range before", re.compile(rf"^(?:entre|de) (\d{{1,4}}) (?:et|à) (\d{{1,4}}){_BEFORE}")),
    ("before", re.compile(rf"^(\d{{1,4}}){_BEFORE}")),
    ("range", re.compile(rf"^(?:entre|de) {_LATE_YEAR} (?:et|à) {_LATE_YEAR}\b")),
    ("day", re.compile(rf"^(\d{{1,2}}|1er) ({_MONTH}) {_YEAR}\b")),
    ("month", re.compile(rf"^({_MONTH}) {_YEAR}\b")),
    (
        "decade",
        re.compile(
            r"^années (?:(\d{4})|(soixante-dix|soixante|cinquante|quarante|trente|vingt|quatre-vingt-dix|quatre-vingts?)\b)"
        ),
    ),
    ("century", re.compile(rf"^([IVX]+)e siècle({_BEFORE})?")),
    ("year", re.compile(rf"^{_YEAR}\b")),
    ("later", re.compile(r"^(un|deux|trois|quatre|cinq|six|sept|huit|neuf|dix|vingt|\d+) (an|ans|siècles?) plus tard")),
)
_CENTURY = re.compile(r"^[IVX]+e$")
_ROMAN = {"I": 1, "V": 5, "X": 10}
_NUMBERS = {
    word: value
    for value, word in enumerate(["un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix"], start=1)
} | {
    "vingt": 20,
    "trente": 30,
    "quarante": 40,
    "cinquante": 50,
    "soixante": 60,
    "soixante-dix": 70,
    "quatre-vingt": 80,
    "quatre-vingts": 80,
    "quatre-vingt-dix": 90,
}
_LONGEST = 7
"""Words that a date takes at most: "de 58 à 50 avant notre ère"."""
_EDGES = '.,;:!?()«»"“”'


@dataclass(frozen=True)
class FrenchDate:
    """A date and the words that lead to and say it."""

    date: Date
    words: tuple[int, int]
    """As (begin, end), the preposition in front included."""


def find_dates(talk: Talk, sentences: Sequence[Span]) -> list[FrenchDate]:
    """Returns the dates of consecutive sentences in the order of speech."""
    found: list[FrenchDate] = []
    for sentence in sentences:
        begin, end = talk.words(sentence)
        word = begin
        while word < end:
            date = _read(talk, word, begin, end, found[-1].date if found else None)
            if date is None:
                word += 1
                continue
            found.append(date)
            word = date.words[1]
    return found


def _read(talk: Talk, word: int, begin: int, end: int, last: Date | None) -> FrenchDate | None:
    spoken = [text.replace("’", "'") for text in talk.speech.texts[word : min(end, word + _LONGEST)]]
    texts = [text.strip(_EDGES) for text in spoken]
    lowered = [text if text.isupper() or _CENTURY.match(text) else text.lower() for text in texts]
    line = " ".join(lowered)
    # "l'année 1998" and "d'avril 1944" carry their article within the word.
    for kind, pattern in _PATTERNS:
        match = pattern.match(line)
        if match is None:
            continue
        reading = _years(kind, match, last)
        if reading is None:
            continue
        start, stop, precision = reading
        count = len(match[0].split())
        if (kind == "year" and not _is_led(talk, word, begin)) or (kind in ("year", "range") and _counts(talk, word + count - 1)):
            continue
        text = re.sub(r"-C$", "-C.", " ".join(spoken[:count]).strip(_EDGES))
        first = word
        while first > begin and talk.speech.texts[first - 1].lower().replace("’", "'") in DATE_PREPOSITIONS and first > word - 3:
            first -= 1
        label = Label(text[:1].upper() + text[1:], tuple(range(word, word + count)))
        return FrenchDate(Date(label, start, stop, precision), (first, word + count))
    return None


def _is_led(talk: Talk, word: int, begin: int) -> bool:
    """Whether a number stands where a year does: behind a word that leads to one, in brackets, or at the start of a sentence."""
    late = len(talk.speech.texts[word].strip(_EDGES)) == 4
    if word == begin or talk.speech.texts[word].startswith("("):
        return late
    lead = talk.speech.texts[word - 1].lower().replace("’", "'").rpartition("'")[2]
    return lead in (YEAR_LEADS if late else EARLY_YEAR_LEADS)


def _counts(talk: Talk, word: int) -> bool:
    """Whether a number, or the next of two, says how many there are of what stands right behind, a unit or in the plural."""
    token = talk.doc[talk.tokens_of[word][1] - 1]
    if not token.text.isdigit() or token.i + 1 >= token.sent.end:
        return False
    after = token.nbor()
    if after.lower_ in ("et", "à", "ou") and word + 2 < len(talk.speech) and _counts(talk, word + 2):
        return True
    counted = after.pos_ == "NOUN" or (token.dep_ == "nummod" and token.head.i > token.i and after.pos_ in ("ADJ", "PROPN"))
    return after.lower_ in UNITS or (counted and after.text.islower() and after.text[-1] in "sxz")


def _years(kind: str, match: re.Match[str], last: Date | None) -> tuple[float, float, DatePrecision.ValueType] | None:
    if kind == "range before":
        return -float(match[1]), -float(match[2]), DatePrecision.DATE_PRECISION_YEAR
    if kind == "before":
        return -float(match[1]), -float(match[1]), DatePrecision.DATE_PRECISION_YEAR
    if kind == "range":
        return float(match[1]), float(match[2]), DatePrecision.DATE_PRECISION_YEAR
    if kind == "day":
        day = 1 if match[1] == "1er" else int(match[1])
        year = int(match[3]) + MONTHS.index(match[2]) / 12 + (day - 1) / 365
        return year, year, DatePrecision.DATE_PRECISION_DAY
    if kind == "month":
        year = int(match[2]) + MONTHS.index(match[1]) / 12
        return year, year, DatePrecision.DATE_PRECISION_MONTH
    if kind == "decade":
        start = int(match[1]) if match[1] else 1900 + _NUMBERS[match[2]]
        return start, start + 9, DatePrecision.DATE_PRECISION_DECADE
    if kind == "century":
        number = _roman(match[1])
        start = -100 * number if match[2] else 100 * (number - 1)
        return start, start + 99, DatePrecision.DATE_PRECISION_CENTURY
    if kind == "later":
        if last is None:
            return None
        value = _NUMBERS.get(match[1]) or int(match[1])
        year = last.end_year + value * (100 if match[2].startswith("siècle") else 1)
        return year, year, DatePrecision.DATE_PRECISION_YEAR
    return float(match[1]), float(match[1]), DatePrecision.DATE_PRECISION_YEAR


def _roman(text: str) -> int:
    values = [_ROMAN[letter] for letter in text]
    following = [*values[1:], 0]
    return sum(-value if value < after else value for value, after in zip(values, following, strict=True))
