"""The layers of MPNet that learn, in torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
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


class Layer(nn.Module):
    """A transformer layer with normalisation after each half."""

    def __init__(self, tensors: Mapping[str, Floats]) -> None:
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.i, self.u = nn.Linear(WIDTH, INNER), nn.Linear(INNER, WIDTH)
        self.n1, self.n2 = nn.LayerNorm(WIDTH, EPSILON), nn.LayerNorm(WIDTH, EPSILON)
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


def restore_layer(arrays: Arrays, number: int) -> dict[str, Floats]:
    """Returns the float tensors of a layer that `base_weights.quantize_layer` has made int8, by MPNet's names."""
    tensors: dict[str, Floats] = {}
    for short, names in LINEAR.items():
        matrix = arrays[f"L{number}.{short}.w"].T.astype(np.float32) * arrays[f"L{number}.{short}.s"][:, None]
        for name, weight, bias in zip(
            names, np.split(matrix, len(names)), np.split(arrays[f"L{number}.{short}.b"], len(names)), strict=True
        ):
            tensors |= {f"{name}.weight": weight, f"{name}.bias": bias}
    for short, name in NORMS.items():
        tensors |= {f"{name}.weight": arrays[f"L{number}.{short}.g"], f"{name}.bias": arrays[f"L{number}.{short}.b"]}
    return tensors
