"""The title of a scene over its short accent bar."""

from __future__ import annotations

from s2v.layout.canvas import Canvas
from s2v.layout.paragraph import Style, compose_text
from s2v.v1.composition_pb2 import ColorRole, FontWeight, Point, Rule, SceneLayout

SIZES = ((44.0, 1), (38.0, 2))
"""Sizes that are tried, with the lines that each may have; several only where the canvas is narrow."""
BASELINE_Y = 112.0
BAR_Y = 138.0
BAR_LENGTH = 72.0
BAR_WIDTH = 5.0


def add_title(scene: SceneLayout, title: str, canvas: Canvas) -> None:
    """Places a title above the diagram, shortened where the canvas is too narrow for it; nothing for an empty one.

    From right to left it stands at the right.
    """
    sizes = SIZES[:1] if canvas.is_wide else SIZES
    for size, lines in sizes:
        paragraph = compose_text(title, Style(size, FontWeight.FONT_WEIGHT_SEMI_BOLD), canvas.area.width, lines)
        if not paragraph.full_text:
            break
    if not paragraph.lines:
        return
    below = (len(paragraph.lines) - 1) * paragraph.pitch
    # A second line goes above the usual one, as far as there is room, and below it.
    baseline, start, end = BASELINE_Y - below / 2, canvas.margin + BAR_WIDTH / 2, canvas.margin + BAR_LENGTH - BAR_WIDTH / 2
    if paragraph.is_right_to_left:
        start, end = canvas.width - start, canvas.width - end
        scene.title.CopyFrom(paragraph.ranged_right(canvas.width - canvas.margin, baseline))
    else:
        scene.title.CopyFrom(paragraph.ranged_left(canvas.margin, baseline))
    bar = Rule(width_px=BAR_WIDTH, color=ColorRole.COLOR_ROLE_BLUE, round_caps=True)
    # A round cap reaches half the width beyond the end.
    getattr(bar, "from").CopyFrom(Point(x=start, y=BAR_Y + below / 2))
    bar.to.CopyFrom(Point(x=end, y=BAR_Y + below / 2))
    scene.rules.append(bar)
