"""Labelled passages, and which of them are held out."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s2v.analysis.classification import NAMES

CLASSES = len(NAMES)
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
    """Label and alternatives."""
    weight: float


def read_passages(path: Path) -> list[Passage]:
    """Reads JSON lines with "text", "label", "source" and optionally "alt_labels" and "confidence" (or "agreement"), 1 to 3."""
    names = list(NAMES.values())
    passages = []
    for line in path.read_text().splitlines():
        entry = json.loads(line)
        label = names.index(entry["label"])
        alternatives = [names.index(name) for name in entry.get("alt_labels", []) if name in names and name != entry["label"]]
        sure = entry.get("confidence", entry.get("agreement", 3))
        share = _ALTERNATIVE_SHARES[sure] if alternatives else 0.0
        target = np.zeros(CLASSES, dtype=np.float32)
        target[label] = 1.0 - share
        target[alternatives] = share / max(len(alternatives), 1)
        smooth = target * (1 - _SMOOTHING) + _SMOOTHING / CLASSES
        weight = _WEIGHTS[entry.get("confidence", 3)]
        passages.append(Passage(entry["text"], _document(entry["source"]), label, smooth, target > 0, weight))
    return passages


def _document(source: str) -> str:
    return source.split("#", maxsplit=1)[0].split(" (", maxsplit=1)[0]


def document_fold(document: str, folds: int, salt: str = "") -> int:
    """Returns the fold of a document, the same in every run."""
    return zlib.crc32((salt + document).encode()) % folds


def is_held_out(document: str) -> bool:
    """Whether the encoder never sees this document while it is trained."""
    return document_fold(document, HELD_OUT_FOLDS) == 0
