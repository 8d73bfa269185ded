"""Learns the weights of `s2v.analysis.boundaries` from punctuated texts.

    python training/train_boundaries.py TEXTS.jsonl …

Each line holds "text" and, where known, "source". Punctuation and capitals are taken away, and where the sentences ended is
learned by logistic regression (AdaGrad). One document in five is held out and measured first; then everything is learned. The
texts are not kept.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import spacy
from numpy.typing import NDArray
from passages import document_fold

from s2v.analysis.boundaries import BUCKETS, WEIGHTS, Tagger, bare, find_boundaries, list_features, load_weights, make_tagger
from s2v.analysis.language import LANGUAGES
from s2v.analysis.sentences import cut_sentences
from s2v.analysis.speech import Speech, read_speech
from s2v.analysis.text import make_transcript

EPOCHS = 3
BATCH = 256
RATE = 0.05
DECAY = 0.0
LEVELS = 127
"""Steps of a stored weight on each side of zero."""
MIN_SENTENCES = 3
_SPOKEN_MARKS = re.compile(r"[A-Za-z]")


@dataclass(frozen=True)
class Text:
    """A running text and where its sentences start."""

    speech: Speech
    features: NDArray[np.int32]
    """Buckets of the gap in front of each word, shape (words, features)."""
    starts: NDArray[np.bool_]
    """Shape (words,)."""
    held_out: bool


def main(paths: Sequence[str]) -> None:
    """Measures, learns from everything and writes the weights."""
    tag = make_tagger(spacy.load(LANGUAGES["en"].pipeline))
    texts = [text for path in paths for text in read_texts(Path(path), tag)]
    store(learn([text for text in texts if not text.held_out]))
    measure([text.speech for text in texts if text.held_out], [text.starts for text in texts if text.held_out], tag)
    store(learn(texts))


def read_texts(path: Path, tag: Tagger) -> list[Text]:
    """Reads texts of several sentences and takes their punctuation away."""
    texts = []
    for line in path.read_text().splitlines():
        entry = json.loads(line)
        if not _SPOKEN_MARKS.search(entry["text"]):
            continue
        speech = read_speech(make_transcript(entry["text"]))
        sentences = cut_sentences(speech)
        if len(sentences) < MIN_SENTENCES:
            continue
        words = [bare(word) for word in speech.texts]
        starts = np.zeros(len(words), dtype=np.bool_)
        starts[[begin for begin, _ in sentences]] = True
        tags = tag(words)
        features = np.asarray([list_features(words, tags, place) for place in range(len(words))], dtype=np.int32)
        document = entry.get("source", entry["text"]).split("#")[0].split(" (")[0]
        texts.append(Text(_without_pauses(words), features, starts, document_fold(document, 5, "boundaries") == 0))
    return texts


def learn(texts: Sequence[Text]) -> NDArray[np.float32]:
    """Returns the weights of a logistic regression, shape (BUCKETS,)."""
    rows = np.concatenate([text.features[1:] for text in texts])
    targets = np.concatenate([text.starts[1:] for text in texts]).astype(np.float32)
    weights = np.zeros(BUCKETS, dtype=np.float32)
    squares = np.full(BUCKETS, 1e-3, dtype=np.float32)
    chance = np.random.default_rng(0)
    for _ in range(EPOCHS):
        order = chance.permutation(len(rows))
        for first in range(0, len(order), BATCH):
            batch = order[first : first + BATCH]
            buckets = rows[batch]
            errors = 1.0 / (1.0 + np.exp(-weights[buckets].sum(axis=1))) - targets[batch]
            slopes = np.bincount(buckets.ravel(), np.repeat(errors, buckets.shape[1]), BUCKETS).astype(np.float32)
            touched = np.unique(buckets)
            slopes[touched] += DECAY * len(rows) / BATCH * weights[touched]
            squares[touched] += slopes[touched] ** 2
            weights[touched] -= RATE * slopes[touched] / np.sqrt(squares[touched])
    return weights


def store(weights: NDArray[np.float32]) -> None:
    """Writes the weights as bytes with a scale."""
    scale = float(np.abs(weights).max()) / LEVELS
    np.savez_compressed(WEIGHTS, weights=np.round(weights / scale).astype(np.int8), scale=np.float32(scale))
    load_weights.cache_clear()


def measure(speeches: Sequence[Speech], truths: Sequence[NDArray[np.bool_]], tag: Tagger) -> None:
    """Prints how many starts of sentences are found again without punctuation and without pauses."""
    found = right = wanted = 0
    for speech, starts in zip(speeches, truths, strict=True):
        cuts = find_boundaries(speech, 0, len(speech), tag)
        found, right, wanted = found + len(cuts), right + int(starts[cuts].sum()), wanted + int(starts[1:].sum())
    precision, recall = right / max(found, 1), right / max(wanted, 1)
    figures = {"precision": precision, "recall": recall, "f1": 2 * right / (found + wanted), "sentences": wanted}
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))


def _without_pauses(words: Sequence[str]) -> Speech:
    times = tuple(float(place) for place in range(len(words) + 1))
    return Speech(tuple(words), times[:-1], times[1:], float(len(words)), "en")


if __name__ == "__main__":
    main(sys.argv[1:])
