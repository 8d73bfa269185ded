"""Dates as they are spoken, normalised to decimal years: years, months, days, decades, centuries, ranges, distances."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from spacy.tokens import Span, Token

from s2v.analysis.content import Date, Label
from s2v.analysis.eras import ERAS, PRESENT, EraReading, read_ago, read_era_span
from s2v.analysis.language import Talk
from s2v.analysis.numbers import read_number, read_ordinal, read_year
from s2v.v1.diagram_pb2 import DatePrecision

MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_MONTH_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DECADE = re.compile(r"^[’']?(\d{2}|\d{4})[’']?s$")
_DECADE_WORDS = {
    "twenties": 20,
    "thirties": 30,
    "forties": 40,
    "fifties": 50,
    "sixties": 60,
    "seventies": 70,
    "eighties": 80,
    "nineties": 90,
}
_RANGE = re.compile(r"^(\d{4})\s*[–—-]\s*(\d{2}|\d{4})$")
_UNIT_YEARS = {"day": 1 / 365.25, "week": 7 / 365.25, "month": 1 / 12, "year": 1.0, "decade": 10.0, "century": 100.0}
_IN_YEARS = (
    DatePrecision.DATE_PRECISION_YEAR,
    DatePrecision.DATE_PRECISION_MONTH,
    DatePrecision.DATE_PRECISION_DAY,
)
_FEW = {"few": 3.0, "several": 4.0, "couple": 2.0, "many": 20.0}
"""Rough counts: only the order matters."""
_AGE_PREPOSITIONS = ("at", "by", "in", "on", "during", "after", "around")
_YEAR_PREPOSITIONS = frozenset(
    [
        "in",
        "since",
        "by",
        "until",
        "from",
        "around",
        "before",
        "after",
        "during",
        "circa",
        "of",
        "about",
        "to",
        "between",
        "and",
        "through",
        "late",
        "early",
        "mid",
        "as",
        "(",
    ]
)


@dataclass(frozen=True)
class SpokenDate:
    """A date and the tokens that say it."""

    date: Date
    tokens: tuple[Token, ...]


def find_dates(talk: Talk, sentences: Sequence[Span]) -> list[SpokenDate]:
    """Returns the dates of consecutive sentences in the order of speech.

    A distance ("two years later") counts from the date before it.
    """
    found: list[SpokenDate] = []
    rank = 0
    for sentence in sentences:
        tokens = list(sentence)
        place = 0
        while place < len(tokens):
            reading = _read(talk, tokens, place, found[-1].date if found else None, rank)
            if reading is None:
                place += 1
                continue
            spoken, length = reading
            found.append(spoken)
            rank += spoken.date.precision == DatePrecision.DATE_PRECISION_ORDINAL
            place += length
    return _count_back(found)


def _count_back(found: Sequence[SpokenDate]) -> list[SpokenDate]:
    """Counts "three years ago" from the latest year that is told as past, where that is later than the year it was read from."""
    told = [spoken.date.end_year for spoken in found if not _is_ago(spoken) and not _is_ahead(spoken)]
    later = max([0.0, *(year - PRESENT for year in told)])
    return [
        replace(
            spoken, date=replace(spoken.date, start_year=spoken.date.start_year + later, end_year=spoken.date.end_year + later)
        )
        if _is_ago(spoken)
        else spoken
        for spoken in found
    ]


def _is_ago(spoken: SpokenDate) -> bool:
    return any(token.lower_ == "ago" for token in spoken.tokens)


def _is_ahead(spoken: SpokenDate) -> bool:
    """Whether a date stands in a clause about what will be: "by 2050 it will have doubled"."""
    first = spoken.tokens[0]
    verb = next((token for token in first.ancestors if token.pos_ in ("VERB", "AUX")), first)
    return any(child.tag_ == "MD" for child in verb.children)


def _read(talk: Talk, tokens: list[Token], place: int, last: Date | None, rank: int) -> tuple[SpokenDate, int] | None:
    return (
        _read_words(talk, tokens, place)
        or _read_range(talk, tokens, place)
        or _read_month(talk, tokens, place, last)
        or _read_era(talk, tokens, place)
        or _read_decade(talk, tokens, place)
        or _read_century(talk, tokens, place)
        or _read_distance(talk, tokens, place, last)
        or _read_year(talk, tokens, place)
        or _read_ordinal(talk, tokens, place, rank)
    )


def _make(
    talk: Talk, tokens: Sequence[Token], text: str, years: tuple[float, float], precision: DatePrecision.ValueType
) -> tuple[SpokenDate, int]:
    words = tuple(sorted({talk.word(token) for token in tokens}))
    return SpokenDate(Date(Label(text, words), *years, precision), tuple(tokens)), len(tokens)


def _read_words(talk: Talk, tokens: list[Token], place: int) -> tuple[SpokenDate, int] | None:
    """Reads what is said in whole words: spans of eras, and distances from now."""
    first = talk.word(tokens[place])
    begins = tokens[place].i == talk.tokens_of[first][0] or tokens[place - 1].text == "("
    if not begins or tokens[place].text == "(":
        return None
    end = talk.word(tokens[-1]) + 1
    words = talk.speech.texts[first:end]
    reading: EraReading | None = read_era_span(words)
    precision = DatePrecision.DATE_PRECISION_YEAR
    if reading is None:
        reading, precision = read_ago(words), DatePrecision.DATE_PRECISION_CENTURY
    if reading is None:
        return None
    last = talk.tokens_of[first + reading.words - 1][1]
    used = [token for token in tokens[place:] if token.i < last]
    spoken, _ = _make(talk, used, reading.text, (reading.start_year, reading.end_year), precision)
    return spoken, len(used)


def _spelled(tokens: list[Token], place: int) -> tuple[int, int] | None:
    """Returns a year and how many tokens say it."""
    for length in (5, 4, 3, 2, 1):
        if place + length <= len(tokens):
            words = [token.text for token in tokens[place : place + length] if token.text != "-"]
            # Of "between 1914 and 1918" the "and" belongs to neither.
            year = read_year(words) if words and words[-1].lower() != "and" else None
            if year is not None:
                return year, length
    return None


def _read_year(talk: Talk, tokens: list[Token], place: int) -> tuple[SpokenDate, int] | None:
    spelled = _spelled(tokens, place) or _early_year(tokens, place)
    if spelled is None:
        return None
    year, length = spelled
    token = tokens[place]
    # "2000 files" is a count, "the 1998 election" is not.
    counted = _is_counted(tokens[place + length - 1]) and (place == 0 or tokens[place - 1].dep_ != "det")
    led = place > 0 and tokens[place - 1].lower_ in _YEAR_PREPOSITIONS
    span = _find_range(tokens, place - 1) if led else None
    counted = counted or (span is not None and _hold_count(tokens[place : place - 1 + span[2]]))
    if counted or not (led or token.ent_type_ == "DATE" or place == 0):
        return None
    shift, text = _part(tokens, place, str(year))
    begin = place - (text != str(year))
    spoken, _ = _make(talk, tokens[begin : place + length], text, (year + shift / 10, year), DatePrecision.DATE_PRECISION_YEAR)
    return SpokenDate(replace(spoken.date, end_year=max(year, spoken.date.start_year)), spoken.tokens), length


def _is_counted(number: Token) -> bool:
    """Whether a number says how many there are of what stands behind it."""
    first = number
    while first.dep_ == "conj":
        first = first.head
    return first.dep_ == "nummod" and first.head.i > number.i


def _hold_count(tokens: Sequence[Token]) -> bool:
    """Whether a number in a range says how many there are of what stands behind it."""
    return any(_is_counted(token) and token.head.i > tokens[-1].i for token in tokens)


def _early_year(tokens: list[Token], place: int) -> tuple[int, int] | None:
    """Reads "In 698": a year of three digits, which only its preposition and its own stress tell from a count."""
    token = tokens[place]
    if (
        token.text.isdigit()
        and len(token.text) == 3
        and token.dep_ == "pobj"
        and place
        and tokens[place - 1].lower_ in ("in", "by", "around", "since")
    ):
        return int(token.text), 1
    return None


def _read_range(talk: Talk, tokens: list[Token], place: int) -> tuple[SpokenDate, int] | None:
    """Reads "from 1998 to 2004", "between 1914 and 1918", "1939-45"."""
    first, last = talk.tokens_of[talk.word(tokens[place])]
    whole = "".join(token.text for token in talk.doc[first:last]).strip(".,;:()")
    match = _RANGE.match(whole)
    if match and tokens[place].i == first:
        start = int(match[1])
        end = int(match[2]) if len(match[2]) == 4 else start // 100 * 100 + int(match[2])
        length = last - first
        named = place > 0 and tokens[place - 1].dep_ == "det"
        if _hold_count(tokens[place : place + length]) and not named:
            return None
        return _make(talk, tokens[place : place + length], f"{start}–{end}", (start, end), DatePrecision.DATE_PRECISION_YEAR)
    span = _find_range(tokens, place)
    if span is None or _hold_count(tokens[place : place + span[2]]):
        return None
    start, end, length = span
    return _make(talk, tokens[place : place + length], f"{start}–{end}", (start, end), DatePrecision.DATE_PRECISION_YEAR)


def _find_range(tokens: list[Token], place: int) -> tuple[int, int, int] | None:
    """Returns two years, and how many tokens say them, the "from" or "between" in front included."""
    if tokens[place].lower_ not in ("from", "between"):
        return None
    begin = _spelled(tokens, place + 1)
    if begin is None:
        return None
    middle = place + 1 + begin[1]
    if middle >= len(tokens) or tokens[middle].lower_ not in ("to", "and", "until", "through"):
        return None
    finish = _spelled(tokens, middle + 1)
    return None if finish is None else (begin[0], finish[0], middle + 1 + finish[1] - place)


def _read_month(talk: Talk, tokens: list[Token], place: int, last: Date | None) -> tuple[SpokenDate, int] | None:
    """Reads "March 2004", "March 3, 2004", "the 3rd of March 2004"; "July 4th" and "in May" of the year said last."""
    if tokens[place].lower_ not in MONTHS or (tokens[place].lower_ in ("may", "march") and not tokens[place].text[:1].isupper()):
        return None
    month = MONTHS.index(tokens[place].lower_)
    used = [tokens[place]]
    after = place + 1
    day = 0
    if after < len(tokens) and (value := _day(tokens[after])) is not None:
        day = value
        used.append(tokens[after])
        after += 1
    if after < len(tokens) and tokens[after].text in (",", "of"):
        after += 1
    year = _spelled(tokens, after) if after < len(tokens) else None
    name = tokens[place].text
    if year is None:
        led = place > 0 and tokens[place - 1].lower_ in ("in", "on", "by", "until", "since", "from", "late", "early")
        if last is None or last.precision not in _IN_YEARS or not led:
            return None
        start = int(last.start_year) + (sum(_MONTH_LENGTHS[:month]) + max(day - 1, 0)) / 365
        precision = DatePrecision.DATE_PRECISION_DAY if day else DatePrecision.DATE_PRECISION_MONTH
        spoken, _ = _make(talk, used, f"{name} {day}" if day else name, (start, start), precision)
        return spoken, len(used)
    used += tokens[after : after + year[1]]
    start = year[0] + (sum(_MONTH_LENGTHS[:month]) + max(day - 1, 0)) / 365
    precision = DatePrecision.DATE_PRECISION_DAY if day else DatePrecision.DATE_PRECISION_MONTH
    text = f"{name} {day}, {year[0]}" if day else f"{name} {year[0]}"
    spoken, _ = _make(talk, used, text, (start, start), precision)
    return spoken, after + year[1] - place


def _day(token: Token) -> int | None:
    value = int(token.text) if token.text.isdigit() else read_ordinal(token.text)
    return value if value is not None and 1 <= value <= 31 else None


def _read_era(talk: Talk, tokens: list[Token], place: int) -> tuple[SpokenDate, int] | None:
    """Reads "753 BC", "AD 476"."""
    if place + 1 >= len(tokens):
        return None
    first, second = tokens[place], tokens[place + 1]
    if first.lower_ in ("ad", "a.d.") and first.text[:1].isupper() and second.text.isdigit():
        return _make(
            talk, (first, second), f"AD {second.text}", (int(second.text), int(second.text)), DatePrecision.DATE_PRECISION_YEAR
        )
    number = first.text.replace(",", "")
    if number.isdigit() and second.lower_.strip(",") in ERAS and second.text[:1].isupper():
        year = int(number) * ERAS[second.lower_.strip(",")]
        return _make(
            talk, (first, second), f"{first.text} {second.text.rstrip(',')}", (year, year), DatePrecision.DATE_PRECISION_YEAR
        )
    return None


def _read_decade(talk: Talk, tokens: list[Token], place: int) -> tuple[SpokenDate, int] | None:
    """Reads "the 1990s", "the nineties", "the early 1960s"."""
    token = tokens[place]
    match = _DECADE.match(token.text)
    if match and match[1].endswith("0"):
        start = int(match[1]) if len(match[1]) == 4 else 1900 + int(match[1])
    elif token.lower_ in _DECADE_WORDS and place > 0 and tokens[place - 1].lower_ in ("the", "early", "late", "mid"):
        start = 1900 + _DECADE_WORDS[token.lower_]
    else:
        return None
    shift, text = _part(tokens, place, token.text)
    used = tokens[place - (text != token.text) : place + 1]
    spoken, _ = _make(talk, used, text, (start + shift, start + 9), DatePrecision.DATE_PRECISION_DECADE)
    return spoken, 1


def _part(tokens: list[Token], place: int, text: str) -> tuple[float, str]:
    before = tokens[place - 1].lower_ if place else ""
    shifts = {"early": 1.0, "mid": 4.0, "late": 7.0}
    return (shifts[before], f"{before.capitalize()} {text}") if before in shifts else (0.0, text)


def _read_century(talk: Talk, tokens: list[Token], place: int) -> tuple[SpokenDate, int] | None:
    """Reads "the 19th century", "the fifth century BC"."""
    if place + 1 >= len(tokens) or tokens[place + 1].lemma_.lower() != "century":
        return None
    number = read_ordinal(tokens[place].text)
    if number is None:
        return None
    era = tokens[place + 2].lower_ if place + 2 < len(tokens) else ""
    used = tokens[place : place + (3 if era in ERAS else 2)]
    start = -100 * number if ERAS.get(era) == -1 else 100 * (number - 1)
    return _make(talk, used, " ".join(token.text for token in used), (start, start + 99), DatePrecision.DATE_PRECISION_CENTURY)


def _read_distance(talk: Talk, tokens: list[Token], place: int, last: Date | None) -> tuple[SpokenDate, int] | None:
    """Reads "two years later", "a decade after that", "after five years": counted from the date before it."""
    if last is None or last.precision == DatePrecision.DATE_PRECISION_ORDINAL:
        return None
    led = tokens[place].lower_ == "after"
    begin = place + led
    for length in (1, 2, 3):
        if begin + length >= len(tokens):
            return None
        unit = tokens[begin + length]
        if unit.lemma_.lower() not in _UNIT_YEARS:
            continue
        trailed = begin + length + 1 < len(tokens) and tokens[begin + length + 1].lower_ in ("later", "afterwards", "after")
        value = _count([token.lower_ for token in tokens[begin : begin + length]])
        if value is None or not (trailed or led):
            return None
        used = tokens[place : begin + length + 1 + trailed]
        year = last.end_year + value * _UNIT_YEARS[unit.lemma_.lower()]
        text = " ".join(token.text for token in used)
        return _make(talk, used, text[:1].upper() + text[1:], (year, year), DatePrecision.DATE_PRECISION_YEAR)
    return None


def _count(words: list[str]) -> float | None:
    if words and words[-1] in _FEW and words[:-1] in ([], ["a"], ["only"]):
        return _FEW[words[-1]]
    return 1.0 if words in (["a"], ["one"], ["the"]) else read_number(words)


def _tail(tokens: list[Token]) -> int:
    """How many tokens go on with the number that the first begins: two in "twenty-five", one in "twenty five"."""
    count = 1 + (len(tokens) > 1 and tokens[1].text == "-")
    more = len(tokens) > count and tokens[0].lower_.endswith("ty") and read_number([tokens[count].lower_]) is not None
    return count if more else 0


def _read_ordinal(talk: Talk, tokens: list[Token], place: int, rank: int) -> tuple[SpokenDate, int] | None:
    """Reads "at age six", "by the third month", "on day two": known by their order."""
    if tokens[place].lower_ not in _AGE_PREPOSITIONS:
        return None
    rest = [token for token in tokens[place + 1 : place + 6] if token.lower_ not in ("the", "of", "about")]
    for length in (2, 3):
        used = rest[:length]
        words = [token.lower_ for token in used]
        if (
            len(words) == 2
            and words[0] in ("age", "day", "week", "month", "year", "stage")
            and read_number([words[1]]) is not None
        ):
            used = rest[: 2 + _tail(rest[1:])]
            break
        if len(words) == 2 and read_ordinal(words[0]) is not None and words[1] in ("day", "week", "month", "year"):
            break
        if (
            len(words) == 3
            and words[0] in ("end",)
            and read_ordinal(words[1]) is not None
            and words[2] in ("day", "week", "month", "year")
        ):
            break
    else:
        return None
    text = "".join(token.text_with_ws for token in used).strip()
    spoken, _ = _make(talk, used, text[:1].upper() + text[1:], (rank, rank), DatePrecision.DATE_PRECISION_ORDINAL)
    return spoken, used[-1].i - tokens[place].i + 1
