"""Diagrams that go on over several scenes: laid out once, whole, so that every node keeps its place."""

from __future__ import annotations

from collections.abc import Sequence

from s2v.layout.validation import MAX_EDGES, MAX_GROUPS, node_limit
from s2v.runtime.links import find_links
from s2v.v1.composition_pb2 import SceneLayout, Shape
from s2v.v1.diagram_pb2 import DatePrecision, Diagram, Node, Quantity
from s2v.v1.storyboard_pb2 import Scene

SHARED = 0.5
"""Part of the nodes that scenes of one picture have in common, at least."""


def find_threads(scenes: Sequence[Scene]) -> list[list[Scene]]:
    """Returns the scenes by the diagram that they show parts of, in the order of their first scene."""
    threads: list[list[Scene]] = []
    by_scene: dict[str, list[Scene]] = {}
    for scene in scenes:
        thread = by_scene.get(scene.continues_scene_id)
        if (
            thread is None
            or thread[0].diagram.type != scene.diagram.type
            or not (_overlap(thread, scene) and _agree(thread, scene) and _fit(thread, scene))
        ):
            thread = []
            threads.append(thread)
        thread.append(scene)
        by_scene[scene.id] = thread
    return threads


def unite(thread: Sequence[Scene]) -> Scene:
    """Returns a scene with all that the scenes of a thread show; times are those of the last."""
    whole = Scene()
    whole.CopyFrom(thread[-1])
    whole.diagram.CopyFrom(Diagram(type=thread[0].diagram.type))
    nodes = {node.id: node for scene in reversed(thread) for node in scene.diagram.nodes}
    edges = {link: edge for scene in reversed(thread) for link, edge in find_links(scene.diagram).items()}
    groups = {group.id: group for scene in reversed(thread) for group in scene.diagram.groups}
    whole.diagram.nodes.extend(sorted(nodes.values(), key=lambda node: node.reveal_seconds))
    whole.diagram.edges.extend(sorted(edges.values(), key=lambda edge: edge.reveal_seconds))
    whole.diagram.groups.extend(sorted(groups.values(), key=lambda group: group.reveal_seconds))
    told = {node.id: node.quantity for scene in reversed(thread) for node in scene.diagram.nodes if node.quantity.label}
    for node in whole.diagram.nodes:
        if node.id in told:
            node.quantity.CopyFrom(told[node.id])
    return whole


def cut_out(picture: SceneLayout, whole: Scene, scene: Scene) -> SceneLayout:
    """Returns what one scene shows of the picture of `whole`, with its own times and the ids of its own edges."""
    diagram = scene.diagram
    reveals = {node.id: node.reveal_seconds for node in diagram.nodes}
    reveals.update({group.id: group.reveal_seconds for group in diagram.groups})
    quantities = {node.id: node.quantity for node in diagram.nodes}
    part = SceneLayout()
    part.CopyFrom(picture)
    del part.shapes[:], part.routes[:], part.rules[:]
    for shape in picture.shapes:
        if shape.node_id in reveals:
            kept = part.shapes.add()
            kept.CopyFrom(shape)
            kept.reveal_seconds = reveals[shape.node_id]
            _cut_quantity(kept, quantities.get(shape.node_id), scene)
    own = find_links(scene.diagram)
    edges = {edge.id: own[link] for link, edge in find_links(whole.diagram).items() if link in own}
    for route in picture.routes:
        if route.edge_id in edges:
            edge = edges[route.edge_id]
            part.routes.add().CopyFrom(route)
            part.routes[-1].edge_id, part.routes[-1].reveal_seconds = edge.id, edge.reveal_seconds
    part.rules.extend(rule for rule in picture.rules if not rule.node_id or rule.node_id in reveals)
    return part


def _cut_quantity(shape: Shape, quantity: Quantity | None, scene: Scene) -> None:
    """Gives a quantity its time in a scene; one that only a later scene tells is not shown before."""
    if quantity is None:
        return
    if not quantity.label and any(each.reveal_seconds >= scene.end_seconds for each in shape.annotations):
        del shape.annotations[:]
    for annotation in shape.annotations:
        annotation.reveal_seconds = quantity.reveal_seconds


def _overlap(thread: Sequence[Scene], scene: Scene) -> bool:
    """Tells whether a scene shows again at least half of what it or the scenes before it show.

    One that goes on with other nodes has a picture of its own: in a common one half of the canvas would stay empty.
    """
    before = {node.id for each in thread for node in each.diagram.nodes}
    now = {node.id for node in scene.diagram.nodes}
    return len(before & now) >= SHARED * min(len(before), len(now))


def _fit(thread: Sequence[Scene], scene: Scene) -> bool:
    """Tells whether the picture of a thread and one more scene holds no more than that of a scene may."""
    scenes = [*thread, scene]
    nodes = {node.id for each in scenes for node in each.diagram.nodes}
    links = {link for each in scenes for link in find_links(each.diagram)}
    groups = {group.id for each in scenes for group in each.diagram.groups}
    return len(nodes) <= node_limit(scene.diagram.type) and len(links) <= MAX_EDGES and len(groups) <= MAX_GROUPS


def _agree(thread: Sequence[Scene], scene: Scene) -> bool:
    """Tells whether what a scene shares with those before it looks, connects and is measured and dated the same."""
    nodes = {node.id: node for each in reversed(thread) for node in each.diagram.nodes}
    told = {node.id: node.quantity.label for each in thread for node in each.diagram.nodes if node.quantity.label}
    edges = {edge.id: (link, edge.label) for each in thread for link, edge in find_links(each.diagram).items()}
    return all(
        _look_alike(nodes[node.id], node)
        and (not node.quantity.label or told.get(node.id, node.quantity.label) == node.quantity.label)
        for node in scene.diagram.nodes
        if node.id in nodes
    ) and all(edges.get(edge.id, (link, edge.label)) == (link, edge.label) for link, edge in find_links(scene.diagram).items())


def _look_alike(first: Node, later: Node) -> bool:
    """Tells whether a node is drawn as it was first. A date that comes later would stand there too early."""
    if (first.kind, first.label, first.group_id, first.level) != (later.kind, later.label, later.group_id, later.level):
        return False
    return not later.HasField("date") or _date(first) == _date(later)


def _date(node: Node) -> tuple[str, float, float]:
    """Returns what is drawn of a date. Ranks say nothing beyond their scene, in which they are counted."""
    date = node.date
    is_rank = date.precision <= DatePrecision.DATE_PRECISION_ORDINAL
    return (date.label, 0.0, 0.0) if is_rank else (date.label, date.start_year, date.end_year)
