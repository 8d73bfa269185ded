"""A graph in ELK JSON drawn by the layout service's own engine: the same search, labels and straightening as in a video."""

import time
from dataclasses import dataclass

from evals.layout_graphs import TEXT_PX, Drawing, SizedGraph
from s2v.layout.canvas import WIDE
from s2v.layout.chart import Chart, Panel
from s2v.layout.outline import Outline
from s2v.layout.paragraph import Paragraph, Style
from s2v.layout.search import SIZES, draw_chart, draw_once
from s2v.v1.composition_pb2 import ColorRole, FontWeight, SceneLayout, ShapeKind
from s2v.v1.diagram_pb2 import Edge, Node

SCALE = 24.0 / TEXT_PX  # the service lays out at 24 px at least
STYLE = Style(24.0, FontWeight.FONT_WEIGHT_REGULAR)


@dataclass(frozen=True)
class Slot(Paragraph):
    """A text of given size."""

    slot_height: float = 0.0

    @property
    def height(self) -> float:
        """As the graph says."""
        return self.slot_height


def make_slot(size: tuple[float, float]) -> Slot:
    """A text of the size that the graph gives; no lines for none."""
    width, height = size[0] * SCALE, size[1] * SCALE
    return Slot(("text",), (width,), STYLE, "", True, height) if width else Slot((), (), STYLE, "", True)


def make_chart(graph: SizedGraph) -> Chart:
    """The graph as the service's own input, nodes of fixed size."""
    nothing = make_slot((0.0, 0.0))
    outlines = [
        Outline(Node(id=node.id), ShapeKind.SHAPE_KIND_BOX, nothing, nothing, node.width * SCALE, node.height * SCALE)
        for node in graph.nodes
        if not node.is_group
    ]
    panels = [
        Panel(
            node.id,
            make_slot(node.title),
            0.0,
            frozenset(each.id for each in graph.nodes if each.parent == node.id),
            bool(node.parent),
        )
        for node in reversed(graph.nodes)
        if node.is_group
    ]
    return Chart(
        measure=SIZES[-1][0],
        outlines=outlines,
        edges=[Edge(id=edge.id, source=edge.source, target=edge.target) for edge in graph.edges],
        labels={edge.id: make_slot(edge.label) for edge in graph.edges},
        accents={node.id: ColorRole.COLOR_ROLE_BLUE for node in graph.nodes},
        panels=panels,
    )


@dataclass(frozen=True)
class Spent:
    """What a single variant takes, in milliseconds."""

    wall: float
    processor: float
    """Of all threads: on a busy machine the truer figure."""


def draw_ours(graph: SizedGraph) -> tuple[Drawing, Spent]:
    """The drawing that the search chooses, and what a single variant takes. Errors: elkjs_py.ElkError."""
    chart = make_chart(graph)
    wall, processor = time.perf_counter(), time.process_time()
    draw_once(chart, WIDE)
    spent = Spent((time.perf_counter() - wall) * 1000, (time.process_time() - processor) * 1000)
    return read_drawing(graph, draw_chart(chart, WIDE)), spent


def read_drawing(graph: SizedGraph, picture: SceneLayout) -> Drawing:
    """The picture in the graph's own pixels; routes start and end in their gaps, as they are drawn."""
    boxes = {
        shape.node_id: (shape.rect.x / SCALE, shape.rect.y / SCALE, shape.rect.width / SCALE, shape.rect.height / SCALE)
        for shape in picture.shapes
    }
    lines = {route.edge_id: [(point.x / SCALE, point.y / SCALE) for point in route.points] for route in picture.routes}
    labels = {
        route.edge_id: (
            route.label.bounds.x / SCALE,
            route.label.bounds.y / SCALE,
            route.label.bounds.width / SCALE,
            route.label.bounds.height / SCALE,
        )
        for route in picture.routes
        if route.label.lines
    }
    return Drawing(boxes, lines, labels)
