"""The graphs that readers drew: of passages whose texts lie elsewhere, and of passages written for this project.

    python training/drawn_graphs.py TRAIN.jsonl [MORE.jsonl …] [--held-out] > GRAPHS.jsonl

Prints the former with their texts, for `python -m evals.diagram_graphs`. `graphs.jsonl`, beside this script, holds no text: a
passage is known by its digest, a node by the places of its words. A passage that could be two kinds of diagram has two graphs.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from passages import digest_text, find_document, is_held_out

GRAPHS, WRITTEN = (Path(__file__).with_name(name) for name in ("graphs.jsonl", "written.jsonl"))
"""Lines of {"text": digest, "label", "nodes": [[place of a word, …], …], "edges": [[from, to], …]}; of the latter, the text and
the nodes' words instead."""


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
    """Returns the graphs of the passages of files of {"text", "source"}, each once."""
    drawn: dict[str, list[dict[str, Any]]] = {}
    for graph in map(json.loads, GRAPHS.read_text().splitlines()):
        drawn.setdefault(graph["text"], []).append(graph)
    found = []
    for line in (line for path in paths for line in path.read_text().splitlines()):
        entry = json.loads(line)
        words, document = entry["text"].split(), find_document(entry["source"])
        for graph in drawn.pop(digest_text(entry["text"]), ()):
            nodes = tuple(" ".join(words[place] for place in places) for places in graph["nodes"])
            found.append(DrawnPassage(entry["text"], document, graph["label"], nodes, _join(graph)))
    return found


def read_written() -> list[DrawnPassage]:
    """Returns the passages that were written for this project, each with its graph."""
    return [
        DrawnPassage(graph["text"], WRITTEN.stem, graph["label"], tuple(graph["nodes"]), _join(graph))
        for graph in map(json.loads, WRITTEN.read_text().splitlines())
    ]


def _join(graph: Mapping[str, Any]) -> tuple[tuple[int, str, int], ...]:
    return tuple((source, "", target) for source, target in graph["edges"])


def main() -> None:
    """Reads texts, writes passages with a gold graph."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("passages", type=Path, nargs="+", help='files of passages with "text" and "source"')
    arguments.add_argument("--held-out", action="store_true", help="only those that nothing is learned from")
    options = arguments.parse_args()
    for passage in read_drawn(options.passages):
        if not options.held_out or is_held_out(passage.document):
            gold = {"nodes": passage.nodes, "edges": passage.edges}
            name = f"{digest_text(passage.text)}-{passage.label}"
            print(json.dumps({"id": name, "text": passage.text, "label": passage.label, "gold": gold}))


if __name__ == "__main__":
    main()
