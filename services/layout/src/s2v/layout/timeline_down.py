"""Events on an axis that runs down: dots at the left, their texts beside them. Even steps.

For narrow canvases, and for events that rows have no room for.
A column of events that is longer than the canvas is panned by the camera.
"""

from __future__ import annotations

from collections.abc import Sequence

from s2v.layout.accents import IN_TURN
from s2v.layout.canvas import Canvas
from s2v.layout.paragraph import Paragraph, Style, compose_text
from s2v.typeset.shaping import metrics
from s2v.v1.composition_pb2 import Annotation, ColorRole, FontWeight, Point, Rect, Rule, SceneLayout, Shape, ShapeKind
from s2v.v1.diagram_pb2 import Node

ENGINE = "geometry.timeline.down"
DOT_RADIUS = 12.0
AXIS_WIDTH = 3.0
AXIS_INDENT = 40.0
"""Of the axis from the left margin."""
TEXT_INDENT = 104.0
OVERHANG = 50.0
"""Of the axis beyond the first and the last dot."""
GAP_RANGE = (34.0, 110.0)
"""Least and most between the texts of two events."""
SIZES = ((40.0, 34.0), (36.0, 30.0), (30.0, 26.0), (28.0, 24.0))
"""Sizes of date and label that are tried."""
LABEL_LINES = 4


def lay_out(nodes: Sequence[Node], canvas: Canvas) -> SceneLayout:
    """Returns the events in the order given, one below the other, not yet at their place."""
    area = canvas.area
    for sizes in SIZES:
        events = [_set(node, number, sizes, area.width - TEXT_INDENT) for number, node in enumerate(nodes)]
        heights = [sum(paragraph.height for paragraph in event) for event in events]
        room = (area.height - sum(heights) - OVERHANG) / max(len(events), 1)
        if room >= GAP_RANGE[0] and all(paragraph.whole for event in events for paragraph in event):
            break
    gap = min(max(room, GAP_RANGE[0]), GAP_RANGE[1])
    x = area.x + AXIS_INDENT
    picture = SceneLayout()
    picture.quality.engine = ENGINE
    y = OVERHANG / 2
    for node, event, height in zip(nodes, events, heights, strict=True):
        first = metrics(event[0].style.weight).cap_height * event[0].style.size_px / 2
        dot_y = y + metrics(event[0].style.weight).ascent * event[0].style.size_px - first
        accent = IN_TURN[len(picture.shapes) % len(IN_TURN)]
        rect = Rect(x=x - DOT_RADIUS, y=dot_y - DOT_RADIUS, width=2 * DOT_RADIUS, height=2 * DOT_RADIUS)
        shape = Shape(
            node_id=node.id, kind=ShapeKind.SHAPE_KIND_DOT, rect=rect, accent=accent, reveal_seconds=node.reveal_seconds
        )
        top = y
        for paragraph in event:
            baseline = top + metrics(paragraph.style.weight).ascent * paragraph.style.size_px
            block = paragraph.ranged_left(area.x + TEXT_INDENT, baseline)
            if paragraph.style.color == ColorRole.COLOR_ROLE_MUTED:
                shape.annotations.append(Annotation(text=block, reveal_seconds=node.quantity.reveal_seconds))
            else:
                shape.texts.append(block)
            top += paragraph.height
        picture.shapes.append(shape)
        y += height + gap
    middles = [shape.rect.y + DOT_RADIUS for shape in picture.shapes]
    axis = Rule(to=Point(x=x, y=middles[-1] + OVERHANG), width_px=AXIS_WIDTH, color=ColorRole.COLOR_ROLE_LINE, round_caps=True)
    getattr(axis, "from").CopyFrom(Point(x=x, y=middles[0] - OVERHANG))
    picture.rules.append(axis)
    return picture


def _set(node: Node, number: int, sizes: tuple[float, float], width: float) -> list[Paragraph]:
    """Sets date, label and quantity of an event; those with text only."""
    accent = IN_TURN[number % len(IN_TURN)]
    styles = (
        (node.date.label, Style(sizes[0], FontWeight.FONT_WEIGHT_SEMI_BOLD, accent), 2),
        (node.label, Style(sizes[1], FontWeight.FONT_WEIGHT_MEDIUM), LABEL_LINES),
        (node.quantity.label, Style(24.0, FontWeight.FONT_WEIGHT_REGULAR, ColorRole.COLOR_ROLE_MUTED), 2),
    )
    return [each for each in (compose_text(text, style, width, lines) for text, style, lines in styles) if each.lines]
