"""How well a picture came out, counted on the finished geometry."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise

import numpy as np
import numpy.typing as npt

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
Floats = npt.NDArray[np.float64]
"""Boxes or segments, shape (number, 4)."""
Truths = npt.NDArray[np.bool_]


def measure(scene: SceneLayout, canvas: Canvas) -> None:
    """Fills in the counts and sizes of `scene.quality`. The title, outside of the diagram area, is added afterwards."""
    quality = scene.quality
    quality.shape_overlaps = _overlaps(scene.shapes)
    lines = [segments(route) for route in scene.routes]
    owners = np.repeat(np.arange(len(lines)), [len(line) for line in lines])
    pieces = as_array([segment for line in lines for segment in line])
    quality.routes_through_shapes = _routes_through(scene, pieces, owners)
    quality.label_hits = _label_hits(scene, pieces, owners)
    quality.crossings = _crossings(pieces, owners)
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


def as_array(rows: Sequence[Box]) -> Floats:
    """Returns boxes or segments as an array, shape (number, 4)."""
    return np.array(rows, float).reshape(-1, 4)


def crossing_boxes(pieces: Floats, boxes: Floats) -> Truths:
    """Tells which segments have more than their end inside which boxes, shape (segments, boxes) (Liang and Barsky, 1984)."""
    first, last = np.zeros((len(pieces), len(boxes))), np.ones((len(pieces), len(boxes)))
    beside = np.zeros(first.shape, np.bool_)
    for axis in (0, 1):
        start = pieces[:, axis, None]
        direction = pieces[:, axis + 2, None] - start
        low, high = boxes[None, :, axis] - start, boxes[None, :, axis + 2] - start
        level = np.abs(direction) < 1e-9
        beside |= level & ((low > 0) | (high < 0))
        divisor = np.where(level, 1.0, direction)
        one, other = low / divisor, high / divisor
        np.maximum(first, np.minimum(one, other), out=first, where=~level)
        np.minimum(last, np.maximum(one, other), out=last, where=~level)
    result: Truths = (first < last) & ~beside
    return result


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


def _crossings(pieces: Floats, owners: npt.NDArray[np.int_]) -> int:
    """Counts the points where two routes cross; `owners` says whose each segment is."""
    (x0, y0, x1, y1), step = pieces.T[:, :, None], pieces[:, None, 2:] - pieces[:, None, :2]

    def sides(x: Floats, y: Floats) -> Floats:
        """On which side of each segment each point is, shape (segments, points)."""
        return np.asarray(step[..., 0] * (y.T - y0) - step[..., 1] * (x.T - x0))

    parted = sides(x0, y0) * sides(x1, y1) < -1e-6
    return int((parted & parted.T & (owners[:, None] < owners[None])).sum())


def _overlaps(shapes: Sequence[Shape]) -> int:
    """Counts pairs that share an area; a panel may hold others whole, a set anything."""
    boxes = as_array([box_of(shape.rect) for shape in shapes])
    shared = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:]) - np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    count = 0
    for one, other in zip(*np.nonzero(np.triu((shared > TOLERANCE).all(axis=2), 1)), strict=True):
        a, b = shapes[one], shapes[other]
        if ShapeKind.SHAPE_KIND_CIRCLE in {a.kind, b.kind}:
            continue
        count += not any(
            outer.kind in BEHIND and _holds(box_of(outer.rect), box_of(inner.rect)) for outer, inner in ((a, b), (b, a))
        )
    return count


def _holds(outer: Box, inner: Box) -> bool:
    return (
        outer[0] - TOLERANCE <= inner[0]
        and outer[1] - TOLERANCE <= inner[1]
        and outer[2] + TOLERANCE >= inner[2]
        and outer[3] + TOLERANCE >= inner[3]
    )


def _routes_through(scene: SceneLayout, pieces: Floats, owners: npt.NDArray[np.int_]) -> int:
    """Counts the pairs of a route and a shape that it runs through."""
    boxes = as_array([_grown(box_of(shape.rect), -TOLERANCE) for shape in scene.shapes])
    crossing, crossed = np.nonzero(crossing_boxes(pieces, boxes))
    met = set(zip(owners[crossing].tolist(), crossed.tolist(), strict=True))
    return sum(not _is_allowed(scene.routes[route], scene.shapes[shape], scene.shapes) for route, shape in met)


def _is_allowed(route: Route, shape: Shape, shapes: Sequence[Shape]) -> bool:
    """Tells whether a route may run through a shape."""
    if shape.kind == ShapeKind.SHAPE_KIND_CIRCLE:
        return True
    # At a pill the line ends inside the rectangle, beside the half circle; at all others even the route's own ends are no excuse.
    own = (route.source, route.target)
    if shape.node_id in own and shape.kind == ShapeKind.SHAPE_KIND_PILL:
        return True
    # A panel is in the way of routes that have no end in it.
    return shape.kind in BEHIND and any(_holds(box_of(shape.rect), box_of(end.rect)) for end in shapes if end.node_id in own)


def _label_hits(scene: SceneLayout, pieces: Floats, owners: npt.NDArray[np.int_]) -> int:
    """Counts the free texts that touch a shape, another free text, a route or a line of the picture."""
    free = _free_texts(scene)
    shapes = [box_of(shape.rect) for shape in scene.shapes if shape.kind not in {ShapeKind.SHAPE_KIND_TEXT, *BEHIND}]
    rules = [(getattr(rule, "from").x, getattr(rule, "from").y, rule.to.x, rule.to.y) for rule in scene.rules]
    count = sum(overlap(a, b) for a, b in combinations(free, 2))
    count += sum(overlap(box, shape) for box in free for shape in shapes)
    near = as_array([_grown(box, BORDER - TOLERANCE) for box in free])
    places, texts = np.nonzero(crossing_boxes(pieces, near))
    count += len(set(zip(owners[places].tolist(), texts.tolist(), strict=True)))
    return count + int(crossing_boxes(as_array(rules), near).sum())


def _free_texts(scene: SceneLayout) -> list[Box]:
    """Returns the boxes of all texts that stand outside of an outline."""
    boxes = [box_of(block.bounds) for shape in scene.shapes for block in shape.texts if _is_outside(shape)]
    boxes += [box_of(annotation.text.bounds) for shape in scene.shapes for annotation in shape.annotations]
    boxes += [box_of(route.label.bounds) for route in scene.routes if route.label.lines]
    return boxes


def _is_outside(shape: Shape) -> bool:
    return shape.kind in {ShapeKind.SHAPE_KIND_DOT, ShapeKind.SHAPE_KIND_TEXT, *BEHIND}


def _grown(box: Box, by: float) -> Box:
    return box[0] - by, box[1] - by, box[2] + by, box[3] + by
