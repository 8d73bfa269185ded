"""A talk that has every type of picture, as a storyboard: what the rendering is measured and looked at with."""

from collections.abc import Sequence

from s2v.v1.diagram_pb2 import DatePrecision, DiagramType, Edge, EventDate, Node, NodeKind, Quantity, TimeSpan
from s2v.v1.storyboard_pb2 import Scene, Storyboard

STEP, DECISION, END = NodeKind.NODE_KIND_STEP, NodeKind.NODE_KIND_DECISION, NodeKind.NODE_KIND_TERMINAL
TOPIC, ITEM, PART = NodeKind.NODE_KIND_TOPIC, NodeKind.NODE_KIND_ITEM, NodeKind.NODE_KIND_COMPONENT
CAUSE, EFFECT = NodeKind.NODE_KIND_CAUSE, NodeKind.NODE_KIND_EFFECT
MENTION_SECONDS = 0.5
"""For which a node is spoken of."""

Nodes = Sequence[tuple[NodeKind.ValueType, str]]
Edges = Sequence[tuple[int, int, str]]


def make_showcase(scene_seconds: float, rounds: int = 1) -> Storyboard:
    """Returns a scene of each type, one after another, each `scene_seconds` long; all of them again for each further round."""
    makers = (flowchart, hierarchy, timeline, cycle, mindmap, comparison, network, cause_effect, phrase) * rounds
    board = Storyboard(language="en", duration_seconds=scene_seconds * len(makers))
    for number, make in enumerate(makers):
        scene = make()
        scene.id = f"s{number + 1:03}"
        scene.start_seconds, scene.end_seconds = number * scene_seconds, (number + 1) * scene_seconds
        time_scene(scene)
        board.scenes.append(scene)
    return board


def time_scene(scene: Scene) -> None:
    """Lets the nodes be named one after another in the first four fifths of the scene, and the first of them once more."""
    length = scene.end_seconds - scene.start_seconds
    nodes = scene.diagram.nodes
    step = length * 0.8 / (len(nodes) + 1)
    for number, node in enumerate(nodes):
        node.reveal_seconds = scene.start_seconds + length * 0.08 + step * number
        node.mentions.append(TimeSpan(start_seconds=node.reveal_seconds, end_seconds=node.reveal_seconds + MENTION_SECONDS))
        if node.HasField("quantity"):
            node.quantity.reveal_seconds = node.reveal_seconds + step / 2
    again = scene.start_seconds + length * 0.88
    nodes[0].mentions.append(TimeSpan(start_seconds=again, end_seconds=again + MENTION_SECONDS))
    times = {node.id: node.reveal_seconds for node in nodes}
    for edge in scene.diagram.edges:
        edge.reveal_seconds = max(times[edge.source], times[edge.target])
    for group in scene.diagram.groups:
        group.reveal_seconds = min(node.reveal_seconds for node in nodes if node.group_id == group.id)


def diagram(kind: DiagramType.ValueType, title: str, nodes: Nodes, edges: Edges = ()) -> Scene:
    """Returns a scene without times; edges name their ends by number."""
    scene = Scene(title=title)
    scene.diagram.type = kind
    for number, (node, label) in enumerate(nodes):
        scene.diagram.nodes.append(Node(id=f"n{number}", kind=node, label=label, phrase=label))
    for number, (source, target, label) in enumerate(edges):
        scene.diagram.edges.append(Edge(id=f"e{number}", source=f"n{source}", target=f"n{target}", label=label))
    return scene


def flowchart() -> Scene:
    """A decision, two ways and a way back."""
    nodes = [
        (STEP, "Application checks cache"),
        (DECISION, "Value present?"),
        (STEP, "Answer returns"),
        (STEP, "Query primary database"),
        (END, "Write to cache"),
    ]
    edges = [(0, 1, ""), (1, 2, "cache hit"), (1, 3, "cache miss"), (3, 4, ""), (4, 2, "")]
    scene = diagram(DiagramType.DIAGRAM_TYPE_FLOWCHART, "How a cache read works", nodes, edges)
    scene.diagram.nodes[3].quantity.CopyFrom(Quantity(label="20 milliseconds"))
    return scene


def hierarchy() -> Scene:
    """A tree of three levels."""
    labels = ["Animals", "Vertebrates", "Invertebrates", "Mammals", "Birds", "Insects", "Molluscs"]
    nodes = [(TOPIC if number == 0 else ITEM, label) for number, label in enumerate(labels)]
    return diagram(
        DiagramType.DIAGRAM_TYPE_HIERARCHY,
        "Kinds of animals",
        nodes,
        [(n, m, "") for n in range(3) for m in (2 * n + 1, 2 * n + 2)],
    )


def timeline() -> Scene:
    """Years at uneven distances."""
    events = (
        (1998, "First prototype"),
        (2001, "Company founded"),
        (2007, "Public release"),
        (2012, "One million users"),
        (2020, "Open source"),
    )
    scene = diagram(
        DiagramType.DIAGRAM_TYPE_TIMELINE, "From idea to launch", [(NodeKind.NODE_KIND_EVENT, label) for _, label in events]
    )
    for node, (year, _) in zip(scene.diagram.nodes, events, strict=True):
        precision = DatePrecision.DATE_PRECISION_YEAR
        node.date.CopyFrom(EventDate(label=str(year), start_year=year, end_year=year, precision=precision))
    return scene


def cycle() -> Scene:
    """A ring with labels on its way."""
    labels = ["Water evaporates", "Vapour rises", "Clouds form", "Rain falls", "Rivers flow to the sea"]
    edges = [(n, (n + 1) % len(labels), "sun heats it" if n == 4 else "") for n in range(len(labels))]
    return diagram(DiagramType.DIAGRAM_TYPE_CYCLE, "The water cycle", [(STEP, label) for label in labels], edges)


def mindmap() -> Scene:
    """A topic with branches on both sides."""
    labels = [
        "A healthy life",
        "Food",
        "Sleep",
        "Movement",
        "Friends",
        "Vegetables",
        "Eight hours",
        "Walking to work",
        "Swimming",
    ]
    edges = [(0, 1, ""), (0, 2, ""), (0, 3, ""), (0, 4, ""), (1, 5, ""), (2, 6, ""), (3, 7, ""), (3, 8, "")]
    return diagram(DiagramType.DIAGRAM_TYPE_MINDMAP, "What keeps us healthy", [(TOPIC, label) for label in labels], edges)


def comparison() -> Scene:
    """Two subjects under the same aspects."""
    labels = ["Electric car", "Petrol car", "Cheap to run", "Fuel is dear", "Forty minutes", "Five minutes", "Silent", "Loud"]
    aspects = ("Running cost", "Filling up", "Noise")
    edges = [(column, 2 + 2 * row + column, aspect) for row, aspect in enumerate(aspects) for column in (0, 1)]
    nodes = [(TOPIC if number < 2 else ITEM, label) for number, label in enumerate(labels)]
    return diagram(DiagramType.DIAGRAM_TYPE_COMPARISON, "Electric or petrol", nodes, edges)


def network() -> Scene:
    """Components, some of them in a group."""
    labels = ["Router", "Laptop", "Phone", "Printer", "Modem", "Internet provider"]
    edges = [(1, 0, "cable"), (2, 0, "radio"), (3, 0, ""), (0, 4, ""), (4, 5, "fibre")]
    scene = diagram(DiagramType.DIAGRAM_TYPE_NETWORK, "Your home network", [(PART, label) for label in labels], edges)
    scene.diagram.groups.add(id="g", label="Living room", phrase="living room")
    for number in (1, 2, 3):
        scene.diagram.nodes[number].group_id = "g"
    return scene


def cause_effect() -> Scene:
    """Several causes of one effect, which has an effect of its own."""
    labels = ["Heavy rain", "Blocked drains", "Paved ground", "Flooded streets", "Shops close"]
    nodes = [(CAUSE if number < 3 else EFFECT, label) for number, label in enumerate(labels)]
    edges = [(0, 3, ""), (1, 3, ""), (2, 3, ""), (3, 4, "leads to")]
    return diagram(DiagramType.DIAGRAM_TYPE_CAUSE_EFFECT, "Why the city floods", nodes, edges)


def phrase() -> Scene:
    """A key phrase, where there is no diagram."""
    text = "Each part can fail, and each part has a simple plan for recovery."
    return diagram(DiagramType.DIAGRAM_TYPE_NONE, "", [(NodeKind.NODE_KIND_PHRASE, text)])
