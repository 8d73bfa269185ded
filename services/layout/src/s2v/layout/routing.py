"""Routes as rendering draws them: simplified, and kept clear of the outlines at both ends."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot, sqrt

from s2v.v1.composition_pb2 import Shape, ShapeKind

START_GAP = 8.0
"""Between the outline of the source and the line's start, in px."""
TIP_GAP = 9.0
"""Between the arrowhead's tip and the outline of the target, in px."""

XY = tuple[float, float]


def trim(points: Sequence[XY], source: Shape, target: Shape) -> list[XY]:
    """Returns a route from outline to outline as one that keeps its gaps; the outlines of pills are followed."""
    line = simplify(points)
    line[0] = _move(line[0], line[1], START_GAP - _depth(line[0], source))
    line[-1] = _move(line[-1], line[-2], TIP_GAP - _depth(line[-1], target))
    return line


def simplify(points: Sequence[XY]) -> list[XY]:
    """Drops points that are doubled or lie on the straight way between their neighbours."""
    line: list[XY] = []
    for point in points:
        if line and hypot(point[0] - line[-1][0], point[1] - line[-1][1]) < 0.01:
            continue
        if len(line) >= 2:
            (x0, y0), (x1, y1) = line[-2], line[-1]
            straight = abs((x1 - x0) * (point[1] - y0) - (y1 - y0) * (point[0] - x0)) < 0.01
            if straight and (x1 - x0) * (point[0] - x1) + (y1 - y0) * (point[1] - y1) >= 0:
                line[-1] = point
                continue
        line.append(point)
    return line


def _move(end: XY, inner: XY, distance: float) -> XY:
    """Moves the end of a line towards `inner`, never past the middle of the segment."""
    length = hypot(inner[0] - end[0], inner[1] - end[1])
    share = min(distance / length, 0.5)
    return end[0] + (inner[0] - end[0]) * share, end[1] + (inner[1] - end[1]) * share


def _depth(point: XY, shape: Shape) -> float:
    """Returns how far behind the rectangle's side, seen from `point` on it, the outline lies."""
    if shape.kind != ShapeKind.SHAPE_KIND_PILL:
        return 0.0
    rect = shape.rect
    radius = rect.height / 2
    beside = abs(point[1] - (rect.y + radius))
    at_end = min(abs(point[0] - rect.x), abs(point[0] - rect.x - rect.width)) < 0.5
    if at_end:
        return radius - sqrt(max(radius**2 - beside**2, 0.0))
    # Above or below: only the half circles lie behind the rectangle's side.
    over = max(rect.x + radius - point[0], point[0] - (rect.x + rect.width - radius), 0.0)
    return radius - sqrt(max(radius**2 - over**2, 0.0))
