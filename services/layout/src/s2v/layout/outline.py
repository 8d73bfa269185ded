"""The outline of each node, sized so that its text fits inside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from s2v.layout.paragraph import Paragraph, Style, compose_text, widest_word
from s2v.typeset.shaping import metrics
from s2v.v1.composition_pb2 import Annotation, ColorRole, FontWeight, Rect, Shape, ShapeKind, TextBlock
from s2v.v1.diagram_pb2 import Node, NodeKind

KINDS: Mapping[NodeKind.ValueType, ShapeKind.ValueType] = {
    NodeKind.NODE_KIND_DECISION: ShapeKind.SHAPE_KIND_DIAMOND,
    NodeKind.NODE_KIND_TERMINAL: ShapeKind.SHAPE_KIND_PILL,
    NodeKind.NODE_KIND_COMPONENT: ShapeKind.SHAPE_KIND_BOX,
    NodeKind.NODE_KIND_CAUSE: ShapeKind.SHAPE_KIND_BARRED_BOX,
}
"""Outlines of the kinds of nodes; a rounded box for all others."""
QuantityPlace = Literal["right", "below", "above left", "above right"]
"""Where a quantity stands beside its outline; above, it keeps clear of the middle, where an arrow may stand."""
LABEL_WEIGHT = FontWeight.FONT_WEIGHT_MEDIUM
QUANTITY_STYLE = Style(24.0, FontWeight.FONT_WEIGHT_REGULAR, ColorRole.COLOR_ROLE_MUTED)
QUANTITY_GAP = 24.0
"""Between an outline and the quantity at its right."""
QUANTITY_DROP = 14.0
"""Between an outline and the quantity below it: more than the halo takes."""
PADDING_EM = (1.1, 0.9)
"""Inside a box, beside and above the text, in em."""
PILL_PADDING_EM = 1.6
WIDEST_WORD_EM = 14.0
"""Longer words are broken."""
DIAMOND_SLOPES = (1.5, 1.65, 1.8, 2.0)
"""Width by height of the diamonds that are tried."""
DIAMOND_PADDING_EM = 0.35
"""Between each corner of the text and the diamond's sides, in em, both ways."""
WIDEST_QUANTITY = 260.0


@dataclass(frozen=True)
class Measure:
    """How large labels are set."""

    size_px: float
    """Size of the font of labels, in px."""
    width_em: float
    """Widest line of a label, in em."""
    lines: int
    """Lines that a label may have."""


@dataclass(frozen=True)
class Outline:
    """A node with its outline and texts, not yet placed."""

    node: Node
    kind: ShapeKind.ValueType
    label: Paragraph
    quantity: Paragraph
    """No lines when the node has none."""
    width: float
    height: float
    """Size of the outline, in px."""

    def resized(self, width: float, height: float | None = None) -> Outline:
        """Returns the same outline, wider, and higher where a height is given."""
        return replace(self, width=width, height=self.height if height is None else height)

    def placed(self, x: float, y: float, accent: ColorRole.ValueType, place: QuantityPlace) -> Shape:
        """Returns the shape with its left top corner at (x, y)."""
        shape = Shape(
            node_id=self.node.id,
            kind=self.kind,
            rect=Rect(x=x, y=y, width=self.width, height=self.height),
            accent=accent,
            texts=[self.label.centered(x + self.width / 2, y + self.height / 2)],
            reveal_seconds=self.node.reveal_seconds,
        )
        if self.quantity.lines:
            block = self._placed_quantity(x, y, place)
            shape.annotations.append(Annotation(text=block, reveal_seconds=self.node.quantity.reveal_seconds))
        return shape

    def _placed_quantity(self, x: float, y: float, place: QuantityPlace) -> TextBlock:
        quantity, middle = self.quantity, x + self.width / 2
        if place == "right":
            cap_height = metrics(QUANTITY_STYLE.weight).cap_height * QUANTITY_STYLE.size_px
            first = y + (self.height - quantity.ink_height) / 2 + cap_height
            return quantity.ranged_left(x + self.width + QUANTITY_GAP, first)
        if place == "below":
            return quantity.below(middle, y + self.height + QUANTITY_DROP)
        aside = QUANTITY_GAP + quantity.width / 2
        return quantity.below(middle - aside if place == "above left" else middle + aside, y - quantity.height)


def outline_node(node: Node, measure: Measure, shape: ShapeKind.ValueType | None = None) -> Outline:
    """Sets a node's label and sizes the outline around it; the kind of node says which outline, where `shape` does not."""
    style = Style(measure.size_px, LABEL_WEIGHT)
    em = measure.size_px
    kind = KINDS.get(node.kind, ShapeKind.SHAPE_KIND_ROUNDED_BOX) if shape is None else shape
    quantity = compose_text(node.quantity.label, QUANTITY_STYLE, WIDEST_QUANTITY, 2)
    if kind == ShapeKind.SHAPE_KIND_DIAMOND:
        label, width, height = _fit_diamond(node.label, style, measure)
    else:
        # A long word rather widens its box than breaks.
        widest = min(widest_word(node.label, style), WIDEST_WORD_EM * em)
        label = compose_text(node.label, style, max(measure.width_em * em, widest), measure.lines)
        padding = PILL_PADDING_EM if kind == ShapeKind.SHAPE_KIND_PILL else PADDING_EM[0]
        width = label.width + 2 * padding * em
        height = len(label.lines) * label.pitch + 2 * PADDING_EM[1] * em
        if kind == ShapeKind.SHAPE_KIND_PILL:
            width = max(width, 1.5 * height)
    return Outline(node, kind, label, quantity, round(width), round(height))


def _fit_diamond(text: str, style: Style, measure: Measure) -> tuple[Paragraph, float, float]:
    """Finds the lines and the diamond of the smallest area in which they stay clear of the sides."""
    best: tuple[float, Paragraph, float, float] | None = None
    for share in (0.35, 0.5, 0.65, 0.8, 1.0):
        width = max(share * measure.width_em * style.size_px, min(widest_word(text, style), WIDEST_WORD_EM * style.size_px))
        label = compose_text(text, style, width, measure.lines + 1)
        for slope in DIAMOND_SLOPES:
            height = _diamond_height(label, slope)
            cost = slope * height * height * (1.0 if label.whole else 4.0)
            if best is None or cost < best[0]:
                best = (cost, label, slope * height, height)
    assert best is not None  # noqa: S101 - the loops above are never empty
    return best[1:]


def _diamond_height(label: Paragraph, slope: float) -> float:
    """Returns the height of the diamond of width slope × height around a centred text.

    A point (x, y) from the centre is inside where |x| / slope + |y| <= height / 2.
    """
    em = label.style.size_px
    cap_height = metrics(label.style.weight).cap_height * em
    padding = DIAMOND_PADDING_EM * em
    half = 0.0
    for number, width in enumerate(label.widths):
        top = -label.ink_height / 2 + number * label.pitch
        farthest = max(abs(top), abs(top + cap_height))
        half = max(half, (width / 2 + padding) / slope + farthest + padding)
    return 2 * half
