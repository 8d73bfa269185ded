"""Labelled passages, and which of them are held out."""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s2v.analysis.classification import NAMES

READINGS = Path(__file__).with_name("readings.tsv")
"""What was read beside the labels that passages come with: start of the text's SHA-256, label, confidence, alternatives."""
CLASSES = len(NAMES)
_PLACES = {name: place for place, name in enumerate(NAMES.values())}
HELD_OUT_FOLDS = 5
"""One document in so many is held out from the training of the encoder."""
_ALTERNATIVE_SHARES = {3: 0.15, 2: 0.3, 1: 0.4}
"""Probability that the target gives to the alternatives together, by the reader's confidence."""
_WEIGHTS = {3: 1.0, 2: 0.9, 1: 0.6}
_SMOOTHING = 0.03
"""Probability that is spread over all types: any reading may be wrong."""


@dataclass(frozen=True)
class Passage:
    """A text and what a reader would draw for it."""

    text: str
    document: str
    """Where it comes from; passages of one document are never on both sides of a split."""
    label: int
    """Place of the type in `NAMES`."""
    target: NDArray[np.float32]
    """Probability of each type."""
    accepted: NDArray[np.bool_]
    """The label, and what at least half of the readings name."""
    weight: float


def read_passages(*paths: Path) -> list[Passage]:
    """Reads JSON lines with "text", "source" and optionally "label", "alt_labels" and "confidence" (or "agreement"), 1 to 3.

    What `READINGS` says about a text is added: several readings of one passage are its votes. A passage that nobody has read is
    left out.
    """
    added = read_readings()
    passages = []
    for line in (line for path in paths for line in path.read_text().splitlines()):
        entry = json.loads(line)
        readings = list(added.get(digest_text(entry["text"]), ()))
        if "label" in entry:
            sure = entry.get("confidence", entry.get("agreement", 3))
            readings.append(Reading(entry["label"], tuple(entry.get("alt_labels", ())), sure))
        if readings:
            passages.append(weigh_readings(entry["text"], find_document(entry["source"]), readings))
    return passages


@dataclass(frozen=True)
class Reading:
    """What one reader would draw for a passage."""

    label: str
    alternatives: tuple[str, ...]
    """Others that can as well be defended."""
    confidence: int
    """3 clear, 2 arguable, 1 a guess."""


def read_readings() -> dict[str, list[Reading]]:
    """Returns the readings of `READINGS` by the digest of the text."""
    readings: dict[str, list[Reading]] = {}
    for line in READINGS.read_text().splitlines():
        digest, label, confidence, alternatives = line.split("\t")
        others = tuple(name for name in alternatives.split(",") if name)
        readings.setdefault(digest, []).append(Reading(label, others, int(confidence)))
    return readings


def digest_text(text: str) -> str:
    """Returns by what `READINGS` knows a text: the start of its SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def weigh_readings(text: str, document: str, readings: list[Reading]) -> Passage:
    """Returns the passage with what its readings say together."""
    votes, named = np.zeros((2, CLASSES))
    target = np.zeros(CLASSES, dtype=np.float32)
    for reading in readings:
        label = _PLACES[reading.label]
        others = [_PLACES[name] for name in set(reading.alternatives) - {reading.label}]
        share = _ALTERNATIVE_SHARES[reading.confidence] if others else 0.0
        target[label] += (1.0 - share) / len(readings)
        target[others] += share / max(len(others), 1) / len(readings)
        votes[label] += 1
        named[[label, *others]] += 1
    label = int(np.argmax(votes + target))
    accepted = 2 * named >= len(readings)
    accepted[label] = True
    smooth = target * (1 - _SMOOTHING) + _SMOOTHING / CLASSES
    weight = sum(_WEIGHTS[reading.confidence] for reading in readings) / len(readings)
    return Passage(text, document, label, smooth, accepted, weight)


def find_document(source: str) -> str:
    """Returns the document that a passage's source names."""
    return source.split("#", maxsplit=1)[0].split(" (", maxsplit=1)[0]


def document_fold(document: str, folds: int, salt: str = "") -> int:
    """Returns the fold of a document, the same in every run."""
    return zlib.crc32((salt + document).encode()) % folds


def is_held_out(document: str) -> bool:
    """Whether the encoder never sees this document while it is trained."""
    return document_fold(document, HELD_OUT_FOLDS) == 0
