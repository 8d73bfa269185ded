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
_FIRST_YEAR, _LAST_YEAR = 100, 2199
"""The least and the greatest number that "the year" makes a year; smaller ones count."""
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
        or _read_day(talk, tokens, place, last)
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
    named = _named_year(tokens, place)
    if named is not None:
        year, length = named
        return _make(talk, tokens[place : place + length], str(year), (year, year), DatePrecision.DATE_PRECISION_YEAR)
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


def _named_year(tokens: list[Token], place: int) -> tuple[int, int] | None:
    """Reads "year 800" of "in the year 800"; a smaller number counts the years of something, and an era tells another year."""
    if tokens[place].lower_ != "year":
        return None
    for length in (5, 4, 3, 2, 1):
        end = place + 1 + length
        if end > len(tokens) or _read_era_name(tokens, end) is not None:
            continue
        words = [token.text for token in tokens[place + 1 : end] if token.text != "-"]
        year = read_year(words) or read_number(words)
        if year is not None and _FIRST_YEAR <= year <= _LAST_YEAR and year == int(year):
            return int(year), length + 1
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


def _read_day(talk: Talk, tokens: list[Token], place: int, last: Date | None) -> tuple[SpokenDate, int] | None:
    """Reads "3 March 2004", "3rd of March 2004"; "on the 3rd of March" of the year said last."""
    day = _day(tokens[place])
    month = place + 1
    month += month < len(tokens) and tokens[month].lower_ == "of"
    if day is None or month >= len(tokens):
        return None
    return _read_month(talk, tokens, month, last, (place, day))


def _read_month(
    talk: Talk, tokens: list[Token], place: int, last: Date | None, said: tuple[int, int] | None = None
) -> tuple[SpokenDate, int] | None:
    """Reads "March 2004", "March 3, 2004"; "July 4th" and "in May" of the year said last.

    `said` is where the day stands that is said in front of the month, and which.
    """
    if tokens[place].lower_ not in MONTHS or (tokens[place].lower_ in ("may", "march") and not tokens[place].text[:1].isupper()):
        return None
    month = MONTHS.index(tokens[place].lower_)
    begin, day = said or (place, 0)
    used = tokens[begin : place + 1]
    after = place + 1
    if said is None and after < len(tokens) and (value := _day(tokens[after])) is not None:
        day = value
        used.append(tokens[after])
        after += 1
    if after < len(tokens) and tokens[after].text in (",", "of"):
        after += 1
    year = _spelled(tokens, after) if after < len(tokens) else None
    within = (sum(_MONTH_LENGTHS[:month]) + max(day - 1, 0)) / 365
    precision = DatePrecision.DATE_PRECISION_DAY if day else DatePrecision.DATE_PRECISION_MONTH
    name = tokens[place].text
    name = f"{day} {name}" if said else f"{name} {day}" if day else name
    if year is None:
        before = begin - 1 - (said is not None and begin > 0 and tokens[begin - 1].lower_ == "the")
        leads = ("on", "by", "until", "since", "from") if said else ("in", "on", "by", "until", "since", "from", "late", "early")
        led = before >= 0 and tokens[before].lower_ in leads
        if last is None or last.precision not in _IN_YEARS or not led:
            return None
        start = _year_of(month, last) + within
        return _make(talk, used, name, (start, start), precision)
    used += tokens[after : after + year[1]]
    start = year[0] + within
    text = f"{name}, {year[0]}" if day and said is None else f"{name} {year[0]}"
    spoken, _ = _make(talk, used, text, (start, start), precision)
    return spoken, after + year[1] - begin


def _year_of(month: int, last: Date) -> int:
    """The year of a month that is said without one: that of the date before it, or the next if the month was over by then."""
    year = int(last.start_year)
    told = last.precision in (DatePrecision.DATE_PRECISION_MONTH, DatePrecision.DATE_PRECISION_DAY)
    return year + (told and year + sum(_MONTH_LENGTHS[: month + 1]) / 365 <= last.start_year)


def _day(token: Token) -> int | None:
    value = int(token.text) if token.text.isdigit() else read_ordinal(token.text)
    return value if value is not None and 1 <= value <= 31 else None


def _read_era(talk: Talk, tokens: list[Token], place: int) -> tuple[SpokenDate, int] | None:
    """Reads "753 BC", "300 before Christ", "AD 476"."""
    if place + 1 >= len(tokens):
        return None
    first, second = tokens[place], tokens[place + 1]
    if first.lower_ in ("ad", "a.d.") and first.text[:1].isupper() and second.text.isdigit():
        return _make(
            talk, (first, second), f"AD {second.text}", (int(second.text), int(second.text)), DatePrecision.DATE_PRECISION_YEAR
        )
    number = first.text.replace(",", "")
    era = _read_era_name(tokens, place + 1)
    if era is None or not number.isdigit():
        return None
    used = tokens[place : place + 1 + era[1]]
    year = int(number) * era[0]
    text = " ".join(token.text.rstrip(",") for token in used[1:])
    return _make(talk, used, f"{first.text} {text}", (year, year), DatePrecision.DATE_PRECISION_YEAR)


def _read_era_name(tokens: list[Token], place: int) -> tuple[int, int] | None:
    """Returns the sign that an era ("BC", "before Christ") gives its years, and how many tokens name it."""
    words = [token.lower_.strip(",") for token in tokens[place : place + 2]]
    if words == ["before", "christ"]:
        return -1, 2
    named = bool(words) and words[0] in ERAS and (tokens[place].text[:1].isupper() or words[0] in ("bc", "bce"))
    return (ERAS[words[0]], 1) if named else None


def _read_decade(talk: Talk, tokens: list[Token], place: int) -> tuple[SpokenDate, int] | None:
    """Reads "the 1990s", "the nineties", "the early 1960s"."""
    token = tokens[place]
    match = _DECADE.match(token.text)
    if _is_age(tokens, place) and not (match and len(match[1]) == 4):
        return None
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


def _is_age(tokens: list[Token], place: int) -> bool:
    """Whether what stands in front makes a decade one of somebody's life: "in her late 20s"."""
    while place and tokens[place - 1].lower_ in ("early", "mid", "late", "-"):
        place -= 1
    return place > 0 and tokens[place - 1].tag_ in ("PRP$", "POS")


def _part(tokens: list[Token], place: int, text: str) -> tuple[float, str]:
    before = tokens[place - 1].lower_ if place else ""
    shifts = {"early": 1.0, "mid": 4.0, "late": 7.0}
    return (shifts[before], f"{before.capitalize()} {text}") if before in shifts else (0.0, text)


def _read_century(talk: Talk, tokens: list[Token], place: int) -> tuple[SpokenDate, int] | None:
    """Reads "the 19th century", "the fifth century BC", "the third century before Christ"."""
    if place + 1 >= len(tokens) or tokens[place + 1].lemma_.lower() != "century":
        return None
    number = read_ordinal(tokens[place].text)
    if number is None:
        return None
    sign, length = _read_era_name(tokens, place + 2) or (1, 0)
    used = tokens[place : place + 2 + length]
    start = -100 * number if sign == -1 else 100 * (number - 1)
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
            if words[0] == "year" and (_named_year(rest, 0) is not None or _read_era_name(rest, 2) is not None):
                return None
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
