"""The canvases and their regions. Layout works on a shorter side of 1080 px; the size that is asked for is made at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from s2v.v1.composition_pb2 import Composition, Point, Rect, SceneLayout, TextBlock

SHORTER_SIDE = 1080.0
"""Of each canvas that layout works on, in pixels; its unit is called px in all of layout."""
HEIGHTS = (720, 1080, 2160)
"""Shorter sides that a video may have, in pixels."""
DEFAULT_HEIGHT = 1080


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
