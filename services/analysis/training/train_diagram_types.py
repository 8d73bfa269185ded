"""Learns the weights of `s2v.analysis.classification` from labelled passages.

    python training/train_diagram_types.py PASSAGES.jsonl [MORE.jsonl …]

Each line holds "text", "label" and optionally "alt_labels" (as defensible) and "confidence" (1 to 3). Prints the accuracy of a
five-fold cross-validation, then learns from everything and writes the weights beside the module. The texts are not kept.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s2v.analysis.classification import NAMES, WEIGHTS
from s2v.analysis.encoder import Encoder
from s2v.analysis.features import Fit, make_features
from s2v.analysis.flowchart import extract_flowchart
from s2v.analysis.language import Parser
from s2v.analysis.speech import read_speech
from s2v.analysis.text import make_transcript
from s2v.analysis.timeline import extract_timeline

FOLDS = 5
STEPS = 400
LEARNING_RATE = 0.5
DECAY = 0.05
"""Weight of the squared weights in the loss."""
CONFIDENCE_WEIGHTS = {1: 0.5, 2: 0.8, 3: 1.0}
SECOND_SHARE = 0.3
"""Probability that the target gives to the alternatives together."""

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Passages:
    """Labelled passages as arrays."""

    features: Matrix
    """Shape (passages, SIZE)."""
    targets: Matrix
    """Shape (passages, types): probabilities."""
    labels: NDArray[np.int64]
    accepted: NDArray[np.bool_]
    """Shape (passages, types): label or alternative."""
    weights: Matrix


@dataclass(frozen=True)
class Model:
    """Weights for standardised features."""

    mean: Matrix
    scale: Matrix
    weights: Matrix
    bias: Matrix

    def logits(self, features: Matrix) -> Matrix:
        """Returns the logits, shape (passages, types)."""
        return np.asarray(((features - self.mean) / self.scale) @ self.weights + self.bias, dtype=np.float32)


def read_passages(paths: list[Path]) -> Passages:
    """Reads and describes the passages; a few minutes."""
    names = list(NAMES.values())
    encoder, parser = Encoder(), Parser("en")
    lines = [json.loads(line) for path in paths for line in path.read_text().splitlines()]
    vectors = encoder.encode([line["text"] for line in lines])
    rows, targets, accepted, weights = [], [], [], []
    for number, (line, vector) in enumerate(zip(lines, vectors, strict=True)):
        talk = parser.parse(read_speech(make_transcript(line["text"])))
        fit = Fit(extract_flowchart(talk, talk.sentences), extract_timeline(talk, talk.sentences))
        rows.append(make_features(line["text"], vector, fit))
        alternatives = [name for name in line.get("alt_labels", []) if name in names and name != line["label"]]
        target = np.zeros(len(names), dtype=np.float32)
        target[names.index(line["label"])] = 1.0 - (SECOND_SHARE if alternatives else 0.0)
        for name in alternatives:
            target[names.index(name)] = SECOND_SHARE / len(alternatives)
        targets.append(target)
        accepted.append(target > 0)
        weights.append(CONFIDENCE_WEIGHTS[line.get("confidence", 3)])
        if number % 500 == 499:
            print(f"{number + 1} of {len(lines)} passages described", file=sys.stderr)
    labels = np.asarray([names.index(line["label"]) for line in lines])
    return Passages(np.stack(rows), np.stack(targets), labels, np.stack(accepted), np.asarray(weights, dtype=np.float32))


def learn(features: Matrix, targets: Matrix, weights: Matrix) -> Model:
    """Minimises the weighted cross-entropy by accelerated gradient descent (Nesterov, 1983); rare types count somewhat more."""
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-3
    rows = (features - mean) / scale
    rarity = 1.0 / np.sqrt(targets.mean(axis=0) * targets.shape[1])
    importance = weights * (targets * rarity).sum(axis=1)
    importance = (importance / importance.sum())[:, None]
    matrix = np.zeros((rows.shape[1], targets.shape[1]), dtype=np.float32)
    bias = np.zeros(targets.shape[1], dtype=np.float32)
    velocity, push = np.zeros_like(matrix), np.zeros_like(bias)
    rate = LEARNING_RATE
    for _ in range(STEPS):
        ahead, ahead_bias = matrix + 0.9 * velocity, bias + 0.9 * push
        error = (_softmax(rows @ ahead + ahead_bias) - targets) * importance
        velocity = 0.9 * velocity - rate * (rows.T @ error + DECAY * ahead)
        push = 0.9 * push - rate * error.sum(axis=0)
        matrix, bias = matrix + velocity, bias + push
    return Model(mean, scale, matrix, bias)


def calibrate(logits: Matrix, labels: NDArray[np.int64]) -> float:
    """Returns the temperature that makes the label likeliest (Guo et al. 2017, arXiv 1706.04599)."""
    grid = np.linspace(0.3, 3.0, 109)
    losses = [-np.log(_softmax(logits / heat)[np.arange(len(labels)), labels] + 1e-9).mean() for heat in grid]
    return float(grid[int(np.argmin(losses))])


def calibration_error(probabilities: Matrix, labels: NDArray[np.int64], bins: int = 10) -> float:
    """Returns the expected calibration error of the likeliest type over equal bins of confidence."""
    best, hit = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    places = np.minimum((best * bins).astype(int), bins - 1)
    return float(
        sum(abs(best[places == place].mean() - hit[places == place].mean()) * (places == place).mean() for place in set(places))
    )


def _softmax(logits: Matrix) -> Matrix:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


def main() -> None:
    """Cross-validates, learns, writes."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("passages", nargs="+", type=Path)
    passages = read_passages(arguments.parse_args().passages)
    folds = np.random.default_rng(7).permutation(len(passages.labels)) % FOLDS
    logits = np.zeros_like(passages.targets)
    for fold in range(FOLDS):
        rest, held = folds != fold, folds == fold
        logits[held] = learn(passages.features[rest], passages.targets[rest], passages.weights[rest]).logits(
            passages.features[held]
        )
    heat = calibrate(logits, passages.labels)
    probabilities = _softmax(logits / heat)
    chosen = probabilities.argmax(axis=1)
    figures = {
        "passages": len(chosen),
        "strict": float((chosen == passages.labels).mean()),
        "lenient": float(passages.accepted[np.arange(len(chosen)), chosen].mean()),
        "calibration_error": calibration_error(probabilities, passages.labels),
        "temperature": heat,
    }
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))
    model = learn(passages.features, passages.targets, passages.weights)
    np.savez_compressed(
        WEIGHTS,
        mean=model.mean,
        scale=model.scale,
        weights=(model.weights / heat).astype(np.float16),
        bias=(model.bias / heat).astype(np.float32),
    )
    print(f"{WEIGHTS.name}: {WEIGHTS.stat().st_size} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
