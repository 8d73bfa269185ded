"""Dates with an era, and distances from now: "37 BCE–668 CE", "900 BC", "AD 476", "ten thousand years ago"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from s2v.analysis.labels import MAX_CHARACTERS
from s2v.analysis.numbers import read_number, write_number

PRESENT = 2000
"""The year from which "years ago" is counted back, as a talk does not say when it is given; only the order matters."""
ERAS = {"bc": -1, "bce": -1, "b.c.": -1, "b.c": -1, "ad": 1, "ce": 1, "a.d.": 1}
_ERA = r"(BCE|BC|B\.C\.|CE|AD|A\.D\.)"
_SPAN = re.compile(rf"^\(?(?:AD )?(\d{{1,4}})(?: ?{_ERA})?\s?[–—-]\s?(\d{{1,4}}) ?{_ERA}(?![a-zA-Z])")
_AGO_UNITS = {"year": 1.0, "decade": 10.0, "century": 100.0, "centuries": 100.0, "generation": 25.0}
_LONGEST = 8
"""Words that a distance from now takes at most: "two hundred and fifty thousand years ago"."""


@dataclass(frozen=True)
class EraReading:
    """A date read from words."""

    text: str
    start_year: float
    end_year: float
    words: int
    """How many words say it, from the first on."""


def read_era_span(words: Sequence[str]) -> EraReading | None:
    """Reads "37 BCE–668 CE", "2000–1600 BCE" or "(42–532 CE)" at the start of words; a missing first era is the second."""
    for count in range(1, min(len(words), 4) + 1):
        match = _SPAN.match(" ".join(words[:count]))
        if match is None:
            continue
        second = ERAS[match[4].lower()]
        first = ERAS[match[2].lower()] if match[2] else second
        text = match[0].strip("( ")
        return EraReading(text, int(match[1]) * first, int(match[3]) * second, count)
    return None


def read_ago(words: Sequence[str]) -> EraReading | None:
    """Reads "ten thousand years ago" or "20 years ago" at the start of words."""
    bare = [word.strip(".,;:()").lower() for word in words[:_LONGEST]]
    if "ago" not in bare:
        return None
    end = bare.index("ago")
    if end < 2 or (bare[end - 1].removesuffix("s") not in _AGO_UNITS and bare[end - 1] not in _AGO_UNITS):
        return None
    value = 1.0 if bare[: end - 1] in (["a"], ["one"]) else read_number(bare[: end - 1])
    if value is None:
        return None
    unit = _AGO_UNITS.get(bare[end - 1], _AGO_UNITS.get(bare[end - 1].removesuffix("s"), 1.0))
    year = PRESENT - value * unit
    spoken = [word.strip(".,;:()") for word in words[: end + 1]]
    text = " ".join(spoken)
    if len(text) > MAX_CHARACTERS:
        text = " ".join([write_number(spoken[: end - 1]) or "", *spoken[end - 1 :]])
    return EraReading(text[:1].upper() + text[1:], year, year, end + 1)
