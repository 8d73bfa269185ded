"""The type of diagram that fits a scene: multinomial logistic regression on the scene's features, calibrated by a temperature.

The weights are learned by `training/train_diagram_types.py`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s2v.analysis.features import SIZE, Features
from s2v.runtime.errors import SetupError
from s2v.v1.diagram_pb2 import DiagramType

WEIGHTS = Path(__file__).with_name("diagram_types.npz")
"""What was learned: the mean and scale of the features, weights and bias."""
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
        """Loads the weights. Errors: SetupError when the file is missing or was learned for other features."""
        try:
            data = WEIGHTS.read_bytes()
        except FileNotFoundError as error:
            raise SetupError(
                f"{WEIGHTS.name} is missing: reinstall s2v-analysis, or run training/train_diagram_types.py"
            ) from error
        self.sha256 = hashlib.sha256(data).hexdigest()
        with np.load(BytesIO(data)) as arrays:
            self._mean: NDArray[np.float32] = arrays["mean"]
            self._scale: NDArray[np.float32] = arrays["scale"]
            self._weights = arrays["weights"].astype(np.float32)
            self._bias: NDArray[np.float32] = arrays["bias"]
        if self._weights.shape != (SIZE, len(NAMES)):
            raise SetupError(
                f"{WEIGHTS.name} was learned for other features {self._weights.shape}: run training/train_diagram_types.py again"
            )

    def rank(self, features: Features) -> Ranking:
        """Returns the types by calibrated probability."""
        logits = ((features - self._mean) / self._scale) @ self._weights + self._bias
        powers = np.exp(logits - logits.max())
        probabilities = powers / powers.sum()
        order = np.argsort(-probabilities, kind="stable")
        types = tuple(NAMES)
        return Ranking(tuple(types[place] for place in order), tuple(float(probabilities[place]) for place in order))
