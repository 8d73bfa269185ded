"""The canvas and its regions. Everything is laid out at 1920 × 1080 and scaled to the size that is asked for at the end."""

from __future__ import annotations

from collections.abc import Iterator

from s2v.v1.composition_pb2 import Composition, Point, Rect, SceneLayout, TextBlock

WIDTH = 1920.0
HEIGHT = 1080.0
"""Size of the canvas that layout works on, in pixels; its unit is called px in all of layout."""
MARGIN = 80.0
"""Free at the left and at the right."""
DIAGRAM = Rect(x=MARGIN, y=168, width=WIDTH - 2 * MARGIN, height=782)
"""Where a diagram stands: below the title, above the 120 px that stay free for players' controls and captions."""
HEIGHTS = (720, 1080, 2160)
"""Heights that a video may have."""
DEFAULT_HEIGHT = 1080


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


def scale(composition: Composition, height: int) -> None:
    """Scales a composition from layout's canvas to one of `height` pixels; the measures of quality stay in layout's."""
    factor = height / HEIGHT
    composition.width = round(WIDTH * factor)
    composition.height = height
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
