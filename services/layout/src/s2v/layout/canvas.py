"""The canvases and their regions. Layout works on a shorter side of 1080 px; the size that is asked for is made at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import hypot

from s2v.v1.composition_pb2 import Composition, Point, Rect, SceneLayout, TextBlock

SHORTER_SIDE = 1080.0
"""Of each canvas that layout works on, in pixels; its unit is called px in all of layout."""
HEIGHTS = (720, 1080, 2160)
"""Shorter sides that a video may have, in pixels."""
DEFAULT_HEIGHT = 1080
WORK = 2400
"""Layouts that a search tries at most, times the nodes and edges of the graph: about two seconds. Not a time, so that the same
graph always gets the same picture."""


@dataclass(frozen=True)
class Canvas:
    """What a scene is laid out on, in px."""

    aspect: str
    """Width to height, as a job asks for it."""
    width: float
    height: float
    margin: float
    """Free at the left and at the right."""
    top: float
    """Where the diagram area starts, below the title."""
    bottom: float
    """Where it ends, above what stays free for players' controls and captions."""
    before: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Where nodes stood, by their ids, in a picture that the new one takes the place of: their centres."""

    work: int = WORK
    """Budget of the search for a picture on it."""

    @property
    def area(self) -> Rect:
        """Where a diagram stands."""
        return Rect(x=self.margin, y=self.top, width=self.width - 2 * self.margin, height=self.bottom - self.top)

    @property
    def is_wide(self) -> bool:
        """Whether there is more room beside a thing than below it."""
        return self.width > self.height


WIDE = Canvas("16:9", 1920.0, 1080.0, margin=80.0, top=168.0, bottom=950.0)
TALL = Canvas("9:16", 1080.0, 1920.0, margin=60.0, top=230.0, bottom=1640.0)
"""Telephones lay their controls over the lowest part."""
SQUARE = Canvas("1:1", 1080.0, 1080.0, margin=60.0, top=210.0, bottom=960.0)
CANVASES: Mapping[str, Canvas] = {each.aspect: each for each in (WIDE, TALL, SQUARE)}


def shift(scene: SceneLayout, dx: float, dy: float) -> None:
    """Moves the picture (not the title) of a scene."""
    for rect in _rects(scene):
        rect.x += dx
        rect.y += dy
    for point in _points(scene):
        point.x += dx
        point.y += dy
    for block in picture_texts(scene):
        for line in block.lines:
            line.x += dx
            line.baseline_y += dy


def find_places(scene: SceneLayout, factor: float) -> dict[str, tuple[float, float]]:
    """Returns the centres of a scene's shapes by the ids of their nodes, multiplied by `factor`."""
    return {
        shape.node_id: ((shape.rect.x + shape.rect.width / 2) * factor, (shape.rect.y + shape.rect.height / 2) * factor)
        for shape in scene.shapes
    }


def find_move(picture: SceneLayout, before: Mapping[str, tuple[float, float]]) -> tuple[float, float, float]:
    """Returns by how much a picture must be shifted so that its nodes stand where they stood, in the mean, and how far each is
    from there then, in the mean; zeros where none stood anywhere.
    """
    now = find_places(picture, 1.0)
    shared = sorted(now.keys() & before.keys())
    if not shared:
        return 0.0, 0.0, 0.0
    dx = sum(before[node][0] - now[node][0] for node in shared) / len(shared)
    dy = sum(before[node][1] - now[node][1] for node in shared) / len(shared)
    away = sum(hypot(now[node][0] + dx - before[node][0], now[node][1] + dy - before[node][1]) for node in shared)
    return dx, dy, away / len(shared)


def scale(composition: Composition, canvas: Canvas, height: int) -> None:
    """Scales a composition from layout's canvas to a shorter side of `height` pixels; measures of quality stay as they are."""
    factor = height / SHORTER_SIDE
    composition.width = round(canvas.width * factor)
    composition.height = round(canvas.height * factor)
    for scene in composition.scenes:
        scale_picture(scene, factor)
        _scale_text(scene.title, factor)
        _scale_rect(scene.title.bounds, factor)


def scale_picture(scene: SceneLayout, factor: float) -> None:
    """Scales the picture (not the title) of a scene about the origin, texts and widths of lines included."""
    for rect in _rects(scene):
        _scale_rect(rect, factor)
    for point in _points(scene):
        point.x *= factor
        point.y *= factor
    for block in picture_texts(scene):
        _scale_text(block, factor)
    for rule in scene.rules:
        rule.width_px *= factor
    for keyframe in scene.camera:
        keyframe.x *= factor
        keyframe.y *= factor


def picture_texts(scene: SceneLayout) -> Iterator[TextBlock]:
    """Yields all texts of a scene but the title."""
    for shape in scene.shapes:
        yield from shape.texts
        for annotation in shape.annotations:
            yield annotation.text
    for route in scene.routes:
        if route.label.lines:
            yield route.label


def _rects(scene: SceneLayout) -> Iterator[Rect]:
    for shape in scene.shapes:
        yield shape.rect
    for block in picture_texts(scene):
        yield block.bounds


def _points(scene: SceneLayout) -> Iterator[Point]:
    for route in scene.routes:
        yield from route.points
    for rule in scene.rules:
        yield getattr(rule, "from")
        yield rule.to


def _scale_rect(rect: Rect, factor: float) -> None:
    rect.x *= factor
    rect.y *= factor
    rect.width *= factor
    rect.height *= factor


def _scale_text(block: TextBlock, factor: float) -> None:
    block.size_px *= factor
    for line in block.lines:
        line.x *= factor
        line.baseline_y *= factor
        line.width *= factor
