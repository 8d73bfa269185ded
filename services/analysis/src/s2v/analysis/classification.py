"""The type of diagram that fits a scene: what the passage encoder says, corrected by the scene's features; calibrated.

The correction is multinomial logistic regression with the encoder's log-probabilities as offset: its weights start from nothing,
so that a feature only counts where it tells what the encoder has missed. `training/train_diagram_types.py` learns them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from s2v.analysis.features import SIZE, Features
from s2v.analysis.passage_encoder import Logits
from s2v.runtime.errors import SetupError
from s2v.v1.diagram_pb2 import DiagramType

WEIGHTS = Path(__file__).with_name("diagram_types.npz")
"""What was learned, once to correct the encoder by the features and once for the features alone."""
MOST_DEVIATIONS = 4.0
"""A feature counts for no more than so many standard deviations."""
NAMES = {
    DiagramType.DIAGRAM_TYPE_FLOWCHART: "flowchart",
    DiagramType.DIAGRAM_TYPE_HIERARCHY: "hierarchy",
    DiagramType.DIAGRAM_TYPE_TIMELINE: "timeline",
    DiagramType.DIAGRAM_TYPE_CYCLE: "cycle",
    DiagramType.DIAGRAM_TYPE_MINDMAP: "mindmap",
    DiagramType.DIAGRAM_TYPE_COMPARISON: "comparison",
    DiagramType.DIAGRAM_TYPE_NETWORK: "network",
    DiagramType.DIAGRAM_TYPE_CAUSE_EFFECT: "cause-effect",
    DiagramType.DIAGRAM_TYPE_NONE: "none",
}
"""Names of the types, in the order of the classifier's outputs."""


@dataclass(frozen=True)
class Ranking:
    """Types and their probabilities, likeliest first; all nine, adding up to 1."""

    types: tuple[DiagramType.ValueType, ...]
    probabilities: tuple[float, ...]


class Classifier:
    """The learned weights."""

    def __init__(self) -> None:
        """Loads the weights. Errors: SetupError when the file is missing, damaged or was learned for other features."""
        try:
            data = WEIGHTS.read_bytes()
            with np.load(BytesIO(data)) as arrays:
                self._whole = _read_regression(arrays, "whole")
                self._rules = _read_regression(arrays, "rules")
        except (OSError, EOFError, KeyError, ValueError, BadZipFile) as error:
            raise SetupError(f"{WEIGHTS} can't be read ({error}): reinstall s2v-analysis") from error
        self.sha256 = hashlib.sha256(data).hexdigest()
        if not self._whole.weights.shape == self._rules.weights.shape == (SIZE, len(NAMES)):
            raise SetupError(
                f"{WEIGHTS.name} was learned for other features {self._whole.weights.shape}: "
                "run training/train_diagram_types.py again"
            )

    def rank(self, features: Features, logits: Logits | None) -> Ranking:
        """Returns the types by calibrated probability; without the encoder's logits by rules alone, which is less sure."""
        scores = self._rules.scores(features) if logits is None else self._whole.scores(features, log_softmax(logits))
        probabilities = np.exp(log_softmax(scores))
        order = np.argsort(-probabilities, kind="stable")
        types = tuple(NAMES)
        return Ranking(tuple(types[place] for place in order), tuple(float(probabilities[place]) for place in order))


def log_softmax(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns log-probabilities over the last axis."""
    shifted = scores - scores.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)), dtype=np.float32)


@dataclass(frozen=True)
class Regression:
    """Weights for standardised features, added to what the encoder says."""

    mean: NDArray[np.float32]
    """Shape (SIZE,), as the scale."""
    scale: NDArray[np.float32]
    weights: NDArray[np.float32]
    """Shape (SIZE, types)."""
    bias: NDArray[np.float32]
    """Shape (types,)."""
    trust: NDArray[np.float32]
    """Factor of the encoder's log-probabilities, shape ()."""

    def scores(self, features: Features, spoken: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Returns the logits of one scene or of a row of them, given the encoder's log-probabilities if there are any."""
        standard = standardize(features, self.mean, self.scale)
        scores = standard @ self.weights + self.bias
        return np.asarray(scores if spoken is None else scores + self.trust * spoken, dtype=np.float32)


def standardize(features: Features, mean: NDArray[np.float32], scale: NDArray[np.float32]) -> Features:
    """Returns the features by their mean and scale; no single one may outweigh all others, however unusual it is."""
    return np.asarray(np.clip((features - mean) / scale, -MOST_DEVIATIONS, MOST_DEVIATIONS), dtype=np.float32)


def _read_regression(arrays: Mapping[str, NDArray[np.float32]], name: str) -> Regression:
    return Regression(*(arrays[f"{name}.{field.name}"].astype(np.float32) for field in fields(Regression)))
