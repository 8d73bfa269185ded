"""Graphs of every type of diagram, the type given, against a reader's.

`python -m evals.diagram_graphs FILE.jsonl [--predictions OUT.json] [--words-only] [--rules]`
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from evals.graphs import Embed, Graph, Passage, read_passages, say, score_graphs, write_predictions
from s2v.analysis.analysis import load_analyst
from s2v.analysis.content import Content
from s2v.analysis.encoder import Encoder
from s2v.analysis.extractors import EXTRACTORS
from s2v.analysis.language import Parser
from s2v.analysis.speech import read_speech
from s2v.analysis.text import make_transcript
from s2v.v1.diagram_pb2 import DiagramType, NodeKind

_TYPES = {DiagramType.Name(kind).removeprefix("DIAGRAM_TYPE_").lower().replace("_", "-"): kind for kind in EXTRACTORS}


@dataclass(frozen=True)
class _Run:
    """What was drawn, and the processor time it took."""

    graphs: dict[str, Graph]
    cpu_seconds: float


def main() -> None:
    """Draws the passages of a file, each as its own type, and prints the figures of each type."""
    arguments = parse_arguments("Graphs of every type, the type given.")
    passages = [passage for passage in read_passages(arguments.file) if passage.label != "none"]
    for passage in passages:
        if passage.label not in _TYPES:
            raise SystemExit(
                f"{arguments.file}: {passage.id} has the label {passage.label!r}; the types are {', '.join(_TYPES)} and none"
            )
    run = draw(passages, arguments.rules)
    if arguments.predictions is not None:
        write_predictions(arguments.predictions, run.graphs)
    embed = None if arguments.words_only else Encoder().encode
    by_type = {
        name: score([passage for passage in passages if passage.label == name], run.graphs, embed)
        for name in _TYPES
        if any(passage.label == name for passage in passages)
    }
    figures = {"all": score(passages, run.graphs, embed), "by_type": by_type, "cpu_ms_per_passage": milliseconds(run, passages)}
    print(json.dumps(figures, indent=1))


def parse_arguments(description: str) -> argparse.Namespace:
    """Reads the command line: `file`, `predictions`, `words_only`, `rules`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("file", type=Path, help='lines of {"id", "text", "label", "gold"}')
    parser.add_argument("--predictions", type=Path, help="write the graphs here")
    parser.add_argument("--words-only", action="store_true", help="match nodes by their words, not by the sentence encoder too")
    parser.add_argument("--rules", action="store_true", help="draw by the extractors alone, as without the learned weights")
    return parser.parse_args()


def draw(passages: Sequence[Passage], rules: bool) -> _Run:
    """Draws each passage as the type that it is labelled with, as the service does if it takes that type, or by extractors alone.

    The service shows no diagram of three nodes that were only learned; here each counts.
    """
    render = _draw_by_rules() if rules else load_analyst("en").draw
    graphs: dict[str, Graph] = {}
    start = time.process_time()
    for passage in passages:
        graphs[passage.id] = read_graph(render(passage.text, _TYPES[passage.label]))
        if len(graphs) % 50 == 0:
            say(f"{len(graphs)} of {len(passages)}")
    return _Run(graphs, time.process_time() - start)


def _draw_by_rules() -> Callable[[str, DiagramType.ValueType], Content]:
    parser = Parser("en")

    def render(text: str, kind: DiagramType.ValueType) -> Content:
        talk = parser.parse(read_speech(make_transcript(text)))
        return EXTRACTORS[kind](talk, talk.sentences)

    return render


def read_graph(content: Content) -> Graph:
    """What a viewer reads from a picture.

    On a timeline each event follows the one before it on the axis and is read with its date. Decisions and ends ("the process
    ends") are no activities of a process, as in PET (Bellan et al., 2022): the edges into a decision go on to where its branches
    lead, under the words of the condition.
    """
    if content.type == DiagramType.DIAGRAM_TYPE_TIMELINE:
        ordered = sorted(content.nodes, key=lambda node: node.date.start_year if node.date is not None else 0.0)
        texts = tuple(f"{node.date.label.text}: {node.phrase}" if node.date is not None else node.phrase for node in ordered)
        return Graph(texts, tuple((place, "", place + 1) for place in range(len(texts) - 1)))
    edges = [(edge.source, edge.label, edge.target) for edge in content.edges]
    events = (NodeKind.NODE_KIND_DECISION, NodeKind.NODE_KIND_TERMINAL)
    passed = [place for place, node in enumerate(content.nodes) if node.kind in events]
    for event in passed:
        into = [edge for edge in edges if edge[2] == event]
        out = [edge for edge in edges if edge[0] == event]
        edges = [edge for edge in edges if event not in (edge[0], edge[2])]
        phrase = content.nodes[event].phrase
        edges += [(source, f"{phrase}: {label}".strip(": "), target) for source, _, _ in into for _, label, target in out]
    kept = [place for place in range(len(content.nodes)) if place not in passed]
    rank = {place: number for number, place in enumerate(kept)}
    ends = {(rank[source], rank[target]): label for source, label, target in edges if source != target}
    return Graph(
        tuple(content.nodes[place].phrase for place in kept),
        tuple((source, label, target) for (source, target), label in ends.items()),
    )


def score(passages: Sequence[Passage], graphs: dict[str, Graph], embed: Embed | None) -> dict[str, object]:
    """Figures of the passages that have a gold graph."""
    gold = {passage.id: passage.gold for passage in passages if passage.gold is not None}
    return {"passages": len(gold), **score_graphs(gold, graphs, embed)}


def milliseconds(run: _Run, passages: Sequence[Passage]) -> float:
    """Processor time a passage, in milliseconds, without loading."""
    return round(1000 * run.cpu_seconds / max(len(passages), 1), 1)


if __name__ == "__main__":
    main()
