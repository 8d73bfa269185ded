"""Learns the weights of `s2v.analysis.classification` from labelled passages that the passage encoder has not seen.

    python training/train_diagram_types.py TRAIN.jsonl [MORE.jsonl …] --unseen DEV.jsonl

Each line holds "text", "source" and optionally "label", "alt_labels" (as defensible) and "confidence" (1 to 3); `readings.tsv`
adds what it knows of a text. Of TRAIN and MORE only the documents that `train_encoder.py` held out are used, of DEV all.
Prints the accuracy of a cross-validation by document, then learns from everything and writes the weights beside the module. The
texts are not kept.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from passages import Passage, document_fold, is_held_out, read_passages

from s2v.analysis.classification import WEIGHTS, Regression, log_softmax, standardize
from s2v.analysis.extractors import extract_contents
from s2v.analysis.features import make_features
from s2v.analysis.language import Parser, scene_text
from s2v.analysis.passage_encoder import PassageEncoder
from s2v.analysis.settings import AnalysisSettings
from s2v.analysis.speech import read_speech
from s2v.analysis.text import make_transcript

FOLDS = 10
STEPS = 300
RATE = 0.1
TRUST_RATE = 0.02
MOMENTUM = 0.9
DECAY = 0.1
"""Weight of the squared weights in the loss."""
RARITY = 0.75
"""Exponent by which rare types count more: 0 leaves them as rare as they are, 1 makes all types count the same."""

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Described:
    """Passages as arrays."""

    spoken: Matrix
    """The encoder's log-probabilities, shape (passages, 9)."""
    features: Matrix
    """Shape (passages, SIZE)."""
    targets: Matrix
    """Shape (passages, 9): probabilities."""
    labels: NDArray[np.int64]
    accepted: NDArray[np.bool_]
    """Shape (passages, 9): label or alternative."""
    weights: Matrix
    folds: NDArray[np.int64]


def describe(passages: list[Passage]) -> Described:
    """Runs the extractors and the encoder; a few minutes for a thousand passages."""
    parser, encoder = Parser("en"), PassageEncoder(AnalysisSettings().model_cache.expanduser())
    spoken, features = [], []
    for number, passage in enumerate(passages, start=1):
        talk = parser.parse(read_speech(make_transcript(passage.text)))
        text = scene_text(talk.sentences)
        features.append(make_features(text, extract_contents(talk, talk.sentences)))
        spoken.append(log_softmax(encoder.encode(text).logits))
        if number % 200 == 0:
            print(f"{number} of {len(passages)} passages described", file=sys.stderr, flush=True)
    return Described(
        np.stack(spoken),
        np.stack(features),
        np.stack([passage.target for passage in passages]),
        np.asarray([passage.label for passage in passages]),
        np.stack([passage.accepted for passage in passages]),
        np.asarray([passage.weight for passage in passages], dtype=np.float32),
        np.asarray([document_fold(passage.document, FOLDS, "stack") for passage in passages]),
    )


def learn(described: Described, chosen: NDArray[np.bool_], with_encoder: bool) -> Regression:
    """Minimises the weighted cross-entropy of the chosen passages by accelerated gradient descent (Nesterov, 1983)."""
    features, targets = described.features[chosen], described.targets[chosen]
    mean, scale = features.mean(axis=0), features.std(axis=0)
    # A feature that never varies would weigh anything on a scene where it does.
    scale = np.where(scale < 1e-3, np.float32(1e3), scale)
    rows, spoken = standardize(features, mean, scale), described.spoken[chosen] * with_encoder
    rare = (1.0 / (targets.mean(axis=0) * targets.shape[1])) ** RARITY
    importance = described.weights[chosen] * (targets * rare).sum(axis=1)
    importance = (importance / importance.sum())[:, None]
    matrix = np.zeros((rows.shape[1], targets.shape[1]), dtype=np.float32)
    bias, trust = np.zeros(targets.shape[1], dtype=np.float32), 1.0
    velocity, bias_velocity, trust_velocity = np.zeros_like(matrix), np.zeros_like(bias), 0.0
    for _ in range(STEPS):
        ahead = matrix + MOMENTUM * velocity
        scores = rows @ ahead + bias + MOMENTUM * bias_velocity + (trust + MOMENTUM * trust_velocity) * spoken
        error = (np.exp(log_softmax(scores)) - targets) * importance
        velocity = MOMENTUM * velocity - RATE * (rows.T @ error + DECAY * ahead)
        bias_velocity = MOMENTUM * bias_velocity - RATE * error.sum(axis=0)
        trust_velocity = MOMENTUM * trust_velocity - TRUST_RATE * float((error * spoken).sum())
        matrix, bias, trust = matrix + velocity, bias + bias_velocity, trust + trust_velocity
    return Regression(*(np.asarray(array, dtype=np.float32) for array in (mean, scale, matrix, bias, trust)))


def cross_validate(described: Described, with_encoder: bool) -> Matrix:
    """Returns the logits of each passage by a model that has not seen its document."""
    logits = np.zeros_like(described.targets)
    for fold in range(FOLDS):
        held = described.folds == fold
        model = learn(described, ~held, with_encoder)
        logits[held] = model.scores(described.features[held], described.spoken[held] if with_encoder else None)
    return logits


def calibrate(logits: Matrix, labels: NDArray[np.int64]) -> float:
    """Returns the temperature that makes the label likeliest (Guo et al. 2017, arXiv 1706.04599)."""
    grid = np.linspace(0.3, 3.0, 109)
    losses = [-log_softmax(logits / heat)[np.arange(len(labels)), labels].mean() for heat in grid]
    return float(grid[int(np.argmin(losses))])


def calibration_error(probabilities: Matrix, labels: NDArray[np.int64], bins: int = 10) -> float:
    """Returns the expected calibration error of the likeliest type over equal bins of confidence."""
    best, hit = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    places = np.minimum((best * bins).astype(int), bins - 1)
    return float(
        sum(abs(best[places == place].mean() - hit[places == place].mean()) * (places == place).mean() for place in set(places))
    )


def score(logits: Matrix, described: Described, chosen: NDArray[np.bool_]) -> dict[str, float]:
    """Returns the figures of the chosen passages."""
    labels, accepted = described.labels[chosen], described.accepted[chosen]
    best = logits[chosen].argmax(axis=1)
    return {
        "passages": len(labels),
        "strict": round(float((best == labels).mean()), 3),
        "lenient": round(float(accepted[np.arange(len(labels)), best].mean()), 3),
        "calibration_error": round(calibration_error(np.exp(log_softmax(logits[chosen])), labels), 3),
    }


def main() -> None:
    """Cross-validates, learns, writes."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("passages", type=Path, nargs="+", help="what the encoder learned from; held-out documents are used")
    arguments.add_argument("--unseen", type=Path, required=True, help="passages that the encoder has not seen at all")
    options = arguments.parse_args()
    passages = [passage for passage in read_passages(*options.passages) if is_held_out(passage.document)]
    unseen = read_passages(options.unseen)
    described = describe(passages + unseen)
    late = np.arange(len(described.labels)) >= len(passages)
    arrays: dict[str, NDArray[np.float32]] = {}
    for name, with_encoder in (("whole", True), ("rules", False)):
        logits = cross_validate(described, with_encoder)
        heat = calibrate(logits, described.labels)
        figures = {"held_out": score(logits / heat, described, ~late), "unseen": score(logits / heat, described, late)}
        print(json.dumps({name: figures, "temperature": round(heat, 3)}))
        model = learn(described, np.ones(len(late), dtype=np.bool_), with_encoder)
        arrays |= {f"{name}.mean": model.mean, f"{name}.scale": model.scale}
        for part, array in (("weights", model.weights), ("bias", model.bias), ("trust", model.trust)):
            arrays[f"{name}.{part}"] = np.asarray(array / heat, dtype=np.float32)
    np.savez_compressed(WEIGHTS, allow_pickle=False, **arrays)
    print(f"{WEIGHTS.name}: {WEIGHTS.stat().st_size} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
