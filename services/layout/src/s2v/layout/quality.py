"""How well a picture came out, counted on the finished geometry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise

from s2v.layout.canvas import Canvas, picture_texts
from s2v.v1.composition_pb2 import LayoutQuality, Rect, Route, RouteKind, SceneLayout, Shape, ShapeKind

TOLERANCE = 1.0
"""Two things touch when they share more than this, in px."""
PIECES = 12
"""Straight pieces that stand for one Bézier curve."""
BEHIND = frozenset((ShapeKind.SHAPE_KIND_PANEL, ShapeKind.SHAPE_KIND_CIRCLE))
"""Shapes that others may stand on."""
BORDER = 3.0
"""Half the line of an outline and half of a route."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""
Segment = tuple[float, float, float, float]
"""x and y of the start, x and y of the end."""


def measure(scene: SceneLayout, canvas: Canvas) -> None:
    """Fills in the counts and sizes of `scene.quality`. The title, outside of the diagram area, is added afterwards."""
    quality = scene.quality
    quality.shape_overlaps = _overlaps(scene.shapes)
    pieces = {route.edge_id: segments(route) for route in scene.routes}
    quality.routes_through_shapes = sum(_runs_through(route, pieces[route.edge_id], scene.shapes) for route in scene.routes)
    quality.label_hits = _label_hits(scene, pieces)
    quality.crossings = sum(_crossings(a, b) for a, b in combinations(pieces.values(), 2))
    quality.bends = sum(max(len(route.points) - 2, 0) for route in scene.routes if route.kind != RouteKind.ROUTE_KIND_CURVED)
    quality.min_text_px = min((block.size_px for block in picture_texts(scene)), default=0.0)
    left, top, right, bottom = extent(scene)
    quality.area_used = (right - left) * (bottom - top) / (canvas.area.width * canvas.area.height)


def faults(quality: LayoutQuality) -> int:
    """Returns the number of things that must not be in a picture."""
    return quality.shape_overlaps + quality.routes_through_shapes + quality.label_hits


def extent(scene: SceneLayout) -> Box:
    """Returns the box around a picture; (0, 0, 0, 0) for an empty one."""
    boxes = [box_of(shape.rect) for shape in scene.shapes]
    boxes += [box_of(block.bounds) for block in picture_texts(scene)]
    boxes += [(x, y, x, y) for route in scene.routes for x, y in flatten(route)]
    for rule in scene.rules:
        start, end = getattr(rule, "from"), rule.to
        boxes.append((min(start.x, end.x), min(start.y, end.y), max(start.x, end.x), max(start.y, end.y)))
    if not boxes:
        return 0.0, 0.0, 0.0, 0.0
    return min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)


def overlap(a: Box, b: Box) -> bool:
    """Tells whether two boxes share an area."""
    return min(a[2], b[2]) - max(a[0], b[0]) > TOLERANCE and min(a[3], b[3]) - max(a[1], b[1]) > TOLERANCE


def box_of(rect: Rect) -> Box:
    """Returns a rectangle by its corners."""
    return rect.x, rect.y, rect.x + rect.width, rect.y + rect.height


def crosses_box(segment: Segment, box: Box) -> bool:
    """Tells whether a segment has more than its end inside a box (Liang and Barsky, 1984)."""
    x0, y0, x1, y1 = segment
    first, last = 0.0, 1.0
    for direction, low, high in ((x1 - x0, box[0] - x0, box[2] - x0), (y1 - y0, box[1] - y0, box[3] - y0)):
        if abs(direction) < 1e-9:
            if low > 0 or high < 0:
                return False
            continue
        near, far = sorted((low / direction, high / direction))
        first, last = max(first, near), min(last, far)
    return first < last


def segments(route: Route) -> list[Segment]:
    """Returns the straight pieces of a route; of a curve, chords."""
    return [(*a, *b) for a, b in pairwise(flatten(route))]


def flatten(route: Route) -> list[tuple[float, float]]:
    """Returns the points of a route; of a curve, points along it."""
    points = [(point.x, point.y) for point in route.points]
    if route.kind != RouteKind.ROUTE_KIND_CURVED:
        return points
    line = points[:1]
    for start in range(0, len(points) - 3, 3):
        (ax, ay), (bx, by), (cx, cy), (dx, dy) = points[start : start + 4]
        for number in range(1, PIECES + 1):
            t = number / PIECES
            a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
            line.append((a * ax + b * bx + c * cx + d * dx, a * ay + b * by + c * cy + d * dy))
    return line


def crossings(a: Route, b: Route) -> int:
    """Counts the points where two routes cross."""
    return _crossings(segments(a), segments(b))


def _crossings(a: Sequence[Segment], b: Sequence[Segment]) -> int:
    return sum(_cross(one, other) for one in a for other in b)


def _overlaps(shapes: Sequence[Shape]) -> int:
    """Counts pairs that share an area; a panel may hold others whole, a set anything."""
    count = 0
    for a, b in combinations(shapes, 2):
        one, other = box_of(a.rect), box_of(b.rect)
        if ShapeKind.SHAPE_KIND_CIRCLE in {a.kind, b.kind} or not overlap(one, other):
            continue
        held = (a.kind in BEHIND and _holds(one, other)) or (b.kind in BEHIND and _holds(other, one))
        count += not held
    return count


def _holds(outer: Box, inner: Box) -> bool:
    return (
        outer[0] - TOLERANCE <= inner[0]
        and outer[1] - TOLERANCE <= inner[1]
        and outer[2] + TOLERANCE >= inner[2]
        and outer[3] + TOLERANCE >= inner[3]
    )


def _runs_through(route: Route, pieces: Sequence[Segment], shapes: Sequence[Shape]) -> int:
    # At a pill the line ends inside the rectangle, beside the half circle; at all others even the route's own ends are no excuse.
    own = (route.source, route.target)
    ends = [box_of(shape.rect) for shape in shapes if shape.node_id in own]
    count = 0
    for shape in shapes:
        # A panel is in the way of routes that have no end in it.
        if shape.kind in BEHIND and any(_holds(box_of(shape.rect), end) for end in ends):
            continue
        if shape.kind == ShapeKind.SHAPE_KIND_CIRCLE or (shape.node_id in own and shape.kind == ShapeKind.SHAPE_KIND_PILL):
            continue
        box = _grown(box_of(shape.rect), -TOLERANCE)
        count += any(crosses_box(segment, box) for segment in pieces)
    return count


def _label_hits(scene: SceneLayout, pieces: Mapping[str, Sequence[Segment]]) -> int:
    """Counts the free texts that touch a shape, another free text, a route or a line of the picture."""
    free = _free_texts(scene)
    shapes = [box_of(shape.rect) for shape in scene.shapes if shape.kind not in {ShapeKind.SHAPE_KIND_TEXT, *BEHIND}]
    lines = [(edge_id, segment) for edge_id, line in pieces.items() for segment in line]
    lines += [(f"rule {n}", (getattr(r, "from").x, getattr(r, "from").y, r.to.x, r.to.y)) for n, r in enumerate(scene.rules)]
    count = sum(overlap(a, b) for a, b in combinations(free, 2))
    for box in free:
        count += sum(overlap(box, shape) for shape in shapes)
        count += len({name for name, segment in lines if crosses_box(segment, _grown(box, BORDER - TOLERANCE))})
    return count


def _free_texts(scene: SceneLayout) -> list[Box]:
    """Returns the boxes of all texts that stand outside of an outline."""
    boxes = [box_of(block.bounds) for shape in scene.shapes for block in shape.texts if _is_outside(shape)]
    boxes += [box_of(annotation.text.bounds) for shape in scene.shapes for annotation in shape.annotations]
    boxes += [box_of(route.label.bounds) for route in scene.routes if route.label.lines]
    return boxes


def _is_outside(shape: Shape) -> bool:
    return shape.kind in {ShapeKind.SHAPE_KIND_DOT, ShapeKind.SHAPE_KIND_TEXT, *BEHIND}


def _cross(a: Segment, b: Segment) -> bool:
    def side(segment: Segment, x: float, y: float) -> float:
        return (segment[2] - segment[0]) * (y - segment[1]) - (segment[3] - segment[1]) * (x - segment[0])

    apart = side(a, b[0], b[1]) * side(a, b[2], b[3])
    return apart < -1e-6 and side(b, a[0], a[1]) * side(b, a[2], a[3]) < -1e-6


def _grown(box: Box, by: float) -> Box:
    return box[0] - by, box[1] - by, box[2] + by, box[3] + by
