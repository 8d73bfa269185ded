"""Of several ways to draw a diagram by plain geometry, the one that reads best on a canvas."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from s2v.layout.canvas import Canvas
from s2v.layout.outline import Measure
from s2v.layout.quality import extent, faults, measure
from s2v.typeset.lines import is_whole
from s2v.v1.composition_pb2 import SceneLayout
from s2v.v1.diagram_pb2 import Node

Drawer = Callable[[Measure], SceneLayout | None]
"""Draws a diagram at a size of labels; None where that way cannot."""
SHORTENED = 0.3
"""What a shortened label costs, and a word on two lines: more than the smallest text does."""


def choose_picture(
    drawers: Sequence[Drawer], measures: Sequence[Measure], canvas: Canvas, nodes: Sequence[Node]
) -> SceneLayout | None:
    """Returns the first clean picture that fits with whole labels at the largest size; drawers are in the order of preference.

    Where none does, one whose labels are shortened or have words on two lines; where none fits, the one over which the camera has
    the shortest way; None where none is clean. Of the measures, the last must be the smallest. `nodes` are those that are drawn.
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
            damage = is_shortened(picture) + is_broken(picture, nodes)
            if across <= 1.0 and down <= 1.0:
                if not damage:
                    return picture
                partly.append((SHORTENED * damage + 1.0 / size.size_px, picture))
            elif size.size_px == measures[-1].size_px:
                # A camera that moves both ways loses its viewers.
                partly.append((max(across, 1.0) * max(down, 1.0) + (1.0 if min(across, down) > 1.0 else 0.0) + damage, picture))
    return min(partly, key=lambda each: each[0])[1] if partly else None


def overshoot(picture: SceneLayout, canvas: Canvas) -> tuple[float, float]:
    """Returns width and height of a picture by those of the diagram area; above 1: it does not fit."""
    left, top, right, bottom = extent(picture)
    return (right - left) / canvas.area.width, (bottom - top) / canvas.area.height


def is_shortened(picture: SceneLayout) -> bool:
    """Tells whether a label has lost its end."""
    return any(text.full_text for shape in picture.shapes for text in shape.texts)


def is_broken(picture: SceneLayout, nodes: Sequence[Node]) -> bool:
    """Tells whether the label of a node has a word on two lines, or has lost its end."""
    labels = {node.id: node.label for node in nodes}
    return not all(
        is_whole(labels[shape.node_id], tuple(line.text for text in shape.texts for line in text.lines))
        for shape in picture.shapes
        if shape.node_id in labels
    )
