"""A sentence instead of a diagram: large type beside an accent bar."""

from __future__ import annotations

from s2v.layout.canvas import Canvas
from s2v.layout.paragraph import Paragraph, Style, compose_text
from s2v.typeset.shaping import metrics
from s2v.v1.composition_pb2 import ColorRole, FontWeight, Point, Rule, SceneLayout, Shape, ShapeKind
from s2v.v1.storyboard_pb2 import Scene

ENGINE = "geometry.key_phrase"
SIZES = (96.0, 84.0, 72.0, 60.0)
"""Sizes that are tried, the largest first."""
LINES = (2, 3, 3, 5)
"""Lines that each size may have: three lines of the largest would shout. The last is for narrow canvases only."""
WEIGHT = FontWeight.FONT_WEIGHT_SEMI_BOLD
BAR_X = (265.0, 80.0)
"""Of the bar, on a wide canvas and on a narrow one."""
BAR_WIDTH = 10.0
BAR_OVERSHOOT = 22.0
"""The bar reaches so far above the capitals and below the last baseline."""
TEXT_GAP = 65.0
"""From the bar to the text."""
FREE = (200.0, 60.0)
"""At the right of the text."""
RAISED = 14.0
"""Middle of the phrase above the middle of the diagram area, where the eye looks for it."""


def compose_key_phrase(scene: Scene, canvas: Canvas) -> SceneLayout:
    """Places the phrase of a scene of DIAGRAM_TYPE_NONE, mirrored from right to left; with no node the picture stays empty.

    The phrase is never marked as being spoken of: it stands alone, so a halo would tell nothing.
    """
    picture = SceneLayout()
    picture.quality.engine = ENGINE
    bar_x = BAR_X[0 if canvas.is_wide else 1]
    text_x = bar_x + TEXT_GAP
    text_width = canvas.width - text_x - FREE[0 if canvas.is_wide else 1]
    center_y = canvas.area.y + canvas.area.height / 2 - RAISED
    for node in scene.diagram.nodes[:1]:
        paragraph = _fit(node.label, text_width, len(SIZES) - 1 if canvas.is_wide else len(SIZES))
        if not paragraph.lines:
            continue
        cap_height = metrics(WEIGHT).cap_height * paragraph.style.size_px
        top = center_y - paragraph.ink_height / 2
        if paragraph.is_right_to_left:
            bar_x = canvas.width - bar_x
            block = paragraph.ranged_right(canvas.width - text_x, top + cap_height)
        else:
            block = paragraph.ranged_left(text_x, top + cap_height)
        shape = Shape(
            node_id=node.id,
            kind=ShapeKind.SHAPE_KIND_TEXT,
            rect=block.bounds,
            accent=ColorRole.COLOR_ROLE_AMBER,
            texts=[block],
            reveal_seconds=node.reveal_seconds,
        )
        picture.shapes.append(shape)
        bar = Rule(width_px=BAR_WIDTH, color=ColorRole.COLOR_ROLE_AMBER, round_caps=True, node_id=node.id)
        getattr(bar, "from").CopyFrom(Point(x=bar_x, y=top - BAR_OVERSHOOT + BAR_WIDTH / 2))
        bar.to.CopyFrom(Point(x=bar_x, y=top + paragraph.ink_height + BAR_OVERSHOOT - BAR_WIDTH / 2))
        picture.rules.append(bar)
    return picture


def _fit(text: str, width: float, sizes: int) -> Paragraph:
    tried = list(zip(SIZES, LINES, strict=True))[:sizes]
    paragraphs = [compose_text(text, Style(size, WEIGHT), width, lines) for size, lines in tried]
    return next((each for each in paragraphs if each.whole), next((e for e in paragraphs if not e.full_text), paragraphs[-1]))
