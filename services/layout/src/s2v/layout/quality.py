"""How well a picture came out, counted on the finished geometry."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise

from s2v.layout.canvas import DIAGRAM, picture_texts
from s2v.v1.composition_pb2 import LayoutQuality, Rect, Route, SceneLayout, Shape, ShapeKind

TOLERANCE = 1.0
"""Two things touch when they share more than this, in px."""
BORDER = 3.0
"""Half the line of an outline and half of a route."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""
Segment = tuple[float, float, float, float]
"""x and y of the start, x and y of the end."""


def measure(scene: SceneLayout) -> None:
    """Fills in the counts and sizes of `scene.quality`. The title, outside of the diagram area, is added afterwards."""
    quality = scene.quality
    boxes = [box_of(shape.rect) for shape in scene.shapes]
    quality.shape_overlaps = sum(overlap(a, b) for a, b in combinations(boxes, 2))
    quality.routes_through_shapes = sum(_runs_through(route, scene.shapes) for route in scene.routes)
    quality.label_hits = _label_hits(scene)
    quality.crossings = sum(crossings(a, b) for a, b in combinations(scene.routes, 2))
    quality.bends = sum(max(len(route.points) - 2, 0) for route in scene.routes)
    quality.min_text_px = min((block.size_px for block in picture_texts(scene)), default=0.0)
    left, top, right, bottom = extent(scene)
    quality.area_used = (right - left) * (bottom - top) / (DIAGRAM.width * DIAGRAM.height)


def faults(quality: LayoutQuality) -> int:
    """Returns the number of things that must not be in a picture."""
    return quality.shape_overlaps + quality.routes_through_shapes + quality.label_hits


def extent(scene: SceneLayout) -> Box:
    """Returns the box around a picture; (0, 0, 0, 0) for an empty one."""
    boxes = [box_of(shape.rect) for shape in scene.shapes]
    boxes += [box_of(block.bounds) for block in picture_texts(scene)]
    boxes += [(point.x, point.y, point.x, point.y) for route in scene.routes for point in route.points]
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
    """Returns the straight pieces of a route."""
    return [(a.x, a.y, b.x, b.y) for a, b in pairwise(route.points)]


def crossings(a: Route, b: Route) -> int:
    """Counts the points where two routes cross."""
    return sum(_cross(one, other) for one in segments(a) for other in segments(b))


def _runs_through(route: Route, shapes: Sequence[Shape]) -> int:
    # At a pill the line ends inside the rectangle, beside the half circle; at all others even the route's own ends are no excuse.
    own = (route.source, route.target)
    count = 0
    for shape in shapes:
        if shape.node_id in own and shape.kind == ShapeKind.SHAPE_KIND_PILL:
            continue
        box = _grown(box_of(shape.rect), -TOLERANCE)
        count += any(crosses_box(segment, box) for segment in segments(route))
    return count


def _label_hits(scene: SceneLayout) -> int:
    """Counts the free texts that touch a shape, another free text, a route or a line of the picture."""
    free = _free_texts(scene)
    shapes = [box_of(shape.rect) for shape in scene.shapes if shape.kind != ShapeKind.SHAPE_KIND_TEXT]
    lines = [(route.edge_id, segment) for route in scene.routes for segment in segments(route)]
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
    return shape.kind in {ShapeKind.SHAPE_KIND_DOT, ShapeKind.SHAPE_KIND_TEXT}


def _cross(a: Segment, b: Segment) -> bool:
    def side(segment: Segment, x: float, y: float) -> float:
        return (segment[2] - segment[0]) * (y - segment[1]) - (segment[3] - segment[1]) * (x - segment[0])

    apart = side(a, b[0], b[1]) * side(a, b[2], b[3])
    return apart < -1e-6 and side(b, a[0], a[1]) * side(b, a[2], a[3]) < -1e-6


def _grown(box: Box, by: float) -> Box:
    return box[0] - by, box[1] - by, box[2] + by, box[3] + by
