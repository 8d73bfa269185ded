"""Joins the graphs that readers drew of passages with the passages' texts, for `python -m evals.diagram_graphs`.

    python training/drawn_graphs.py TRAIN.jsonl [MORE.jsonl …] > GRAPHS.jsonl

`graphs.jsonl`, beside this script, holds no text: a passage is known by its digest, a node by the places of its words.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from passages import digest_text

GRAPHS = Path(__file__).with_name("graphs.jsonl")
"""Lines of {"text": digest, "label", "nodes": [[place of a word, …], …], "edges": [[from, to], …]}."""


def main() -> None:
    """Reads texts, writes passages with a gold graph."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("passages", type=Path, nargs="+", help='files of passages with "text"')
    options = arguments.parse_args()
    drawn = {graph["text"]: graph for graph in map(json.loads, GRAPHS.read_text().splitlines())}
    for line in (line for path in options.passages for line in path.read_text().splitlines()):
        text = json.loads(line)["text"]
        graph = drawn.pop(digest_text(text), None)
        if graph is not None:
            words = text.split()
            nodes = [" ".join(words[place] for place in places) for places in graph["nodes"]]
            edges = [[source, "", target] for source, target in graph["edges"]]
            gold = {"nodes": nodes, "edges": edges}
            print(json.dumps({"id": graph["text"], "text": text, "label": graph["label"], "gold": gold}))


if __name__ == "__main__":
    main()
