"""Learns the upper layers of the passage encoder from labelled passages, and from unlabelled ones that it has labelled itself.

    python training/train_encoder.py TRAIN.jsonl --dev DEV.jsonl [--unlabelled MORE.jsonl] [--continue]

TRAIN and DEV as for `train_diagram_types.py`. One document of TRAIN in five is held out, and DEV is never learned from; both are
scored, in int8 as the service reads, after each epoch. MORE holds "text" and "source". The encoder that has learned from TRAIN
says how likely each type is of each of its passages, and then learns again from TRAIN and from what it has said, with other
neurons dropped each time (noisy student, Xie et al. 2020, arXiv 1911.04252). `--continue` starts from the weights beside the
module and leaves the epochs on TRAIN alone out.

Writes `passage_encoder.onnx` and `passage_encoder.npz` beside the module and prints their digests, which belong into
`s2v.analysis.passage_encoder`; run `train_diagram_types.py` afterwards. Without AVX-512 an epoch of TRAIN takes 25 minutes of a
core, one with 5,000 of MORE an hour; 5 GB.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from encoder_graph import make_graph
from mpnet import HALF, WIDTH, Layer, restore_layer
from numpy.typing import NDArray
from passages import CLASSES, NOTHING, Passage, is_held_out, read_passages, read_unlabelled
from torch import Tensor, nn
from torch.nn import functional

from s2v.analysis.base_weights import (
    LAYERS,
    LOWER_LAYERS,
    Arrays,
    Floats,
    layer_tensors,
    quantize_layer,
    read_lower,
    read_tensors,
    unpack_base,
)
from s2v.analysis.classification import log_softmax
from s2v.analysis.passage_encoder import GRAPH, LEARNED, Embedding, open_session, open_tokenizer
from s2v.analysis.settings import AnalysisSettings

LOWER, UPPER = range(LOWER_LAYERS), range(LOWER_LAYERS, LAYERS)
EPOCHS = 3
STUDENT_EPOCHS = 1
STUDENT_SHARE = 0.7
"""The student learns at this share of the rates below, as it starts from its teacher."""
MOST_UNLABELLED = 5000
"""Unlabelled passages that the student learns from: those that the teacher is least sure to be of no type."""
BATCH = 16
LEARNING_RATE = 3e-5
LAYER_DECAY = 0.9
"""Each layer learns at this share of the rate of the one above it."""
HEAD_RATE = 1e-3
WARM_UP = 0.08
"""Share of the steps during which the rate rises; it falls to 0 over the rest."""
HEAD_DROPOUT = 0.1
RARITY = 0.5
"""Exponent by which rare types count more."""
BUCKET_BATCHES = 24
"""Batches whose passages are sorted by length together, so that little padding is computed."""
SEED = 1


class Upper(nn.Module):
    """The layers that learn, and the head."""

    def __init__(self, layers: list[Layer]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.head = nn.Linear(WIDTH, CLASSES)

    def forward(self, rows: Tensor, bias: Tensor, lengths: Tensor) -> Tensor:
        """Returns the logits, shape (passages, CLASSES), of hidden states (passages, tokens, WIDTH)."""
        with torch.autocast("cpu", torch.bfloat16, enabled=HALF):
            for layer in self.layers:
                rows = layer(rows, bias)
        spoken = (torch.arange(rows.shape[1])[None] < lengths[:, None]).float()[:, :, None]
        pooled = (rows.float() * spoken).sum(1) / spoken.sum(1)
        logits: Tensor = self.head(functional.dropout(pooled, HEAD_DROPOUT, self.training))
        return logits


class Trainer:
    """Passages by their hidden states, and the layers that learn from them."""

    def __init__(self, texts: list[str], upper: Upper) -> None:
        """Runs the lower layers, in int8 as the service does."""
        arrays, vocabulary = read_lower(AnalysisSettings().model_cache.expanduser())
        self.upper = upper
        self._embedding = Embedding(arrays)
        lower = open_session(make_graph(LOWER, None), arrays, LOWER)
        self._hidden: list[NDArray[np.float16]] = []
        for number, encoding in enumerate(open_tokenizer(vocabulary).encode_batch(texts), start=1):
            given = {"tokens": self._embedding.tokens(encoding.ids), "bias": self._embedding.bias(len(encoding.ids))}
            self._hidden.append(np.asarray(lower.run(None, given)[0], dtype=np.float16))
            if number % 1000 == 0:
                print(f"lower layers: {number} of {len(texts)} passages", file=sys.stderr, flush=True)
        self._lengths = np.asarray([len(states) for states in self._hidden])

    def learn(
        self,
        chosen: NDArray[np.int64],
        targets: Floats,
        weights: Floats,
        *,
        epochs: int,
        rate: float,
        generator: np.random.Generator,
    ) -> Iterator[int]:
        """Goes over the chosen passages, given the truth about each (passages, CLASSES); yields each epoch's number."""
        steps = 0
        rounds = [self._cut_batches(chosen, generator) for _ in range(epochs)]
        total = sum(len(batches) for batches in rounds)
        groups = [
            {"params": list(layer.parameters()), "lr": rate * LEARNING_RATE * LAYER_DECAY**above}
            for above, layer in enumerate(reversed(self.upper.layers))
        ]
        groups.append({"params": list(self.upper.head.parameters()), "lr": rate * HEAD_RATE})
        optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: min(1.0, (step + 1) / (WARM_UP * total)) * max(0.0, 1 - step / total)
        )
        right, counts = torch.tensor(targets), torch.tensor(weights)
        for epoch, batches in enumerate(rounds, start=1):
            self.upper.train()
            for batch in batches:
                losses = -(right[batch] * functional.log_softmax(self._forward(batch), 1)).sum(1)
                loss = (losses * counts[batch]).mean()
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(self.upper.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                steps += 1
                if steps % 50 == 0:
                    print(f"{steps} of {total} batches, loss {loss.item():.3f}", file=sys.stderr, flush=True)
            yield epoch

    def read(self, chosen: NDArray[np.int64]) -> Floats:
        """Returns the logits of the chosen passages, shape (passages, CLASSES), as the service will."""
        session = open_session(make_graph(UPPER, CLASSES), upper_arrays(self.upper), UPPER)
        rows = []
        for place in chosen:
            states = self._hidden[place].astype(np.float32)
            rows.append(session.run(None, {"tokens": states, "bias": self._embedding.bias(len(states))})[0][0])
        return np.stack(rows)

    def _forward(self, batch: NDArray[np.int64]) -> Tensor:
        lengths = self._lengths[batch]
        width = int(lengths.max())
        rows = torch.zeros(len(batch), width, WIDTH)
        for place, passage in enumerate(batch):
            rows[place, : lengths[place]] = torch.tensor(self._hidden[passage]).float()
        padding = torch.arange(width)[None] >= torch.tensor(lengths)[:, None]
        hidden = torch.zeros(len(batch), 1, 1, width).masked_fill(padding[:, None, None], -1e4)
        logits: Tensor = self.upper(rows, torch.tensor(self._embedding.bias(width)) + hidden, torch.tensor(lengths))
        return logits

    def _cut_batches(self, chosen: NDArray[np.int64], generator: np.random.Generator) -> list[NDArray[np.int64]]:
        mixed = generator.permutation(chosen)
        batches: list[NDArray[np.int64]] = []
        for begin in range(0, len(mixed), BATCH * BUCKET_BATCHES):
            bucket = mixed[begin : begin + BATCH * BUCKET_BATCHES]
            bucket = bucket[np.argsort(self._lengths[bucket])]
            batches += [bucket[start : start + BATCH] for start in range(0, len(bucket), BATCH)]
        return [batches[place] for place in generator.permutation(len(batches))]


def weigh(passages: list[Passage], chosen: NDArray[np.int64]) -> Floats:
    """Returns the weight of each passage in the loss, 1 on average over the chosen ones."""
    targets = np.stack([passage.target for passage in passages])
    rare = (1 / CLASSES / targets[chosen].mean(axis=0)) ** RARITY
    weights = (targets * rare).sum(axis=1) * np.asarray([passage.weight for passage in passages])
    return np.asarray(weights / weights[chosen].mean(), dtype=np.float32)


def start(continued: bool) -> Upper:
    """Returns the layers to learn: as the packages have them, or, to continue, as they are beside the module."""
    if continued:
        with np.load(LEARNED) as file:
            arrays = {name: file[name] for name in file.files}
        upper = Upper([Layer(restore_layer(arrays, number)) for number in UPPER])
        upper.head.load_state_dict({"weight": torch.tensor(arrays["head.w"].T), "bias": torch.tensor(arrays["head.b"])})
        return upper
    with tempfile.TemporaryDirectory() as folder:
        tensors = read_tensors(unpack_base(Path(folder)))
        return Upper([Layer(layer_tensors(tensors, number)) for number in UPPER])


def upper_arrays(upper: Upper) -> Arrays:
    """Returns what is written: the layers in int8 and the head."""
    arrays = {
        "head.w": np.ascontiguousarray(upper.head.weight.detach().numpy().T),
        "head.b": upper.head.bias.detach().numpy().copy(),
    }
    for number, layer in zip(UPPER, upper.layers, strict=True):
        arrays |= quantize_layer(number, layer.tensors())  # type: ignore[operator]
    return arrays


def write_weights(upper: Upper) -> None:
    """Writes graph and learned weights, and prints the digests."""
    np.savez(LEARNED, allow_pickle=False, **upper_arrays(upper))
    GRAPH.write_bytes(make_graph(range(LAYERS), CLASSES))
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (GRAPH, LEARNED)}
    print(json.dumps(digests, indent=2))


def main() -> None:
    """Reads, learns, scores, writes."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("passages", type=Path)
    arguments.add_argument("--dev", type=Path, required=True, help="passages that are only scored")
    arguments.add_argument("--unlabelled", type=Path, help="passages that the encoder labels itself")
    arguments.add_argument("--continue", dest="continued", action="store_true", help="start from the weights beside the module")
    options = arguments.parse_args()
    torch.manual_seed(SEED)
    generator = np.random.default_rng(SEED)
    known, dev = read_passages(options.passages), read_passages(options.dev)
    more = read_unlabelled(options.unlabelled) if options.unlabelled else []
    more = [passage for passage in more if not is_held_out(passage.document)]
    passages = known + dev + more
    held = np.asarray([is_held_out(passage.document) for passage in known])
    places = {"held_out": np.flatnonzero(held), "dev": np.arange(len(known), len(known) + len(dev))}
    chosen = np.flatnonzero(~held)
    trainer = Trainer([passage.text for passage in passages], start(options.continued))

    def tell(stage: str) -> None:
        for name, some in places.items():
            best = trainer.read(some).argmax(axis=1)
            strict = np.mean([passages[place].label == answer for place, answer in zip(some, best, strict=True)])
            lenient = np.mean([passages[place].accepted[answer] for place, answer in zip(some, best, strict=True)])
            figures = {"stage": stage, name: len(some), "strict": round(strict, 3), "lenient": round(lenient, 3)}
            print(json.dumps(figures), flush=True)

    def learn(stage: str, epochs: int, rate: float) -> None:
        targets = np.stack([passage.target for passage in passages])
        for epoch in trainer.learn(chosen, targets, weigh(passages, chosen), epochs=epochs, rate=rate, generator=generator):
            tell(f"{stage}, epoch {epoch}")

    if options.continued:
        tell("start")
    else:
        learn("teacher", EPOCHS, 1.0)
    if more:
        answers = log_softmax(trainer.read(np.arange(len(known) + len(dev), len(passages))))
        answered = [replace(passage, target=np.exp(answer)) for passage, answer in zip(more, answers, strict=True)]
        passages = known + dev + answered
        telling = np.argsort(answers[:, NOTHING], kind="stable")[:MOST_UNLABELLED]
        print(
            json.dumps({"unlabelled": len(more), "learned": np.exp(answers[telling]).mean(axis=0).round(3).tolist()}), flush=True
        )
        chosen = np.concatenate([chosen, len(known) + len(dev) + telling])
        learn("student", STUDENT_EPOCHS, STUDENT_SHARE)
    write_weights(trainer.upper)


if __name__ == "__main__":
    main()
