"""A table with a panel a subject; the names of aspects stand at the left of their rows."""

from __future__ import annotations

from collections.abc import Sequence

from s2v.layout.accents import IN_TURN
from s2v.layout.canvas import Canvas
from s2v.layout.chart import route_edge
from s2v.layout.contrast import Contrast, Row
from s2v.layout.outline import Measure
from s2v.layout.paragraph import Paragraph, Style, compose_text
from s2v.typeset.shaping import metrics
from s2v.v1.composition_pb2 import (
    Annotation,
    ColorRole,
    FontWeight,
    Point,
    Rect,
    Rule,
    SceneLayout,
    Shape,
    ShapeKind,
    TextBlock,
)
from s2v.v1.diagram_pb2 import Node

ENGINE = "geometry.table"
MEASURES = tuple(Measure(size, 12.0, lines) for size, lines in ((34.0, 3), (30.0, 3), (27.0, 4), (24.0, 5)))
"""Sizes of items that are tried, the largest first."""
HEADER_GAIN = 1.2
"""Size of a subject by that of the items."""
COLUMN_GAP = 24.0
PADDING = 28.0
"""Beside the texts in a column, in px."""
HEADER_PADDING = 30.0
"""Above and below a subject, in px."""
ROW_PADDING = (22.0, 44.0)
"""Least and most above and below the items of a row, in px."""
BOTTOM = 14.0
"""Below the last row, in px."""
ASPECT_WIDTH = (280.0, 190.0)
"""Widest name of an aspect, on a wide canvas and on a narrow one."""
ASPECT_STYLE = Style(26.0, FontWeight.FONT_WEIGHT_REGULAR, ColorRole.COLOR_ROLE_MUTED)
QUANTITY_STYLE = Style(24.0, FontWeight.FONT_WEIGHT_REGULAR, ColorRole.COLOR_ROLE_MUTED)
QUANTITY_GAP = 4.0
WIDEST_COLUMN = 560.0
NARROWEST_COLUMN = 250.0
LINE_WIDTH = 2.0


def lay_out(contrast: Contrast, canvas: Canvas, measure: Measure) -> SceneLayout:
    """Returns the table, its rows as high as the canvas allows, within reason."""
    rows = contrast.rows()
    aspects = [_aspect(row, canvas) for row in rows]
    aspect_width = max((aspect.width for aspect in aspects), default=0.0)
    left = aspect_width + COLUMN_GAP * 1.5 if aspect_width else 0.0
    count = len(contrast.subjects)
    width = min((canvas.area.width - left - (count - 1) * COLUMN_GAP) / count, WIDEST_COLUMN)
    width = max(width, NARROWEST_COLUMN)
    room = width - 2 * PADDING
    headers = [
        compose_text(node.label, Style(measure.size_px * HEADER_GAIN, FontWeight.FONT_WEIGHT_SEMI_BOLD, _accent(number)), room, 3)
        for number, node in enumerate(contrast.subjects)
    ]
    label_style = Style(measure.size_px, FontWeight.FONT_WEIGHT_MEDIUM)
    cells = {node.id: _Cell(node, compose_text(node.label, label_style, room, measure.lines), room) for node in contrast.items}
    heads = [header.height + _note(node, room).height for node, header in zip(contrast.subjects, headers, strict=True)]
    header_height = max(heads) + 2 * HEADER_PADDING
    heights = [
        max([aspect.height, *(cells[n.id].height for n in row.items.values())]) for row, aspect in zip(rows, aspects, strict=True)
    ]
    free = canvas.area.height - header_height - sum(heights) - BOTTOM
    padding = min(max(free / (2 * max(len(rows), 1)), ROW_PADDING[0]), ROW_PADDING[1])
    total = header_height + sum(heights) + 2 * padding * len(rows) + (BOTTOM if rows else 0.0)

    picture = SceneLayout()
    picture.quality.engine = ENGINE
    middles: dict[str, float] = {}
    for number, (node, header) in enumerate(zip(contrast.subjects, headers, strict=True)):
        x = left + number * (width + COLUMN_GAP)
        middles[node.id] = x + width / 2
        block = header.below(middles[node.id], HEADER_PADDING)
        shape = Shape(
            node_id=node.id,
            kind=ShapeKind.SHAPE_KIND_PANEL,
            rect=Rect(x=x, y=0, width=width, height=total),
            accent=_accent(number),
            texts=[block],
            reveal_seconds=node.reveal_seconds,
        )
        note = _note(node, room)
        if note.lines:
            text = note.below(middles[node.id], HEADER_PADDING + header.height)
            shape.annotations.append(Annotation(text=text, reveal_seconds=node.quantity.reveal_seconds))
        picture.shapes.append(shape)
    y = header_height
    for row, aspect, height in zip(rows, aspects, heights, strict=True):
        _draw_row(picture, row, aspect, cells, middles, top=y, height=height + 2 * padding)
        y += height + 2 * padding
    _draw_lines(picture, contrast, rows, [header_height, *heights], padding=padding, left=left, width=width)
    return picture


class _Cell:
    """An item with its quantity below it."""

    def __init__(self, node: Node, label: Paragraph, room: float) -> None:
        self.node = node
        self.label = label
        self.quantity = _note(node, room)

    @property
    def height(self) -> float:
        return self.label.height + (self.quantity.height + QUANTITY_GAP if self.quantity.lines else 0.0)

    def placed(self, x: float, y: float, accent: ColorRole.ValueType) -> Shape:
        """Returns the texts, centred on `x`, from `y` down."""
        block = self.label.below(x, y)
        shape = Shape(
            node_id=self.node.id,
            kind=ShapeKind.SHAPE_KIND_TEXT,
            rect=block.bounds,
            accent=accent,
            texts=[block],
            reveal_seconds=self.node.reveal_seconds,
        )
        if self.quantity.lines:
            text: TextBlock = self.quantity.below(x, y + self.label.height + QUANTITY_GAP)
            shape.annotations.append(Annotation(text=text, reveal_seconds=self.node.quantity.reveal_seconds))
        return shape


def _draw_row(
    picture: SceneLayout,
    row: Row,
    aspect: Paragraph,
    cells: dict[str, _Cell],
    middles: dict[str, float],
    *,
    top: float,
    height: float,
) -> None:
    for subject, node in row.items.items():
        cell = cells[node.id]
        accent = next(shape.accent for shape in picture.shapes if shape.node_id == subject)
        picture.shapes.append(cell.placed(middles[subject], top + (height - cell.height) / 2, accent))
    if row.aspect is not None and aspect.lines:
        route = route_edge(row.aspect, [], arrowhead=False)
        ascent = metrics(ASPECT_STYLE.weight).ascent * ASPECT_STYLE.size_px
        route.label.CopyFrom(aspect.ranged_left(0.0, top + (height - aspect.height) / 2 + ascent))
        picture.routes.append(route)


def _draw_lines(
    picture: SceneLayout,
    contrast: Contrast,
    rows: Sequence[Row],
    heights: Sequence[float],
    *,
    padding: float,
    left: float,
    width: float,
) -> None:
    """Draws a line above each row: in the columns below their subjects' names, and beside them where aspects have names."""
    y = 0.0
    ends = [(left + number * (width + COLUMN_GAP), node.id) for number, node in enumerate(contrast.subjects)]
    for number, row in enumerate(rows):
        y += heights[number] + (2 * padding if number else 0.0)
        first = min(row.items.values(), key=lambda node: node.reveal_seconds)
        for x, subject in ends:
            named = subject if number == 0 else first.id
            rule = Rule(width_px=LINE_WIDTH, color=ColorRole.COLOR_ROLE_LINE, node_id=named)
            getattr(rule, "from").CopyFrom(Point(x=x + PADDING, y=y))
            rule.to.CopyFrom(Point(x=x + width - PADDING, y=y))
            picture.rules.append(rule)


def _aspect(row: Row, canvas: Canvas) -> Paragraph:
    text = row.aspect.label if row.aspect is not None else ""
    return compose_text(text, ASPECT_STYLE, ASPECT_WIDTH[0 if canvas.is_wide else 1], 3)


def _note(node: Node, room: float) -> Paragraph:
    return compose_text(node.quantity.label, QUANTITY_STYLE, room, 2)


def _accent(number: int) -> ColorRole.ValueType:
    return (IN_TURN[0], IN_TURN[4], IN_TURN[2], IN_TURN[3], IN_TURN[5], IN_TURN[1])[number % len(IN_TURN)]
