"""Stages that come back to the start: a ring read clockwise from the top."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import hypot, pi

from s2v.layout.accents import IN_TURN
from s2v.layout.canvas import Canvas
from s2v.layout.chart import route_edge, set_label
from s2v.layout.fitting import choose_picture
from s2v.layout.labelling import place_labels
from s2v.layout.network import draw_as_network
from s2v.layout.outline import QUANTITY_DROP, Measure, outline_node
from s2v.layout.quality import Box, box_of
from s2v.layout.ring import Ring
from s2v.layout.routing import START_GAP, TIP_GAP, XY
from s2v.v1.composition_pb2 import RouteKind, SceneLayout, Shape
from s2v.v1.diagram_pb2 import Diagram
from s2v.v1.storyboard_pb2 import Scene

ENGINE = "geometry.ring"
MEASURES = (Measure(34.0, 9.0, 3), Measure(30.0, 9.0, 3), Measure(30.0, 7.0, 3), Measure(27.0, 7.0, 4), Measure(24.0, 7.0, 4))
"""Sizes of labels that are tried, the largest first."""
RATIOS = (1.0, 1.35, 1.75, 2.3)
"""Width to height of the rings that are tried: the rounder reads better as a ring."""
SHORTEST_ARROW = 52.0
"""In px: head and a piece of line that shows the way."""


def compose_cycle(scene: Scene, canvas: Canvas) -> SceneLayout:
    """Returns the picture of a scene's cycle; what has no ring through all its nodes is drawn as a network."""
    order = find_ring(scene.diagram)
    if order is None:
        return draw_as_network(scene, canvas, "its stages do not close a ring")
    drawers = [partial(_draw, scene.diagram, order, ratio, canvas) for ratio in _ratios(canvas)]
    return choose_picture(drawers, MEASURES, canvas, scene.diagram.nodes) or draw_as_network(
        scene, canvas, "its ring leaves no room for its arrows"
    )


def _ratios(canvas: Canvas) -> Sequence[float]:
    return RATIOS if canvas.is_wide else (1.0,) if canvas.width == canvas.height else (1.0, 1 / 1.35, 1 / 1.75)


def find_ring(diagram: Diagram) -> list[str] | None:
    """Returns the nodes in the order of a ring through all of them, from the first that is spoken of; None where there is none.

    Of several ways on from a node the one to the node spoken of next is taken.
    """
    order = [node.id for node in diagram.nodes]
    if len(order) < 2:
        return None
    following: dict[str, list[str]] = {node_id: [] for node_id in order}
    for edge in diagram.edges:
        if edge.source != edge.target:
            following[edge.source].append(edge.target)
    if all(order[(n + 1) % len(order)] in following[node_id] for n, node_id in enumerate(order)):
        return order
    ring = [order[0]]
    while len(ring) < len(order):
        ahead = [node_id for node_id in following[ring[-1]] if node_id not in ring]
        if not ahead:
            return None
        ring.append(min(ahead, key=order.index))
    return ring if order[0] in following[ring[-1]] else None


def _draw(diagram: Diagram, order: Sequence[str], ratio: float, canvas: Canvas, measure: Measure) -> SceneLayout | None:
    """Returns the ring that fills the diagram area; None where an arrow or a label has no room."""
    nodes = {node.id: node for node in diagram.nodes}
    outlines = [outline_node(nodes[node_id], measure) for node_id in order]
    half_width = max(outline.width for outline in outlines) / 2
    half_height = max(
        outline.height / 2 + (outline.quantity.height + QUANTITY_DROP if outline.quantity.lines else 0) for outline in outlines
    )
    # Half the line of an outline, so that nothing sticks out.
    ry = (canvas.area.height - outlines[0].height / 2 - half_height) / 2 - 2
    rx = (canvas.area.width - 2 * half_width) / 2 - 2
    ring = Ring(min(rx, ry * ratio), min(ry, rx / ratio))
    if min(ring.rx, ring.ry) <= 0:
        return None
    angles = ring.split(len(order))
    shapes: dict[str, Shape] = {}
    for number, (outline, angle) in enumerate(zip(outlines, angles, strict=True)):
        x, y = ring.at(angle)
        accent = IN_TURN[number % len(IN_TURN)]
        shapes[outline.node.id] = outline.placed(x - outline.width / 2, y - outline.height / 2, accent, "below")
    picture = SceneLayout()
    picture.shapes.extend(shapes[node.id] for node in diagram.nodes)
    place = {node_id: number for number, node_id in enumerate(order)}
    drawn: set[int] = set()
    for edge in diagram.edges:
        start = place[edge.source]
        on_ring = place[edge.target] == (start + 1) % len(order) and start not in drawn
        if on_ring:
            drawn.add(start)
            line = _arc(ring, [*angles, 2 * pi], start, shapes[edge.source], shapes[edge.target])
        else:
            line = _chord(shapes[edge.source], shapes[edge.target])
        if line is None:
            return None
        kind = RouteKind.ROUTE_KIND_CURVED if on_ring else RouteKind.ROUTE_KIND_STRAIGHT
        picture.routes.append(route_edge(edge, line, kind))
    picture.quality.engine = ENGINE
    return picture if place_labels(picture, [set_label(edge) for edge in diagram.edges]) else None


def _arc(ring: Ring, angles: Sequence[float], start: int, source: Shape, target: Shape) -> list[XY] | None:
    ends = ring.between(angles[start], angles[start + 1], _around(source, START_GAP), _around(target, TIP_GAP))
    if ends is None:
        return None
    (x0, y0), (x1, y1) = ring.at(ends[0]), ring.at(ends[1])
    return ring.arc(*ends) if hypot(x1 - x0, y1 - y0) >= SHORTEST_ARROW else None


def _chord(source: Shape, target: Shape) -> list[XY] | None:
    """Returns the straight way between two shapes across the ring; None where it is too short, or they are the same."""
    (ax, ay), (bx, by) = _middle(source), _middle(target)
    if source.node_id == target.node_id:
        return None
    start, end = _leave((ax, ay), (bx, by), _around(source, START_GAP)), _leave((bx, by), (ax, ay), _around(target, TIP_GAP))
    forward = (end[0] - start[0]) * (bx - ax) + (end[1] - start[1]) * (by - ay)
    return [start, end] if forward > 0 and hypot(end[0] - start[0], end[1] - start[1]) >= SHORTEST_ARROW else None


def _leave(start: XY, end: XY, box: Box) -> XY:
    """Returns where the line from the middle of a box to `end` leaves it."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    shares = [(box[2] - box[0]) / 2 / abs(dx)] if dx else []
    shares += [(box[3] - box[1]) / 2 / abs(dy)] if dy else []
    share = min(shares)
    return start[0] + dx * share, start[1] + dy * share


def _middle(shape: Shape) -> XY:
    return shape.rect.x + shape.rect.width / 2, shape.rect.y + shape.rect.height / 2


def _around(shape: Shape, gap: float) -> Box:
    left, top, right, bottom = box_of(shape.rect)
    return left - gap, top - gap, right + gap, bottom + gap
