"""The title of a scene over its short accent bar."""

from __future__ import annotations

from s2v.layout.canvas import DIAGRAM, MARGIN
from s2v.layout.paragraph import Style, compose_text
from s2v.v1.composition_pb2 import ColorRole, FontWeight, Point, Rule, SceneLayout

STYLE = Style(44.0, FontWeight.FONT_WEIGHT_SEMI_BOLD)
BASELINE_Y = 112.0
BAR_Y = 138.0
BAR_LENGTH = 72.0
BAR_WIDTH = 5.0


def add_title(scene: SceneLayout, title: str) -> None:
    """Places a title of one line, shortened where the canvas is too narrow for it; nothing for an empty one."""
    paragraph = compose_text(title, STYLE, DIAGRAM.width, 1)
    if not paragraph.lines:
        return
    scene.title.CopyFrom(paragraph.ranged_left(MARGIN, BASELINE_Y))
    bar = Rule(width_px=BAR_WIDTH, color=ColorRole.COLOR_ROLE_BLUE, round_caps=True)
    # A round cap reaches half the width beyond the end.
    getattr(bar, "from").CopyFrom(Point(x=MARGIN + BAR_WIDTH / 2, y=BAR_Y))
    bar.to.CopyFrom(Point(x=MARGIN + BAR_LENGTH - BAR_WIDTH / 2, y=BAR_Y))
    scene.rules.append(bar)
