"""A sentence instead of a diagram: large type beside an accent bar."""

from __future__ import annotations

from s2v.layout.canvas import DIAGRAM, WIDTH
from s2v.layout.paragraph import Paragraph, Style, compose_text
from s2v.typeset.shaping import metrics
from s2v.v1.composition_pb2 import ColorRole, FontWeight, Point, Rule, SceneLayout, Shape, ShapeKind
from s2v.v1.storyboard_pb2 import Scene

ENGINE = "geometry.key_phrase"
SIZES = (96.0, 84.0, 72.0)
"""Sizes that are tried, the largest first."""
LINES = (2, 3, 3)
"""Lines that each size may have: three lines of the largest would shout."""
WEIGHT = FontWeight.FONT_WEIGHT_SEMI_BOLD
BAR_X = 265.0
BAR_WIDTH = 10.0
BAR_OVERSHOOT = 22.0
"""The bar reaches so far above the capitals and below the last baseline."""
TEXT_X = 330.0
TEXT_WIDTH = WIDTH - TEXT_X - 200.0
CENTER_Y = DIAGRAM.y + DIAGRAM.height / 2 - 14
"""Middle of the phrase: a little above the middle of the space above the captions, where the eye looks for it."""


def compose_key_phrase(scene: Scene) -> SceneLayout:
    """Places the phrase of a scene of DIAGRAM_TYPE_NONE; with no node the picture stays empty.

    The phrase is never marked as being spoken of: it stands alone, so a halo would tell nothing.
    """
    picture = SceneLayout()
    picture.quality.engine = ENGINE
    for node in scene.diagram.nodes[:1]:
        paragraph = _fit(node.label)
        if not paragraph.lines:
            continue
        cap_height = metrics(WEIGHT).cap_height * paragraph.style.size_px
        top = CENTER_Y - paragraph.ink_height / 2
        block = paragraph.ranged_left(TEXT_X, top + cap_height)
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
        getattr(bar, "from").CopyFrom(Point(x=BAR_X, y=top - BAR_OVERSHOOT + BAR_WIDTH / 2))
        bar.to.CopyFrom(Point(x=BAR_X, y=top + paragraph.ink_height + BAR_OVERSHOOT - BAR_WIDTH / 2))
        picture.rules.append(bar)
    return picture


def _fit(text: str) -> Paragraph:
    paragraphs = [compose_text(text, Style(size, WEIGHT), TEXT_WIDTH, lines) for size, lines in zip(SIZES, LINES, strict=True)]
    return next((each for each in paragraphs if not each.full_text), paragraphs[-1])
