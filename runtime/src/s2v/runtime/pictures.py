"""Another picture of the same nodes: what changes with a diagram's type when a user chooses it."""

from __future__ import annotations

from collections.abc import Mapping

from s2v.v1.diagram_pb2 import Diagram, DiagramType, EdgeKind, Node, NodeKind, RankedType
from s2v.v1.storyboard_pb2 import Scene, Storyboard

_NODES: Mapping[DiagramType.ValueType, NodeKind.ValueType] = {
    DiagramType.DIAGRAM_TYPE_FLOWCHART: NodeKind.NODE_KIND_STEP,
    DiagramType.DIAGRAM_TYPE_HIERARCHY: NodeKind.NODE_KIND_ITEM,
    DiagramType.DIAGRAM_TYPE_TIMELINE: NodeKind.NODE_KIND_EVENT,
    DiagramType.DIAGRAM_TYPE_CYCLE: NodeKind.NODE_KIND_STEP,
    DiagramType.DIAGRAM_TYPE_MINDMAP: NodeKind.NODE_KIND_ITEM,
    DiagramType.DIAGRAM_TYPE_COMPARISON: NodeKind.NODE_KIND_ITEM,
    DiagramType.DIAGRAM_TYPE_NETWORK: NodeKind.NODE_KIND_COMPONENT,
    DiagramType.DIAGRAM_TYPE_CAUSE_EFFECT: NodeKind.NODE_KIND_CAUSE,
}
_EDGES: Mapping[DiagramType.ValueType, EdgeKind.ValueType] = {
    DiagramType.DIAGRAM_TYPE_FLOWCHART: EdgeKind.EDGE_KIND_SEQUENCE,
    DiagramType.DIAGRAM_TYPE_HIERARCHY: EdgeKind.EDGE_KIND_PART,
    DiagramType.DIAGRAM_TYPE_TIMELINE: EdgeKind.EDGE_KIND_SEQUENCE,
    DiagramType.DIAGRAM_TYPE_CYCLE: EdgeKind.EDGE_KIND_SEQUENCE,
    DiagramType.DIAGRAM_TYPE_MINDMAP: EdgeKind.EDGE_KIND_PART,
    DiagramType.DIAGRAM_TYPE_COMPARISON: EdgeKind.EDGE_KIND_RELATION,
    DiagramType.DIAGRAM_TYPE_NETWORK: EdgeKind.EDGE_KIND_RELATION,
    DiagramType.DIAGRAM_TYPE_CAUSE_EFFECT: EdgeKind.EDGE_KIND_CAUSE,
}
_TREES = frozenset({DiagramType.DIAGRAM_TYPE_HIERARCHY, DiagramType.DIAGRAM_TYPE_MINDMAP})
DRAWN = frozenset({*_NODES, DiagramType.DIAGRAM_TYPE_NONE})
"""Types that a user may choose."""


class MismatchError(Exception):
    """A patch does not match what is there; says why."""


def find_scene(board: Storyboard, scene_id: str) -> Scene:
    """Returns a scene.

    Errors: MismatchError.
    """
    scene = next((scene for scene in board.scenes if scene.id == scene_id), None)
    if scene is None:
        raise MismatchError(f"there is no scene {scene_id}")
    return scene


def change_type(scene: Scene, kind: DiagramType.ValueType, was: DiagramType.ValueType) -> None:
    """Draws the nodes and edges of a scene as another type. Nothing is added; of a key phrase one node stays.

    Errors: MismatchError when the type was another, or there is nothing to draw.
    """
    diagram = scene.diagram
    if diagram.type != was:
        raise MismatchError(f"scene {scene.id} is a {name(diagram.type)} now, not a {name(was)}")
    if kind == diagram.type:
        return
    if was == DiagramType.DIAGRAM_TYPE_NONE:
        raise MismatchError(f"scene {scene.id} is a key phrase: it has no nodes of which a {name(kind)} could be drawn")
    if kind == DiagramType.DIAGRAM_TYPE_NONE:
        become_phrase(scene)
        return
    others = [RankedType(type=was, confidence=diagram.confidence), *(one for one in diagram.alternatives if one.type != kind)]
    del diagram.alternatives[:]
    diagram.alternatives.extend(sorted(others, key=lambda one: -one.confidence))
    diagram.type, diagram.confidence, diagram.undrawn_type = kind, 1.0, DiagramType.DIAGRAM_TYPE_UNSPECIFIED
    for edge in diagram.edges:
        edge.kind = _EDGES[kind]
    levels = _find_levels(diagram)
    sources = {edge.source for edge in diagram.edges}
    for node in diagram.nodes:
        node.kind = _NODES[kind]
        node.level = levels[node.id] if kind in _TREES else 0
        if kind in _TREES and node.id in sources and not node.level:
            node.kind = NodeKind.NODE_KIND_TOPIC
        elif kind == DiagramType.DIAGRAM_TYPE_CAUSE_EFFECT and node.id not in sources:
            node.kind = NodeKind.NODE_KIND_EFFECT


def become_phrase(scene: Scene) -> None:
    """Leaves of a scene's diagram a key phrase: its title, else its first node, if it has either."""
    diagram = scene.diagram
    first = diagram.nodes[0] if diagram.nodes else None
    phrase = Node(id=first.id if first is not None else f"{scene.id}n01", kind=NodeKind.NODE_KIND_PHRASE)
    if scene.title:
        phrase.phrase = phrase.label = scene.title
        phrase.evidence.CopyFrom(scene.title_evidence)
        phrase.reveal_seconds = scene.start_seconds
    elif first is not None:
        phrase.phrase, phrase.label = first.phrase, first.label
        phrase.evidence.CopyFrom(first.evidence)
        phrase.reveal_seconds = max(first.reveal_seconds, scene.start_seconds)
    diagram.CopyFrom(Diagram(type=DiagramType.DIAGRAM_TYPE_NONE, confidence=1.0))
    if phrase.label:
        diagram.nodes.append(phrase)


def name(kind: DiagramType.ValueType) -> str:
    """Returns a type as people call it."""
    known = DiagramType.Name(kind).removeprefix("DIAGRAM_TYPE_").lower().replace("_", "-")
    return "key phrase" if kind == DiagramType.DIAGRAM_TYPE_NONE else known


def _find_levels(diagram: Diagram) -> dict[str, int]:
    """Returns how deep each node is below those that no edge leads to; those on a cycle alone are at 0."""
    below: dict[str, list[str]] = {}
    for edge in diagram.edges:
        below.setdefault(edge.source, []).append(edge.target)
    targets = {edge.target for edge in diagram.edges}
    levels = {node.id: 0 for node in diagram.nodes if node.id not in targets}
    front = list(levels)
    while front:
        reached = [child for node in front for child in below.get(node, ()) if child not in levels]
        for node in front:
            for child in below.get(node, ()):
                levels.setdefault(child, levels[node] + 1)
        front = reached
    return {node.id: levels.get(node.id, 0) for node in diagram.nodes}
