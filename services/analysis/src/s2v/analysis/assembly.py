"""Nodes and edges put together as the content of a scene: their order, kinds and levels follow from the type and the edges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from s2v.analysis.content import Content, EdgeDraft, NodeDraft
from s2v.v1.diagram_pb2 import DiagramType, EdgeKind, NodeKind

TREES = (DiagramType.DIAGRAM_TYPE_HIERARCHY, DiagramType.DIAGRAM_TYPE_MINDMAP, DiagramType.DIAGRAM_TYPE_COMPARISON)
PARTS = {
    DiagramType.DIAGRAM_TYPE_FLOWCHART: (NodeKind.NODE_KIND_STEP, EdgeKind.EDGE_KIND_SEQUENCE),
    DiagramType.DIAGRAM_TYPE_HIERARCHY: (NodeKind.NODE_KIND_ITEM, EdgeKind.EDGE_KIND_PART),
    DiagramType.DIAGRAM_TYPE_TIMELINE: (NodeKind.NODE_KIND_EVENT, EdgeKind.EDGE_KIND_SEQUENCE),
    DiagramType.DIAGRAM_TYPE_CYCLE: (NodeKind.NODE_KIND_STEP, EdgeKind.EDGE_KIND_SEQUENCE),
    DiagramType.DIAGRAM_TYPE_MINDMAP: (NodeKind.NODE_KIND_ITEM, EdgeKind.EDGE_KIND_PART),
    DiagramType.DIAGRAM_TYPE_COMPARISON: (NodeKind.NODE_KIND_ITEM, EdgeKind.EDGE_KIND_PART),
    DiagramType.DIAGRAM_TYPE_NETWORK: (NodeKind.NODE_KIND_COMPONENT, EdgeKind.EDGE_KIND_RELATION),
    DiagramType.DIAGRAM_TYPE_CAUSE_EFFECT: (NodeKind.NODE_KIND_EFFECT, EdgeKind.EDGE_KIND_CAUSE),
}
"""What nodes and edges of a type are, unless their place in it says otherwise."""


def fits_tree(edges: Iterable[tuple[int, int]], source: int, target: int) -> bool:
    """Returns whether another edge leaves edges (source, target) a tree: none leads to its target, and it closes no ring."""
    parents = {child: parent for parent, child in edges}
    return target not in parents and target not in lineage(source, parents) and source != target


def assemble(kind: DiagramType.ValueType, nodes: Sequence[NodeDraft], edges: Sequence[EdgeDraft]) -> Content:
    """Returns the content: nodes in the order of speech, with the kinds and levels that their places give them."""
    order = sorted(range(len(nodes)), key=lambda place: nodes[place].label.words)
    rank = {place: number for number, place in enumerate(order)}
    ranked = tuple(replace(edge, source=rank[edge.source], target=rank[edge.target]) for edge in edges)
    parents = {edge.target: edge.source for edge in ranked}
    causes = {edge.source for edge in ranked} - set(parents)
    made = []
    for number, place in enumerate(order):
        node = nodes[place]
        if kind in TREES:
            level = len(lineage(number, parents))
            node = replace(node, level=level, kind=NodeKind.NODE_KIND_TOPIC if level == 0 else node.kind)
        elif kind == DiagramType.DIAGRAM_TYPE_CAUSE_EFFECT and number in causes:
            node = replace(node, kind=NodeKind.NODE_KIND_CAUSE)
        made.append(node)
    return Content(kind, tuple(made), ranked)


def lineage(place: int, parents: dict[int, int]) -> list[int]:
    """Returns the parent of a node of a tree, its parent, and so on."""
    line = []
    while place in parents:
        place = parents[place]
        line.append(place)
    return line
