"""Steps in an order: the way to lay them out that reads largest and cleanest."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from elkjs_py import ElkError
from s2v.layout import canvas, grid, layered
from s2v.layout.canvas import DIAGRAM
from s2v.layout.chart import Chart, set_chart
from s2v.layout.layered import Variant
from s2v.layout.outline import Measure
from s2v.layout.quality import extent, faults, measure
from s2v.layout.speech import spoken_spans
from s2v.v1.composition_pb2 import SceneLayout
from s2v.v1.diagram_pb2 import Diagram, NodeKind
from s2v.v1.storyboard_pb2 import Scene

log = logging.getLogger(__name__)

ENGINE = "elk.layered"
MEASURES = (
    Measure(30.0, 10.0, 3),
    Measure(30.0, 7.5, 4),
    Measure(27.0, 7.5, 4),
    Measure(24.0, 7.5, 4),
    Measure(24.0, 5.5, 3),
)
"""Sizes of labels that are tried, the largest first; the last shortens long labels."""
SPREADS = (2.0, 1.6, 1.3)
"""More air, tried when the picture fits, the most first."""
TIGHT = 0.75
"""Less air, tried before smaller text."""
CROSSING_COST = 4.0
BEND_COST = 0.5
DOWN_COST = 1.0
"""Down reads worse than right on a wide screen, as much as two bends do."""
WRAPPED_COST = 1.5
STRAIGHT_COST = 0.25
"""A fork shows the two ways of a decision as equals."""
SHAPE_COST = 3.0
"""What a picture costs whose shape is not the area's: per doubling of width to height."""


def compose_flowchart(scene: Scene) -> SceneLayout:
    """Places the flowchart of a scene in the diagram area.

    Where ELK fails, the nodes stand in a grid and `quality.degraded` says why.
    """
    diagram = scene.diagram
    try:
        picture = _search(diagram)
        picture.quality.engine = ENGINE
    except ElkError as error:
        log.warning("ELK failed on scene %s: %s", scene.id, error)
        picture = grid.lay_out(set_chart(diagram, MEASURES[-1]))
        picture.quality.engine = grid.ENGINE
        picture.quality.degraded = f"ELK could not lay out scene {scene.id}: {error}"
        _shrink(picture)
    left, top, right, bottom = extent(picture)
    canvas.shift(picture, DIAGRAM.x + (DIAGRAM.width - left - right) / 2, DIAGRAM.y + (DIAGRAM.height - top - bottom) / 2)
    spans = spoken_spans(diagram.nodes, scene.end_seconds)
    for shape in picture.shapes:
        shape.spoken.extend(spans[shape.node_id])
    return picture


def _search(diagram: Diagram) -> SceneLayout:
    """Returns the best picture of the largest text at which one fits; else the one that must be shrunk least.

    Errors: ElkError when no variant can be laid out.
    """
    largest: tuple[float, SceneLayout] | None = None
    failure: ElkError | None = None
    for size in MEASURES:
        chart = set_chart(diagram, size)
        for spread in (1.0, TIGHT):
            fitting: list[tuple[float, Variant, SceneLayout]] = []
            for variant in _variants(diagram, spread):
                try:
                    picture = layered.lay_out(chart, variant)
                except ElkError as error:
                    failure = error
                    continue
                measure(picture)
                room = _room(picture) if not faults(picture.quality) else _room(picture) / 10
                if room >= 1.0:
                    fitting.append((_cost(picture, variant), variant, picture))
                elif largest is None or room * size.size_px > largest[0]:
                    largest = (room * size.size_px, picture)
            if fitting:
                _, variant, picture = min(fitting, key=lambda each: each[0])
                return _loosen(picture, chart, variant)
    if largest is None:
        raise failure or ElkError("no variant could be laid out")
    _shrink(largest[1])
    return largest[1]


def _variants(diagram: Diagram, spread: float) -> Iterator[Variant]:
    decisions = any(node.kind == NodeKind.NODE_KIND_DECISION for node in diagram.nodes)
    for direction in ("RIGHT", "DOWN"):
        for straight_first in (False, True) if decisions else (False,):
            for wrapped in (False, True) if len(diagram.nodes) > 4 else (False,):
                yield Variant(direction, straight_first, wrapped, spread)


def _loosen(picture: SceneLayout, chart: Chart, variant: Variant) -> SceneLayout:
    """Gives a picture that fits as much air as there is room for."""
    if variant.spread < 1.0:
        return picture
    for spread in SPREADS:
        loose = Variant(variant.direction, variant.straight_first, variant.wrapped, spread)
        try:
            candidate = layered.lay_out(chart, loose)
        except ElkError:
            # The tighter picture stands already.
            return picture
        measure(candidate)
        clean = not faults(candidate.quality) and candidate.quality.crossings <= picture.quality.crossings
        if clean and _room(candidate) >= 1.0:
            return candidate
    return picture


def _cost(picture: SceneLayout, variant: Variant) -> float:
    left, top, right, bottom = extent(picture)
    shape = (right - left) / max(bottom - top, 1.0) / (DIAGRAM.width / DIAGRAM.height)
    # A wide strip is a calm picture; a tall and narrow one is not.
    narrowness = max(1.0 / shape - 1.0, 0.0)
    return (
        picture.quality.crossings * CROSSING_COST
        + picture.quality.bends * BEND_COST
        + (DOWN_COST if variant.direction == "DOWN" else 0.0)
        + (WRAPPED_COST if variant.wrapped else 0.0)
        + (STRAIGHT_COST if variant.straight_first else 0.0)
        + SHAPE_COST * narrowness
    )


def _room(picture: SceneLayout) -> float:
    """Returns by how much the picture could be larger; below 1: it does not fit."""
    left, top, right, bottom = extent(picture)
    return min(DIAGRAM.width / max(right - left, 1.0), DIAGRAM.height / max(bottom - top, 1.0))


def _shrink(picture: SceneLayout) -> None:
    room = _room(picture)
    if room < 1.0:
        canvas.scale_picture(picture, room)
