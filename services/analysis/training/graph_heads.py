"""The heads that choose nodes and edges among candidates, in torch; `s2v.analysis.graph_reader` runs the same in numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mpnet import WIDTH
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from upper import ABSENT

from evals.graphs import MIN_OVERLAP, assign
from s2v.analysis.candidate_features import PAIR_SIZE, SIZE
from s2v.analysis.graph_reader import (
    EDGE_LAYERS,
    HEADS,
    INNER,
    KINDS,
    NODE_LAYERS,
    RANK_SIZE,
    WEIGHTS,
    describe_places,
    describe_ranks,
    select,
)

DROPOUT = 0.1
EDGES_SHARE = 3.0
"""What the loss of the edges counts beside that of the nodes."""


@dataclass
class Example:
    """A passage with its candidates and the graph that a reader drew."""

    kind: int
    """Number of its type in `graph_reader.KINDS`."""
    rows: list[NDArray[np.float32]]
    """Shares of the encoder's rows in each candidate's words, head and governor, three of shape (candidates, rows)."""
    single: NDArray[np.float32]
    pair: NDArray[np.float32]
    joint: NDArray[np.int64]
    terms: list[frozenset[str]]
    words: list[tuple[int, ...]]
    """Of the label of each candidate."""
    likeness: NDArray[np.float32]
    """Overlap of each gold node with each candidate, shape (nodes, candidates)."""
    chosen: NDArray[np.float32]
    """Whether a candidate is the best for a gold node, shape (candidates,)."""
    counted: NDArray[np.float32]
    """Whether it counts: what is like a gold node and not the best is neither right nor wrong."""
    joined: NDArray[np.bool_]
    """Whether an edge leads from a candidate to another, shape (candidates, candidates)."""


class Attention(nn.Module):
    """A layer in which candidates, or chosen ones, see one another and how they stand to each other."""

    def __init__(self, pairs: int) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(INNER), nn.LayerNorm(INNER)
        self.qkv, self.out = nn.Linear(INNER, 3 * INNER), nn.Linear(INNER, INNER)
        self.wide, self.narrow = nn.Linear(INNER, 2 * INNER), nn.Linear(2 * INNER, INNER)
        self.pair = nn.Linear(pairs, HEADS, bias=False)
        nn.init.zeros_(self.pair.weight)

    def forward(self, rows: Tensor, pair: Tensor, mask: Tensor) -> Tensor:
        """Maps (passages, candidates, INNER) to the same; `mask` is very small where there is no candidate."""
        parts = self.qkv(self.first(rows)).split(INNER, 2)
        query, key, value = (part.unflatten(2, (HEADS, -1)).transpose(1, 2) for part in parts)
        bias = self.pair(pair).permute(0, 3, 1, 2) + mask[:, None, None]
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias).transpose(1, 2).flatten(2)
        rows = rows + functional.dropout(self.out(attended), DROPOUT, self.training)
        inner: Tensor = functional.dropout(self.narrow(gelu(self.wide(self.second(rows)))), DROPOUT, self.training)
        return rows + inner


class GraphHeads(nn.Module):
    """Scores candidates as nodes and pairs of them as edges."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Linear(3 * WIDTH, 2 * INNER)
        self.single = nn.Linear(SIZE, 2 * INNER, bias=False)
        self.kind = nn.Embedding(len(KINDS), 2 * INNER)
        self.among = nn.ModuleList([Attention(PAIR_SIZE) for _ in range(NODE_LAYERS)])
        self.node = nn.Linear(INNER, 1)
        self.node_kind = nn.Embedding(len(KINDS), INNER)
        self.place = nn.Linear(2, INNER)
        self.between = nn.ModuleList([Attention(PAIR_SIZE + RANK_SIZE) for _ in range(EDGE_LAYERS)])
        self.again, self.again_kind = nn.Linear(INNER, 1), nn.Embedding(len(KINDS), INNER)
        self.source, self.target = nn.Linear(INNER, INNER), nn.Linear(INNER, INNER, bias=False)
        self.joint = nn.Linear(WIDTH, INNER, bias=False)
        self.pair = nn.Linear(PAIR_SIZE + RANK_SIZE, INNER, bias=False)
        self.edge_kind = nn.Embedding(len(KINDS), INNER)
        self.inner = nn.Linear(INNER, INNER)
        self.edge = nn.Linear(INNER, 1)
        self.edge_weight = nn.Embedding(len(KINDS), INNER)
        for start in (self.kind, self.node_kind, self.again_kind, self.edge_kind, self.edge_weight):
            nn.init.zeros_(start.weight)

    def read(self, states: Tensor, batch: Sequence[Example]) -> tuple[Tensor, Tensor]:
        """Returns for states (passages, rows, WIDTH) the candidates' vectors (passages, candidates, INNER) and node logits."""
        most = max(len(example.single) for example in batch)
        shares = torch.zeros(3, len(batch), most, states.shape[1])
        single, pair = torch.zeros(len(batch), most, SIZE), torch.zeros(len(batch), most, most, PAIR_SIZE)
        mask = torch.full((len(batch), most), ABSENT)
        for place, example in enumerate(batch):
            count = len(example.single)
            for part in range(3):
                shares[part, place, :count, : example.rows[part].shape[1]] = torch.from_numpy(example.rows[part])
            single[place, :count] = torch.from_numpy(example.single)
            pair[place, :count, :count] = torch.from_numpy(example.pair.astype(np.float32))
            mask[place, :count] = 0.0
        kinds = torch.tensor([example.kind for example in batch])
        read = functional.dropout(torch.cat([share @ states for share in shares], 2), DROPOUT, self.training)
        mixed = gelu(self.words(read) + self.single(single) + self.kind(kinds)[:, None])
        node, edge = functional.dropout(mixed, DROPOUT, self.training).split(INNER, 2)
        for layer in self.among:
            node = layer(node, pair, mask)
        return edge, self.node(node)[..., 0] + (node * self.node_kind(kinds)[:, None]).sum(2)

    def join(
        self, states: Tensor, vectors: Tensor, batch: Sequence[Example], chosen: Sequence[Sequence[int]]
    ) -> tuple[Tensor, Tensor]:
        """Returns the logits of chosen candidates beside one another and of the edges between them.

        Shapes (passages, chosen) and (passages, chosen, chosen).
        """
        most = max(1, *(len(some) for some in chosen))
        picked = torch.zeros(len(batch), most, dtype=torch.long)
        pair = torch.zeros(len(batch), most, most, PAIR_SIZE + RANK_SIZE)
        joints = torch.zeros(len(batch), most, most, dtype=torch.long)
        places, mask = torch.zeros(len(batch), most, 2), torch.zeros(len(batch), most)
        for place, (example, some) in enumerate(zip(batch, chosen, strict=True)):
            count = len(some)
            if not count:
                continue
            grid = np.ix_(some, some)
            picked[place, :count] = torch.tensor(some)
            described = np.concatenate([example.pair[grid].astype(np.float32), describe_ranks(count)], axis=2)
            pair[place, :count, :count] = torch.from_numpy(described)
            joints[place, :count, :count] = torch.from_numpy(example.joint[grid])
            places[place, :count] = torch.from_numpy(describe_places(count))
            mask[place, count:] = ABSENT
        kinds = torch.tensor([example.kind for example in batch])
        own = vectors.gather(1, picked[..., None].expand(-1, -1, INNER)) + self.place(places)
        for layer in self.between:
            own = layer(own, pair, mask)
        kept = self.again(own)[..., 0] + (own * self.again_kind(kinds)[:, None]).sum(2)
        source, target = self.source(own), self.target(own)
        meeting = self.joint(states).gather(1, joints.flatten(1)[..., None].expand(-1, -1, INNER)).unflatten(1, (most, most))
        given = source[:, :, None] + target[:, None] + meeting + self.pair(pair) + self.edge_kind(kinds)[:, None, None]
        mixed = gelu(self.inner(functional.dropout(gelu(given), DROPOUT, self.training)))
        straight = (source[:, :, None] * target[:, None]).sum(3) / INNER**0.5
        return kept, self.edge(mixed)[..., 0] + (mixed * self.edge_weight(kinds)[:, None, None]).sum(3) + straight

    def loss(self, states: Tensor, batch: Sequence[Example], generator: np.random.Generator, given: float) -> Tensor:
        """Returns the mean loss of nodes and edges, weighed; `given` is the share of passages whose nodes are the reader's."""
        vectors, logits = self.read(states, batch)
        chances = torch.sigmoid(logits.detach()).numpy()
        nodes, chosen, own = [], [], []
        for place, example in enumerate(batch):
            count = len(example.single)
            each = functional.binary_cross_entropy_with_logits(
                logits[place, :count], torch.from_numpy(example.chosen), torch.from_numpy(example.counted), reduction="sum"
            )
            nodes.append(each / max(float(example.counted.sum()), 1.0))
            own.append(generator.random() >= given)
            if own[-1]:
                chosen.append(select(example.terms, example.words, chances[place, :count], generator.uniform(0.1, 0.3)))
            else:
                chosen.append(pick_gold(example, generator))
        kept, edges = self.join(states, vectors, batch, chosen)
        losses, once = [], []
        for place, (example, some) in enumerate(zip(batch, chosen, strict=True)):
            if some and own[place]:
                single = torch.from_numpy(find_single(example, some))
                once.append(functional.binary_cross_entropy_with_logits(kept[place, : len(some)], single))
            if len(some) < 2:
                continue
            right = torch.from_numpy(example.joined[np.ix_(some, some)].astype(np.float32))
            apart = ~torch.eye(len(some), dtype=torch.bool)
            losses.append(
                functional.binary_cross_entropy_with_logits(edges[place, : len(some), : len(some)][apart], right[apart])
            )
        parts = ((1.0, nodes), (EDGES_SHARE, losses), (1.0, once))
        return torch.stack([share * torch.stack(part).mean() for share, part in parts if part]).sum()

    def resume(self) -> None:
        """Goes on from the weights beside the modules."""
        with np.load(WEIGHTS) as file:
            self.load_state_dict({name: torch.tensor(file[name].astype(np.float32)) for name in self.state_dict()})

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Returns the weights as `graph_reader` takes them."""
        return {name: value.numpy().astype(np.float16) for name, value in self.state_dict().items()}


def gelu(rows: Tensor) -> Tensor:
    """Returns its tangent form, as `graph_reader` computes it."""
    return functional.gelu(rows, approximate="tanh")


def find_single(example: Example, some: Sequence[int]) -> NDArray[np.float32]:
    """Returns 1 for each chosen candidate that is a gold node, one for each node; 0 for what is told twice and for the rest."""
    likeness = example.likeness[:, some]
    right = np.zeros(len(some), dtype=np.float32)
    right[list(assign(likeness, likeness >= MIN_OVERLAP))] = 1
    return right


def pick_gold(example: Example, generator: np.random.Generator) -> list[int]:
    """Returns for each gold node the candidate that is most like it, in the order of speech."""
    chosen: list[int] = []
    for row in example.likeness[generator.permutation(len(example.likeness))]:
        if len(row) and row.max() >= 0.5:
            choice = int(generator.choice(np.flatnonzero(row >= row.max() - 1e-6)))
            if choice not in chosen:
                chosen.append(choice)
    return sorted(chosen, key=lambda place: example.words[place])
