"""What a scene is drawn of: its layout and theme as inked outlines, in the order of drawing. Knows neither time nor manim."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from math import floor

import numpy as np

from s2v.rendering import outlines
from s2v.rendering.outlines import Curves, Track
from s2v.typeset.themes import Theme
from s2v.typeset.themes.palette import SET_OPACITY
from s2v.v1.composition_pb2 import ColorRole, Rect, Route, RouteKind, Rule, SceneLayout, Shape, ShapeKind, TextBlock

REFERENCE_HEIGHT = 1080
"""Shorter side of the canvas for which the sizes below are given, in pixels; other canvases scale them."""
BOX_RADIUS = 16.0
"""Corners of rounded boxes, in pixels."""
OUTLINE_WIDTH = 3.0
"""Line of a shape, in pixels."""
ROUTE_WIDTH = 3.0
"""Line of an edge, in pixels."""
ROUTE_RADIUS = 18.0
"""Corners of an edge, in pixels."""
ARROWHEAD = 18.0
"""Length and width of an arrowhead, in pixels."""
BAR_WIDTH = 9.0
"""Heavier left edge of a cause, in pixels."""
PANEL_OPACITY = 0.5
"""Of the fill of a panel: the boxes on it stand out."""
HALO_WIDTH = 10.0
"""Ring around what is being spoken of, in pixels."""
HALO_GAP = 2.0
"""Between the outline and the ring, in pixels."""
HALO_OPACITY = 0.3
"""Of the ring."""


class Kind(Enum):
    """Kinds of elements; the values are their layers, the lowest drawn first."""

    PANEL = 0
    RULE = 1
    HALO = 2
    ROUTE = 3
    SHAPE = 4
    ANNOTATION = 5
    LABEL = 6
    MASK = 7
    TITLE = 8
    CAPTION = 9


@dataclass(frozen=True)
class Key:
    """Names an element within a clip."""

    kind: Kind
    id: str
    outgoing: bool = False
    """Whether it belongs to the scene before."""


@dataclass(frozen=True)
class Ink:
    """An outline and its colours."""

    curves: Curves
    fill: str = ""
    """Colour "#RRGGBB"; empty: not filled."""
    stroke: str = ""
    """Colour "#RRGGBB"; empty: no line."""
    width_px: float = 0.0
    """Of the line."""
    round_caps: bool = False
    opacity: float = 1.0


@dataclass(frozen=True)
class Element:
    """A part of the picture that appears, moves and leaves as one."""

    key: Key
    inks: tuple[Ink, ...]
    """At rest, fully there, in the order of drawing."""
    center: tuple[float, float] = (0.0, 0.0)
    """Point about which it grows, in pixels."""
    track: Track | None = field(default=None, compare=False)
    """The line along which an edge draws itself."""
    head_px: float = 0.0
    """Length of the edge's arrowhead; 0: none."""
    grows: bool = False
    """Whether it grows while it fades in: outlined nodes. Text alone would seem to shake."""
    swells: bool = False
    """Whether it grows while it is spoken of: dots."""
    outlines: int = 0
    """How many of its inks, the first ones, are a node's outline; the rest is its text."""


TRANSLUCENT = {ShapeKind.SHAPE_KIND_CIRCLE: SET_OPACITY, ShapeKind.SHAPE_KIND_PANEL: PANEL_OPACITY}
"""Shapes whose fill lets the ground through, and how opaque it is."""
SHARP = frozenset(
    {
        ShapeKind.SHAPE_KIND_ROUNDED_BOX,
        ShapeKind.SHAPE_KIND_BOX,
        ShapeKind.SHAPE_KIND_PILL,
        ShapeKind.SHAPE_KIND_PANEL,
        ShapeKind.SHAPE_KIND_BARRED_BOX,
    }
)
"""Shapes whose sides are put where their lines are sharp."""
ROUNDED = SHARP - {ShapeKind.SHAPE_KIND_BOX, ShapeKind.SHAPE_KIND_PILL}
"""Shapes with rounded corners."""


def scale_of(width: int, height: int) -> float:
    """Returns the factor for sizes given for a canvas of 1080 pixels."""
    return min(width, height) / REFERENCE_HEIGHT


def draw_elements(scene: SceneLayout, theme: Theme, scale: float) -> list[Element]:
    """Returns the elements of a scene, the lowest first.

    Errors: ValueError for a colour or weight that is not said, KeyError for an unknown kind of shape.
    """
    elements: list[Element] = []
    panels = find_panels(scene)
    if scene.title.lines:
        elements.append(Element(Key(Kind.TITLE, ""), tuple(_text(scene.title, theme))))
    elements += [_rule(key, rule, theme) for key, rule in name_rules(scene)]
    for shape in scene.shapes:
        elements += _shape(shape, theme, scale, is_panel=shape.node_id in panels)
    for route in scene.routes:
        elements += _route(route, theme, scale)
    return sorted(elements, key=lambda each: each.key.kind.value)


def name_rules(scene: SceneLayout) -> Iterator[tuple[Key, Rule]]:
    """Yields the rules of a scene with their keys.

    Where a camera moves, the title's bar, which is the last of them, is in the title's layer: it stays with the title.
    """
    for number, rule in enumerate(scene.rules):
        is_bar = scene.camera and scene.title.lines and number + 1 == len(scene.rules)
        yield Key(Kind.TITLE if is_bar else Kind.RULE, str(number)), rule


def find_panels(scene: SceneLayout) -> set[str]:
    """Returns the ids of the shapes that hold other shapes, or are meant to: they lie below everything."""
    found = {shape.node_id for shape in scene.shapes if shape.kind in TRANSLUCENT}
    for outer in scene.shapes:
        for inner in scene.shapes:
            if inner.node_id != outer.node_id and _holds(outer.rect, inner.rect):
                found.add(outer.node_id)
                break
    return found


def _holds(outer: Rect, inner: Rect) -> bool:
    return (
        outer.width * outer.height > inner.width * inner.height
        and outer.x <= inner.x
        and outer.y <= inner.y
        and outer.x + outer.width >= inner.x + inner.width
        and outer.y + outer.height >= inner.y + inner.height
    )


def crisp(value: float, width_px: float) -> float:
    """Returns the place nearest to `value`, in pixels, at which a line of that width covers whole pixels."""
    return floor(value) + 0.5 if round(width_px) % 2 else float(round(value))


def crisp_rect(rect: Rect, width_px: float) -> Rect:
    """Returns the rectangle with its sides where lines of that width are sharp."""
    left, top = crisp(rect.x, width_px), crisp(rect.y, width_px)
    right, bottom = crisp(rect.x + rect.width, width_px), crisp(rect.y + rect.height, width_px)
    return Rect(x=left, y=top, width=right - left, height=bottom - top)


def _text(block: TextBlock, theme: Theme) -> Iterator[Ink]:
    color = theme.color(block.color)
    for line in block.lines:
        # Whole pixels for the baseline: the feet of all letters are then equally sharp.
        curves = outlines.text(line.text, block.weight, block.size_px, line.x, round(line.baseline_y))
        if len(curves):
            yield Ink(curves, fill=color)


def _rule(key: Key, rule: Rule, theme: Theme) -> Element:
    start, end = getattr(rule, "from"), rule.to
    points = [(start.x, start.y), (end.x, end.y)]
    if start.y == end.y:
        points = [(x, crisp(y, rule.width_px)) for x, y in points]
    elif start.x == end.x:
        points = [(crisp(x, rule.width_px), y) for x, y in points]
    ink = Ink(outlines.straight(points), stroke=theme.color(rule.color), width_px=rule.width_px, round_caps=rule.round_caps)
    return Element(key, (ink,), ((start.x + end.x) / 2, (start.y + end.y) / 2))


def _shape(shape: Shape, theme: Theme, scale: float, *, is_panel: bool) -> Iterator[Element]:
    center = (shape.rect.x + shape.rect.width / 2, shape.rect.y + shape.rect.height / 2)
    inks: list[Ink] = []
    if shape.kind != ShapeKind.SHAPE_KIND_TEXT:
        accent = theme.color(shape.accent)
        rect = crisp_rect(shape.rect, OUTLINE_WIDTH * scale) if shape.kind in SHARP else shape.rect
        curves = outline_of(shape.kind, rect, scale)
        fill = accent if shape.kind in (ShapeKind.SHAPE_KIND_DOT, ShapeKind.SHAPE_KIND_CIRCLE) else surface(theme)
        if shape.kind == ShapeKind.SHAPE_KIND_DOT:
            inks.append(Ink(curves, fill=fill))
        elif shape.kind in TRANSLUCENT:
            inks.append(Ink(curves, fill=fill, opacity=TRANSLUCENT[shape.kind]))
            inks.append(Ink(curves, stroke=accent, width_px=OUTLINE_WIDTH * scale))
        else:
            inks.append(Ink(curves, fill=fill, stroke=accent, width_px=OUTLINE_WIDTH * scale))
        if shape.kind == ShapeKind.SHAPE_KIND_BARRED_BOX:
            inks.append(Ink(outlines.left_bar(rect, BOX_RADIUS * scale, BAR_WIDTH * scale), fill=accent))
        yield _halo(shape, accent, scale, center)
    outline_count = len(inks)
    for block in shape.texts:
        inks += _text(block, theme)
    kind = Kind.PANEL if is_panel else Kind.SHAPE
    outlined, dot = shape.kind != ShapeKind.SHAPE_KIND_TEXT, shape.kind == ShapeKind.SHAPE_KIND_DOT
    yield Element(Key(kind, shape.node_id), tuple(inks), center, grows=outlined, swells=dot, outlines=outline_count)
    for number, annotation in enumerate(shape.annotations):
        yield Element(Key(Kind.ANNOTATION, f"{shape.node_id}/{number}"), tuple(_text(annotation.text, theme)))


def surface(theme: Theme) -> str:
    """Returns the colour of boxes."""
    return theme.color(ColorRole.COLOR_ROLE_SURFACE)


def outline_of(kind: ShapeKind.ValueType, rect: Rect, scale: float) -> Curves:
    """Returns the outline of a shape. Errors: KeyError for a kind without outline."""
    if kind == ShapeKind.SHAPE_KIND_DIAMOND:
        return outlines.diamond(rect)
    radius = {
        ShapeKind.SHAPE_KIND_ROUNDED_BOX: BOX_RADIUS * scale,
        ShapeKind.SHAPE_KIND_PANEL: BOX_RADIUS * scale,
        ShapeKind.SHAPE_KIND_BARRED_BOX: BOX_RADIUS * scale,
        ShapeKind.SHAPE_KIND_CIRCLE: min(rect.width, rect.height) / 2,
        ShapeKind.SHAPE_KIND_BOX: 0.0,
        ShapeKind.SHAPE_KIND_PILL: min(rect.width, rect.height) / 2,
        ShapeKind.SHAPE_KIND_DOT: min(rect.width, rect.height) / 2,
    }[kind]
    return outlines.rounded_box(rect, radius)


def _halo(shape: Shape, accent: str, scale: float, center: tuple[float, float]) -> Element:
    gap = (0.0 if shape.kind == ShapeKind.SHAPE_KIND_DOT else OUTLINE_WIDTH / 2) + HALO_GAP + HALO_WIDTH / 2
    curves = _widened(shape, gap * scale, scale)
    ink = Ink(curves, stroke=accent, width_px=HALO_WIDTH * scale, opacity=HALO_OPACITY)
    return Element(Key(Kind.HALO, shape.node_id), (ink,), center, swells=shape.kind == ShapeKind.SHAPE_KIND_DOT)


def _widened(shape: Shape, by: float, scale: float) -> Curves:
    """Returns the outline at a distance of `by` pixels outside the shape's own."""
    rect = Rect(x=shape.rect.x - by, y=shape.rect.y - by, width=shape.rect.width + 2 * by, height=shape.rect.height + 2 * by)
    if shape.kind in ROUNDED:
        return outlines.rounded_box(rect, BOX_RADIUS * scale + by)
    if shape.kind == ShapeKind.SHAPE_KIND_BOX:
        return outlines.rounded_box(rect, by)
    if shape.kind == ShapeKind.SHAPE_KIND_DIAMOND:
        # Sides keep the distance: the corners move out by the hypotenuse.
        half_width, half_height = shape.rect.width / 2, shape.rect.height / 2
        slant = float(np.hypot(half_width, half_height))
        out_x, out_y = by * slant / half_height, by * slant / half_width
        rect = Rect(
            x=shape.rect.x - out_x,
            y=shape.rect.y - out_y,
            width=shape.rect.width + 2 * out_x,
            height=shape.rect.height + 2 * out_y,
        )
    return outline_of(shape.kind, rect, scale)


def _route(route: Route, theme: Theme, scale: float) -> Iterator[Element]:
    color = theme.color(route.color)
    points = [(point.x, point.y) for point in route.points]
    if route.kind == RouteKind.ROUTE_KIND_ORTHOGONAL:
        points = [(crisp(x, ROUTE_WIDTH * scale), crisp(y, ROUTE_WIDTH * scale)) for x, y in points]
    curves = outlines.route(points, route.kind, ROUTE_RADIUS * scale) if len(points) > 1 else outlines.NOTHING
    if len(curves):
        track = outlines.measure(curves)
        head = min(ARROWHEAD * scale, track.length / 2) if route.arrowhead else 0.0
        inks = trace(track, head, color, ROUTE_WIDTH * scale, 1.0)
        yield Element(Key(Kind.ROUTE, route.edge_id), inks, track=track, head_px=head)
    if route.label.lines:
        yield Element(Key(Kind.LABEL, route.edge_id), tuple(_text(route.label, theme)))


def trace(track: Track, head_px: float, color: str, width_px: float, share: float) -> tuple[Ink, Ink]:
    """Returns an edge drawn up to `share` (0 to 1) of its length: the line, and the arrowhead at its tip."""
    tip = track.length * share
    # The line ends inside the arrowhead, so that no gap shows between them.
    line = Ink(track.until(tip - head_px * 0.7), stroke=color, width_px=width_px)
    base = max(0.0, tip - head_px)
    head = outlines.arrowhead(track.at(tip), track.at(base), tip - base) if head_px else outlines.NOTHING
    return line, Ink(head, fill=color)
