"""What goes on from one scene to the next: it stays where it is, or goes to its new place, and never vanishes in between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from s2v.rendering.camera import Camera
from s2v.rendering.elements import Key, Kind, find_panels, name_rules
from s2v.v1.composition_pb2 import Point, Route, Rule, SceneLayout, TextBlock

if TYPE_CHECKING:
    from s2v.rendering.choreography import Score

SAME_PLACE = 0.01
"""Pixels by which what stays may be off, for rounding."""
SEEN = 0.5
"""How far a thing must be there at a scene's end, to stay."""


def shape_kinds(scene: SceneLayout) -> Mapping[str, Kind]:
    """Returns for each node whether it is drawn as a panel or as a shape."""
    panels = find_panels(scene)
    return {shape.node_id: Kind.PANEL if shape.node_id in panels else Kind.SHAPE for shape in scene.shapes}


def find_carried(scene: SceneLayout, previous: SceneLayout, before: Score) -> frozenset[str]:
    """Returns the ids of the nodes of `scene` that stand in `previous` at its end, drawn with the same kind of outline.

    `before` are the cues of `previous`.
    """
    kinds, old_kinds = shape_kinds(scene), shape_kinds(previous)
    old = {shape.node_id: shape for shape in previous.shapes}
    return frozenset(
        shape.node_id
        for shape in scene.shapes
        if shape.node_id in old
        and old[shape.node_id].kind == shape.kind
        and kinds[shape.node_id] == old_kinds[shape.node_id]
        and _is_seen(Key(kinds[shape.node_id], shape.node_id), before, scene.start_seconds)
    )


def find_lasting(scene: SceneLayout, previous: SceneLayout, carried: frozenset[str], before: Score) -> dict[Key, Key]:
    """Returns what is seen at the start of `scene` where `previous` shows it, each with its key there.

    Rules, edges with their labels, and quantities, which belong to no node or to `carried` ones. `before` are the cues of
    `previous`.
    """
    start = scene.start_seconds
    now, then = _see(scene, start), _see(previous, start)
    return {
        **_find_rules(now, then, carried),
        **_find_routes(now, then, carried, before),
        **_find_notes(now, then, carried, before),
    }


def _find_rules(now: SceneLayout, then: SceneLayout, carried: frozenset[str]) -> dict[Key, Key]:
    old = list(name_rules(then))
    return {
        key: before
        for key, rule in name_rules(now)
        if not rule.node_id or rule.node_id in carried
        for before, other in old
        if _is_same_rule(rule, other)
    }


def _find_routes(now: SceneLayout, then: SceneLayout, carried: frozenset[str], before: Score) -> dict[Key, Key]:
    """Edges are known by what they look like: their ids are counted anew in each scene."""
    old = [route for route in then.routes if _is_seen(Key(Kind.ROUTE, route.edge_id), before, now.start_seconds)]
    return {
        Key(kind, route.edge_id): Key(kind, other.edge_id)
        for route in now.routes
        if {route.source, route.target} <= carried
        for other in old
        if _is_same_route(route, other)
        for kind in (Kind.ROUTE, Kind.LABEL)
    }


def _find_notes(now: SceneLayout, then: SceneLayout, carried: frozenset[str], before: Score) -> dict[Key, Key]:
    old = dict(_name_notes(then))
    return {
        key: key
        for key, text in _name_notes(now)
        if key.id.rpartition("/")[0] in carried
        and key in old
        and _is_same_text(text, old[key])
        and _is_seen(key, before, now.start_seconds)
    }


def _name_notes(scene: SceneLayout) -> Iterator[tuple[Key, TextBlock]]:
    for shape in scene.shapes:
        for number, annotation in enumerate(shape.annotations):
            yield Key(Kind.ANNOTATION, f"{shape.node_id}/{number}"), annotation.text


def _is_seen(key: Key, before: Score, seconds: float) -> bool:
    pose = before.pose(key, seconds)
    return min(pose.opacity, pose.drawn) > SEEN


def _see(scene: SceneLayout, seconds: float) -> SceneLayout:
    """Returns a scene with its rules, edges and quantities where the camera shows them at a moment."""
    x, y = Camera(scene).at(seconds)
    seen = SceneLayout()
    seen.CopyFrom(scene)
    points = [point for route in seen.routes for point in route.points]
    for key, rule in name_rules(seen):
        if key.kind == Kind.RULE:
            points += [getattr(rule, "from"), rule.to]
    for point in points:
        point.x, point.y = point.x - x, point.y - y
    for text in (*(route.label for route in seen.routes), *(text for _, text in _name_notes(seen))):
        for line in text.lines:
            line.x, line.baseline_y = line.x - x, line.baseline_y - y
    return seen


def _is_same_rule(rule: Rule, other: Rule) -> bool:
    (start, end), (first, last) = ((getattr(each, "from"), each.to) for each in (rule, other))
    looks, others = ((each.width_px, each.color, each.round_caps, each.node_id) for each in (rule, other))
    return looks == others and _is_same_place(start, first) and _is_same_place(end, last)


def _is_same_route(route: Route, other: Route) -> bool:
    looks, others = (
        (each.source, each.target, each.kind, each.arrowhead, each.color, len(each.points)) for each in (route, other)
    )
    return (
        looks == others
        and _is_same_text(route.label, other.label)
        and all(_is_same_place(one, two) for one, two in zip(route.points, other.points, strict=True))
    )


def _is_same_text(text: TextBlock, other: TextBlock) -> bool:
    looks, others = (([line.text for line in each.lines], each.size_px, each.weight, each.color) for each in (text, other))
    return looks == others and all(
        max(abs(one.x - two.x), abs(one.baseline_y - two.baseline_y)) < SAME_PLACE
        for one, two in zip(text.lines, other.lines, strict=True)
    )


def _is_same_place(point: Point, other: Point) -> bool:
    return max(abs(point.x - other.x), abs(point.y - other.y)) < SAME_PLACE
