"""Small steps in routes taken out: a piece moves onto the line of its neighbour where nothing is in the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from s2v.layout.quality import Box, box_of, crosses_box, crossings, overlap
from s2v.layout.routing import XY, simplify
from s2v.v1.composition_pb2 import Point, Route, SceneLayout, Shape, ShapeKind

STEP = 56.0
"""Steps up to this are taken out, in px: a shorter one is hardly more than its two rounded corners."""
CLEARANCE = 14.0
"""A route that changed stays so far from the other shapes and routes, in px."""
SIDE_MARGIN = 22.0
"""An end that moved along the side of a box stays so far from its corners, in px: they are rounded by 16."""
APART = 22.0
"""Ends at the same side of a box stay so far apart, in px: an arrowhead is 18 wide."""


def straighten(picture: SceneLayout) -> None:
    """Takes steps out of the routes of a picture, one by one in order, as long as there is one that can go."""
    for route in picture.routes:
        while (line := next(_improvements(route, picture), None)) is not None:
            del route.points[:]
            route.points.extend(Point(x=x, y=y) for x, y in line)


def _improvements(route: Route, picture: SceneLayout) -> Iterator[list[XY]]:
    """Yields versions of a route with a step less that are as clean as it is."""
    points = [(point.x, point.y) for point in route.points]
    others = [other for other in picture.routes if other is not route]
    shapes = {shape.node_id: shape for shape in picture.shapes}
    for place in range(1, len(points) - 2):
        (x0, y0), (x1, y1) = points[place], points[place + 1]
        if abs(x1 - x0) + abs(y1 - y0) > STEP:
            continue
        axis = 0 if abs(x1 - x0) > abs(y1 - y0) else 1
        for piece, value in ((place - 1, points[place + 1][axis]), (place + 1, points[place][axis])):
            if piece == 0 and not _may_slide(shapes[route.source], value, axis, points[0], others):
                continue
            if piece == len(points) - 2 and not _may_slide(shapes[route.target], value, axis, points[-1], others):
                continue
            line = simplify(_slide(points, piece, value, axis))
            if len(line) < len(points) and _is_clean(line, route, others, picture):
                yield line


def _slide(points: Sequence[XY], piece: int, value: float, axis: int) -> list[XY]:
    """Returns the points with both ends of a piece at `value` on the axis across it."""
    moved = list(points)
    for place in (piece, piece + 1):
        x, y = moved[place]
        moved[place] = (value, y) if axis == 0 else (x, value)
    return moved


def _may_slide(shape: Shape, value: float, axis: int, end: XY, others: Sequence[Route]) -> bool:
    """Tells whether a route may end at `value` along the side of a shape: at a box, away from its corners and other ends."""
    if shape.kind not in {ShapeKind.SHAPE_KIND_ROUNDED_BOX, ShapeKind.SHAPE_KIND_BOX}:
        return False
    low, length = (shape.rect.x, shape.rect.width) if axis == 0 else (shape.rect.y, shape.rect.height)
    if not low + SIDE_MARGIN <= value <= low + length - SIDE_MARGIN:
        return False
    ends = [(point.x, point.y) for other in others for point in (other.points[0], other.points[-1])]
    return not any(abs(each[1 - axis] - end[1 - axis]) < APART and abs(each[axis] - value) < APART for each in ends)


def _is_clean(line: Sequence[XY], route: Route, others: Sequence[Route], picture: SceneLayout) -> bool:
    """Tells whether a new line for a route comes near nothing, and crosses no more routes than the old one."""
    pieces = [(a[0], a[1], b[0], b[1]) for a, b in pairwise(line)]
    for shape in picture.shapes:
        own = shape.node_id in {route.source, route.target}
        box = _grown(box_of(shape.rect), -1.0 if own else CLEARANCE)
        if any(crosses_box(piece, box) for piece in pieces):
            return False
        if any(crosses_box(piece, _grown(box_of(each.text.bounds), 6.0)) for piece in pieces for each in shape.annotations):
            return False
    new = Route(points=[Point(x=x, y=y) for x, y in line])
    if any(_run_together(new, other) and not _run_together(route, other) for other in others):
        return False
    return sum(crossings(new, other) for other in others) <= sum(crossings(route, other) for other in others)


def _run_together(a: Route, b: Route) -> bool:
    """Tells whether two routes have pieces side by side that are too near."""
    return any(
        overlap(_grown(_box(p, q), CLEARANCE / 2), _grown(_box(r, s), CLEARANCE / 2))
        for p, q in pairwise(a.points)
        for r, s in pairwise(b.points)
        if (abs(p.x - q.x) < 0.5) == (abs(r.x - s.x) < 0.5)
    )


def _box(a: Point, b: Point) -> Box:
    return min(a.x, b.x), min(a.y, b.y), max(a.x, b.x), max(a.y, b.y)


def _grown(box: Box, by: float) -> Box:
    return box[0] - by, box[1] - by, box[2] + by, box[3] + by
