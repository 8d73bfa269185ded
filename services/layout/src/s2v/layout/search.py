"""A graph drawn in the way that reads largest and cleanest: the search over variants of ELK's layered algorithm."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from elkjs_py import ElkError, ElkMemoryError, ElkTimeout
from s2v.layout import chain, grid, layered, nesting
from s2v.layout.canvas import Canvas, find_move
from s2v.layout.chart import Accents, Chart, set_chart
from s2v.layout.labelling import place_labels
from s2v.layout.layered import DIRECTIONS, Direction, Placement, Variant
from s2v.layout.outline import Measure
from s2v.layout.quality import extent, faults, measure
from s2v.layout.strategies import PLAIN, list_strategies, strategy_cost
from s2v.v1.composition_pb2 import SceneLayout, ShapeKind
from s2v.v1.diagram_pb2 import Diagram

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
TIGHTEST = 0.4
"""Least air, for graphs whose nodes have a fixed size."""
TIGHT_GAIN = 0.8
"""Where the picture is too large by more than this, less air does not make it fit."""
NEARLY = 0.92
"""Where a picture in one row is too large by no more than this, slightly smaller text reads better than several rows."""
HOPELESS = 0.85
"""A size is passed over when larger text was too large by so much more than the sizes differ: narrow lines gain no more."""
ALTERNATIVES: tuple[tuple[Placement, bool, int], ...] = (
    ("ALIGNED", True, 1),
    ("FLEXIBLE", True, 1),
    ("FLEXIBLE", False, 1),
    ("FLEXIBLE", False, 2),
    ("SHORT", False, 3),
    ("FLEXIBLE", False, 4),
)
"""Ways to place the nodes of one variant that are tried for fewer crossings and bends."""
STOPPED = 1
"""Variants that ELK may be stopped on: after more, further ones would only take as long."""
LAST_LAYOUTS = 8
"""Of the least size, tried even when the budget is spent."""
SIZE_COST = 0.9
"""What each px less than the usual size costs."""
CROSSING_COST = 4.0
BEND_COST = 0.5
OVERSIZE_COST = 40.0
"""What a picture costs that is too large, times the part of it that is."""
DOWN_COST = 1.0
"""Down reads worse than right on a wide screen, as much as two bends do."""
STRAIGHT_COST = 1.0
"""A fork shows the two ways of a decision as equals."""
SHORTENED_COST = 6.0
"""Of each label that has lost its end: whole labels in smaller text, or in more lines, read better."""
SHORTENED = 0.85
"""A picture with shortened labels must be so much larger to be worth it."""
MOVE_COST = 0.04
"""What each px costs by which the nodes have moved from where they stood before an edit, in the mean: 100 px are a crossing."""
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

    @property
    def rank(self) -> tuple[bool, float]:
        """What is least for the best picture of one size of text: first whether it fits, then crossings and bends.

        A picture that does not fit is seen in parts in any case, so a little more of it is worth a crossing less.
        """
        quality = self.picture.quality
        tangle = quality.crossings * CROSSING_COST + quality.bends * BEND_COST
        return self.room < 1.0, tangle + OVERSIZE_COST * (1.0 - min(self.room, 1.0))


def draw_graph(diagram: Diagram, canvas: Canvas, accents: Accents, *, joins: bool = False) -> SceneLayout:
    """Returns the picture of a diagram's nodes, edges and groups, not yet at its place.

    Where ELK fails, the nodes stand in a grid and `quality.degraded` says why. A picture that does not fit at the least size of
    text is larger than the diagram area.
    """
    search = _Search(diagram, canvas, accents, joins)
    try:
        picture = search.run()
    except ElkError as error:
        log.warning("ELK failed on a graph of %d nodes: %s", len(diagram.nodes), error)
        picture = grid.lay_out(set_chart(diagram, SIZES[-1][0], accents))
        picture.quality.engine = grid.ENGINE
        picture.quality.degraded = f"ELK could not lay out a graph of {len(diagram.nodes)} nodes: {error}"
    picture.quality.variants = search.tried
    return picture


def draw_once(chart: Chart, canvas: Canvas) -> SceneLayout:
    """Returns a chart by a single variant, whatever becomes of it. Errors: elkjs_py.ElkError."""
    picture = layered.lay_out(chart, Variant("RIGHT", reserved=False))
    place_labels(picture, [chart.labels[edge.id] for edge in chart.edges])
    measure(picture, canvas)
    return picture


def draw_chart(chart: Chart, canvas: Canvas) -> SceneLayout:
    """Returns the clean picture of a chart, at the size that its texts are set in, that fits with the fewest crossings and bends.

    Where none fits, the one with the fewest crossings of those that are least too large. Errors: ElkError when no variant comes
    out clean.
    """
    search = _Search(Diagram(), canvas, {}, joins=False)
    best: _Candidate | None = None
    work = canvas.work // (len(chart.outlines) + len(chart.edges))
    plans = [(spread, PLAIN) for spread in (1.0, TIGHT, TIGHTEST)]
    plans += [(TIGHTEST, strategy) for strategy in list_strategies(chart)[1:]]
    for spread, strategy in plans:
        if search.tried > work:
            break
        hopeless: set[Direction] = set()
        for placement, ordered, seed in ALTERNATIVES if strategy is PLAIN else ALTERNATIVES[1:]:
            for direction in DIRECTIONS:
                if direction in hopeless:
                    continue
                variant = replace(strategy, direction=direction, spread=spread, placement=placement, ordered=ordered, seed=seed)
                candidates = list(search.candidates(chart, variant))
                clean = [each for each in candidates if not faults(each.picture.quality)]
                best = min([*([best] if best else []), *clean], key=lambda each: each.rank, default=None)
                needed = 1.0 if strategy is PLAIN and best is not None and best.room >= 1.0 else TIGHT_GAIN
                if max((each.room for each in candidates), default=0.0) < needed:
                    # Other places for the nodes do not make it so much smaller.
                    hopeless.add(direction)
        if best is not None and best.room >= 1.0 and (strategy is PLAIN or best.picture.quality.crossings == 0):
            break
    if best is None:
        raise search.failure
    best.picture.quality.variants = search.tried
    return best.picture


class _Search:
    """Looks for the picture of the least cost, within a budget of work."""

    def __init__(self, diagram: Diagram, canvas: Canvas, accents: Accents, joins: bool) -> None:
        self._diagram = diagram
        self._canvas = canvas
        self._accents = accents
        self._joins = joins
        self._budget = canvas.work // max(len(diagram.nodes) + len(diagram.edges), 1)
        self._stopped = 0
        self.failure = ElkError("no variant came out clean")
        """Why there is no picture, where there is none."""
        self._drawn: dict[tuple[Measure, float, float], nesting.Interiors] = {}
        self.tried = 0

    def run(self) -> SceneLayout:
        """Returns the picture of the least cost that fits; else the one that the camera must move least over.

        Errors: ElkError when no variant can be laid out.
        """
        best: _Candidate | None = None
        widest: _Candidate | None = None
        seen: list[_Candidate] = []
        for measures in (LARGE, *SIZES) if len(self._diagram.nodes) <= FEW_NODES else SIZES:
            if best is not None and best.cost <= _size_cost(measures[0]):
                break
            last = measures is SIZES[-1]
            if widest is not None and not last and widest.room * widest.chart.measure.size_px < HOPELESS * measures[0].size_px:
                continue
            if last and self._stopped <= STOPPED:
                # The least size is always tried: the camera needs a picture to move over.
                self._budget = max(self._budget, self.tried + max(LAST_LAYOUTS, self._budget // 2))
            charts = [set_chart(self._diagram, measure, self._accents, joins=self._joins) for measure in measures]
            for strategy in list_strategies(charts[0], last=last):
                clean = self._round(charts, strategy, 1.0)
                room = max((each.room for each in clean), default=1.0)
                if room < 1.0 and (room >= TIGHT_GAIN or last):
                    clean += self._round(charts, strategy, TIGHT)
                seen += clean
                widest = max([*clean, *([widest] if widest else [])], key=_readability, default=None)
                fitting = [each for each in clean if each.room >= 1.0]
                if fitting:
                    best = min([*fitting, *([best] if best else [])], key=lambda each: each.cost)
                if fitting or (not last and max((each.room for each in clean), default=0.0) >= NEARLY):
                    break
        if best is not None:
            return self._loosen(self._untangle(best))
        # Text keeps its size: the camera moves over a picture that is larger than the area.
        whole = [each for each in seen if each.chart.measure.size_px == SIZES[-1][0].size_px] or seen
        if not whole:
            raise self.failure
        return min(whole, key=self._travel).picture

    def _travel(self, candidate: _Candidate) -> tuple[bool, float]:
        """Returns whether the camera must move in both directions, and by how much the picture is larger than the area."""
        left, top, right, bottom = extent(candidate.picture)
        wide, high = (right - left) / self._canvas.area.width, (bottom - top) / self._canvas.area.height
        shortened = any(outline.label.full_text for outline in candidate.chart.outlines)
        return wide > 1.0 and high > 1.0, max(wide, 1.0) * max(high, 1.0) + (0.5 if shortened else 0.0)

    def _round(self, charts: Sequence[Chart], strategy: Variant, spread: float) -> list[_Candidate]:
        """Returns the clean pictures of charts that differ in their line width, in both directions."""
        decisions = any(outline.kind == ShapeKind.SHAPE_KIND_DIAMOND for outline in charts[0].outlines)
        variants = [
            replace(strategy, direction=direction, straight_first=straight_first, spread=spread)
            for direction in DIRECTIONS
            for straight_first in ((False, True) if decisions else (False,))
        ]
        candidates = (each for chart in charts for variant in variants for each in self.candidates(chart, variant))
        return [each for each in candidates if not faults(each.picture.quality)]

    def candidates(self, chart: Chart, variant: Variant) -> Iterator[_Candidate]:
        """Yields the pictures of a variant: a chain has several numbers of columns, all else one picture."""
        if variant.wrapping != "OFF" and chain.is_chain(chart):
            if variant.wrapping == "SINGLE_EDGE" and variant.direction == "RIGHT" and variant.spread != TIGHT:
                for columns in range(2, len(chart.outlines)):
                    yield self.judge(chain.lay_out(chart, columns, self._canvas), chart, variant, chain.ENGINE)
                tall = chain.lay_out_columns(chart, self._canvas)
                if tall is not None:
                    yield self.judge(tall, chart, replace(variant, direction="DOWN"), chain.ENGINE)
            return
        picture = self.lay_out(chart, variant)
        if picture is not None:
            yield self.judge(picture, chart, variant, ENGINE)

    def lay_out(self, chart: Chart, variant: Variant) -> SceneLayout | None:
        """Lays a chart out with labels where there is room; if there is none, with room kept for them.

        None where ELK fails on the variant or was stopped too often, where it is much too large, and where the budget is spent.
        """
        try:
            if self.tried >= self._budget:
                return None
            self.tried += 1
            variant = replace(variant, aspect=self._canvas.area.width / self._canvas.area.height)
            if variant.inside:
                return nesting.lay_out(chart, self._interiors(chart, variant), variant)
            picture = layered.lay_out(chart, replace(variant, reserved=False))
            if place_labels(picture, [chart.labels[edge.id] for edge in chart.edges]):
                return picture
            # ELK fails on labels where it cuts several edges; and room for labels does not make a picture smaller.
            if variant.wrapping == "MULTI_EDGE" or (self._room(picture) < TIGHT_GAIN and chart.measure not in SIZES[-1]):
                return None
            return layered.lay_out(chart, variant)
        except (ElkTimeout, ElkMemoryError) as error:
            self._stopped += 1
            self.failure = error
            log.info("ELK was stopped on %s: %s", variant, error)
            if self._stopped > STOPPED:
                # Further layouts would only take as long: what has been found must do.
                self._budget = 0
            return None
        except ElkError as error:
            log.info("ELK failed on %s: %s", variant, error)
            return None

    def _interiors(self, chart: Chart, variant: Variant) -> nesting.Interiors:
        """Returns the closed groups of a chart, laid out once for all variants that share their distances and shape."""
        key = (chart.measure, variant.spread, variant.inside)
        if key not in self._drawn:
            self._drawn[key] = nesting.draw_interiors(chart, variant)
        return self._drawn[key]

    def judge(self, picture: SceneLayout, chart: Chart, variant: Variant, engine: str) -> _Candidate:
        measure(picture, self._canvas)
        picture.quality.engine = engine
        left, top, right, bottom = extent(picture)
        shape = (bottom - top) / max(right - left, 1.0) * (self._canvas.area.width / self._canvas.area.height)
        cost = (
            _size_cost(chart.measure)
            + picture.quality.crossings * CROSSING_COST
            + picture.quality.bends * BEND_COST
            + (DOWN_COST if (variant.direction == "DOWN") == self._canvas.is_wide else 0.0)
            + strategy_cost(variant)
            + SHORTENED_COST * sum(bool(outline.label.full_text) for outline in chart.outlines)
            + (STRAIGHT_COST if variant.straight_first else 0.0)
            + (_raggedness(picture) if engine == chain.ENGINE else 0.0)
            # A wide strip is a calm picture; a tall and narrow one is not.
            + TALL_COST * max(shape - 1.0, 0.0)
            + MOVE_COST * find_move(picture, self._canvas.before)[2]
        )
        return _Candidate(picture, chart, variant, engine, cost, self._room(picture))

    def _untangle(self, best: _Candidate) -> _Candidate:
        """Tries other ways to place the nodes of a picture that has crossings; one that has fewer is worth another order."""
        if best.engine != ENGINE:
            return best
        for placement, ordered, seed in ALTERNATIVES[1:]:
            if best.picture.quality.crossings == 0:
                break
            variant = replace(best.variant, placement=placement, ordered=ordered, seed=seed)
            picture = self.lay_out(best.chart, variant)
            if picture is not None:
                other = self.judge(picture, best.chart, variant, ENGINE)
                if not faults(picture.quality) and other.room >= 1.0 and other.cost < best.cost:
                    best = other
        return best

    def _loosen(self, best: _Candidate) -> SceneLayout:
        """Gives a picture that fits as much air as there is room for."""
        least = best
        for spread in SPREADS if best.variant.spread == 1.0 and best.engine == ENGINE else ():
            picture = self.lay_out(best.chart, replace(best.variant, spread=spread))
            if picture is None:
                continue
            loose = self.judge(picture, best.chart, best.variant, best.engine)
            if not faults(picture.quality) and loose.cost <= least.cost and loose.room >= 1.0:
                least = loose
                if not self._canvas.before:
                    break
        return least.picture

    def _room(self, picture: SceneLayout) -> float:
        """Returns by how much the picture could be larger; below 1: it does not fit."""
        left, top, right, bottom = extent(picture)
        return min(self._canvas.area.width / max(right - left, 1.0), self._canvas.area.height / max(bottom - top, 1.0))


def _raggedness(picture: SceneLayout) -> float:
    """Returns the part of the last row of a chain that is empty."""
    rows = Counter(round(shape.rect.y + shape.rect.height / 2) for shape in picture.shapes)
    return 1.0 - rows[max(rows)] / max(rows.values())


def _size_cost(measure: Measure) -> float:
    return SIZE_COST * max(SIZES[0][0].size_px - measure.size_px, 0.0)


def _readability(candidate: _Candidate) -> float:
    shortened = any(outline.label.full_text for outline in candidate.chart.outlines)
    return candidate.room * candidate.picture.quality.min_text_px * (SHORTENED if shortened else 1.0)
