"""A flowchart with its texts set and its outlines sized, not yet placed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from s2v.layout.accents import choose_accents
from s2v.layout.outline import Measure, Outline, outline_node
from s2v.layout.paragraph import Paragraph, Style, compose_text
from s2v.layout.routing import XY
from s2v.v1.composition_pb2 import ColorRole, FontWeight, Point, Route, RouteKind
from s2v.v1.diagram_pb2 import Diagram, Edge

EDGE_STYLE = Style(24.0, FontWeight.FONT_WEIGHT_REGULAR, ColorRole.COLOR_ROLE_MUTED)
EDGE_LABEL_WIDTH = 230.0
EDGE_LABEL_LINES = 3


@dataclass(frozen=True)
class Chart:
    """What a placement algorithm is given."""

    measure: Measure
    """How large its labels are set."""
    outlines: Sequence[Outline]
    """One for each node, in the order of speech."""
    edges: Sequence[Edge]
    labels: Mapping[str, Paragraph]
    """Text of each edge by its id; no lines for an edge without label."""
    accents: Mapping[str, ColorRole.ValueType]
    """Colour of each node by its id."""


def set_chart(diagram: Diagram, measure: Measure) -> Chart:
    """Sets the labels of a diagram at the size of `measure`."""
    return Chart(
        measure=measure,
        outlines=[outline_node(node, measure) for node in diagram.nodes],
        edges=diagram.edges,
        labels={edge.id: compose_text(edge.label, EDGE_STYLE, EDGE_LABEL_WIDTH, EDGE_LABEL_LINES) for edge in diagram.edges},
        accents=choose_accents(diagram),
    )


def route_edge(edge: Edge, points: Sequence[XY]) -> Route:
    """Returns the route of an edge along `points`, without label."""
    return Route(
        edge_id=edge.id,
        source=edge.source,
        target=edge.target,
        kind=RouteKind.ROUTE_KIND_ORTHOGONAL,
        points=[Point(x=x, y=y) for x, y in points],
        arrowhead=True,
        color=ColorRole.COLOR_ROLE_LINE,
        reveal_seconds=edge.reveal_seconds,
    )
