"""Graphs by ELK's layered algorithm: the graph that goes in, and the shapes and routes that come out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Literal

import elkjs_py
from s2v.layout import engine
from s2v.layout.canvas import WIDE
from s2v.layout.chart import Chart, Panel, route_edge
from s2v.layout.labelling import place_labels
from s2v.layout.outline import QUANTITY_DROP, QUANTITY_GAP, Outline, QuantityPlace
from s2v.layout.paragraph import Paragraph
from s2v.layout.quality import measure
from s2v.layout.rerouting import reroute
from s2v.layout.routing import trim
from s2v.v1.composition_pb2 import ColorRole, Rect, SceneLayout, Shape, ShapeKind
from s2v.v1.diagram_pb2 import Edge

Direction = Literal["RIGHT", "DOWN"]
Wrapping = Literal["OFF", "SINGLE_EDGE", "MULTI_EDGE"]
Placement = Literal["ALIGNED", "SHORT", "FLEXIBLE"]
DIRECTIONS: tuple[Direction, ...] = ("RIGHT", "DOWN")
Layering = Literal["NETWORK_SIMPLEX", "STRETCH_WIDTH", "MIN_WIDTH", "COFFMAN_GRAHAM"]
Feedback = Literal["SPEECH", "FEWEST"]
Side = Literal["NORTH", "EAST", "SOUTH", "WEST"]

QUANTITY_PLACEMENTS: Mapping[QuantityPlace, str] = {
    "right": "OUTSIDE V_CENTER H_RIGHT",
    "below": "OUTSIDE V_BOTTOM H_CENTER",
    "above left": "OUTSIDE V_TOP H_CENTER",
    "above right": "OUTSIDE V_TOP H_CENTER",
}
"""What ELK calls the places of quantities."""
PANEL_PADDING = 36.0
"""Between the border of a panel and what stands in it, in px."""
TITLE_DROP = 14.0
"""Above and below the title of a panel, in px."""
THOROUGHNESS = 400
"""Tries that ELK makes at an order without crossings, times the edges of the graph; more than 40 gain nothing."""
PANEL_COLOR = ColorRole.COLOR_ROLE_LINE
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
    placement: Placement = "ALIGNED"
    """How nodes are placed across the layers: in lines, or where edges are shortest and may leave anywhere along a side."""
    ordered: bool = True
    """Whether nodes keep the order of speech where it costs no more."""
    seed: int = 1
    """Of ELK's own choices among equals."""
    reserved: bool = True
    """Whether ELK keeps room for the labels of edges; else they stand where there is room already."""
    layering: Layering = "NETWORK_SIMPLEX"
    """How nodes are given to layers: with the shortest edges, or in narrower layers, which there are more of."""
    feedback: Feedback = "SPEECH"
    """Which edges of a ring go back: the last ones when it is followed from its start, or as few as can be."""
    aspect: float = 2.0
    """Width by height to which parts without connection, and layers of bounded width, are packed."""
    inside: float = 0.0
    """Width by height to which groups that no edge enters or leaves are laid out by themselves; 0: with all else."""


def lay_out(chart: Chart, variant: Variant) -> SceneLayout:
    """Returns the shapes and routes; with the labels of edges where `variant` reserves room for them.

    Errors: elkjs_py.ElkError.
    """
    placed = _graph(chart, variant)
    if len(chart.outlines) == 1 and not chart.edges and not chart.panels:
        # A node alone may stand anywhere.
        placed["children"][0]["x"] = placed["children"][0]["y"] = 0.0
    else:
        placed = engine.lay_out(placed, _options(chart, variant))
    picture = SceneLayout()
    sources = {edge.source for edge in chart.edges}
    children = {child["id"]: child for child in _flatten(placed)}
    shapes: dict[str, Shape] = {}
    for panel in reversed(chart.panels):
        shapes[panel.id] = place_panel(panel, children[panel.id])
        picture.shapes.append(shapes[panel.id])
    for outline in chart.outlines:
        child = children[outline.node.id]
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
    reroute(picture)
    return picture


def place_panel(panel: Panel, box: elkjs_py.Node) -> Shape:
    """Returns the shape of a group in the box that ELK has given it."""
    x, y = box["x"], box["y"]
    shape = Shape(
        node_id=panel.id,
        kind=ShapeKind.SHAPE_KIND_PANEL,
        rect=Rect(x=x, y=y, width=box["width"], height=box["height"]),
        accent=PANEL_COLOR,
        reveal_seconds=panel.reveal_seconds,
    )
    if panel.title.lines:
        shape.texts.append(panel.title.below(x + PANEL_PADDING + panel.title.width / 2, y + TITLE_DROP))
    return shape


def _flatten(group: elkjs_py.Node) -> Iterator[elkjs_py.Node]:
    for child in group.get("children", []):
        yield child
        yield from _flatten(child)


def _with_free_labels(picture: SceneLayout, chart: Chart) -> SceneLayout:
    """Moves the labels away from where ELK lets them touch something, if there is room elsewhere."""
    measure(picture, WIDE)
    if picture.quality.label_hits == 0:
        return picture
    moved = SceneLayout()
    moved.CopyFrom(picture)
    return moved if place_labels(moved, [chart.labels[edge.id] for edge in chart.edges]) else picture


def _options(chart: Chart, variant: Variant) -> elkjs_py.LayoutOptions:
    spread = variant.spread
    options: elkjs_py.LayoutOptions = {
        "elk.algorithm": "layered",
        "elk.direction": variant.direction,
        "elk.edgeRouting": "ORTHOGONAL",
        "elk.json.edgeCoords": "ROOT",
        "elk.json.shapeCoords": "ROOT",
        "elk.layered.thoroughness": str(min(max(THOROUGHNESS // max(len(chart.edges), 1), 5), 40)),
        # Followed from its start, a process has a loop where an arrow comes back to where it has been.
        "elk.layered.cycleBreaking.strategy": "DEPTH_FIRST" if variant.feedback == "SPEECH" else "GREEDY",
        "elk.layered.considerModelOrder.strategy": "PREFER_NODES",
        "elk.layered.nodePlacement.strategy": "BRANDES_KOEPF",
        "elk.layered.nodePlacement.favorStraightEdges": "true",
        "elk.aspectRatio": f"{variant.aspect:g}",
        "elk.padding": "[top=0,left=0,bottom=0,right=0]",
        "elk.spacing.nodeNode": str(60 * spread),
        "elk.spacing.componentComponent": str(80 * spread),
        # An arrowhead of 18, a gap of 9 and the start of a rounded corner must fit between the last bend and the outline.
        "elk.layered.spacing.nodeNodeBetweenLayers": str(max(96 * spread, 54)),
        "elk.layered.spacing.edgeNodeBetweenLayers": str(max(46 * spread, 36)),
        "elk.layered.spacing.edgeEdgeBetweenLayers": "22",
        "elk.spacing.edgeNode": str(max(34 * spread, 24)),
        "elk.spacing.edgeEdge": "22",
        "elk.spacing.edgeLabel": "2",
        # Above a horizontal piece, at the right of a vertical one; next to the decision that the edge comes from.
        "elk.layered.edgeLabels.centerLabelPlacementStrategy": "TAIL_LAYER",
        "elk.layered.edgeLabels.sideSelection": "ALWAYS_UP" if variant.direction == "RIGHT" else "ALWAYS_DOWN",
        "elk.spacing.labelNode": str(QUANTITY_DROP),
        "elk.spacing.nodeSelfLoop": "34",
    }
    if variant.layering != "NETWORK_SIMPLEX":
        options["elk.layered.layering.strategy"] = variant.layering
    if variant.layering == "COFFMAN_GRAHAM":
        options["elk.layered.layering.coffmanGraham.layerBound"] = str(_layer_bound(chart, variant))
    if variant.placement != "ALIGNED":
        options["elk.layered.nodePlacement.strategy"] = "NETWORK_SIMPLEX"
    if variant.placement == "FLEXIBLE":
        options["elk.layered.nodePlacement.networkSimplex.nodeFlexibility.default"] = "PORT_POSITION"
    if variant.seed != 1:
        options["elk.randomSeed"] = str(variant.seed)
    if not variant.ordered:
        options.pop("elk.layered.considerModelOrder.strategy")
    if chart.panels:
        options["elk.hierarchyHandling"] = "INCLUDE_CHILDREN"
        # elkjs 0.12.1 fails on edges that cross the border of a group where it keeps the order of nodes.
        options.pop("elk.layered.considerModelOrder.strategy", None)
    if variant.wrapping != "OFF":
        options["elk.layered.wrapping.strategy"] = variant.wrapping
        options["elk.layered.wrapping.additionalEdgeSpacing"] = "30"
    return options


def _layer_bound(chart: Chart, variant: Variant) -> int:
    """Returns how many nodes a layer holds where so many layers make a picture of the wanted shape."""
    count = max(len(chart.outlines), 1)
    along, across = 96 * variant.spread, 60 * variant.spread
    width = sum(outline.width for outline in chart.outlines) / count
    height = sum(outline.height for outline in chart.outlines) / count
    if variant.direction == "RIGHT":
        bound = sqrt(count * (width + along) / (variant.aspect * (height + across)))
    else:
        bound = sqrt(count * variant.aspect * (height + along) / (width + across))
    return max(round(bound), 2)


def _graph(chart: Chart, variant: Variant) -> elkjs_py.Graph:
    ports = _ports(chart, variant)
    sources = {edge.source for edge in chart.edges}
    children = [_node(outline, ports.values(), _quantity_place(outline, sources, variant)) for outline in chart.outlines]
    edges = [_edge(edge, chart.labels[edge.id] if variant.reserved else None, ports) for edge in chart.edges]
    return {"id": "root", "children": _nest(chart.panels, children, min(variant.spread, 1.0)), "edges": edges}


def _nest(panels: Sequence[Panel], nodes: Iterable[elkjs_py.Node], spread: float) -> list[elkjs_py.Node]:
    """Puts the nodes into their panels, and the panels into those that hold them."""
    loose = {node["id"]: node for node in nodes}
    padding = PANEL_PADDING * spread
    for panel in panels:
        inside = [loose.pop(member) for member in [*loose] if member in panel.members]
        top = TITLE_DROP + panel.title.height + TITLE_DROP if panel.title.lines else padding
        loose[panel.id] = {
            "id": panel.id,
            "children": inside,
            "layoutOptions": {
                "elk.padding": f"[top={top},left={padding},bottom={padding},right={padding}]",
                "elk.nodeSize.constraints": "MINIMUM_SIZE",
                "elk.nodeSize.minimum": f"({panel.title.width + 2 * PANEL_PADDING},{top + 2 * PANEL_PADDING})",
            },
        }
    return list(loose.values())


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
    """Gives each end of an edge at a diamond the corner where it meets it, by the edge's id and the end's name.

    Edges that join before a node come to the middle of its side.
    """
    right = variant.direction == "RIGHT"
    entry: Side = "WEST" if right else "NORTH"
    straight: Side = "EAST" if right else "SOUTH"
    sideways: tuple[Side, Side] = ("NORTH", "SOUTH") if right else ("WEST", "EAST")
    ports: dict[tuple[str, str], _Port] = {}
    for outline in chart.outlines if chart.joins else ():
        arriving = [edge for edge in chart.edges if edge.target == outline.node.id != edge.source]
        if len(arriving) > 1 and not any(chart.labels[edge.id].lines for edge in arriving):
            ports.update({(edge.id, "target"): _Port(outline.node.id, entry) for edge in arriving})
            leaving = (edge for edge in chart.edges if edge.source == outline.node.id)
            ports.update({(edge.id, "source"): _Port(outline.node.id, straight) for edge in leaving})
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
