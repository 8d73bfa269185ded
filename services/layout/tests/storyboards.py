"""Storyboards to lay out in tests, written by hand and drawn at random."""

from collections.abc import Sequence
from itertools import pairwise

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
    """Node n is called "n<n>" and revealed after 2n seconds, sooner where there are many."""
    scene = Scene(title=title)
    step = min(2.0, 28.0 / max(len(nodes), 1))
    scene.diagram.type = DiagramType.DIAGRAM_TYPE_FLOWCHART
    for number, (kind, label) in enumerate(nodes):
        scene.diagram.nodes.append(Node(id=f"n{number}", kind=kind, label=label, reveal_seconds=step * number))
    for number, (source, target, label) in enumerate(edges):
        scene.diagram.edges.append(Edge(id=f"e{number}", source=f"n{source}", target=f"n{target}", label=label))
    return scene


def timeline(
    events: Sequence[tuple[float, str]], precision: DatePrecision.ValueType = DatePrecision.DATE_PRECISION_YEAR
) -> Scene:
    """An event is a year (or rank) and a label."""
    step = min(2.0, 28.0 / max(len(events), 1))
    scene = Scene(title="History")
    scene.diagram.type = DiagramType.DIAGRAM_TYPE_TIMELINE
    for number, (year, label) in enumerate(events):
        date = EventDate(label=f"{year:g}", start_year=year, end_year=year, precision=precision)
        node = Node(id=f"n{number}", kind=NodeKind.NODE_KIND_EVENT, label=label, date=date, reveal_seconds=step * number)
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


def diagram(
    kind: DiagramType.ValueType,
    nodes: Sequence[tuple[NodeKind.ValueType, str]],
    edges: Sequence[tuple[int, int, str]],
    groups: Sequence[Sequence[int]] = (),
) -> Scene:
    """As `flowchart`, of any type; `groups` hold numbers of nodes, group n is called "g<n>"."""
    scene = flowchart(nodes, edges, "Title")
    scene.diagram.type = kind
    for number, members in enumerate(groups):
        scene.diagram.groups.add(id=f"g{number}", label=f"Group {number}")
        for member in members:
            scene.diagram.nodes[member].group_id = f"g{number}"
    return scene


@st.composite
def trees(draw: st.DrawFn, kind: DiagramType.ValueType) -> Scene:
    """Up to 16 nodes, each but the first hanging on one before it; one edge in six of a few trees makes it no tree."""
    count = draw(st.integers(1, 16))
    nodes = [(NodeKind.NODE_KIND_ITEM if n else NodeKind.NODE_KIND_TOPIC, draw(labels)) for n in range(count)]
    edges = [(draw(st.integers(0, n - 1)), n, draw(st.sampled_from(("", "", "kind of")))) for n in range(1, count)]
    if count > 2 and draw(st.integers(0, 5)) == 0:
        edges.append((count - 1, 0, ""))
    return add_quantities(draw, diagram(kind, nodes, edges))


@st.composite
def cycles(draw: st.DrawFn) -> Scene:
    """A ring of 1 to 9 stages, now and then with an edge across it."""
    count = draw(st.integers(1, 9))
    edges = [(n, (n + 1) % count, draw(st.one_of(st.just(""), labels))) for n in range(count)]
    if count > 3 and draw(st.integers(0, 3)) == 0:
        edges.append((0, 2, ""))
    return add_quantities(draw, diagram(DiagramType.DIAGRAM_TYPE_CYCLE, [(STEP, draw(labels)) for _ in range(count)], edges))


@st.composite
def comparisons(draw: st.DrawFn) -> Scene:
    """One to four subjects with up to five items each, under aspects or not, shared or not."""
    subjects = draw(st.integers(1, 4))
    nodes = [(NodeKind.NODE_KIND_TOPIC, draw(labels)) for _ in range(subjects)]
    edges: list[tuple[int, int, str]] = []
    for _ in range(draw(st.integers(0, 10))):
        owners = draw(st.lists(st.integers(0, subjects - 1), min_size=1, max_size=2, unique=True))
        owners = owners if draw(st.booleans()) else owners[:1]
        nodes.append((NodeKind.NODE_KIND_ITEM, draw(labels)))
        edges += [(owner, len(nodes) - 1, draw(st.sampled_from(("", "Cost", "Question")))) for owner in owners]
    return add_quantities(draw, diagram(DiagramType.DIAGRAM_TYPE_COMPARISON, nodes, edges))


@st.composite
def graphs(draw: st.DrawFn, kind: DiagramType.ValueType) -> Scene:
    """Any graph of up to 10 nodes; a network with up to three groups, which no edge leaves in half of them."""
    node = NodeKind.NODE_KIND_COMPONENT if kind == DiagramType.DIAGRAM_TYPE_NETWORK else NodeKind.NODE_KIND_CAUSE
    count = draw(st.integers(1, 10))
    pairs = draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=12, unique=True))
    cuts = sorted(draw(st.sets(st.integers(0, count), max_size=3))) if kind == DiagramType.DIAGRAM_TYPE_NETWORK else []
    groups = [range(start, end) for start, end in pairwise([0, *cuts]) if end > start]
    if groups and draw(st.booleans()):
        pairs = [(a, b) for a, b in pairs if all((a in group) == (b in group) for group in groups)]
    edges = [(a, b, draw(st.sampled_from(("", "", "calls", "leads to")))) for a, b in pairs]
    return add_quantities(draw, diagram(kind, [(node, draw(labels)) for _ in range(count)], edges, groups))


def add_quantities(draw: st.DrawFn, scene: Scene) -> Scene:
    """Gives one node in five a quantity."""
    for node in scene.diagram.nodes:
        if draw(st.integers(0, 4)) == 0:
            node.quantity.CopyFrom(Quantity(label="20 milliseconds", reveal_seconds=node.reveal_seconds + 1))
    return scene


PLAIN = st.one_of(
    trees(DiagramType.DIAGRAM_TYPE_HIERARCHY), trees(DiagramType.DIAGRAM_TYPE_MINDMAP), cycles(), comparisons(), timelines()
)
"""What plain geometry draws, mostly."""
ANY = st.one_of(PLAIN, flowcharts(), graphs(DiagramType.DIAGRAM_TYPE_NETWORK), graphs(DiagramType.DIAGRAM_TYPE_CAUSE_EFFECT))
