"""Joins the graphs that readers drew of passages with the passages' texts, for `python -m evals.diagram_graphs`.

    python training/drawn_graphs.py TRAIN.jsonl [MORE.jsonl …] [--held-out] > GRAPHS.jsonl

`graphs.jsonl`, beside this script, holds no text: a passage is known by its digest, a node by the places of its words.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from passages import digest_text, find_document, is_held_out

GRAPHS = Path(__file__).with_name("graphs.jsonl")
"""Lines of {"text": digest, "label", "nodes": [[place of a word, …], …], "edges": [[from, to], …]}."""


@dataclass(frozen=True)
class DrawnPassage:
    """A passage and the graph that a reader drew of it."""

    text: str
    document: str
    label: str
    """Type of the diagram, e.g. "hierarchy"."""
    nodes: tuple[str, ...]
    edges: tuple[tuple[int, str, int], ...]
    """From and to, with what is said between them: nothing."""


def read_drawn(paths: Sequence[Path]) -> list[DrawnPassage]:
    """Returns the passages of files of {"text", "source"} that have a graph, each once."""
    drawn = {graph["text"]: graph for graph in map(json.loads, GRAPHS.read_text().splitlines())}
    found = []
    for line in (line for path in paths for line in path.read_text().splitlines()):
        entry = json.loads(line)
        graph = drawn.pop(digest_text(entry["text"]), None)
        if graph is not None:
            words = entry["text"].split()
            nodes = tuple(" ".join(words[place] for place in places) for places in graph["nodes"])
            edges = tuple((source, "", target) for source, target in graph["edges"])
            found.append(DrawnPassage(entry["text"], find_document(entry["source"]), graph["label"], nodes, edges))
    return found


def main() -> None:
    """Reads texts, writes passages with a gold graph."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("passages", type=Path, nargs="+", help='files of passages with "text" and "source"')
    arguments.add_argument("--held-out", action="store_true", help="only those that nothing is learned from")
    options = arguments.parse_args()
    for passage in read_drawn(options.passages):
        if not options.held_out or is_held_out(passage.document):
            gold = {"nodes": passage.nodes, "edges": passage.edges}
            print(json.dumps({"id": digest_text(passage.text), "text": passage.text, "label": passage.label, "gold": gold}))


if __name__ == "__main__":
    main()
