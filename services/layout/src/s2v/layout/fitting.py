"""Of several ways to draw a diagram by plain geometry, the one that reads best on a canvas."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from s2v.layout.canvas import Canvas
from s2v.layout.outline import Measure
from s2v.layout.quality import extent, faults, measure
from s2v.v1.composition_pb2 import SceneLayout

Drawer = Callable[[Measure], SceneLayout | None]
"""Draws a diagram at a size of labels; None where that way cannot."""
SHORTENED = 0.3
"""What a picture with a shortened label costs, as the loss of this part of the size of its text."""


def choose_picture(drawers: Sequence[Drawer], measures: Sequence[Measure], canvas: Canvas) -> SceneLayout | None:
    """Returns the first clean picture that fits at the largest size; the order of the drawers is that of preference.

    Where none fits, the one over which the camera has the shortest way; None where none is clean. Of the measures, the last
    must be the smallest.
    """
    tried = 0
    partly: list[tuple[float, SceneLayout]] = []
    for size in measures:
        for drawer in drawers:
            tried += 1
            picture = drawer(size)
            if picture is None:
                continue
            measure(picture, canvas)
            picture.quality.variants = tried
            if faults(picture.quality):
                continue
            across, down = overshoot(picture, canvas)
            short = is_shortened(picture)
            if across <= 1.0 and down <= 1.0:
                if not short:
                    return picture
                partly.append((SHORTENED + 1.0 / size.size_px, picture))
            elif size.size_px == measures[-1].size_px:
                # A camera that moves both ways loses its viewers.
                partly.append((max(across, 1.0) * max(down, 1.0) + (1.0 if min(across, down) > 1.0 else 0.0) + short, picture))
    return min(partly, key=lambda each: each[0])[1] if partly else None


def overshoot(picture: SceneLayout, canvas: Canvas) -> tuple[float, float]:
    """Returns width and height of a picture by those of the diagram area; above 1: it does not fit."""
    left, top, right, bottom = extent(picture)
    return (right - left) / canvas.area.width, (bottom - top) / canvas.area.height


def is_shortened(picture: SceneLayout) -> bool:
    """Tells whether a label has lost its end."""
    return any(text.full_text for shape in picture.shapes for text in shape.texts)
