"""Steps in an order: the way to lay them out that reads largest and cleanest."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from elkjs_py import ElkError, ElkMemoryError, ElkTimeout
from s2v.layout import canvas, chain, grid, layered
from s2v.layout.canvas import DIAGRAM
from s2v.layout.chart import Chart, set_chart
from s2v.layout.labelling import place_labels
from s2v.layout.layered import Direction, Variant, Wrapping
from s2v.layout.outline import Measure
from s2v.layout.quality import extent, faults, measure
from s2v.layout.speech import spoken_spans
from s2v.v1.composition_pb2 import SceneLayout, ShapeKind
from s2v.v1.diagram_pb2 import Diagram
from s2v.v1.storyboard_pb2 import Scene

log = logging.getLogger(__name__)

ENGINE = "elk.layered"
SIZES: tuple[tuple[Measure, ...], ...] = (
    (Measure(30.0, 10.0, 3), Measure(30.0, 8.2, 3), Measure(30.0, 6.8, 4)),
    (Measure(27.0, 10.0, 3), Measure(27.0, 7.5, 4)),
    (Measure(24.0, 10.0, 3), Measure(24.0, 7.5, 4)),
    (Measure(24.0, 5.5, 4), Measure(24.0, 7.5, 2)),
)
"""Sizes of labels that are tried, the largest first, with wide and narrow lines; the last shortens long labels."""
FEW_NODES = 3
LARGE = (Measure(36.0, 10.0, 3),)
"""Size for a picture of few nodes, which would be lost on the canvas."""
SPREADS = (2.0, 1.6, 1.3)
"""More air, tried when the picture fits, the most first."""
TIGHT = 0.7
"""Less air, tried before smaller text."""
TIGHT_GAIN = 0.8
"""Where the picture is too large by more than this, less air does not make it fit."""
WRAPPINGS: tuple[Wrapping, ...] = ("OFF", "SINGLE_EDGE", "MULTI_EDGE")
"""Ways to break a chart into rows; each is tried where those before it do not fit."""
NEARLY = 0.92
"""Where a picture in one row is too large by no more than this, slightly smaller text reads better than several rows."""
WRAPPABLE_NODES = 5
"""Shorter charts are not broken into rows."""
HOPELESS = 0.85
"""A size is passed over when larger text was too large by so much more than the sizes differ: narrow lines gain no more."""
SIZE_COST = 0.9
"""What each px less than the usual size costs."""
CROSSING_COST = 4.0
BEND_COST = 0.5
DOWN_COST = 1.0
"""Down reads worse than right on a wide screen, as much as two bends do."""
WRAPPING_COSTS: Mapping[Wrapping, float] = {"OFF": 0.0, "SINGLE_EDGE": 1.5, "MULTI_EDGE": 3.0}
STRAIGHT_COST = 1.0
"""A fork shows the two ways of a decision as equals."""
SHORTENED = 0.85
"""A picture with shortened labels must be so much larger to be worth it."""
TALL_COST = 3.0
"""What a picture costs that is higher than the area is, for its width: per unit of height by width."""


@dataclass(frozen=True)
class _Candidate:
    """A picture that could be shown."""

    picture: SceneLayout
    chart: Chart
    variant: Variant
    engine: str
    cost: float
    room: float
    """By how much it could be larger; below 1: it does not fit."""


def compose_flowchart(scene: Scene) -> SceneLayout:
    """Places the flowchart of a scene in the diagram area.

    Where ELK fails, the nodes stand in a grid and `quality.degraded` says why.
    """
    diagram = scene.diagram
    try:
        picture = _search(diagram)
    except ElkError as error:
        log.warning("ELK failed on scene %s: %s", scene.id, error)
        picture = grid.lay_out(set_chart(diagram, SIZES[-1][0]))
        picture.quality.engine = grid.ENGINE
        picture.quality.degraded = f"ELK could not lay out scene {scene.id}: {error}"
        canvas.scale_picture(picture, min(_room(picture), 1.0))
    left, top, right, bottom = extent(picture)
    canvas.shift(picture, DIAGRAM.x + (DIAGRAM.width - left - right) / 2, DIAGRAM.y + (DIAGRAM.height - top - bottom) / 2)
    spans = spoken_spans(diagram.nodes, scene.end_seconds)
    for shape in picture.shapes:
        shape.spoken.extend(spans[shape.node_id])
    return picture


def _search(diagram: Diagram) -> SceneLayout:
    """Returns the picture of the least cost that fits; else the one that must be shrunk least.

    Errors: ElkError when no variant can be laid out.
    """
    best: _Candidate | None = None
    widest: _Candidate | None = None
    for measures in (LARGE, *SIZES) if len(diagram.nodes) <= FEW_NODES else SIZES:
        if best is not None and best.cost <= _size_cost(measures[0]):
            break
        last = measures is SIZES[-1]
        if widest is not None and not last and widest.room * widest.chart.measure.size_px < HOPELESS * measures[0].size_px:
            continue
        charts = [set_chart(diagram, measure) for measure in measures]
        for wrapping in WRAPPINGS if len(diagram.nodes) >= WRAPPABLE_NODES else WRAPPINGS[:1]:
            clean = _round(charts, wrapping, 1.0)
            room = max((each.room for each in clean), default=1.0)
            if room < 1.0 and (room >= TIGHT_GAIN or last):
                clean += _round(charts, wrapping, TIGHT)
            widest = max([*clean, *([widest] if widest else [])], key=_readability, default=None)
            fitting = [each for each in clean if each.room >= 1.0]
            if fitting:
                best = min([*fitting, *([best] if best else [])], key=lambda each: each.cost)
            if fitting or (not last and max((each.room for each in clean), default=0.0) >= NEARLY):
                break
    if best is not None:
        return _loosen(best)
    if widest is None:
        raise ElkError("no variant came out clean")
    canvas.scale_picture(widest.picture, widest.room)
    return widest.picture


def _round(charts: Sequence[Chart], wrapping: Wrapping, spread: float) -> list[_Candidate]:
    """Returns the clean pictures of charts that differ in their line width, in both directions."""
    decisions = any(outline.kind == ShapeKind.SHAPE_KIND_DIAMOND for outline in charts[0].outlines)
    directions: tuple[Direction, ...] = ("RIGHT", "DOWN")
    variants = [
        Variant(direction, straight_first, wrapping, spread)
        for direction in directions
        for straight_first in ((False, True) if decisions else (False,))
    ]
    candidates = (each for chart in charts for variant in variants for each in _candidates(chart, variant))
    return [each for each in candidates if not faults(each.picture.quality)]


def _candidates(chart: Chart, variant: Variant) -> Iterator[_Candidate]:
    """Yields the pictures of a variant: a chain has several numbers of columns, all else one picture."""
    if variant.wrapping != "OFF" and chain.is_chain(chart):
        if variant.wrapping == "SINGLE_EDGE" and variant.direction == "RIGHT" and variant.spread == 1.0:
            for columns in range(2, len(chart.outlines)):
                yield _judge(chain.lay_out(chart, columns), chart, variant, chain.ENGINE)
        return
    picture = _lay_out(chart, variant)
    if picture is not None:
        yield _judge(picture, chart, variant, ENGINE)


def _lay_out(chart: Chart, variant: Variant) -> SceneLayout | None:
    """Lays a chart out with labels where there is room; if there is none, with room kept for them.

    None where ELK fails on the variant, or where it is much too large. Errors: ElkTimeout, ElkMemoryError, as further
    variants would only take as long.
    """
    try:
        picture = layered.lay_out(chart, replace(variant, reserved=False))
        if place_labels(picture, [chart.labels[edge.id] for edge in chart.edges]):
            return picture
        # ELK fails on labels where it cuts several edges; and room for labels does not make a picture smaller.
        if variant.wrapping == "MULTI_EDGE" or (_room(picture) < TIGHT_GAIN and chart.measure not in SIZES[-1]):
            return None
        return layered.lay_out(chart, variant)
    except (ElkTimeout, ElkMemoryError):
        raise
    except ElkError as error:
        log.info("ELK failed on %s: %s", variant, error)
        return None


def _judge(picture: SceneLayout, chart: Chart, variant: Variant, engine: str) -> _Candidate:
    measure(picture)
    picture.quality.engine = engine
    left, top, right, bottom = extent(picture)
    shape = (bottom - top) / max(right - left, 1.0) * (DIAGRAM.width / DIAGRAM.height)
    cost = (
        _size_cost(chart.measure)
        + picture.quality.crossings * CROSSING_COST
        + picture.quality.bends * BEND_COST
        + (DOWN_COST if variant.direction == "DOWN" else 0.0)
        + WRAPPING_COSTS[variant.wrapping]
        + (STRAIGHT_COST if variant.straight_first else 0.0)
        + (_raggedness(picture) if engine == chain.ENGINE else 0.0)
        # A wide strip is a calm picture; a tall and narrow one is not.
        + TALL_COST * max(shape - 1.0, 0.0)
    )
    return _Candidate(picture, chart, variant, engine, cost, _room(picture))


def _raggedness(picture: SceneLayout) -> float:
    """Returns the part of the last row of a chain that is empty."""
    rows = Counter(round(shape.rect.y + shape.rect.height / 2) for shape in picture.shapes)
    return 1.0 - rows[max(rows)] / max(rows.values())


def _size_cost(measure: Measure) -> float:
    return SIZE_COST * max(SIZES[0][0].size_px - measure.size_px, 0.0)


def _readability(candidate: _Candidate) -> float:
    shortened = any(outline.label.full_text for outline in candidate.chart.outlines)
    return candidate.room * candidate.picture.quality.min_text_px * (SHORTENED if shortened else 1.0)


def _loosen(best: _Candidate) -> SceneLayout:
    """Gives a picture that fits as much air as there is room for."""
    for spread in SPREADS if best.variant.spread == 1.0 and best.engine == ENGINE else ():
        picture = _lay_out(best.chart, replace(best.variant, spread=spread))
        if picture is None:
            continue
        loose = _judge(picture, best.chart, best.variant, best.engine)
        if not faults(picture.quality) and loose.cost <= best.cost and loose.room >= 1.0:
            return picture
    return best.picture


def _room(picture: SceneLayout) -> float:
    """Returns by how much the picture could be larger; below 1: it does not fit."""
    left, top, right, bottom = extent(picture)
    return min(DIAGRAM.width / max(right - left, 1.0), DIAGRAM.height / max(bottom - top, 1.0))
