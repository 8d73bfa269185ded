"""A line cut into runs of one font and one direction, in the order in which they stand on the line.

Directions are those of the Unicode Bidirectional Algorithm (UAX #9), by python-bidi; the line's own is that of its first strong
character.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from bidi import algorithm

from s2v.typeset.fonts import cut_clusters, find_file, font_file
from s2v.v1.composition_pb2 import FontWeight

RIGHT_TO_LEFT = frozenset(("R", "AL", "AN"))
"""Bidirectional classes that need the algorithm."""


@dataclass(frozen=True)
class Run:
    """A piece of a line, its characters in the order of speech."""

    text: str
    file: str
    """Font file that has its glyphs."""
    level: int
    """Embedding level: odd runs from right to left."""

    @property
    def direction(self) -> str:
        """HarfBuzz's name of the direction."""
        return "rtl" if self.level % 2 else "ltr"


def is_right_to_left(text: str) -> bool:
    """Tells whether a line starts at the right."""
    return bool(algorithm.get_base_level(text))


def cut_runs(text: str, weight: FontWeight.ValueType) -> list[Run]:
    """Returns the runs of a line from left to right. Characters that no font has get Inter's mark for "no glyph"."""
    files = _find_files(text, weight)
    levels = _find_levels(text)
    runs = []
    for (file, level), places in groupby(range(len(text)), key=lambda place: (files[place], levels[place])):
        runs.append(Run("".join(text[place] for place in places), file, level))
    return _order(runs)


def _find_files(text: str, weight: FontWeight.ValueType) -> list[str]:
    files: list[str] = []
    for cluster in cut_clusters(text):
        files += [find_file(cluster, weight) or font_file(weight)] * len(cluster)
    return files


def _find_levels(text: str) -> list[int]:
    if not any(unicodedata.bidirectional(each) in RIGHT_TO_LEFT for each in text):
        return [0] * len(text)
    # Code points that Unicode has not yet given a class are taken as letters.
    text = "".join(each if unicodedata.bidirectional(each) else "a" for each in text)
    # The steps of `bidi.algorithm.get_display` without its reordering: HarfBuzz shapes in the order of speech.
    storage = algorithm.get_empty_storage()
    storage["base_level"] = algorithm.get_base_level(text)
    storage["base_dir"] = ("L", "R")[storage["base_level"]]
    algorithm.get_embedding_levels(text, storage)
    characters = list(storage["chars"])
    for number, character in enumerate(characters):
        character["place"] = number
    algorithm.explicit_embed_and_overrides(storage)
    algorithm.resolve_weak_types(storage)
    algorithm.resolve_neutral_types(storage, False)
    algorithm.resolve_implicit_levels(storage, False)
    # Embedding controls are taken out by the algorithm; they leave no mark and go with what is before them.
    kept = {character["place"]: int(character["level"]) for character in storage["chars"]}
    levels: list[int] = []
    for place in range(len(text)):
        levels.append(kept.get(place, levels[-1] if levels else storage["base_level"]))
    return levels


def _order(runs: Sequence[Run]) -> list[Run]:
    """Rule L2: from the highest level down to the lowest odd one, what is at that level or above is turned round."""
    ordered = list(runs)
    for level in range(max((run.level for run in runs), default=0), 0, -1):
        turned: list[Run] = []
        for high, group in groupby(ordered, key=lambda run: run.level >= level):
            together = list(group)
            turned += reversed(together) if high else together
        ordered = turned
    return ordered
