"""Where a picture stands on the canvas; one that is larger than the diagram area gets a camera that goes to what is spoken of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from s2v.layout.canvas import Canvas, find_move, shift
from s2v.layout.quality import Box, box_of, extent, flatten
from s2v.v1.composition_pb2 import CameraKeyframe, SceneLayout, Shape

TRAVEL_SECONDS = 0.7
"""The camera moves for so long."""
ARRIVAL_SECONDS = 0.15
"""It arrives so long before the word."""
BORDER = 24.0
"""What is spoken of stays so far from the border of the diagram area where it can, in px."""
SLACK = 28.0
"""A picture that is larger by no more stands still, half of it beyond each side of the diagram area, in px."""


def place(picture: SceneLayout, canvas: Canvas) -> None:
    """Moves a picture into the middle of the diagram area; where it is larger, its start to the start of the area.

    One that takes another's place stands where that stood, as far as it stays within the area.
    """
    area = canvas.area
    left, top, right, bottom = extent(picture)
    spare_x, spare_y = area.width - (right - left), area.height - (bottom - top)
    dx = area.x + (spare_x / 2 if spare_x >= -SLACK else 0.0) - left
    dy = area.y + (spare_y / 2 if spare_y >= -SLACK else 0.0) - top
    if canvas.before.keys() & {shape.node_id for shape in picture.shapes}:
        wanted_x, wanted_y, _ = find_move(picture, canvas.before)
        if spare_x > 0:
            dx = min(max(wanted_x, area.x - left), area.x + spare_x - left)
        if spare_y > 0:
            dy = min(max(wanted_y, area.y - top), area.y + spare_y - top)
    shift(picture, dx, dy)


def follow(picture: SceneLayout, canvas: Canvas, start_seconds: float, end_seconds: float) -> None:
    """Adds the keyframes by which all that is spoken of is seen when it is; none for a picture that lies in the diagram area.

    What a scene shows of a larger picture may be small and still lie outside, to the right or below: `place` starts at the area.
    """
    area = canvas.area
    _, _, right, bottom = extent(picture)
    beyond_x, beyond_y = right - area.x - area.width, bottom - area.y - area.height
    farthest_x = beyond_x if beyond_x > SLACK else 0.0
    farthest_y = beyond_y if beyond_y > SLACK else 0.0
    if max(farthest_x, farthest_y) <= 0:
        return
    reaches = {shape.node_id: _reach(shape) for shape in picture.shapes}
    told = [
        (seconds, shape.node_id, reaches[shape.node_id])
        for shape in picture.shapes
        for seconds in {shape.reveal_seconds, *(span.start_seconds for span in shape.spoken)}
    ]
    # What stands beside an edge is read together with what the edge leads to.
    told += [
        (route.reveal_seconds, route.edge_id, _around(box_of(route.label.bounds), reaches[route.target]))
        for route in picture.routes
        if route.label.lines
    ]
    farthest = (farthest_x, farthest_y)
    moves = list(_move(told, canvas, farthest, start_seconds, end_seconds))
    if not any(each.x or each.y for each in moves):
        # What is out of sight is a line alone: it is shown when it is drawn.
        told += [
            (route.reveal_seconds, route.edge_id, _around(*((x, y, x, y) for x, y in flatten(route))))
            for route in picture.routes
            if route.points
        ]
        moves = list(_move(told, canvas, farthest, start_seconds, end_seconds))
    picture.camera.extend(moves)


def _move(
    told: Sequence[tuple[float, str, Box]],
    canvas: Canvas,
    farthest: tuple[float, float],
    start_seconds: float,
    end_seconds: float,
) -> Iterator[CameraKeyframe]:
    """Yields where the camera goes, given when what is told, and where it stands; `farthest` is how far it may stand off."""
    area = canvas.area
    moments = sorted((max(seconds, start_seconds), name, box) for seconds, name, box in told if seconds < end_seconds)
    x = y = 0.0
    free_at, first = start_seconds, True
    for seconds, _, box in moments:
        wanted_x = _offset(x, (box[0], box[2]), (area.x, area.width), farthest[0])
        wanted_y = _offset(y, (box[1], box[3]), (area.y, area.height), farthest[1])
        if (wanted_x, wanted_y) == (x, y) and not first:
            continue
        begin = start_seconds if first else max(free_at, seconds - ARRIVAL_SECONDS - TRAVEL_SECONDS)
        end = start_seconds if first else begin + TRAVEL_SECONDS
        x, y = wanted_x, wanted_y
        yield CameraKeyframe(start_seconds=begin, end_seconds=end, x=x, y=y)
        free_at, first = end, False


def _reach(shape: Shape) -> Box:
    """Returns the box around a shape and its texts; of a panel, around its title."""
    boxes = [box_of(text.bounds) for text in (*shape.texts, *(each.text for each in shape.annotations))]
    return _around(*boxes, box_of(shape.rect))


def _around(*boxes: Box) -> Box:
    return min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)


def _offset(now: float, seen: tuple[float, float], window: tuple[float, float], farthest: float) -> float:
    """Returns by how much the camera must stand off, along one axis, to see a stretch; where it stands, if it does.

    `seen` are its ends, `window` start and length of the diagram area, all in px.
    """
    (low, high), (start, length) = seen, window
    if low - now >= start and high - now <= start + length:
        return now
    if high - low > length - 2 * BORDER:
        return min(max(low - start, 0.0), farthest)
    # In the middle: what is said next is then likely to be seen as well.
    return min(max((low + high) / 2 - start - length / 2, 0.0), farthest)
