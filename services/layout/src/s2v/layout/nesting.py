"""Groups that no edge enters or leaves, each laid out by itself in the shape that suits the canvas, then set as one box.

ELK lays a graph with groups out as a whole: one direction for all, no rows, parts without connection in one line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import elkjs_py
from s2v.layout import layered
from s2v.layout.canvas import WIDE, shift
from s2v.layout.chart import Chart, Panel
from s2v.layout.labelling import place_labels
from s2v.layout.layered import PANEL_PADDING, TITLE_DROP, Variant, Wrapping, place_panel
from s2v.layout.outline import LABEL_WEIGHT, Outline
from s2v.layout.paragraph import Paragraph, Style
from s2v.layout.quality import extent, faults, measure
from s2v.v1.composition_pb2 import Rect, SceneLayout, Shape, ShapeKind
from s2v.v1.diagram_pb2 import Node

WRAPPED_NODES = 3
"""Fewer nodes in a group are not broken into rows."""
CROSSING_SHARE = 0.05
"""By how much larger a picture inside of a group may be to save a crossing."""


@dataclass(frozen=True)
class Interior:
    """A group that is laid out: its picture, with the origin at its own left top corner."""

    panel: Panel
    picture: SceneLayout
    """Of what is in it; inner groups of this kind are boxes in it."""
    width: float
    height: float

    def stand_in(self) -> Outline:
        """Returns the group as a node without text."""
        nothing = Paragraph((), (), Style(0.0, LABEL_WEIGHT), "", whole=True)
        return Outline(Node(id=self.panel.id), ShapeKind.SHAPE_KIND_BOX, nothing, nothing, self.width, self.height)


Interiors = Mapping[str, Interior]


def has_closed_panels(chart: Chart) -> bool:
    """Tells whether there is a group that no edge enters or leaves."""
    return any(True for _ in _closed(chart))


def draw_interiors(chart: Chart, variant: Variant) -> dict[str, Interior]:
    """Returns the closed groups of a chart by their ids, laid out to the shape that `variant.inside` asks for.

    Errors: elkjs_py.ElkError when one cannot be laid out.
    """
    interiors: dict[str, Interior] = {}
    for panel, inside in _closed(chart):
        interiors[panel.id] = _draw(panel, _reduce(chart, interiors, inside), variant)
    return interiors


def lay_out(chart: Chart, interiors: Interiors, variant: Variant) -> SceneLayout | None:
    """Returns a chart with its closed groups as they are in `interiors`, labels included.

    None where a label has no place, or where open groups are to be broken into rows, which ELK cannot do.

    Errors: elkjs_py.ElkError.
    """
    everything = {outline.node.id for outline in chart.outlines} | {panel.id for panel in chart.panels}
    reduced = _reduce(chart, interiors, everything)
    outer = _label(reduced, variant) if variant.wrapping == "OFF" or not reduced.panels else None
    if outer is None:
        return None
    picture = SceneLayout()
    _expand(outer, interiors, picture)
    order = {edge.id: number for number, edge in enumerate(chart.edges)}
    routes = sorted(picture.routes, key=lambda route: order[route.edge_id])
    del picture.routes[:]
    picture.routes.extend(routes)
    return picture


def _closed(chart: Chart) -> Iterator[tuple[Panel, set[str]]]:
    """Yields the groups that no edge enters or leaves, with the ids of all that is in them; inner ones first."""
    inside: dict[str, set[str]] = {}
    for panel in chart.panels:
        held = set(panel.members).union(*(inside.get(member, ()) for member in panel.members))
        inside[panel.id] = held
        if all((edge.source in held) == (edge.target in held) for edge in chart.edges):
            yield panel, held


def _reduce(chart: Chart, interiors: Interiors, kept: set[str]) -> Chart:
    """Returns the part of a chart with the ids `kept`, closed groups in it as nodes."""
    hidden: set[str] = set()
    for interior in interiors.values():
        hidden |= {shape.node_id for shape in interior.picture.shapes}
    shown = kept - hidden
    boxes = [interior.stand_in() for name, interior in interiors.items() if name in shown]
    return replace(
        chart,
        outlines=[outline for outline in chart.outlines if outline.node.id in shown] + boxes,
        edges=[edge for edge in chart.edges if edge.source in shown and edge.target in shown],
        panels=[panel for panel in chart.panels if panel.id in shown and panel.id not in interiors],
        accents={**chart.accents, **{box.node.id: layered.PANEL_COLOR for box in boxes}},
    )


def _draw(panel: Panel, chart: Chart, variant: Variant) -> Interior:
    """Returns the clean picture of what is in a group that comes nearest to the wanted shape."""
    best: tuple[float, SceneLayout] | None = None
    wrappings: Sequence[Wrapping] = ("OFF",)
    if len(chart.outlines) >= WRAPPED_NODES and not chart.panels and chart.edges:
        wrappings = ("OFF", "SINGLE_EDGE")
    for wrapping in wrappings:
        for direction in layered.DIRECTIONS:
            way = Variant(direction, wrapping=wrapping, spread=variant.spread, placement="FLEXIBLE", aspect=variant.inside)
            try:
                picture = _label(chart, way)
            except elkjs_py.ElkTimeout:
                raise
            except elkjs_py.ElkError:
                continue
            if picture is None:
                continue
            measure(picture, WIDE)
            if faults(picture.quality):
                continue
            left, top, right, bottom = extent(picture)
            size = max((right - left) / variant.inside, bottom - top) * (1 + CROSSING_SHARE * picture.quality.crossings)
            if best is None or size < best[0]:
                best = size, picture
    if best is None:
        raise elkjs_py.ElkError(f"what is in group {panel.id} has no clean picture")
    picture = best[1]
    left, top, right, bottom = extent(picture)
    padding = PANEL_PADDING * min(variant.spread, 1.0)
    head = 2 * TITLE_DROP + panel.title.height if panel.title.lines else padding
    width = max(right - left + 2 * padding, panel.title.width + 2 * PANEL_PADDING)
    shift(picture, (width - (right - left)) / 2 - left, head - top)
    return Interior(panel, picture, width, head + bottom - top + padding)


def _label(chart: Chart, variant: Variant) -> SceneLayout | None:
    """Returns a chart with its labels where there is room, else with room kept for them; None where one has no place."""
    labels = [chart.labels[edge.id] for edge in chart.edges]
    picture = layered.lay_out(chart, replace(variant, reserved=False))
    if place_labels(picture, labels):
        return picture
    return layered.lay_out(chart, replace(variant, reserved=True)) if variant.wrapping == "OFF" else None


def _expand(source: SceneLayout, interiors: Interiors, picture: SceneLayout) -> None:
    """Adds the shapes and routes of `source` to a picture, with what is in its closed groups."""
    picture.routes.extend(source.routes)
    for shape in source.shapes:
        interior = interiors.get(shape.node_id)
        if interior is None:
            picture.shapes.append(shape)
            continue
        picture.shapes.append(_panel(interior, shape.rect))
        inner = SceneLayout()
        inner.CopyFrom(interior.picture)
        shift(inner, shape.rect.x, shape.rect.y)
        _expand(inner, interiors, picture)


def _panel(interior: Interior, rect: Rect) -> Shape:
    return place_panel(
        interior.panel,
        {"id": interior.panel.id, "x": rect.x, "y": rect.y, "width": interior.width, "height": interior.height},
    )
