"""Storyboards to lay out in tests, written by hand and drawn at random."""

from collections.abc import Sequence

from hypothesis import strategies as st

from s2v.v1.diagram_pb2 import DatePrecision, DiagramType, Edge, EventDate, Node, NodeKind, Quantity
from s2v.v1.storyboard_pb2 import Scene, Storyboard

STEP, DECISION, TERMINAL = NodeKind.NODE_KIND_STEP, NodeKind.NODE_KIND_DECISION, NodeKind.NODE_KIND_TERMINAL
YEAR = DatePrecision.DATE_PRECISION_YEAR


def storyboard(*scenes: Scene) -> Storyboard:
    """Puts scenes of 30 s one after another."""
    board = Storyboard(language="en", duration_seconds=30.0 * len(scenes))
    for number, scene in enumerate(scenes):
        scene.id = f"s{number:02}"
        scene.start_seconds, scene.end_seconds = 30.0 * number, 30.0 * (number + 1)
        for node in scene.diagram.nodes:
            node.reveal_seconds += scene.start_seconds
        board.scenes.append(scene)
    return board


def flowchart(nodes: Sequence[tuple[NodeKind.ValueType, str]], edges: Sequence[tuple[int, int, str]], title: str = "") -> Scene:
    """Node n is called "n<n>" and revealed after 2n seconds."""
    scene = Scene(title=title)
    scene.diagram.type = DiagramType.DIAGRAM_TYPE_FLOWCHART
    for number, (kind, label) in enumerate(nodes):
        scene.diagram.nodes.append(Node(id=f"n{number}", kind=kind, label=label, reveal_seconds=2.0 * number))
    for number, (source, target, label) in enumerate(edges):
        scene.diagram.edges.append(Edge(id=f"e{number}", source=f"n{source}", target=f"n{target}", label=label))
    return scene


def timeline(
    events: Sequence[tuple[float, str]], precision: DatePrecision.ValueType = DatePrecision.DATE_PRECISION_YEAR
) -> Scene:
    """An event is a year (or rank) and a label."""
    scene = Scene(title="History")
    scene.diagram.type = DiagramType.DIAGRAM_TYPE_TIMELINE
    for number, (year, label) in enumerate(events):
        date = EventDate(label=f"{year:g}", start_year=year, end_year=year, precision=precision)
        node = Node(id=f"n{number}", kind=NodeKind.NODE_KIND_EVENT, label=label, date=date, reveal_seconds=2.0 * number)
        scene.diagram.nodes.append(node)
    return scene


def phrase(text: str) -> Scene:
    """A key phrase; no node for an empty text."""
    scene = Scene()
    scene.diagram.type = DiagramType.DIAGRAM_TYPE_NONE
    if text:
        scene.diagram.nodes.append(Node(id="p", kind=NodeKind.NODE_KIND_PHRASE, label=text, reveal_seconds=1.0))
    return scene


CACHE = (
    [
        (STEP, "Application checks cache"),
        (DECISION, "Value present?"),
        (STEP, "Answer returns"),
        (STEP, "Query primary database"),
    ],
    [(0, 1, ""), (1, 2, "cache hit"), (1, 3, "cache miss")],
)

WORDS = [
    "cache",
    "value",
    "server",
    "request",
    "the",
    "of",
    "answer",
    "database",
    "check",
    "retry",
    "customer",
    "authentication",
    "a",
    "to",
    "configuration",
    "order",
]
labels = st.lists(st.sampled_from(" ".join(WORDS).split()), min_size=1, max_size=6).map(" ".join)


@st.composite
def flowcharts(draw: st.DrawFn) -> Scene:
    """Any graph of up to 12 nodes and 16 edges: loops, double edges, an edge of a node to itself, parts without connection."""
    nodes = draw(st.lists(st.tuples(st.sampled_from((STEP, STEP, DECISION, TERMINAL)), labels), min_size=1, max_size=12))
    place = st.integers(0, len(nodes) - 1)
    edges = draw(st.lists(st.tuples(place, place, st.one_of(st.just(""), labels)), max_size=16))
    # A node has at most one edge to itself.
    loops = {source: (source, target, label) for source, target, label in edges if source == target}
    scene = flowchart(nodes, [*(edge for edge in edges if edge[0] != edge[1]), *loops.values()], "Title")
    for node in scene.diagram.nodes:
        if draw(st.integers(0, 4)) == 0:
            node.quantity.CopyFrom(Quantity(label=draw(labels), reveal_seconds=node.reveal_seconds + 1))
    return scene


@st.composite
def timelines(draw: st.DrawFn) -> Scene:
    """Up to 12 events at any dates, or in any order only."""
    years = draw(st.lists(st.integers(1500, 2025), min_size=1, max_size=12))
    precision = draw(st.sampled_from((DatePrecision.DATE_PRECISION_YEAR, DatePrecision.DATE_PRECISION_ORDINAL)))
    return timeline([(float(year), draw(labels)) for year in years], precision)
