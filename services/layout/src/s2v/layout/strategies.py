"""Ways to lay a graph out that are tried one after another until one fits the canvas."""

from __future__ import annotations

from collections.abc import Mapping

from s2v.layout import nesting
from s2v.layout.chart import Chart
from s2v.layout.layered import Layering, Variant, Wrapping

PLAIN = Variant("RIGHT")
ROWS = (Variant("RIGHT", wrapping="SINGLE_EDGE"), Variant("RIGHT", wrapping="MULTI_EDGE"))
"""Ways to break a chart into rows. ELK cannot do that with groups."""
NARROW = (
    Variant("RIGHT", layering="COFFMAN_GRAHAM", placement="FLEXIBLE"),
    Variant("RIGHT", layering="MIN_WIDTH", placement="FLEXIBLE"),
    Variant("RIGHT", feedback="FEWEST", placement="FLEXIBLE"),
)
"""Other ways to give the nodes to layers: more layers that hold less, or fewer edges that go back."""
STRETCHED = Variant("RIGHT", layering="STRETCH_WIDTH", placement="FLEXIBLE")
"""With groups, ELK does not come to an end on it."""
NESTED = (
    *(Variant("RIGHT", inside=shape, placement="FLEXIBLE") for shape in (2.2, 1.2, 0.7, 4.0)),
    *(Variant("RIGHT", inside=shape, placement="FLEXIBLE", wrapping="MULTI_EDGE") for shape in (2.2, 1.2, 0.7, 4.0)),
)
"""Groups that no edge enters or leaves by themselves, of several shapes; then the groups in rows."""
WRAPPABLE_NODES = 5
"""Shorter charts are not broken into rows."""
STRATEGY_COSTS: Mapping[Wrapping | Layering, float] = {
    "SINGLE_EDGE": 1.5,
    "MULTI_EDGE": 3.0,
    "COFFMAN_GRAHAM": 2.0,
    "MIN_WIDTH": 2.0,
}
"""What reads less well than the plain layers, by the name of the option."""


def list_strategies(chart: Chart, *, last: bool = True) -> list[Variant]:
    """Returns the ways to lay a chart out, to be tried one after another until one fits; the plain one first.

    All of them at the `last` size of text, where else the camera must move; at larger ones those that gain most.
    """
    if chart.panels:
        nested = NESTED if nesting.has_closed_panels(chart) else ()
        return [PLAIN, *nested, *NARROW] if last else [PLAIN, *nested[:2]]
    rows = ROWS if len(chart.outlines) >= WRAPPABLE_NODES else ()
    return [PLAIN, *rows, STRETCHED, *NARROW] if last else [PLAIN, *rows]


def strategy_cost(variant: Variant) -> float:
    """Returns by how much less well a variant reads than the plain layers."""
    return STRATEGY_COSTS.get(variant.wrapping, 0.0) + STRATEGY_COSTS.get(variant.layering, 0.0)
