"""What a comparison says: subjects, and the items that belong to one or several of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from s2v.runtime.links import fold
from s2v.v1.diagram_pb2 import Diagram, Edge, Node, NodeKind


@dataclass(frozen=True)
class Row:
    """What is said of each subject under one aspect."""

    aspect: Edge | None
    """The edge whose label names the aspect, the first that is spoken; None for a row without name."""
    items: Mapping[str, Node]
    """One item at most for each subject, by the subject's id."""


@dataclass(frozen=True)
class Contrast:
    """Subjects and items."""

    subjects: Sequence[Node]
    items: Sequence[Node]
    owners: Mapping[str, tuple[str, ...]]
    """Ids of the subjects of each item, by the item's id."""
    edges: Sequence[Edge]

    @property
    def is_shared(self) -> bool:
        """Whether an item belongs to several subjects."""
        return any(len(owners) > 1 for owners in self.owners.values())

    def rows(self) -> list[Row]:
        """Returns the rows of a table: named ones in the order of speech, each with more rows for more items; then the rest."""
        named: dict[str, list[Edge]] = {}
        for edge in sorted(self.edges, key=lambda edge: edge.reveal_seconds):
            named.setdefault(fold(edge.label), []).append(edge)
        rest = named.pop("", [])
        nodes = {node.id: node for node in self.items}
        rows: list[Row] = []
        for name, edges in [*named.items(), ("", rest)]:
            columns: dict[str, list[Node]] = {}
            for edge in edges:
                columns.setdefault(edge.source, []).append(nodes[edge.target])
            for number in range(max((len(column) for column in columns.values()), default=0)):
                cells = {subject: column[number] for subject, column in columns.items() if number < len(column)}
                rows.append(Row(edges[0] if name and number == 0 else None, cells))
        return rows


def find_contrast(diagram: Diagram) -> Contrast | None:
    """Returns the subjects and items of a comparison; None where an edge joins anything else, or an item has no subject.

    Subjects are the topics; where there is none, the nodes that edges only leave.
    """
    targets = {edge.target for edge in diagram.edges}
    subjects = [node for node in diagram.nodes if node.kind == NodeKind.NODE_KIND_TOPIC]
    subjects = subjects or [node for node in diagram.nodes if node.id not in targets]
    names = {node.id for node in subjects}
    items = [node for node in diagram.nodes if node.id not in names]
    owners: dict[str, list[str]] = {node.id: [] for node in items}
    for edge in diagram.edges:
        if edge.source not in names or edge.target not in owners or edge.source in owners[edge.target]:
            return None
        owners[edge.target].append(edge.source)
    if len(subjects) < 2 or not all(owners.values()):
        return None
    return Contrast(subjects, items, {item: tuple(of) for item, of in owners.items()}, list(diagram.edges))
