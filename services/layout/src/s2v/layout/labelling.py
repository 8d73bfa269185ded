"""Labels of edges beside their routes, where the picture has room for them already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import hypot

from s2v.layout.paragraph import Paragraph
from s2v.layout.quality import BEHIND, Box, Floats, as_array, box_of, crossing_boxes, flatten, overlap, segments
from s2v.v1.composition_pb2 import Route, RouteKind, SceneLayout

CLEARANCE = 10.0
"""Between a label and its own route, in px."""
DISTANCE = 12.0
"""Between a label and anything else, in px."""
END_CLEARANCE = 34.0
"""Free at the end of a horizontal piece with the arrowhead, in px."""
SHARES = (0.5, 0.35, 0.65, 0.2, 0.8)
"""Places along a piece that are tried, as a share of the free length."""


def place_labels(picture: SceneLayout, labels: Sequence[Paragraph]) -> bool:
    """Sets each route's label at the first free place beside it; tells whether there was one for each.

    `labels` go with `picture.routes`. The first pieces of a route are tried first: there a branch is told from its sisters.
    """
    taken = [box_of(shape.rect) for shape in picture.shapes if shape.kind not in BEHIND]
    taken += [box_of(text.bounds) for shape in picture.shapes if shape.kind in BEHIND for text in shape.texts]
    taken += [border for shape in picture.shapes if shape.kind in BEHIND for border in _borders(box_of(shape.rect))]
    taken += [box_of(annotation.text.bounds) for shape in picture.shapes for annotation in shape.annotations]
    lines = as_array([segment for route in picture.routes for segment in segments(route)])
    for route, label in zip(picture.routes, labels, strict=True):
        if not label.lines:
            continue
        box = next((box for box in _places(route, label) if _is_free(box, taken, lines)), None)
        if box is None:
            return False
        route.label.CopyFrom(label.below((box[0] + box[2]) / 2, box[1]))
        taken.append(box)
    return True


def _borders(box: Box) -> Iterator[Box]:
    left, top, right, bottom = box
    yield left - 1, top, left + 1, bottom
    yield right - 1, top, right + 1, bottom
    yield left, top - 1, right, top + 1
    yield left, bottom - 1, right, bottom + 1


def _places(route: Route, label: Paragraph) -> Iterator[Box]:
    """Yields places above and below the horizontal pieces that are long enough, then beside the vertical ones."""
    width, height = label.width, label.height
    if route.kind != RouteKind.ROUTE_KIND_ORTHOGONAL:
        yield from _slanted_places(route, width, height)
        return
    pieces = list(pairwise(route.points))
    for number, (start, end) in enumerate(pieces):
        if abs(start.y - end.y) > 0.5:
            continue
        left, right = min(start.x, end.x), max(start.x, end.x)
        if number == len(pieces) - 1:
            left, right = (left, right - END_CLEARANCE) if end.x > start.x else (left + END_CLEARANCE, right)
        if right - left < width:
            continue
        for top in (start.y - CLEARANCE - height, start.y + CLEARANCE):
            for share in SHARES:
                x = left + (right - left - width) * share
                yield x, top, x + width, top + height
    for start, end in pieces:
        if abs(start.x - end.x) > 0.5 or abs(start.y - end.y) < height:
            continue
        top = min(start.y, end.y)
        for left in (start.x + CLEARANCE, start.x - CLEARANCE - width):
            for share in SHARES:
                y = top + (abs(start.y - end.y) - height) * share
                yield left, y, left + width, y + height


def _slanted_places(route: Route, width: float, height: float) -> Iterator[Box]:
    """Yields places at both sides of a curve or a slanted line, from its middle on."""
    line = flatten(route)
    if len(line) == 2:
        (x0, y0), (x1, y1) = line
        line = [(x0 + (x1 - x0) * n / 10, y0 + (y1 - y0) * n / 10) for n in range(11)]
    for share in SHARES:
        place = min(max(round(share * (len(line) - 1)), 1), len(line) - 2)
        (ax, ay), (x, y), (bx, by) = line[place - 1 : place + 2]
        length = hypot(bx - ax, by - ay) or 1.0
        normal = (by - ay) / length, -(bx - ax) / length
        for side in (1, -1):
            dx, dy = normal[0] * side, normal[1] * side
            for more in (0.0, 10.0, 24.0):
                # As far out as the label's box reaches towards the line.
                reach = abs(dx) * width / 2 + abs(dy) * height / 2 + CLEARANCE + more
                yield (
                    x + dx * reach - width / 2,
                    y + dy * reach - height / 2,
                    x + dx * reach + width / 2,
                    y + dy * reach + height / 2,
                )


def _is_free(box: Box, taken: Sequence[Box], lines: Floats) -> bool:
    wide = (box[0] - DISTANCE, box[1] - DISTANCE, box[2] + DISTANCE, box[3] + DISTANCE)
    if any(overlap(wide, other) for other in taken):
        return False
    near = (box[0] - CLEARANCE + 1, box[1] - CLEARANCE + 1, box[2] + CLEARANCE - 1, box[3] + CLEARANCE - 1)
    return not crossing_boxes(lines, as_array([near])).any()
