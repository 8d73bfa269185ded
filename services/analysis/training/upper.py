"""The layers that learn, with the head for the types of diagrams: `train_encoder.py` and `train_graphs.py` teach the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mpnet import HALF, WIDTH, Layer
from numpy.typing import NDArray
from passages import CLASSES
from torch import Tensor, nn
from torch.nn import functional

from s2v.analysis.base_weights import Arrays
from s2v.analysis.passage_encoder import Embedding

DROPOUT = 0.1
"""Of what the head is given."""
ABSENT = -1e4
"""What attention adds for a place that holds nothing."""

Hidden = NDArray[np.float16]
"""States of a passage's tokens, shape (tokens, WIDTH)."""


class Upper(nn.Module):
    """The layers that learn, and the head."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.head = nn.Linear(WIDTH, CLASSES)

    def load_head(self, learned: Arrays) -> None:
        """Takes the head that was learned before."""
        with torch.no_grad():
            self.head.weight.copy_(torch.tensor(learned["head.w"].T))
            self.head.bias.copy_(torch.tensor(learned["head.b"]))

    def head_arrays(self) -> Arrays:
        """Returns the head as the service takes it."""
        return {
            "head.w": np.ascontiguousarray(self.head.weight.detach().numpy().T),
            "head.b": self.head.bias.detach().numpy().copy(),
        }

    def forward(self, hidden: Sequence[Hidden], embedding: Embedding) -> tuple[Tensor, Tensor]:
        """Maps what the layers below say of passages to states (passages, tokens, WIDTH) and the types' logits.

        States beyond a passage's end are 0.
        """
        rows, lengths = pad(hidden), torch.tensor([len(states) for states in hidden])
        beyond = torch.arange(rows.shape[1])[None] >= lengths[:, None]
        absent = torch.zeros(len(hidden), 1, 1, rows.shape[1]).masked_fill(beyond[:, None, None], ABSENT)
        bias = torch.tensor(embedding.bias(rows.shape[1])) + absent
        with torch.autocast("cpu", torch.bfloat16, enabled=HALF):
            for layer in self.layers:
                rows = layer(rows, bias)
        rows = rows.float().masked_fill(beyond[..., None], 0.0)
        return rows, self.head(functional.dropout(rows.sum(1) / lengths[:, None], DROPOUT, self.training))


def pad(states: Sequence[Hidden]) -> Tensor:
    """Returns states of passages as one tensor, shape (passages, tokens, WIDTH)."""
    rows = torch.zeros(len(states), max(map(len, states)), WIDTH)
    for place, own in enumerate(states):
        rows[place, : len(own)] = torch.from_numpy(own.astype(np.float32))
    return rows
