"""Events on an axis: dots with stems, their texts above and below in turn. A true scale where it can be read, else even steps.

Edges of the diagram are not drawn: the axis itself says what follows what.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from s2v.layout import camera, timeline_down
from s2v.layout.accents import IN_TURN
from s2v.layout.canvas import WIDE, Canvas
from s2v.layout.paragraph import Paragraph, Style, compose_text
from s2v.runtime.chronology import order_events
from s2v.v1.composition_pb2 import Annotation, ColorRole, FontWeight, Point, Rect, Rule, SceneLayout, Shape, ShapeKind
from s2v.v1.diagram_pb2 import DatePrecision, Node
from s2v.v1.storyboard_pb2 import Scene

ENGINE_SCALE = "geometry.timeline.scale"
ENGINE_STEPS = "geometry.timeline.steps"
MAX_EVENTS = 24
"""More cannot be read on one canvas."""
EVENTS_A_ROW = 12
AXIS_LEFT, AXIS_RIGHT = 118.0, 1802.0
FIRST_X, LAST_X = 236.0, 1684.0
"""Places of the outermost events."""
AXIS_WIDTH = 3.0
SPAN_WIDTH = 9.0
"""Width of the line along the axis for an event that lasts."""
DOT_RADIUS = 12.0
STEM_WIDTH = 3.0
STEM_GAP = 2.0
"""Between dot and stem."""
STEM = 110.0
"""Length of a stem where there is one row of events; with two rows it is a third of that."""
TEXT_GAP = 16.0
"""Between stem and text."""
DATE_GAP = 2.0
"""Between the boxes of date, label and quantity; the boxes hold the air above and below the letters."""
SIDE_GAP = 36.0
"""Between two texts on the same side of the axis."""
NEAREST = 64.0
"""Dots of a true scale that stand nearer than this cannot be told apart."""
SIZES = ((36.0, 30.0), (32.0, 27.0), (28.0, 24.0))
"""Sizes of date and label that are tried."""
SCALE_SIZES = 2
"""How many of these a true scale may use: even steps with large text read better than a scale with small."""
ROUNDING = 0.01
"""Less is no overlap, in px."""
LABEL_LINES = 4
WIDEST_LABEL = 380.0


@dataclass(frozen=True)
class _Event:
    """An event with its texts set, at its place along the axis."""

    node: Node
    x: float
    above: bool
    accent: ColorRole.ValueType
    paragraphs: tuple[Paragraph, ...]
    """Date, label, quantity, from top to bottom; those with text only."""

    @property
    def height(self) -> float:
        """Height of the texts, in px."""
        return sum(paragraph.height for paragraph in self.paragraphs) + DATE_GAP * max(len(self.paragraphs) - 1, 0)


def compose_timeline(scene: Scene, canvas: Canvas) -> SceneLayout:
    """Places the events of a scene's timeline in the diagram area; the axis runs down where rows have no room."""
    nodes = order_events(scene.diagram.nodes)
    count = (len(nodes) + EVENTS_A_ROW - 1) // EVENTS_A_ROW
    size = (len(nodes) + count - 1) // count
    rows = [nodes[start : start + size] for start in range(0, len(nodes), size)]
    placed = _set_rows(rows) if canvas.is_wide else None
    if placed is None:
        picture = timeline_down.lay_out(nodes, canvas)
        camera.place(picture, canvas)
        return picture
    events, scaled = placed
    picture = SceneLayout()
    picture.quality.engine = ENGINE_SCALE if scaled else ENGINE_STEPS
    for row, axis_y in zip(events, _axes(events), strict=True):
        _draw(picture, row, axis_y, _stem(events), scaled)
    return picture


def _stem(rows: Sequence[Sequence[_Event]]) -> float:
    return STEM if len(rows) == 1 else STEM / 3


def _reach(rows: Sequence[Sequence[_Event]]) -> float:
    """Returns the distance from an axis to its texts, in px."""
    return DOT_RADIUS + STEM_GAP + _stem(rows) + TEXT_GAP


def _heights(row: Sequence[_Event]) -> tuple[float, float]:
    """Returns the height of the highest texts above the axis and of those below it, in px."""
    return max((e.height for e in row if e.above), default=0.0), max((e.height for e in row if not e.above), default=0.0)


def _axes(rows: Sequence[Sequence[_Event]]) -> list[float]:
    """Returns where the axis of each row stands, in px; room that is free is shared out around the rows."""
    area, reach = WIDE.area, _reach(rows)
    heights = [_heights(row) for row in rows]
    if len(rows) == 1:
        ((top, bottom),) = heights
        return [area.y + area.height / 2 + (top - bottom) / 4]
    free = area.height - sum(top for top, _ in heights) - sum(bottom for _, bottom in heights) - 2 * reach * len(rows)
    gap = free / (len(rows) + 1)
    axes, y = [], area.y + gap
    for top, bottom in heights:
        axes.append(y + top + reach)
        y += top + bottom + 2 * reach + gap
    return axes


def _fits(rows: Sequence[Sequence[_Event]]) -> bool:
    """Tells whether all texts stand in the diagram area, and no row reaches into the next."""
    ends = [WIDE.area.y]
    for row, axis_y in zip(rows, _axes(rows), strict=True):
        top, bottom = _heights(row)
        ends += [axis_y - _reach(rows) - top, axis_y + _reach(rows) + bottom]
    ends.append(WIDE.area.y + WIDE.area.height)
    return all(before <= after + ROUNDING for before, after in pairwise(ends))


def _set_rows(rows: Sequence[Sequence[Node]]) -> tuple[list[list[_Event]], bool] | None:
    """Sets the texts at the largest size at which they fit and none is shortened; tells whether the scale is true.

    Where each size shortens some, at the smallest; None where that is too high for the diagram area.
    """
    scale = _scale(rows[0]) if len(rows) == 1 else None
    if scale is not None:
        for sizes in SIZES[:SCALE_SIZES]:
            events = [_set_row(rows[0], scale, sizes, 0)]
            if not _is_shortened(events[0]) and _fits(events):
                return events, True
    for sizes in SIZES:
        placed = [_set_row(row, _steps(len(row)), sizes, sum(len(r) for r in rows[:n])) for n, row in enumerate(rows)]
        if not any(_is_shortened(events) for events in placed) and _fits(placed):
            break
    return (placed, False) if _fits(placed) else None


def _scale(nodes: Sequence[Node]) -> list[float] | None:
    """Returns the places by date; None where there is no date, or the dots would be too near one another."""
    if not all(node.HasField("date") and node.date.precision > DatePrecision.DATE_PRECISION_ORDINAL for node in nodes):
        return None
    years = [node.date.start_year for node in nodes]
    if years[-1] <= years[0]:
        return None
    places = [FIRST_X + (LAST_X - FIRST_X) * (year - years[0]) / (years[-1] - years[0]) for year in years]
    return places if all(b - a >= NEAREST for a, b in pairwise(places)) else None


def _steps(count: int) -> list[float]:
    if count == 1:
        return [WIDE.width / 2]
    # Few events keep together: steps are never wider than a third of the axis.
    step = min((LAST_X - FIRST_X) / (count - 1), (LAST_X - FIRST_X) / 3)
    first = WIDE.width / 2 - step * (count - 1) / 2
    return [first + step * number for number in range(count)]


def _set_row(nodes: Sequence[Node], places: Sequence[float], sizes: tuple[float, float], first_number: int) -> list[_Event]:
    """Sets the texts of events as wide as their neighbours on the same side allow."""
    events = []
    for number, (node, x) in enumerate(zip(nodes, places, strict=True)):
        beside = [2 * (x - WIDE.area.x), 2 * (WIDE.area.x + WIDE.area.width - x)]
        beside += [abs(places[other] - x) - SIDE_GAP for other in (number - 2, number + 2) if 0 <= other < len(nodes)]
        room = min(*beside, WIDEST_LABEL)
        accent = IN_TURN[(first_number + number) % len(IN_TURN)]
        date = compose_text(node.date.label, Style(sizes[0], FontWeight.FONT_WEIGHT_SEMI_BOLD, accent), room, 2)
        label = compose_text(node.label, Style(sizes[1], FontWeight.FONT_WEIGHT_MEDIUM), room, LABEL_LINES)
        muted = Style(24.0, FontWeight.FONT_WEIGHT_REGULAR, ColorRole.COLOR_ROLE_MUTED)
        quantity = compose_text(node.quantity.label, muted, room, 2)
        paragraphs = tuple(each for each in (date, label, quantity) if each.lines)
        events.append(_Event(node, x, number % 2 == 0, accent, paragraphs))
    return events


def _is_shortened(events: Sequence[_Event]) -> bool:
    """Tells whether a text lost its end, or a word was broken over two lines, as its place is too narrow."""
    return not all(paragraph.whole for event in events for paragraph in event.paragraphs)


def _draw(picture: SceneLayout, events: Sequence[_Event], axis_y: float, stem: float, scaled: bool) -> None:
    left, right = (AXIS_LEFT, AXIS_RIGHT) if scaled or len(events) > 3 else _axis_ends(events)
    picture.rules.append(_rule((left, axis_y), (right, axis_y), AXIS_WIDTH, ColorRole.COLOR_ROLE_LINE, ""))
    years = [event.node.date.start_year for event in events]
    for event in events:
        node = event.node
        if scaled and node.date.end_year > node.date.start_year:
            end = event.x + (LAST_X - FIRST_X) * (node.date.end_year - node.date.start_year) / (years[-1] - years[0])
            picture.rules.append(_rule((event.x, axis_y), (min(end, right), axis_y), SPAN_WIDTH, event.accent, node.id))
        sign = -1.0 if event.above else 1.0
        start = axis_y + sign * (DOT_RADIUS + STEM_GAP)
        picture.rules.append(_rule((event.x, start), (event.x, start + sign * stem), STEM_WIDTH, event.accent, node.id))
        picture.shapes.append(_shape(event, axis_y, start + sign * (stem + TEXT_GAP)))


def _shape(event: _Event, axis_y: float, text_y: float) -> Shape:
    """Returns the dot with its texts; `text_y` is the edge of the texts that faces the axis."""
    rect = Rect(x=event.x - DOT_RADIUS, y=axis_y - DOT_RADIUS, width=2 * DOT_RADIUS, height=2 * DOT_RADIUS)
    node = event.node
    shape = Shape(
        node_id=node.id, kind=ShapeKind.SHAPE_KIND_DOT, rect=rect, accent=event.accent, reveal_seconds=node.reveal_seconds
    )
    y = text_y - event.height if event.above else text_y
    for paragraph in event.paragraphs:
        block = paragraph.below(event.x, y)
        if paragraph.style.color == ColorRole.COLOR_ROLE_MUTED:
            shape.annotations.append(Annotation(text=block, reveal_seconds=node.quantity.reveal_seconds))
        else:
            shape.texts.append(block)
        y += paragraph.height + DATE_GAP
    return shape


def _axis_ends(events: Sequence[_Event]) -> tuple[float, float]:
    overhang = FIRST_X - AXIS_LEFT
    return events[0].x - overhang, events[-1].x + overhang


def _rule(start: tuple[float, float], end: tuple[float, float], width: float, color: ColorRole.ValueType, node_id: str) -> Rule:
    rule = Rule(width_px=width, color=color, round_caps=True, node_id=node_id)
    getattr(rule, "from").CopyFrom(Point(x=start[0], y=start[1]))
    rule.to.CopyFrom(Point(x=end[0], y=end[1]))
    return rule
