"""Learns the upper layers of the passage encoder from labelled passages.

    python training/train_encoder.py TRAIN.jsonl --dev DEV.jsonl

TRAIN and DEV as for `train_diagram_types.py`. One document of TRAIN in five is held out, and DEV is never learned from; both are
scored after each epoch. Writes `passage_encoder.onnx` and `passage_encoder.npz` beside the module and prints their digests, which
belong into `s2v.analysis.passage_encoder`. Takes 30 to 60 minutes on two cores and 5 GB; run `train_diagram_types.py` afterwards.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from encoder_graph import make_graph
from mpnet import HALF, WIDTH, Layer, LowerLayers
from numpy.typing import NDArray
from passages import CLASSES, Passage, is_held_out, read_passages
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from s2v.analysis.base_weights import LAYERS, LOWER_LAYERS, layer_tensors, quantize_layer, read_tensors, unpack_base
from s2v.analysis.passage_encoder import GRAPH, LEARNED, MAX_TOKENS

EPOCHS = 3
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

    def __init__(self, passages: list[Passage]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            tensors = read_tensors(unpack_base(Path(folder)))
            tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
            tokenizer.enable_truncation(MAX_TOKENS)
            tokenizer.no_padding()
            self._lower = LowerLayers(tensors)
            self.upper = Upper([Layer(layer_tensors(tensors, number)) for number in range(LOWER_LAYERS, LAYERS)])
        ids = [encoding.ids for encoding in tokenizer.encode_batch([passage.text for passage in passages])]
        self._lengths = np.asarray([len(row) for row in ids])
        self._hidden: list[NDArray[np.float16]] = [np.empty(0, dtype=np.float16)] * len(ids)
        order = np.argsort(self._lengths)
        for begin in range(0, len(order), BATCH):
            batch = order[begin : begin + BATCH]
            for place, states in zip(batch, self._lower.run([ids[place] for place in batch]), strict=True):
                self._hidden[place] = states
        self._targets = torch.tensor(np.stack([passage.target for passage in passages]))

    def learn(self, chosen: NDArray[np.int64], weights: Tensor, epoch: int, generator: np.random.Generator) -> None:
        """Goes over the chosen passages once."""
        batches = self._cut_batches(chosen, generator)
        if epoch == 0:
            self._steps = EPOCHS * len(batches)
            groups = [
                {"params": list(layer.parameters()), "lr": LEARNING_RATE * LAYER_DECAY**above}
                for above, layer in enumerate(reversed(self.upper.layers))
            ]
            groups.append({"params": list(self.upper.head.parameters()), "lr": HEAD_RATE})
            self._optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
            self._schedule = torch.optim.lr_scheduler.LambdaLR(self._optimizer, self._rate)
        self.upper.train()
        for number, batch in enumerate(batches, start=1):
            losses = -(self._targets[batch] * functional.log_softmax(self._forward(batch), 1)).sum(1)
            loss = (losses * weights[batch]).mean()
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.upper.parameters(), 1.0)
            self._optimizer.step()
            self._schedule.step()
            if number % 50 == 0:
                print(
                    f"epoch {epoch + 1}: {number} of {len(batches)} batches, loss {loss.item():.3f}", file=sys.stderr, flush=True
                )

    @torch.no_grad()
    def predict(self, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
        """Returns the likeliest type of each chosen passage."""
        self.upper.eval()
        batches = [chosen[begin : begin + BATCH] for begin in range(0, len(chosen), BATCH)]
        return np.concatenate([self._forward(batch).argmax(1).numpy() for batch in batches])

    def _rate(self, step: int) -> float:
        return min(1.0, (step + 1) / (WARM_UP * self._steps)) * max(0.0, 1 - step / self._steps)

    def _forward(self, batch: NDArray[np.int64]) -> Tensor:
        lengths = self._lengths[batch]
        rows = torch.zeros(len(batch), int(lengths.max()), WIDTH)
        for place, passage in enumerate(batch):
            rows[place, : lengths[place]] = torch.tensor(self._hidden[passage]).float()
        logits: Tensor = self.upper(rows, self._lower.bias(lengths.tolist()), torch.tensor(lengths))
        return logits

    def _cut_batches(self, chosen: NDArray[np.int64], generator: np.random.Generator) -> list[NDArray[np.int64]]:
        mixed = generator.permutation(chosen)
        batches: list[NDArray[np.int64]] = []
        for begin in range(0, len(mixed), BATCH * BUCKET_BATCHES):
            bucket = mixed[begin : begin + BATCH * BUCKET_BATCHES]
            bucket = bucket[np.argsort(self._lengths[bucket])]
            batches += [bucket[start : start + BATCH] for start in range(0, len(bucket), BATCH)]
        return [batches[place] for place in generator.permutation(len(batches))]


def weigh(passages: list[Passage], chosen: NDArray[np.int64]) -> Tensor:
    """Returns the weight of each passage in the loss, 1 on average over the chosen ones."""
    targets = np.stack([passage.target for passage in passages])
    rare = (1 / CLASSES / targets[chosen].mean(axis=0)) ** RARITY
    weights = (targets * rare).sum(axis=1) * np.asarray([passage.weight for passage in passages])
    return torch.tensor(weights / weights[chosen].mean(), dtype=torch.float32)


def write_weights(upper: Upper) -> None:
    """Writes graph and learned weights, and prints the digests."""
    arrays = {"head.w": np.ascontiguousarray(upper.head.weight.detach().numpy().T), "head.b": upper.head.bias.detach().numpy()}
    for number, layer in enumerate(upper.layers, start=LOWER_LAYERS):
        arrays |= quantize_layer(number, layer.tensors())  # type: ignore[operator]
    np.savez(LEARNED, allow_pickle=False, **arrays)
    GRAPH.write_bytes(make_graph(LAYERS, CLASSES))
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (GRAPH, LEARNED)}
    print(json.dumps(digests, indent=2))


def main() -> None:
    """Reads, learns, scores, writes."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("passages", type=Path)
    arguments.add_argument("--dev", type=Path, required=True, help="passages that are only scored")
    options = arguments.parse_args()
    torch.manual_seed(SEED)
    generator = np.random.default_rng(SEED)
    known, dev = read_passages(options.passages), read_passages(options.dev)
    passages = known + dev
    held = np.asarray([is_held_out(passage.document) for passage in known])
    places = {"held_out": np.flatnonzero(held), "dev": np.arange(len(known), len(passages))}
    chosen = np.flatnonzero(~held)
    trainer = Trainer(passages)
    weights = weigh(passages, chosen)
    for epoch in range(EPOCHS):
        trainer.learn(chosen, weights, epoch, generator)
        for name, some in places.items():
            best = trainer.predict(some)
            strict = np.mean([passages[place].label == answer for place, answer in zip(some, best, strict=True)])
            lenient = np.mean([passages[place].accepted[answer] for place, answer in zip(some, best, strict=True)])
            print(json.dumps({"epoch": epoch + 1, name: len(some), "strict": round(strict, 3), "lenient": round(lenient, 3)}))
    write_weights(trainer.upper)


if __name__ == "__main__":
    main()
