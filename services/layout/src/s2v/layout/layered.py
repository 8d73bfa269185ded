"""Flowcharts by ELK's layered algorithm: the graph that goes in, and the shapes and routes that come out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import elkjs_py
from s2v.layout import engine
from s2v.layout.chart import Chart, route_edge
from s2v.layout.labelling import place_labels
from s2v.layout.outline import QUANTITY_DROP, QUANTITY_GAP, Outline, QuantityPlace
from s2v.layout.paragraph import Paragraph
from s2v.layout.quality import measure
from s2v.layout.routing import trim
from s2v.layout.straightening import straighten
from s2v.v1.composition_pb2 import SceneLayout, Shape, ShapeKind
from s2v.v1.diagram_pb2 import Edge

Direction = Literal["RIGHT", "DOWN"]
Wrapping = Literal["OFF", "SINGLE_EDGE", "MULTI_EDGE"]
Side = Literal["NORTH", "EAST", "SOUTH", "WEST"]

QUANTITY_PLACEMENTS: Mapping[QuantityPlace, str] = {
    "right": "OUTSIDE V_CENTER H_RIGHT",
    "below": "OUTSIDE V_BOTTOM H_CENTER",
    "above left": "OUTSIDE V_TOP H_CENTER",
    "above right": "OUTSIDE V_TOP H_CENTER",
}
"""What ELK calls the places of quantities."""
LABEL_CLEARANCE = 8.0
"""Free around an edge's label on each side, in px."""


@dataclass(frozen=True)
class Variant:
    """One way to lay a graph out."""

    direction: Direction
    straight_first: bool = False
    """Whether the first way out of a decision goes straight on; else the ways leave sideways, as a fork."""
    wrapping: Wrapping = "OFF"
    """Whether a long chart is broken into rows (or columns): where a single edge is cut, or several."""
    spread: float = 1.0
    """Distances as a multiple of the usual ones."""
    reserved: bool = True
    """Whether ELK keeps room for the labels of edges; else they stand where there is room already."""


def lay_out(chart: Chart, variant: Variant) -> SceneLayout:
    """Returns the shapes and routes; with the labels of edges where `variant` reserves room for them.

    Errors: elkjs_py.ElkError.
    """
    placed = engine.elk().layout(_graph(chart, variant), _options(variant), timeout_seconds=engine.LAYOUT_SECONDS)
    picture = SceneLayout()
    sources = {edge.source for edge in chart.edges}
    shapes: dict[str, Shape] = {}
    for outline, child in zip(chart.outlines, placed["children"], strict=True):
        place = _quantity_place(outline, sources, variant)
        shape = outline.placed(child["x"], child["y"], chart.accents[outline.node.id], place)
        shapes[outline.node.id] = shape
        picture.shapes.append(shape)
    for edge, routed in zip(chart.edges, placed["edges"], strict=True):
        if "sections" not in routed:
            # Seen with wrapping and edges that go back over a cut.
            raise elkjs_py.ElkError(f"edge {edge.id} came back without a route")
        section = routed["sections"][0]
        line = [section["startPoint"], *section.get("bendPoints", []), section["endPoint"]]
        points = trim([(each["x"], each["y"]) for each in line], shapes[edge.source], shapes[edge.target])
        route = route_edge(edge, points)
        for box in routed.get("labels", []):
            x, y = box["x"] + box["width"] / 2, box["y"] + LABEL_CLEARANCE
            route.label.CopyFrom(chart.labels[edge.id].below(x, y))
        picture.routes.append(route)
    if variant.reserved:
        # Routes stay where ELK has put their labels beside them.
        return _with_free_labels(picture, chart)
    straighten(picture)
    return picture


def _with_free_labels(picture: SceneLayout, chart: Chart) -> SceneLayout:
    """Moves the labels away from where ELK lets them touch something, if there is room elsewhere."""
    measure(picture)
    if picture.quality.label_hits == 0:
        return picture
    moved = SceneLayout()
    moved.CopyFrom(picture)
    return moved if place_labels(moved, [chart.labels[edge.id] for edge in chart.edges]) else picture


def _options(variant: Variant) -> elkjs_py.LayoutOptions:
    spread = variant.spread
    options: elkjs_py.LayoutOptions = {
        "elk.algorithm": "layered",
        "elk.direction": variant.direction,
        "elk.edgeRouting": "ORTHOGONAL",
        "elk.json.edgeCoords": "ROOT",
        "elk.json.shapeCoords": "ROOT",
        "elk.layered.thoroughness": "40",
        # Followed from its start, a process has a loop where an arrow comes back to where it has been.
        "elk.layered.cycleBreaking.strategy": "DEPTH_FIRST",
        "elk.layered.considerModelOrder.strategy": "PREFER_NODES",
        "elk.layered.nodePlacement.strategy": "BRANDES_KOEPF",
        "elk.layered.nodePlacement.favorStraightEdges": "true",
        "elk.padding": "[top=0,left=0,bottom=0,right=0]",
        "elk.spacing.nodeNode": str(60 * spread),
        "elk.spacing.componentComponent": str(80 * spread),
        # An arrowhead of 18, a gap of 9 and a rounded corner of 18 must fit between the last bend and the outline.
        "elk.layered.spacing.nodeNodeBetweenLayers": str(max(96 * spread, 64)),
        "elk.layered.spacing.edgeNodeBetweenLayers": str(max(44 * spread, 46)),
        "elk.layered.spacing.edgeEdgeBetweenLayers": "24",
        "elk.spacing.edgeNode": str(max(34 * spread, 30)),
        "elk.spacing.edgeEdge": "24",
        "elk.spacing.edgeLabel": "2",
        # Above a horizontal piece, at the right of a vertical one; next to the decision that the edge comes from.
        "elk.layered.edgeLabels.centerLabelPlacementStrategy": "TAIL_LAYER",
        "elk.layered.edgeLabels.sideSelection": "ALWAYS_UP" if variant.direction == "RIGHT" else "ALWAYS_DOWN",
        "elk.spacing.labelNode": str(QUANTITY_DROP),
        "elk.spacing.nodeSelfLoop": "34",
    }
    if variant.wrapping != "OFF":
        options["elk.layered.wrapping.strategy"] = variant.wrapping
        options["elk.layered.wrapping.additionalEdgeSpacing"] = "30"
        options["elk.aspectRatio"] = "2.0"
    return options


def _graph(chart: Chart, variant: Variant) -> elkjs_py.Graph:
    ports = _ports(chart, variant)
    sources = {edge.source for edge in chart.edges}
    children = [_node(outline, ports.values(), _quantity_place(outline, sources, variant)) for outline in chart.outlines]
    edges = [_edge(edge, chart.labels[edge.id] if variant.reserved else None, ports) for edge in chart.edges]
    return {"id": "root", "children": children, "edges": edges}


def _node(outline: Outline, ports: Iterable[_Port], place: QuantityPlace) -> elkjs_py.Node:
    node: elkjs_py.Node = {"id": outline.node.id, "width": outline.width, "height": outline.height}
    own = {port.side: port for port in ports if port.node_id == outline.node.id}
    if own:
        node["layoutOptions"] = {"elk.portConstraints": "FIXED_POS"}
        node["ports"] = [_corner(outline, own[side]) for side in sorted(own)]
    if outline.quantity.lines:
        width = outline.quantity.width
        # ELK is told of the gap as well; above, of both halves, as the text fills one of them.
        room = {"right": width + QUANTITY_GAP, "below": width}.get(place, 2 * (width + QUANTITY_GAP))
        node["labels"] = [
            {
                "text": "quantity",
                "width": room,
                "height": outline.quantity.height,
                "layoutOptions": {"elk.nodeLabels.placement": QUANTITY_PLACEMENTS[place]},
            }
        ]
    return node


def _edge(edge: Edge, label: Paragraph | None, ports: Mapping[tuple[str, str], _Port]) -> elkjs_py.Edge:
    source, target = ports.get((edge.id, "source")), ports.get((edge.id, "target"))
    result: elkjs_py.Edge = {
        "id": edge.id,
        "sources": [source.id if source else edge.source],
        "targets": [target.id if target else edge.target],
    }
    if label is not None and label.lines:
        result["labels"] = [
            {
                "text": "label",
                "width": label.width + 2 * LABEL_CLEARANCE,
                "height": label.height + 2 * LABEL_CLEARANCE,
                "layoutOptions": {"elk.edgeLabels.placement": "CENTER"},
            }
        ]
    return result


@dataclass(frozen=True)
class _Port:
    node_id: str
    side: Side

    @property
    def id(self) -> str:
        return f"{self.node_id}/{self.side}"


def _ports(chart: Chart, variant: Variant) -> dict[tuple[str, str], _Port]:
    """Gives each end of an edge at a diamond the corner where it meets it, by the edge's id and the end's name."""
    right = variant.direction == "RIGHT"
    entry: Side = "WEST" if right else "NORTH"
    straight: Side = "EAST" if right else "SOUTH"
    sideways: tuple[Side, Side] = ("NORTH", "SOUTH") if right else ("WEST", "EAST")
    ports: dict[tuple[str, str], _Port] = {}
    for outline in chart.outlines:
        if outline.kind != ShapeKind.SHAPE_KIND_DIAMOND:
            continue
        node_id = outline.node.id
        for edge in chart.edges:
            if edge.target == node_id:
                ports[edge.id, "target"] = _Port(node_id, entry)
        ways = [edge for edge in chart.edges if edge.source == node_id]
        for number, edge in enumerate(ways):
            if len(ways) == 1 or (variant.straight_first and number == 0):
                side = straight
            elif variant.straight_first:
                side = sideways[number % 2]
            else:
                side = {0: sideways[0], len(ways) - 1: sideways[1]}.get(number, straight)
            ports[edge.id, "source"] = _Port(node_id, side)
    return ports


def _corner(outline: Outline, port: _Port) -> elkjs_py.Port:
    x = {"WEST": 0.0, "EAST": outline.width}.get(port.side, outline.width / 2)
    y = {"NORTH": 0.0, "SOUTH": outline.height}.get(port.side, outline.height / 2)
    return {"id": port.id, "x": x, "y": y, "width": 0, "height": 0, "layoutOptions": {"elk.port.side": port.side}}


def _quantity_place(outline: Outline, sources: set[str], variant: Variant) -> QuantityPlace:
    """Returns where the quantity of a node stands: where no edge leaves or comes in."""
    right = variant.direction == "RIGHT"
    if outline.kind == ShapeKind.SHAPE_KIND_DIAMOND:
        return "above left" if right else "above right"
    return "below" if right and outline.node.id in sources else "right"
