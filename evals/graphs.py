"""Whether a drawn graph is the one that a reader would draw: nodes matched by their words or meaning, edges by their ends.

Two nodes match when their content words overlap (F1 of the stemmed words at least 0.5) or their sentence vectors are close
(cosine at least 0.7); matches are one to one, the best in sum (Kuhn, "The Hungarian method for the assignment problem",
1955). An edge is found when both its ends are matched and a gold edge joins them in the same direction; labels of edges are
not scored.
"""

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MIN_OVERLAP = 0.5
MIN_COSINE = 0.7
STOP_WORDS = _words(
    """
    a an the of to in on at by for with from and or is are be been being was were it its they them their this that these
    those he she his her i we our you your as has have had will would can could may must should do does did not then also
    all any each which who whom whose there here if when while
    """
)
_SUFFIXES = ("ings", "ing", "edly", "ies", "ied", "es", "ed", "s", "ly")
_WORD = re.compile(r"[a-z0-9]+")

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Vectors of length 1, one row a text."""


@dataclass(frozen=True)
class Graph:
    """What a picture says, without its geometry."""

    nodes: tuple[str, ...]
    """The words of each node."""
    edges: tuple[tuple[int, str, int], ...]
    """Source, label and target, by the places of the nodes."""


@dataclass(frozen=True)
class Passage:
    """A text to draw."""

    id: str
    text: str
    label: str
    """Type of diagram, e.g. "flowchart"."""
    gold: Graph | None


@dataclass(frozen=True)
class Tally:
    """Counts from which precision, recall and F1 follow."""

    found: int = 0
    predicted: int = 0
    gold: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        """The counts of two passages together."""
        return Tally(self.found + other.found, self.predicted + other.predicted, self.gold + other.gold)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 0 when nothing is found."""
        return 2 * self.found / (self.predicted + self.gold) if self.found else 0.0

    def figures(self) -> dict[str, float]:
        """Precision, recall and F1, rounded."""
        return {
            "precision": round(self.found / self.predicted, 4) if self.predicted else 0.0,
            "recall": round(self.found / self.gold, 4) if self.gold else 0.0,
            "f1": round(self.f1, 4),
        }


def read_passages(path: Path) -> list[Passage]:
    """Reads lines of {"id", "text", "label", "gold": {"nodes", "edges"}}; the gold graph may be missing. Blank lines are none.

    Errors: SystemExit with file and line when one is not of this form.
    """
    passages: list[Passage] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            if not record["text"].strip():
                raise ValueError("the text is empty")
            gold = _read_graph(record["gold"]) if "gold" in record else None
            passages.append(Passage(str(record["id"]), str(record["text"]), str(record.get("label", "flowchart")), gold))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SystemExit(f'{path}:{number} is not a line of {{"id", "text", "label"}} ({error!r})') from error
    return passages


def _read_graph(record: Mapping[str, list[list[int | str]]]) -> Graph:
    edges = tuple((int(source), str(label), int(target)) for source, label, target in record["edges"])
    return Graph(tuple(str(node) for node in record["nodes"]), edges)


def match_nodes(gold: Sequence[str], predicted: Sequence[str], embed: Embed | None = None) -> dict[int, int]:
    """The gold node of each predicted node that has one."""
    if not gold or not predicted:
        return {}
    scores = np.array([[overlap(one, other) for other in predicted] for one in gold])
    allowed = scores >= MIN_OVERLAP
    if embed is not None:
        cosines = embed(gold) @ embed(predicted).T
        allowed |= cosines >= MIN_COSINE
        scores = np.maximum(scores, cosines)
    return assign(scores, allowed)


def assign(scores: NDArray[np.floating[Any]], allowed: NDArray[np.bool_]) -> dict[int, int]:
    """The row of each column that has one: one to one, of the allowed pairs those with the highest scores in sum."""
    rows, columns = linear_sum_assignment(-np.where(allowed, scores, 0.0))
    return {int(column): int(row) for row, column in zip(rows, columns, strict=True) if allowed[row, column]}


def score_graph(gold: Graph, predicted: Graph, embed: Embed | None = None) -> tuple[Tally, Tally]:
    """Counts nodes and edges of one passage."""
    matched = match_nodes(gold.nodes, predicted.nodes, embed)
    wanted = {(source, target) for source, _, target in gold.edges}
    drawn = {(source, target) for source, _, target in predicted.edges}
    found = {(matched[source], matched[target]) for source, target in drawn if source in matched and target in matched} & wanted
    return Tally(len(matched), len(predicted.nodes), len(gold.nodes)), Tally(len(found), len(drawn), len(wanted))


def score_graphs(
    gold: Mapping[str, Graph], predicted: Mapping[str, Graph], embed: Embed | None = None
) -> dict[str, dict[str, float]]:
    """Figures over all passages together ("node", "edge") and the mean of each passage's own F1 ("macro_f1").

    A passage without a prediction counts as an empty graph; one without gold edges is left out of the mean over edges.
    """
    empty = Graph((), ())
    tallies = [score_graph(graph, predicted.get(name, empty), embed) for name, graph in gold.items()]
    nodes = sum((tally for tally, _ in tallies), Tally())
    edges = sum((tally for _, tally in tallies), Tally())
    each = [tally.f1 for tally, _ in tallies], [tally.f1 for _, tally in tallies if tally.gold]
    return {
        "node": nodes.figures() | {"macro_f1": _mean(each[0])},
        "edge": edges.figures() | {"macro_f1": _mean(each[1])},
    }


def overlap(one: str, other: str) -> float:
    """F1 of the content words of two phrases, 0 to 1."""
    first, second = _content_words(one), _content_words(other)
    return 2 * len(first & second) / (len(first) + len(second)) if first and second else 0.0


def write_predictions(path: Path, predicted: Mapping[str, Graph]) -> None:
    """Writes {id: {"nodes": [phrase, …], "edges": [[source, label, target], …]}}."""
    record = {
        name: {"nodes": list(graph.nodes), "edges": [list(edge) for edge in graph.edges]} for name, graph in predicted.items()
    }
    path.write_text(json.dumps(record, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def say(line: str) -> None:
    """Progress, for people."""
    print(line, file=sys.stderr, flush=True)


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 4) if values else 0.0


def _content_words(phrase: str) -> set[str]:
    words = _WORD.findall(phrase.lower())
    return {_stem(word) for word in words if word not in STOP_WORDS} or set(words)


def _stem(word: str) -> str:
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            return word[: -len(suffix)]
    return word
