"""A graph with its texts set and its outlines sized, not yet placed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from s2v.layout.outline import Measure, Outline, outline_node
from s2v.layout.paragraph import Paragraph, Style, compose_text
from s2v.layout.routing import XY
from s2v.v1.composition_pb2 import ColorRole, FontWeight, Point, Route, RouteKind
from s2v.v1.diagram_pb2 import Diagram, Edge

EDGE_STYLE = Style(24.0, FontWeight.FONT_WEIGHT_REGULAR, ColorRole.COLOR_ROLE_MUTED)
EDGE_LABEL_WIDTH = 230.0
EDGE_LABEL_LINES = 3


TITLE_STYLE = Style(26.0, FontWeight.FONT_WEIGHT_SEMI_BOLD, ColorRole.COLOR_ROLE_MUTED)
TITLE_WIDTH = 420.0
Accents = Mapping[str, ColorRole.ValueType]
"""Colour of each node by its id."""


@dataclass(frozen=True)
class Panel:
    """A group of nodes with its title."""

    id: str
    title: Paragraph
    reveal_seconds: float
    members: frozenset[str]
    """Ids of the nodes in it, and of the panels."""
    nested: bool = False
    """Whether it lies in another panel."""


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
    accents: Accents
    panels: Sequence[Panel] = ()
    """Groups that hold at least one node, those inside of others before them."""
    joins: bool = False
    """Whether the edges that come to one node without labels join before it."""


def set_label(edge: Edge) -> Paragraph:
    """Sets the text of an edge; no lines for one without label."""
    return compose_text(edge.label, EDGE_STYLE, EDGE_LABEL_WIDTH, EDGE_LABEL_LINES)


def set_chart(diagram: Diagram, measure: Measure, accents: Accents, *, joins: bool = False) -> Chart:
    """Sets the labels of a diagram at the size of `measure`."""
    members = {group.id: frozenset(node.id for node in diagram.nodes if node.group_id == group.id) for group in diagram.groups}
    return Chart(
        measure=measure,
        outlines=[outline_node(node, measure) for node in diagram.nodes],
        edges=diagram.edges,
        labels={edge.id: set_label(edge) for edge in diagram.edges},
        accents=accents,
        panels=[
            Panel(group.id, compose_text(group.label, TITLE_STYLE, TITLE_WIDTH, 1), group.reveal_seconds, members[group.id])
            for group in diagram.groups
            if members[group.id]
        ],
        joins=joins,
    )


def route_edge(
    edge: Edge,
    points: Sequence[XY],
    kind: RouteKind.ValueType = RouteKind.ROUTE_KIND_ORTHOGONAL,
    color: ColorRole.ValueType = ColorRole.COLOR_ROLE_LINE,
    *,
    arrowhead: bool = True,
) -> Route:
    """Returns the route of an edge along `points`, without label."""
    return Route(
        edge_id=edge.id,
        source=edge.source,
        target=edge.target,
        kind=kind,
        points=[Point(x=x, y=y) for x, y in points],
        arrowhead=arrowhead,
        color=color,
        reveal_seconds=edge.reveal_seconds,
    )
