"""Scenes cut and joined by a user. Nothing that was drawn is lost: each node and edge is in one of the scenes, or in both."""

from __future__ import annotations

from collections.abc import Sequence

from s2v.runtime.links import find_links
from s2v.runtime.pictures import MismatchError, become_phrase, find_scene, name
from s2v.v1.diagram_pb2 import Diagram, DiagramType, Node
from s2v.v1.storyboard_pb2 import Scene, Storyboard

NONE = DiagramType.DIAGRAM_TYPE_NONE


def split(board: Storyboard, scene_id: str, word: int, starts: Sequence[float], suffix: str) -> None:
    """Makes two of a scene; the second begins with word number `word` and is called `<scene_id>-<suffix>`.

    The first keeps what is revealed before that; the second shows the rest, and the nodes that the rest is connected to. A key
    phrase stays in both, but for the part in which it is not spoken where a title can stand for it.
    `starts` are the starts of the transcript's words, in seconds.
    Errors: MismatchError.
    """
    first = find_scene(board, scene_id)
    at = starts[word]
    if not first.start_seconds < at < first.end_seconds:
        raise MismatchError(f"scene {scene_id} does not go on at {at:.2f} s")
    second = Scene()
    second.CopyFrom(first)
    second.id = f"{scene_id}-{suffix}"
    second.continues_scene_id = scene_id
    first.end_seconds = second.start_seconds = at
    first.words.end = second.words.begin = word
    if first.diagram.type == NONE:
        spoken_later = any(node.reveal_seconds >= at for node in first.diagram.nodes)
        _repeat_phrase(first if spoken_later else second)
    else:
        late_edges = {edge.id for edge in first.diagram.edges if edge.reveal_seconds >= at}
        late = {node.id for node in first.diagram.nodes if node.reveal_seconds >= at}
        early = {node.id for node in first.diagram.nodes} - late
        shown = late | {end for edge in first.diagram.edges if edge.id in late_edges for end in (edge.source, edge.target)}
        _keep(first, early, {edge.id for edge in first.diagram.edges} - late_edges)
        _keep(second, shown, late_edges)
    place = next(number for number, scene in enumerate(board.scenes) if scene.id == scene_id)
    board.scenes.insert(place + 1, second)


def merge(board: Storyboard, scene_id: str, next_scene_id: str) -> None:
    """Makes one of a scene and the one after it; it shows what both show. Of two key phrases the first stays.

    Errors: MismatchError, also when the two are of different types.
    """
    first = find_scene(board, scene_id)
    place = next(number for number, scene in enumerate(board.scenes) if scene.id == scene_id)
    second = board.scenes[place + 1] if place + 1 < len(board.scenes) else None
    if second is None or second.id != next_scene_id:
        raise MismatchError(f"scene {next_scene_id or '(none)'} does not follow scene {scene_id}")
    one, other = first.diagram, second.diagram
    if NONE not in {one.type, other.type} and one.type != other.type:
        raise MismatchError(
            f"scene {scene_id} is a {name(one.type)} and scene {second.id} a {name(other.type)}; give both the same type first"
        )
    if one.type == NONE and other.type != NONE:
        one.CopyFrom(other)
    elif other.type != NONE:
        _unite(one, other)
    if not first.title:
        first.title = second.title
        first.title_evidence.CopyFrom(second.title_evidence)
    first.end_seconds, first.words.end = second.end_seconds, second.words.end
    gone = second.id
    del board.scenes[place + 1]
    for scene in board.scenes:
        if scene.continues_scene_id == gone:
            scene.continues_scene_id = scene_id


def _repeat_phrase(scene: Scene) -> None:
    """Shows the title, else the key phrase, from the start of a part in which the phrase is not spoken."""
    if scene.title:
        del scene.diagram.nodes[:]
        become_phrase(scene)
    for node in scene.diagram.nodes:
        node.reveal_seconds = scene.start_seconds


def _keep(scene: Scene, nodes: set[str], edges: set[str]) -> None:
    """Leaves some nodes and edges in a scene, and the groups of those nodes."""
    diagram, kept = scene.diagram, Diagram()
    kept.CopyFrom(diagram)
    groups = {node.group_id for node in diagram.nodes if node.id in nodes}
    del kept.nodes[:], kept.edges[:], kept.groups[:]
    kept.nodes.extend(node for node in diagram.nodes if node.id in nodes)
    kept.edges.extend(edge for edge in diagram.edges if edge.id in edges)
    kept.groups.extend(group for group in diagram.groups if group.id in groups)
    diagram.CopyFrom(kept)
    if not nodes:
        become_phrase(scene)


def _unite(diagram: Diagram, other: Diagram) -> None:
    """Adds what another diagram shows; what both tell is there once, from where it is first told."""
    groups = {group.id for group in diagram.groups}
    diagram.groups.extend(group for group in other.groups if group.id not in groups)
    nodes = {node.id: node for node in diagram.nodes}
    for node in other.nodes:
        if node.id in nodes:
            _complete(nodes[node.id], node)
        else:
            diagram.nodes.append(node)
    edges = find_links(diagram)
    for link, edge in find_links(other).items():
        if link in edges:
            edges[link].reveal_seconds = min(edges[link].reveal_seconds, edge.reveal_seconds)
        else:
            diagram.edges.append(edge)
    diagram.confidence = min(diagram.confidence, other.confidence)


def _complete(node: Node, other: Node) -> None:
    """Gives a node what it is said to have elsewhere."""
    node.reveal_seconds = min(node.reveal_seconds, other.reveal_seconds)
    if not node.quantity.label and other.quantity.label:
        node.quantity.CopyFrom(other.quantity)
    if not node.HasField("date") and other.HasField("date"):
        node.date.CopyFrom(other.date)
