"""The layers that learn, with the head for the types of diagrams: `train_encoder.py` and `train_graphs.py` teach the same."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from encoder_graph import make_graph
from mpnet import HALF, WIDTH, AdaptedLayer, Layer, restore_layer
from numpy.typing import NDArray
from passages import CLASSES
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from s2v.analysis.base_weights import (
    ADAPTED_LAYERS,
    ADAPTERS,
    LAYERS,
    Arrays,
    Floats,
    adapt_layer,
    digest_arrays,
    embedding_arrays,
    layer_tensors,
    quantize_layer,
    read_tensors,
    unpack_base,
)
from s2v.analysis.passage_encoder import GRAPH, LEARNED, Embedding, open_session, open_tokenizer

FIXED, UPPER = range(ADAPTED_LAYERS.start), range(ADAPTED_LAYERS.start, LAYERS)
"""Layers that stay as the packages have them, and those that learn: the lower of these only by what is added to them."""
RANK = 32
"""Of the products that are added to the matrices of the adapted layers."""
LAYER_DECAY = 0.9
"""Each layer learns at this share of the rate of the one above it; what is added to one learns at a rate of its own."""
ADAPTER_RATE = 2e-4
DROPOUT = 0.1
"""Of what the head is given."""
WARM_UP = 0.06
"""Share of the steps in which the rates rise."""
ABSENT = -1e4
"""What attention adds for a place that holds nothing."""

Hidden = NDArray[np.float16]
"""States of a passage's tokens, shape (tokens, WIDTH)."""


class Upper(nn.Module):
    """The layers that learn, and the head."""

    def __init__(self) -> None:
        """Takes the packages' weights. Errors: SetupError when they are missing or damaged."""
        super().__init__()
        with tempfile.TemporaryDirectory() as folder:
            weights = unpack_base(Path(folder))
            tensors = read_tensors(weights)
            self.tokenizer = open_tokenizer(weights.with_name("tokenizer.json"))
            self.fixed = _copy_fixed(tensors)
            layers: list[nn.Module] = []
            for number in UPPER:
                own = {name: np.array(tensor) for name, tensor in layer_tensors(tensors, number).items()}
                layers.append(AdaptedLayer(own, RANK) if number in ADAPTED_LAYERS else Layer(own))
        self.embedding = Embedding(self.fixed)
        self.layers = nn.ModuleList(layers)
        self.head = nn.Linear(WIDTH, CLASSES)

    def resume(self) -> None:
        """Goes on from the weights beside the modules. A layer to which nothing was added yet starts as the packages have it."""
        with np.load(LEARNED) as file, np.load(ADAPTERS) as added:
            learned, adapters = dict(file), dict(added)
        for number, layer in zip(UPPER, self.layers, strict=True):
            if not isinstance(layer, AdaptedLayer):
                layer.load(restore_layer(number, learned))  # type: ignore[operator]
            elif any(name.startswith(f"{number}.") for name in adapters):
                layer.resume(number, adapters)
        with torch.no_grad():
            self.head.weight.copy_(torch.tensor(learned["head.w"].T))
            self.head.bias.copy_(torch.tensor(learned["head.b"]))

    def rates(self, rate: float) -> list[dict[str, Any]]:
        """Returns the layers' parameters with the rates they learn at; `rate` is that of the uppermost."""
        groups = []
        for above, layer in enumerate(reversed(self.layers)):
            thin = [value for name, value in layer.named_parameters() if name.endswith((".down", ".up"))]
            kept = {id(value) for value in thin}
            whole = [value for value in layer.parameters() if value.requires_grad and id(value) not in kept]
            groups.append({"params": whole, "lr": rate * LAYER_DECAY**above})
            if thin:
                groups.append({"params": thin, "lr": ADAPTER_RATE})
        return groups

    def read_fixed(self, texts: Sequence[str]) -> list[Hidden]:
        """Returns what the layers that stay say of texts, in int8 as the service runs them."""
        session = open_session(make_graph(FIXED, None), self.fixed, FIXED)

        def read(text: str) -> Hidden:
            ids = self.tokenizer.encode(text).ids
            given = {"tokens": self.embedding.tokens(ids), "bias": self.embedding.bias(len(ids))}
            return np.asarray(session.run(None, given)[0], dtype=np.float16)

        with ThreadPoolExecutor(os.cpu_count()) as threads:
            return list(tqdm(threads.map(read, texts), "lower layers", len(texts), mininterval=20))

    def forward(self, hidden: Sequence[Hidden]) -> tuple[Tensor, Tensor]:
        """Maps what the layers below say of passages to states (passages, tokens, WIDTH) and the types' logits.

        States beyond a passage's end are 0.
        """
        rows, lengths = pad(hidden), torch.tensor([len(states) for states in hidden])
        beyond = torch.arange(rows.shape[1])[None] >= lengths[:, None]
        absent = torch.zeros(len(hidden), 1, 1, rows.shape[1]).masked_fill(beyond[:, None, None], ABSENT)
        bias = torch.tensor(self.embedding.bias(rows.shape[1])) + absent
        with torch.autocast("cpu", torch.bfloat16, enabled=HALF):
            for layer in self.layers:
                rows = layer(rows, bias)
        rows = rows.float().masked_fill(beyond[..., None], 0.0)
        return rows, self.head(functional.dropout(rows.sum(1) / lengths[:, None], DROPOUT, self.training))

    def adapted_arrays(self) -> Arrays:
        """Returns the adapted layers in int8, as `base_weights` makes them."""
        arrays: dict[str, NDArray[Any]] = {}
        for number, layer in zip(UPPER, self.layers, strict=True):
            if isinstance(layer, AdaptedLayer):
                arrays |= quantize_layer(number, adapt_layer(number, layer.base, layer.adapters(number)))
        return arrays

    def learned_arrays(self) -> Arrays:
        """Returns the layers that learn as a whole, in int8, and the head, as the service takes them."""
        arrays: dict[str, NDArray[Any]] = {
            "head.w": np.ascontiguousarray(self.head.weight.detach().numpy().T),
            "head.b": self.head.bias.detach().numpy().copy(),
        }
        for number, layer in zip(UPPER, self.layers, strict=True):
            if not isinstance(layer, AdaptedLayer):
                arrays |= quantize_layer(number, layer.tensors())  # type: ignore[operator]
        return arrays

    def write(self) -> None:
        """Writes graph and learned weights beside the modules, and prints the digests."""
        adapters = {
            name: array
            for number, layer in zip(UPPER, self.layers, strict=True)
            if isinstance(layer, AdaptedLayer)
            for name, array in layer.adapters(number).items()
        }
        np.savez(ADAPTERS, allow_pickle=False, **adapters)
        np.savez(LEARNED, allow_pickle=False, **self.learned_arrays())
        GRAPH.write_bytes(make_graph(range(LAYERS), CLASSES))
        digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (GRAPH, LEARNED, ADAPTERS)}
        digests["lower layers"] = digest_arrays({**self.fixed, **self.adapted_arrays()})
        print(json.dumps(digests, indent=2))


def pad(states: Sequence[Hidden]) -> Tensor:
    """Returns states of passages as one tensor, shape (passages, tokens, WIDTH)."""
    rows = torch.zeros(len(states), max(map(len, states)), WIDTH)
    for place, own in enumerate(states):
        rows[place, : len(own)] = torch.from_numpy(own.astype(np.float32))
    return rows


def fall(optimizer: torch.optim.Optimizer, steps: int) -> torch.optim.lr_scheduler.LambdaLR:
    """Returns a schedule by which the rates rise at first and then fall in a straight line to a hundredth."""
    return torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / (WARM_UP * steps)) * max(0.01, 1 - step / steps)
    )


def _copy_fixed(tensors: Mapping[str, Floats]) -> Arrays:
    """Returns the embedding and the layers that stay, in int8, in memory of their own: the file is not kept."""
    arrays = {name: np.array(array) for name, array in embedding_arrays(tensors).items()}
    for number in FIXED:
        arrays |= quantize_layer(number, layer_tensors(tensors, number))
    return {name: np.array(array) for name, array in arrays.items()}
