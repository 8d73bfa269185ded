"""Learns the upper layers of the passage encoder, and what is added to those below, from labelled passages.

    python training/train_encoder.py TRAIN.jsonl [MORE.jsonl …] --dev DEV.jsonl [--epochs 2] [--continue]

TRAIN, MORE and DEV as for `train_diagram_types.py`. One document in five is held out, and DEV is never learned from; both are
scored, in int8 as the service reads, after each epoch. With --continue learning goes on from the weights beside the modules.

Writes `passage_encoder.onnx`, `passage_encoder.npz` and `passage_adapters.npz` beside the modules and prints their digests, which
belong into `s2v.analysis.passage_encoder` and `s2v.analysis.base_weights`; run `train_diagram_types.py` afterwards. Without
AVX-512 an epoch of 3,600 passages takes 30 minutes of a core; 5 GB.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from encoder_graph import make_graph
from numpy.typing import NDArray
from passages import CLASSES, Passage, is_held_out, read_passages
from torch import nn
from torch.nn import functional
from tqdm import tqdm
from upper import UPPER, Upper, fall

from s2v.analysis.base_weights import Floats
from s2v.analysis.passage_encoder import open_session

BATCH = 16
LEARNING_RATE = 3e-5
HEAD_RATE = 1e-3
RARITY = 0.5
"""Exponent by which rare types count more."""
BUCKET_BATCHES = 24
"""Batches whose passages are sorted by length together, so that little padding is computed."""
SEED = 1


@dataclass(frozen=True)
class Truth:
    """What is right about each passage, and how much it counts."""

    targets: Floats
    """Shape (passages, CLASSES): probabilities."""
    weights: Floats
    """Shape (passages,)."""


class Trainer:
    """Passages by their hidden states, and the layers that learn from them."""

    def __init__(self, texts: list[str]) -> None:
        """Takes the packages' weights and runs the layers that stay."""
        self.upper = Upper()
        self._hidden = self.upper.read_fixed(texts)
        self._lengths = np.asarray([len(states) for states in self._hidden])

    def learn(self, chosen: NDArray[np.int64], truth: Truth, epochs: int, generator: np.random.Generator) -> Iterator[int]:
        """Goes over the chosen passages; yields each epoch's number."""
        rounds = [cut_batches(self._lengths, chosen, generator) for _ in range(epochs)]
        total = sum(len(batches) for batches in rounds)
        groups = [{"params": list(self.upper.head.parameters()), "lr": HEAD_RATE}, *self.upper.rates(LEARNING_RATE)]
        optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
        schedule = fall(optimizer, total)
        bar = tqdm(desc="batches", total=total, mininterval=20)
        right, counts = torch.tensor(truth.targets), torch.tensor(truth.weights)
        for epoch, batches in enumerate(rounds, start=1):
            self.upper.train()
            for batch in batches:
                _, logits = self.upper([self._hidden[place] for place in batch])
                losses = -(right[batch] * functional.log_softmax(logits, 1)).sum(1)
                loss = (losses * counts[batch]).mean()
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(self.upper.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
                bar.update()
            yield epoch

    def read(self, chosen: NDArray[np.int64]) -> Floats:
        """Returns the logits of the chosen passages, shape (passages, CLASSES), as the service will."""
        arrays = {**self.upper.adapted_arrays(), **self.upper.learned_arrays()}
        session, embedding = open_session(make_graph(UPPER, CLASSES), arrays, UPPER), self.upper.embedding
        rows = []
        for place in chosen:
            states = self._hidden[place].astype(np.float32)
            rows.append(session.run(None, {"tokens": states, "bias": embedding.bias(len(states))})[0][0])
        return np.stack(rows)


def cut_batches(
    lengths: NDArray[np.int64], chosen: NDArray[np.int64], generator: np.random.Generator, size: int = BATCH
) -> list[NDArray[np.int64]]:
    """Returns the chosen passages in batches of about one length each, in a random order; `lengths` are those of all."""
    bucket_size = BATCH * BUCKET_BATCHES
    mixed = generator.permutation(chosen)
    batches: list[NDArray[np.int64]] = []
    for begin in range(0, len(mixed), bucket_size):
        bucket = mixed[begin : begin + bucket_size]
        bucket = bucket[np.argsort(lengths[bucket])]
        batches += [bucket[start : start + size] for start in range(0, len(bucket), size)]
    return [batches[place] for place in generator.permutation(len(batches))]


def weigh(passages: list[Passage], chosen: NDArray[np.int64]) -> Truth:
    """Returns the truth, with weights that are 1 on average over the chosen passages."""
    targets = np.stack([passage.target for passage in passages])
    counted = np.asarray([passage.weight for passage in passages])
    rare = (1 / CLASSES / np.average(targets[chosen], axis=0, weights=counted[chosen])) ** RARITY
    weights = (targets * rare).sum(axis=1) * counted
    return Truth(targets, np.asarray(weights / weights[chosen].mean(), dtype=np.float32))


def main() -> None:
    """Reads, learns, scores, writes."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("passages", type=Path, nargs="+", help="files of passages to learn from")
    arguments.add_argument("--dev", type=Path, required=True, help="passages that are only scored")
    arguments.add_argument("--epochs", type=int, default=2, help="how often to go over the passages (2)")
    arguments.add_argument("--continue", dest="resumed", action="store_true", help="go on from the weights in use")
    options = arguments.parse_args()
    torch.manual_seed(SEED)
    generator = np.random.default_rng(SEED)
    known, dev = read_passages(*options.passages), read_passages(options.dev)
    passages = known + dev
    held = np.asarray([is_held_out(passage.document) for passage in known])
    places = {"held_out": np.flatnonzero(held), "dev": np.arange(len(known), len(passages))}
    chosen = np.flatnonzero(~held)
    trainer = Trainer([passage.text for passage in passages])
    if options.resumed:
        trainer.upper.resume()
    for epoch in trainer.learn(chosen, weigh(passages, chosen), options.epochs, generator):
        for name, some in places.items():
            best = trainer.read(some).argmax(axis=1)
            strict = np.mean([passages[place].label == answer for place, answer in zip(some, best, strict=True)])
            lenient = np.mean([passages[place].accepted[answer] for place, answer in zip(some, best, strict=True)])
            figures = {"epoch": epoch, name: len(some), "strict": round(strict, 3), "lenient": round(lenient, 3)}
            print(json.dumps(figures), flush=True)
    trainer.upper.write()


if __name__ == "__main__":
    main()
