"""The layers of MPNet that learn, in torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from s2v.analysis.base_weights import LINEAR, NORMS, Arrays, Floats

WIDTH, INNER, HEADS = 768, 3072, 12
EPSILON = 1e-5
DROPOUT = 0.1
NAMES = {
    "q": "attention.attn.q",
    "k": "attention.attn.k",
    "v": "attention.attn.v",
    "o": "attention.attn.o",
    "n1": "attention.LayerNorm",
    "i": "intermediate.dense",
    "u": "output.dense",
    "n2": "output.LayerNorm",
}
"""MPNet's names of a layer's parts, by ours."""
HALF = "bf16" in Path("/proc/cpuinfo").read_text()
"""Whether the processor multiplies bfloat16 by itself: one that does not takes four times as long forward and thirty back."""


def restore_layer(number: int, arrays: Arrays) -> dict[str, Floats]:
    """Returns a layer's float tensors by MPNet's names from the int8 arrays that `base_weights.quantize_layer` makes."""
    tensors: dict[str, Floats] = {}
    for short, names in LINEAR.items():
        matrix = arrays[f"L{number}.{short}.w"].T * arrays[f"L{number}.{short}.s"][:, None]
        for name, part, bias in zip(
            names, np.split(matrix, len(names)), np.split(arrays[f"L{number}.{short}.b"], len(names)), strict=True
        ):
            tensors |= {f"{name}.weight": part, f"{name}.bias": bias}
    for short, name in NORMS.items():
        tensors |= {f"{name}.weight": arrays[f"L{number}.{short}.g"], f"{name}.bias": arrays[f"L{number}.{short}.b"]}
    return tensors


class Layer(nn.Module):
    """A transformer layer with normalisation after each half."""

    def __init__(self, tensors: Mapping[str, Floats]) -> None:
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.i, self.u = nn.Linear(WIDTH, INNER), nn.Linear(INNER, WIDTH)
        self.n1, self.n2 = nn.LayerNorm(WIDTH, EPSILON), nn.LayerNorm(WIDTH, EPSILON)
        self.load(tensors)

    def load(self, tensors: Mapping[str, Floats]) -> None:
        """Takes the weights by MPNet's names."""
        self.load_state_dict(
            {
                f"{short}.{part}": torch.tensor(tensors[f"{name}.{part}"])
                for short, name in NAMES.items()
                for part in ("weight", "bias")
            }
        )

    def forward(self, rows: Tensor, bias: Tensor) -> Tensor:
        """Maps (passages, tokens, WIDTH) to the same, given the attention's bias (passages, HEADS, tokens, tokens)."""
        query, key, value = (part(rows).unflatten(2, (HEADS, -1)).transpose(1, 2) for part in (self.q, self.k, self.v))
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias.to(query.dtype))
        mixed = self.o(attended.transpose(1, 2).flatten(2))
        rows = self.n1(rows + functional.dropout(mixed, DROPOUT, self.training))
        inner = self.u(functional.gelu(self.i(rows)))
        normal: Tensor = self.n2(rows + functional.dropout(inner, DROPOUT, self.training))
        return normal

    def tensors(self) -> dict[str, Floats]:
        """Returns the weights by MPNet's names."""
        state = self.state_dict()
        return {
            f"{name}.{part}": state[f"{short}.{part}"].numpy() for short, name in NAMES.items() for part in ("weight", "bias")
        }


class Adapted(nn.Module):
    """A linear map that stays as it is, and the product of two thin ones that learns beside it."""

    def __init__(self, fixed: nn.Linear, rank: int) -> None:
        super().__init__()
        self.fixed = fixed.requires_grad_(False)
        self.down = nn.Parameter(torch.randn(rank, fixed.in_features) / fixed.in_features**0.5)
        self.up = nn.Parameter(torch.zeros(fixed.out_features, rank))

    def forward(self, rows: Tensor) -> Tensor:
        """Maps (…, inputs) to (…, outputs)."""
        learned: Tensor = rows @ self.down.T @ self.up.T
        return self.fixed(rows) + learned

    def resume(self, learned: Arrays) -> None:
        """Goes on from what `quantize` returned."""
        down, up = learned["down"].astype(np.float32), learned["up"] * learned["scale"][:, None]
        # The rows as they begin, so that both matrices learn at the rate that is meant for them.
        size = np.linalg.norm(down, axis=1)
        with torch.no_grad():
            self.down.copy_(torch.tensor(down / size[:, None]))
            self.up.copy_(torch.tensor(up * size[None]))

    def quantize(self) -> Arrays:
        """Returns the learned part as `base_weights.adapt_layer` takes it."""
        down, up = self.down.detach().numpy(), self.up.detach().numpy()
        step = np.maximum(np.abs(down).max(axis=1), np.float32(1e-9)) / np.float32(127)
        scaled = up * step[None]
        scale = np.maximum(np.abs(scaled).max(axis=1), np.float32(1e-12)) / np.float32(127)
        return {
            "down": np.rint(down / step[:, None]).astype(np.int8),
            "up": np.rint(scaled / scale[:, None]).astype(np.int8),
            "scale": scale.astype(np.float32),
        }


class AdaptedLayer(Layer):
    """A layer of which the normalisations learn and, beside each matrix, a product of two thin ones."""

    def __init__(self, tensors: Mapping[str, Floats], rank: int) -> None:
        super().__init__(tensors)
        self.base = dict(tensors)
        for short in ("q", "k", "v", "o", "i", "u"):
            setattr(self, short, Adapted(getattr(self, short), rank))

    def resume(self, number: int, learned: Arrays) -> None:
        """Goes on from what `adapters` returned, of all layers."""
        for short, name in NAMES.items():
            start, part = f"{number}.{name}.", getattr(self, short)
            arrays = {key.removeprefix(start): value for key, value in learned.items() if key.startswith(start)}
            if isinstance(part, Adapted):
                part.resume(arrays)
            else:
                part.load_state_dict({key: torch.tensor(value) for key, value in arrays.items()})

    def adapters(self, number: int) -> dict[str, NDArray[Any]]:
        """Returns what was learned, by the names that `base_weights.adapt_layer` expects."""
        learned: dict[str, NDArray[Any]] = {}
        for short, name in NAMES.items():
            part = getattr(self, short)
            parts = (
                part.quantize() if isinstance(part, Adapted) else {key: value.numpy() for key, value in part.state_dict().items()}
            )
            learned |= {f"{number}.{name}.{key}": value for key, value in parts.items()}
        return learned
