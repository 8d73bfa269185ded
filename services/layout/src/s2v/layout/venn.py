"""Two or three sets that overlap: what subjects share stands where their circles meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import cos, hypot, pi, sin, sqrt

from s2v.layout.canvas import Canvas
from s2v.layout.contrast import Contrast
from s2v.layout.outline import Measure
from s2v.layout.paragraph import Paragraph, Style, compose_text
from s2v.layout.routing import XY
from s2v.typeset.themes.palette import SETS as ACCENTS
from s2v.v1.composition_pb2 import Annotation, FontWeight, Rect, SceneLayout, Shape, ShapeKind
from s2v.v1.diagram_pb2 import Node

ENGINE = "geometry.venn"
SETS = (2, 3)
"""Numbers of sets that can be drawn."""
MEASURES = tuple(Measure(size, width, 4) for size in (32.0, 30.0, 27.0, 24.0) for width in (9.0, 6.0))
"""Sizes of items that are tried, the largest first."""
HEADER_GAIN = 1.15
NEARNESS = {2: 1.16, 3: 1.14}
"""Distance of the circles' middles in radii."""
ITEM_GAP = 16.0
"""Between items of a region, in px."""
CLEARANCE = 20.0
"""Between a text and the circles, in px."""
QUANTITY_STYLE = Style(24.0, FontWeight.FONT_WEIGHT_REGULAR)
"""Not muted: no other colour but that of texts can be read on all tints."""
GRID = 8.0
"""Distance of the places that are tried in a region, in px."""


@dataclass(frozen=True)
class _Circles:
    """Where the sets stand."""

    centers: Sequence[XY]
    radius: float


def lay_out(contrast: Contrast, canvas: Canvas, measure: Measure) -> SceneLayout | None:
    """Returns the largest circles of the diagram area with their items; None where a region is too small for its items."""
    count = len(contrast.subjects)
    circles = _circles(count, canvas)
    centers, radius = circles.centers, circles.radius
    picture = SceneLayout()
    picture.quality.engine = ENGINE
    for node, (x, y), accent in zip(contrast.subjects, centers, ACCENTS, strict=False):
        rect = Rect(x=x - radius, y=y - radius, width=2 * radius, height=2 * radius)
        picture.shapes.append(
            Shape(
                node_id=node.id,
                kind=ShapeKind.SHAPE_KIND_CIRCLE,
                rect=rect,
                accent=accent,
                reveal_seconds=node.reveal_seconds,
            )
        )
    names = [node.id for node in contrast.subjects]
    regions = [frozenset(each) for size in range(1, count + 1) for each in combinations(range(count), size)]
    for region in regions:
        owners = {names[number] for number in region}
        items = [node for node in contrast.items if set(contrast.owners[node.id]) == owners]
        if not _fill(picture, contrast, region, items, circles, measure):
            return None
    return picture


def _circles(count: int, canvas: Canvas) -> _Circles:
    """Returns the middles of the circles and their radius, as large as the diagram area allows."""
    near = NEARNESS[count]
    width, height = canvas.area.width, canvas.area.height
    if count == 2 and canvas.height <= canvas.width:
        radius = min(height / 2, width / (2 + near))
        return _Circles([(-near * radius / 2, 0.0), (near * radius / 2, 0.0)], radius)
    if count == 2:
        radius = min(width / 2, height / (2 + near))
        return _Circles([(0.0, -near * radius / 2), (0.0, near * radius / 2)], radius)
    radius = min(width / (2 + near), height / (2 + near * sqrt(3) / 2))
    reach = near * radius / sqrt(3)
    angles = (-pi / 3, pi / 3, pi)
    return _Circles([(reach * sin(angle), -reach * cos(angle)) for angle in angles], radius)


def _fill(  # noqa: PLR0917 - one region of one picture
    picture: SceneLayout,
    contrast: Contrast,
    region: frozenset[int],
    items: Sequence[Node],
    circles: _Circles,
    measure: Measure,
) -> bool:
    """Stacks the items of a region, with the subject's name first where it is one circle's own; tells whether they fit."""
    style = Style(measure.size_px, FontWeight.FONT_WEIGHT_MEDIUM)
    room = measure.width_em * measure.size_px
    stack: list[tuple[Node, Paragraph, bool]] = []
    if len(region) == 1:
        (own,) = region
        node = contrast.subjects[own]
        header = Style(measure.size_px * HEADER_GAIN, FontWeight.FONT_WEIGHT_SEMI_BOLD)
        stack.append((node, compose_text(node.label, header, room * HEADER_GAIN, 3), True))
        stack += _note(node, room)
    for node in items:
        stack.append((node, compose_text(node.label, style, room, measure.lines), False))
        stack += _note(node, room)
    if not stack:
        return True
    width = max(text.width for _, text, _ in stack)
    height = sum(text.height for _, text, _ in stack) + ITEM_GAP * (len(stack) - 1)
    place = _find_place(region, (width, height), circles)
    if place is None:
        return False
    x, y = place
    y -= height / 2
    for node, text, is_header in stack:
        block = text.below(x, y)
        if is_header:
            _shape_of(picture, node).texts.append(block)
        elif text.style is QUANTITY_STYLE:
            note = Annotation(text=block, reveal_seconds=node.quantity.reveal_seconds)
            _shape_of(picture, node).annotations.append(note)
        else:
            accent = ACCENTS[min(region)]
            shape = Shape(node_id=node.id, kind=ShapeKind.SHAPE_KIND_TEXT, rect=block.bounds, accent=accent, texts=[block])
            shape.reveal_seconds = node.reveal_seconds
            picture.shapes.append(shape)
        y += text.height + ITEM_GAP
    return True


def _note(node: Node, room: float) -> list[tuple[Node, Paragraph, bool]]:
    """Returns the line of a stack for a node's quantity; none where it has none."""
    text = compose_text(node.quantity.label, QUANTITY_STYLE, room, 2)
    return [(node, text, False)] if text.lines else []


def _shape_of(picture: SceneLayout, node: Node) -> Shape:
    return next(shape for shape in picture.shapes if shape.node_id == node.id)


def _find_place(region: frozenset[int], size: XY, circles: _Circles) -> XY | None:
    """Returns the middle of a box of that size in a region, as far from all circles' lines as can be; None: it does not fit."""
    best: tuple[float, XY] | None = None
    centers, radius = circles.centers, circles.radius
    reach = int(2 * radius / GRID)
    middle = sum(x for x, _ in centers) / len(centers), sum(y for _, y in centers) / len(centers)
    for i in range(-reach, reach + 1):
        for j in range(-reach, reach + 1):
            x, y = middle[0] + i * GRID, middle[1] + j * GRID
            clear = min(_clearance((x, y), size, center, radius, inside=n in region) for n, center in enumerate(centers))
            if clear >= CLEARANCE and (best is None or clear > best[0] + 0.01):
                best = clear, (x, y)
    return best[1] if best is not None else None


def _clearance(middle: XY, size: XY, center: XY, radius: float, *, inside: bool) -> float:
    """Returns how far a box keeps from the line of a circle on the wanted side of it; negative: it does not."""
    (width, height), dx, dy = size, abs(middle[0] - center[0]), abs(middle[1] - center[1])
    if inside:
        return radius - hypot(dx + width / 2, dy + height / 2)
    return hypot(max(dx - width / 2, 0.0), max(dy - height / 2, 0.0)) - radius
