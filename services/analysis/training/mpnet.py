"""MPNet in torch, cut in two: the lower layers run once and are kept, the upper ones learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from s2v.analysis.base_weights import LOWER_LAYERS, Floats, layer_tensors
from s2v.analysis.passage_encoder import relative_buckets

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
FIRST_POSITION = 2
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


class LowerLayers:
    """Embeddings and the layers that do not learn."""

    def __init__(self, tensors: Mapping[str, Floats]) -> None:
        self._word = tensors["embeddings.word_embeddings.weight"]
        self._position = tensors["embeddings.position_embeddings.weight"]
        self._gain = torch.tensor(tensors["embeddings.LayerNorm.weight"])
        self._shift = torch.tensor(tensors["embeddings.LayerNorm.bias"])
        self._relative = torch.tensor(tensors["encoder.relative_attention_bias.weight"])
        self._layers = [Layer(layer_tensors(tensors, number)).eval() for number in range(LOWER_LAYERS)]

    def bias(self, lengths: Sequence[int]) -> Tensor:
        """Returns the attention's bias of passages of these lengths in tokens: relative places, and no look at the padding."""
        width = max(lengths)
        relative = self._relative[torch.tensor(relative_buckets(width))].permute(2, 0, 1)[None]
        padding = torch.arange(width)[None] >= torch.tensor(lengths)[:, None]
        return relative + torch.zeros(len(lengths), 1, 1, width).masked_fill(padding[:, None, None], -1e4)

    @torch.no_grad()
    def run(self, ids: Sequence[Sequence[int]]) -> list[NDArray[np.float16]]:
        """Returns the hidden states of some passages, each of shape (tokens, WIDTH)."""
        lengths = [len(row) for row in ids]
        rows = torch.zeros(len(ids), max(lengths), WIDTH)
        for place, row in enumerate(ids):
            embedded = self._word[list(row)] + self._position[FIRST_POSITION : FIRST_POSITION + len(row)]
            rows[place, : len(row)] = functional.layer_norm(torch.tensor(embedded), (WIDTH,), self._gain, self._shift, EPSILON)
        bias = self.bias(lengths)
        with torch.autocast("cpu", torch.bfloat16, enabled=HALF):
            for layer in self._layers:
                rows = layer(rows, bias).float()
        return [rows[place, :length].half().numpy() for place, length in enumerate(lengths)]
