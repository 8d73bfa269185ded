"""Orthogonal routes drawn again with fewer crossings and bends: straight, or with one corner, where nothing is in the way.

ELK's layers let edges leave and come in along the direction of the layers only, so each that changes its row has two corners at
least. Leaving by the side that faces the target takes one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from s2v.layout.quality import BEHIND, Box, Floats, Truths, as_array, box_of
from s2v.layout.routing import START_GAP, TIP_GAP, XY, simplify
from s2v.v1.composition_pb2 import Point, Route, RouteKind, SceneLayout, Shape, ShapeKind

CLEARANCE = 16.0
"""A new line stays so far from other shapes, in px."""
APART = 22.0
"""Lines side by side, and ends at the same side of a shape, stay so far apart, in px: an arrowhead is 18 wide."""
TEXT_CLEARANCE = 6.0
"""From texts, in px."""
SIDE_MARGIN = 22.0
"""An end stays so far from the corners of a box, in px: they are rounded by 16."""
SHORTEST = 46.0
"""Last piece of a line, in px: arrowhead, gap and rounded corner."""
CROSSING_COST = 3
"""What a crossing costs, in bends."""
SHARES = (0.5, 0.3, 0.7, 0.15, 0.85)
"""Places along the side of a box that are tried."""
PASSES = 3
"""Each pass opens ways for the next."""
BOXES = frozenset((ShapeKind.SHAPE_KIND_ROUNDED_BOX, ShapeKind.SHAPE_KIND_BOX, ShapeKind.SHAPE_KIND_BARRED_BOX))


def reroute(picture: SceneLayout) -> None:
    """Gives each orthogonal route without label the best of its simple ways, if that is better than the one it has."""
    field = _Field(picture)
    for _ in range(PASSES):
        changed = False
        for number, route in enumerate(picture.routes):
            if route.source == route.target or route.label.lines or route.kind != RouteKind.ROUTE_KIND_ORTHOGONAL:
                continue
            if len(route.points) > 2 and field.improve(number, route):
                changed = True
        if not changed:
            return


class _Field:
    """All that a new line must keep clear of, as arrays."""

    def __init__(self, picture: SceneLayout) -> None:
        self._shapes = {shape.node_id: shape for shape in picture.shapes}
        solid = [shape for shape in picture.shapes if shape.kind not in BEHIND]
        self._ids = np.array([shape.node_id for shape in solid])
        self._boxes = as_array([box_of(shape.rect) for shape in solid])
        behind = [shape for shape in picture.shapes if shape.kind in BEHIND]
        texts = [each.text for shape in picture.shapes for each in shape.annotations]
        texts += [text for shape in behind for text in shape.texts] + [
            route.label for route in picture.routes if route.label.lines
        ]
        self._texts = _grown(as_array([box_of(text.bounds) for text in texts]), TEXT_CLEARANCE)
        self._panels = as_array([box_of(shape.rect) for shape in behind])
        self._borders = as_array([border for shape in behind for border in _borders(box_of(shape.rect))])
        self._lines = [[(point.x, point.y) for point in route.points] for route in picture.routes]
        self._changes = 0
        """How often a route was drawn again."""
        self._judged: dict[int, int] = {}
        """How often that was when no better way was found for a route: until the next change there is none."""
        self._gather()

    def improve(self, number: int, route: Route) -> bool:
        """Draws a route again if there is a better way; tells whether there was."""
        if self._judged.get(number) == self._changes:
            return False
        self._judged[number] = self._changes
        others = self._owners != number
        segments = self._segments[others]
        line = self._lines[number]
        source, target = self._shapes[route.source], self._shapes[route.target]
        if target.kind in BEHIND or source.kind in BEHIND or self._joins(number):
            return False
        cost = CROSSING_COST * _crossings(_segments(line), segments).sum() + len(line) - 2
        ways = [way for way in (*_ways(source, target, cost), *_slides(line, source, target)) if len(way) - 2 < cost]
        if not ways:
            return False
        # All ways are judged at once: calls of numpy cost more than its sums. Most hit a shape, which is soonest seen.
        ends = (route.source, route.target)
        ways = _keep(ways, self._hits(_gather_pieces(ways), ends), len(ways))
        ways = [way for way, crowded in zip(ways, self._crowds(ways, number), strict=True) if not crowded] if ways else []
        ways = _keep(ways, self._runs_beside(_gather_pieces(ways), segments), len(ways)) if ways else []
        if not ways:
            return False
        costs = CROSSING_COST * np.bincount(_owners(ways), _crossings(_gather_pieces(ways), segments), len(ways))
        costs += [len(way) - 2 for way in ways]
        best = int(np.argmin(costs))
        if costs[best] >= cost:
            return False
        self._lines[number] = ways[best]
        self._changes += 1
        self._gather()
        del route.points[:]
        route.points.extend(Point(x=x, y=y) for x, y in ways[best])
        return True

    def _gather(self) -> None:
        pieces = [(number, (*a, *b)) for number, line in enumerate(self._lines) for a, b in pairwise(line)]
        self._owners = np.array([number for number, _ in pieces], int)
        self._segments = as_array([segment for _, segment in pieces])
        tips = [(number, point) for number, line in enumerate(self._lines) if line for point in (line[0], line[-1])]
        self._tip_owners = np.array([number for number, _ in tips], int)
        self._tips = np.array([point for _, point in tips], float).reshape(-1, 2)

    def _joins(self, number: int) -> bool:
        """Tells whether a route shares its start or its end with another one."""
        line = self._lines[number]
        return any(
            line[0] == other[0] or line[-1] == other[-1] for place, other in enumerate(self._lines) if place != number and other
        )

    def _hits(self, pieces: Floats, ends: tuple[str, str]) -> Truths:
        """Tells for each piece whether it comes too near to a shape, a text or a border of a panel."""
        spans = _spans(pieces)
        # A panel that holds neither end is as solid as a box.
        own = [box_of(self._shapes[end].rect) for end in ends]
        held = np.zeros(len(self._panels), np.bool_)
        for box in own:
            held |= (self._panels[:, :2] <= box[:2]).all(axis=1) & (self._panels[:, 2:] >= box[2:]).all(axis=1)
        near = np.where((self._ids == ends[0]) | (self._ids == ends[1]), 1.0, -CLEARANCE)[:, None] * (1, 1, -1, -1)
        solid = np.concatenate([self._boxes + near, self._texts, self._panels[~held]])
        alike = _upright(pieces)[:, None] == _upright(self._borders)[None]
        beside = _meet(_grown(spans, CLEARANCE), self._borders) & alike
        result: Truths = np.any(np.concatenate([_meet(spans, solid), beside], axis=1), axis=1)
        return result

    def _runs_beside(self, pieces: Floats, segments: Floats) -> Truths:
        """Tells for each piece whether it comes too near to a line beside it."""
        alike = _upright(pieces)[:, None] == _upright(segments)[None]
        result: Truths = (_meet(_grown(_spans(pieces), APART - 0.5), _spans(segments)) & alike).any(axis=1)
        return result

    def _crowds(self, ways: Sequence[Sequence[XY]], number: int) -> Truths:
        """Tells for each way whether an end of it is too near to that of another line."""
        tips = self._tips[self._tip_owners != number]
        mine = np.array([(way[0], way[-1]) for way in ways], float)
        near = np.abs(mine[:, :, None, 0] - tips[None, None, :, 0]) < APART
        near &= np.abs(mine[:, :, None, 1] - tips[None, None, :, 1]) < APART
        result: Truths = near.any(axis=(1, 2))
        return result


def _owners(ways: Sequence[Sequence[XY]]) -> npt.NDArray[np.int_]:
    """Returns for each piece of several lines the number of its line."""
    return np.repeat(np.arange(len(ways)), [len(way) - 1 for way in ways])


def _gather_pieces(ways: Sequence[Sequence[XY]]) -> Floats:
    return as_array([(*start, *end) for way in ways for start, end in pairwise(way)])


def _keep(ways: Sequence[list[XY]], blocked: Truths, count: int) -> list[list[XY]]:
    """Returns the lines of which no piece is blocked."""
    hits = np.bincount(_owners(ways), blocked, count)
    return [way for way, hit in zip(ways, hits, strict=True) if not hit]


def _ways(source: Shape, target: Shape, cost: float) -> Iterator[list[XY]]:
    """Yields lines from outline to outline with their gaps kept: straight ones, and with one corner where `cost` is above 1."""
    a, b = box_of(source.rect), box_of(target.rect)
    for axis in (0, 1):
        across = 1 - axis
        forward = b[axis] - a[axis + 2] > 0
        if not forward and a[axis] - b[axis + 2] <= 0:
            continue
        start, end = (a[axis + 2] + START_GAP, b[axis] - TIP_GAP) if forward else (a[axis] - START_GAP, b[axis + 2] + TIP_GAP)
        if abs(end - start) >= SHORTEST:
            for place in _shared(source, target, across):
                yield [_point(start, place, axis), _point(end, place, axis)]
    if cost <= 1:
        return
    for axis in (0, 1):
        # It leaves along `axis` and comes in across it.
        for x in _places(target, axis):
            for y in _places(source, 1 - axis):
                leave = a[axis + 2] + START_GAP if x > a[axis + 2] else a[axis] - START_GAP if x < a[axis] else None
                come = b[3 - axis] + TIP_GAP if y > b[3 - axis] else b[1 - axis] - TIP_GAP if y < b[1 - axis] else None
                if leave is None or come is None or abs(x - leave) < SHORTEST / 2 or abs(y - come) < SHORTEST:
                    continue
                yield [_point(leave, y, axis), _point(x, y, axis), _point(x, come, axis)]


def _slides(line: Sequence[XY], source: Shape, target: Shape) -> Iterator[list[XY]]:
    """Yields a line without one of its steps: a piece beside the step moves onto the line of the other one."""
    for place in range(1, len(line) - 2):
        (x0, y0), (x1, y1) = line[place], line[place + 1]
        axis = 0 if abs(x1 - x0) > abs(y1 - y0) else 1
        for piece, value in ((place - 1, line[place + 1][axis]), (place + 1, line[place][axis])):
            if piece == 0 and not _may_end(source, axis, value):
                continue
            if piece == len(line) - 2 and not _may_end(target, axis, value):
                continue
            moved = list(line)
            for point in (piece, piece + 1):
                moved[point] = (value, moved[point][1]) if axis == 0 else (moved[point][0], value)
            slid = simplify(moved)
            if 1 < len(slid) < len(line) and _keeps_its_ends(line, slid):
                yield slid


def _may_end(shape: Shape, axis: int, value: float) -> bool:
    low, high = _range(shape, axis)
    return low <= value <= high


def _keeps_its_ends(line: Sequence[XY], slid: Sequence[XY]) -> bool:
    """Tells whether a line still leaves and comes in the same way, with room for its arrowhead."""
    pairs = ((line[0], line[1], slid[0], slid[1]), (line[-1], line[-2], slid[-1], slid[-2]))
    for old_end, old_next, end, following in pairs:
        along = (old_next[0] - old_end[0]) * (following[0] - end[0]) + (old_next[1] - old_end[1]) * (following[1] - end[1])
        if along <= 0:
            return False
    return abs(slid[-1][0] - slid[-2][0]) + abs(slid[-1][1] - slid[-2][1]) >= SHORTEST / 2


def _shared(source: Shape, target: Shape, axis: int) -> list[float]:
    """Returns the places at which both shapes may be met along an axis, the middles first."""
    ranges = [_range(shape, axis) for shape in (source, target)]
    low, high = max(each[0] for each in ranges), min(each[1] for each in ranges)
    if low > high:
        return []
    wanted = [sum(ranges[1]) / 2, sum(ranges[0]) / 2, (low + high) / 2, low, high]
    return list(dict.fromkeys(place for place in wanted if low <= place <= high))


def _places(shape: Shape, axis: int) -> list[float]:
    low, high = _range(shape, axis)
    return [low + (high - low) * share for share in SHARES] if high - low > 1.0 else [(low + high) / 2]


def _range(shape: Shape, axis: int) -> tuple[float, float]:
    """Returns from where to where the sides across an axis may be met: of anything but a box, in the middle only."""
    box = box_of(shape.rect)
    middle = (box[axis] + box[axis + 2]) / 2
    if shape.kind not in BOXES or box[axis + 2] - box[axis] < 2 * SIDE_MARGIN:
        return middle, middle
    return box[axis] + SIDE_MARGIN, box[axis + 2] - SIDE_MARGIN


def _point(along: float, across: float, axis: int) -> XY:
    return (along, across) if axis == 0 else (across, along)


def _segments(line: Sequence[XY]) -> Floats:
    return as_array([(*start, *end) for start, end in pairwise(line)])


def _spans(segments: Floats) -> Floats:
    """Returns the boxes around segments."""
    return np.concatenate([np.minimum(segments[:, :2], segments[:, 2:]), np.maximum(segments[:, :2], segments[:, 2:])], axis=1)


def _grown(boxes: Floats, by: float) -> Floats:
    grown: Floats = boxes + np.array([-by, -by, by, by])
    return grown


def _meet(a: Floats, b: Floats) -> Truths:
    """Returns which boxes meet; shape (len(a), len(b))."""
    result: Truths = (a[:, None, 0] <= b[None, :, 2]) & (a[:, None, 2] >= b[None, :, 0])
    result &= (a[:, None, 1] <= b[None, :, 3]) & (a[:, None, 3] >= b[None, :, 1])
    return result


def _upright(segments: Floats) -> Truths:
    result: Truths = np.abs(segments[:, 0] - segments[:, 2]) < 0.01
    return result


def _crossings(pieces: Floats, segments: Floats) -> Floats:
    """Counts for each piece its crossings with segments that stand across it; shape (len(pieces),)."""
    a, b = _spans(pieces)[:, None], _spans(segments)[None]
    level = pieces[:, None, 1] == pieces[:, None, 3]
    other_level = np.abs(segments[None, :, 1] - segments[None, :, 3]) < 0.01
    inside = (a[..., 0] < b[..., 0]) & (b[..., 0] < a[..., 2]) & (b[..., 1] < a[..., 1]) & (a[..., 1] < b[..., 3])
    around = (b[..., 0] < a[..., 0]) & (a[..., 0] < b[..., 2]) & (a[..., 1] < b[..., 1]) & (b[..., 1] < a[..., 3])
    result: Floats = ((level & ~other_level & inside) | (~level & other_level & around)).sum(axis=1).astype(float)
    return result


def _borders(box: Box) -> Iterator[Box]:
    left, top, right, bottom = box
    yield left, top, left, bottom
    yield right, top, right, bottom
    yield left, top, right, top
    yield left, bottom, right, bottom
