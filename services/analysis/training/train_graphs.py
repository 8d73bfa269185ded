"""Learns to draw graphs, and goes on learning types, from labelled passages and the graphs that readers drew of them.

    python training/train_graphs.py TRAIN.jsonl [MORE.jsonl …] [--epochs 3] [--continue]

TRAIN and MORE as for `train_encoder.py`, whose weights are taken up: the upper four layers read for both, so that a scene is
read once. First the heads of `graph_heads` learn what the layers say as they are, then all learn together. With `--continue` the
heads, too, go on from the weights there are. One document in five is held out; on these the probability from which an edge is
drawn is chosen for each type, and the graphs are scored.

Writes what `train_encoder.py` writes and `graph_reader.npz`, and prints their digests, which belong into
`s2v.analysis.passage_encoder`, `s2v.analysis.base_weights` and `s2v.analysis.graph_reader`; run
`train_diagram_types.py` afterwards. Without AVX-512 an epoch takes an hour and a half of two cores; 12 GB. Run it from
the project's root, whose `evals` it scores by.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from drawn_graphs import DrawnPassage, read_drawn, read_written
from graph_examples import Drawn, describe_passage
from graph_heads import GraphHeads
from numpy.typing import NDArray
from passages import Passage, Reading, is_held_out, read_passages, weigh_readings
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm
from train_encoder import SEED, cut_batches, weigh
from upper import Hidden, Upper, fall, pad

from evals.graphs import Graph, Tally, score_graph
from s2v.analysis.assembly import TREES
from s2v.analysis.classification import NAMES
from s2v.analysis.graph_reader import KINDS, MIN_CHANCE, WEIGHTS, find_edges, select
from s2v.analysis.language import Parser

FIRST_EPOCHS = 2
"""How often the heads alone go over the graphs."""
FIRST_RATE = 1e-3
GRAPH_BATCH = 8
RATE = 1e-4
HEAD_RATE = 2e-4
GRAPH_RATE = 6e-4
TYPES_SHARE = 0.5
"""What the loss of the types counts beside that of the graphs."""
OTHERS = 600
"""Passages without a graph that each epoch takes, so that the types without one are not forgotten."""
AVERAGED = 350
"""Steps between the weights whose mean is taken, over the second half (Izmailov et al., 2018, arXiv 1803.05407)."""
GRID = tuple(np.round(np.arange(0.03, 0.31, 0.01), 2))
"""Probabilities from which an edge may be drawn."""
ABOUT = 0.004


@dataclass(frozen=True)
class Course:
    """What is learned from: each graph with its passage, and the passages without one."""

    passages: list[Passage]
    drawn: list[Drawn | None]
    hidden: list[Hidden]
    """States of the layers that stay."""
    held: NDArray[np.bool_]

    def places(self, *, held: bool) -> NDArray[np.int64]:
        """Returns the passages with a graph that are held out, or that are not."""
        has_graph = np.asarray([drawn is not None for drawn in self.drawn])
        return np.flatnonzero(has_graph & (self.held == held))


class Reader(Upper):
    """The upper layers with both kinds of heads."""

    def __init__(self) -> None:
        super().__init__()
        self.resume()
        self.graphs = GraphHeads()


class Trainer:
    """The way from passages to weights."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Describes the passages and runs the layers that stay."""
        self.reader = Reader()
        entries = read_entries(paths)
        passages, drawn = [passage for passage, _ in entries], self._describe([graph for _, graph in entries])
        scenes = [passage.text if own is None else own.scene for passage, own in zip(passages, drawn, strict=True)]
        texts = list(dict.fromkeys(scenes))
        hidden = dict(zip(texts, self.reader.read_fixed(texts), strict=True))
        held = np.asarray([is_held_out(passage.document) for passage in passages])
        self.course = Course(passages, drawn, [hidden[scene] for scene in scenes], held)
        self.generator = np.random.default_rng(SEED)

    def _describe(self, graphs: Sequence[DrawnPassage | None]) -> list[Drawn | None]:
        """Describes passages in a process for each core."""
        describe = partial(_describe_passage, self.reader.tokenizer)
        with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
            return list(tqdm(pool.map(describe, graphs, chunksize=50), "candidates", len(graphs), mininterval=20))

    def learn_heads(self) -> None:
        """Teaches the graph heads what the layers say as they are."""
        course, chosen = self.course, self.course.places(held=False)
        states = dict(zip(chosen.tolist(), self._read_states(chosen), strict=True))
        lengths = np.asarray([len(hidden) for hidden in course.hidden])
        rounds = [cut_batches(lengths, chosen, self.generator) for _ in range(FIRST_EPOCHS)]
        optimizer = torch.optim.AdamW(self.reader.graphs.parameters(), lr=FIRST_RATE, weight_decay=0.03)
        schedule = fall(optimizer, sum(map(len, rounds)))
        self.reader.graphs.train()
        for epoch, batches in enumerate(rounds):
            for batch in tqdm(batches, "heads", mininterval=20):
                examples = [course.drawn[place].example for place in batch]
                # At first the reader's nodes, as those that the heads choose are not worth much.
                loss = self.reader.graphs.loss(
                    pad([states[place] for place in batch]), examples, self.generator, 0.5 if epoch else 0.9
                )
                _step(self.reader.graphs, loss, optimizer, schedule)

    def learn(self, epochs: int) -> None:
        """Teaches layers and heads together."""
        course, chosen = self.course, self.course.places(held=False)
        others = np.flatnonzero(~course.held & np.asarray([drawn is None for drawn in course.drawn]))
        truth = weigh(course.passages, np.concatenate([chosen, others]))
        right, counts = torch.tensor(truth.targets), torch.tensor(truth.weights)
        lengths = np.asarray([len(hidden) for hidden in course.hidden])
        rounds = [
            cut_batches(
                lengths, np.concatenate([chosen, self.generator.permutation(others)[:OTHERS]]), self.generator, GRAPH_BATCH
            )
            for _ in range(epochs)
        ]
        groups = [
            {"params": list(self.reader.head.parameters()), "lr": HEAD_RATE},
            {"params": list(self.reader.graphs.parameters()), "lr": GRAPH_RATE, "weight_decay": 0.03},
            *self.reader.rates(RATE),
        ]
        optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
        schedule = fall(optimizer, sum(map(len, rounds)))
        self.reader.train()
        averaged = AveragedModel(self.reader)
        every = [batch for batches in rounds for batch in batches]
        for step, batch in enumerate(tqdm(every, "all", mininterval=20), start=1):
            states, logits = self.reader([course.hidden[place] for place in batch])
            loss = TYPES_SHARE * (-(right[batch] * functional.log_softmax(logits, 1)).sum(1) * counts[batch]).mean()
            rows = [row for row, place in enumerate(batch) if course.drawn[place] is not None]
            if len(rows) > 1:
                examples = [course.drawn[batch[row]].example for row in rows]
                loss = loss + self.reader.graphs.loss(states[rows], examples, self.generator, 0.4) * len(rows) / len(batch)
            _step(self.reader, loss, optimizer, schedule)
            if step == len(every) or (2 * step > len(every) and step % AVERAGED == 0):
                averaged.update_parameters(self.reader)
        self.reader.load_state_dict(averaged.module.state_dict())

    def choose_least(self) -> NDArray[np.float32]:
        """Returns for each type the probability from which edges are drawn, best for the held-out graphs; prints how good."""
        chosen = self.course.places(held=True)
        least = np.zeros(len(KINDS), dtype=np.float32)
        scored = {kind: [Tally() for _ in GRID] for kind in KINDS}
        rules = dict.fromkeys(KINDS, Tally())
        for place, states in zip(chosen, self._read_states(chosen), strict=True):
            drawn = self.course.drawn[place]
            found, some = self._score(drawn, states)
            rules[drawn.kind] += score_graph(drawn.gold, drawn.rules)[1]
            for rank, bound in enumerate(GRID):
                edges = tuple((one, "", other) for one, other in find_edges(drawn.kind, found, float(bound)))
                graph = Graph(tuple(drawn.phrases[one] for one in some), edges)
                scored[drawn.kind][rank] += score_graph(drawn.gold, graph)[1]
        for kind, number in KINDS.items():
            # Of bounds that are about as good the highest: fewer edges are wrong.
            most = max(tally.f1 for tally in scored[kind])
            best = max(rank for rank, tally in enumerate(scored[kind]) if tally.f1 >= most - ABOUT)
            least[number] = GRID[best]
            figures = {"edge_f1": round(scored[kind][best].f1, 3), "rules": round(rules[kind].f1, 3)}
            print(json.dumps({"type": NAMES[kind], "least": float(GRID[best]), **figures}), flush=True)
        return least

    def write(self, least: NDArray[np.float32]) -> None:
        """Writes the weights, and prints the digests."""
        self.reader.write()
        np.savez(WEIGHTS, allow_pickle=False, least=least, **self.reader.graphs.arrays())
        print(json.dumps({WEIGHTS.name: hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()}))

    @torch.no_grad()
    def _score(self, drawn: Drawn, states: Hidden) -> tuple[NDArray[np.float32], list[int]]:
        """Probabilities of the edges between the chosen candidates, and which these are."""
        self.reader.eval()
        rows = pad([states])
        vectors, logits = self.reader.graphs.read(rows, [drawn.example])
        chances = torch.sigmoid(logits[0]).numpy()
        some = select(drawn.example.terms, drawn.example.words, chances, MIN_CHANCE)
        if len(some) < 2:
            return np.zeros((len(some), len(some)), dtype=np.float32), some
        kept, joined = self.reader.graphs.join(rows, vectors, [drawn.example], [some])
        both = np.sqrt(chances[some] * torch.sigmoid(kept[0]).numpy())
        apart = 1 - np.eye(len(some), dtype=np.float32)
        if drawn.kind in TREES:
            apart[drawn.siblings[np.ix_(some, some)]] = 0
        return torch.sigmoid(joined)[0].numpy() * apart * np.outer(both, both), some

    @torch.no_grad()
    def _read_states(self, chosen: NDArray[np.int64]) -> Iterator[Hidden]:
        self.reader.eval()
        for place in tqdm(chosen, "upper layers", mininterval=20):
            states, _ = self.reader([self.course.hidden[place]])
            yield states[0].numpy().astype(np.float16)


def read_entries(paths: Sequence[Path]) -> list[tuple[Passage, DrawnPassage | None]]:
    """Returns each passage once for each of its graphs, and once without any; of what was written the type counts nothing."""
    graphs: dict[str, list[DrawnPassage]] = {}
    for graph in read_drawn(paths):
        graphs.setdefault(graph.text, []).append(graph)
    entries: list[tuple[Passage, DrawnPassage | None]] = []
    for passage in read_passages(*paths):
        own = graphs.get(passage.text) or [None]
        entries += [(replace(passage, weight=passage.weight / len(own)), graph) for graph in own]
    for graph in read_written():
        # Written to ask for its type, it says more clearly than people do which that is.
        passage = weigh_readings(graph.text, graph.document, [Reading(graph.label, (), 3)])
        entries.append((replace(passage, weight=0.0), graph))
    return entries


def _describe_passage(tokenizer: Tokenizer, graph: DrawnPassage | None) -> Drawn | None:
    return None if graph is None else describe_passage(_load_parser(), tokenizer, graph)


@cache
def _load_parser() -> Parser:
    return Parser("en")


def _step(module: nn.Module, loss: Tensor, optimizer: torch.optim.Optimizer, schedule: torch.optim.lr_scheduler.LambdaLR) -> None:
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(module.parameters(), 1.0)
    optimizer.step()
    schedule.step()


def main() -> None:
    """Reads, learns, scores, writes."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("passages", type=Path, nargs="+", help="files of passages to learn from")
    arguments.add_argument("--epochs", type=int, default=3, help="how often all learn together (3)")
    arguments.add_argument("--continue", dest="resume", action="store_true", help="go on from the graph heads there are")
    options = arguments.parse_args()
    torch.manual_seed(SEED)
    trainer = Trainer(options.passages)
    if options.resume:
        trainer.reader.graphs.resume()
    else:
        trainer.learn_heads()
    trainer.learn(options.epochs)
    trainer.write(trainer.choose_least())


if __name__ == "__main__":
    main()
