"""Diagrams that go on over several scenes: laid out once, whole, so that every node keeps its place."""

from __future__ import annotations

from collections.abc import Sequence

from s2v.v1.composition_pb2 import SceneLayout
from s2v.v1.diagram_pb2 import Diagram
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
            or not (_overlap(thread, scene) and _agree(thread, scene))
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
    edges = {edge.id: edge for scene in reversed(thread) for edge in scene.diagram.edges}
    groups = {group.id: group for scene in reversed(thread) for group in scene.diagram.groups}
    whole.diagram.nodes.extend(sorted(nodes.values(), key=lambda node: node.reveal_seconds))
    whole.diagram.edges.extend(sorted(edges.values(), key=lambda edge: edge.reveal_seconds))
    whole.diagram.groups.extend(sorted(groups.values(), key=lambda group: group.reveal_seconds))
    return whole


def cut_out(picture: SceneLayout, scene: Scene) -> SceneLayout:
    """Returns what one scene shows of the whole picture, with its own times."""
    diagram = scene.diagram
    reveals = {node.id: node.reveal_seconds for node in diagram.nodes}
    reveals.update({edge.id: edge.reveal_seconds for edge in diagram.edges})
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
            for annotation in kept.annotations:
                annotation.reveal_seconds = quantities[shape.node_id].reveal_seconds
    for route in picture.routes:
        if route.edge_id in reveals:
            part.routes.add().CopyFrom(route)
            part.routes[-1].reveal_seconds = reveals[route.edge_id]
    part.rules.extend(rule for rule in picture.rules if not rule.node_id or rule.node_id in reveals)
    return part


def _overlap(thread: Sequence[Scene], scene: Scene) -> bool:
    """Tells whether a scene shows again at least half of what it or the scenes before it show.

    One that goes on with other nodes has a picture of its own: in a common one half of the canvas would stay empty.
    """
    before = {node.id for each in thread for node in each.diagram.nodes}
    now = {node.id for node in scene.diagram.nodes}
    return len(before & now) >= SHARED * min(len(before), len(now))


def _agree(thread: Sequence[Scene], scene: Scene) -> bool:
    """Tells whether what a scene shares with those before it looks and connects the same."""
    nodes = {node.id: (node.kind, node.label, node.group_id, node.level) for each in thread for node in each.diagram.nodes}
    edges = {edge.id: (edge.source, edge.target, edge.label) for each in thread for edge in each.diagram.edges}
    return all(
        nodes.get(node.id, own) == own
        for node in scene.diagram.nodes
        for own in [(node.kind, node.label, node.group_id, node.level)]
    ) and all(edges.get(edge.id, own) == own for edge in scene.diagram.edges for own in [(edge.source, edge.target, edge.label)])
