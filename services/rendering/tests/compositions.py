"""Compositions for the tests: a flowchart, a timeline and a key phrase, measured with the fonts that draw them."""

from __future__ import annotations

from s2v.typeset.fonts import font_digests
from s2v.typeset.shaping import width
from s2v.v1.composition_pb2 import (
    Annotation,
    ColorRole,
    Composition,
    FontWeight,
    Point,
    Rect,
    Route,
    RouteKind,
    Rule,
    SceneLayout,
    Shape,
    ShapeKind,
    TextBlock,
    TextLine,
)
from s2v.v1.diagram_pb2 import DiagramType, TimeSpan

SEMI_BOLD, MEDIUM, REGULAR = FontWeight.FONT_WEIGHT_SEMI_BOLD, FontWeight.FONT_WEIGHT_MEDIUM, FontWeight.FONT_WEIGHT_REGULAR
BLUE, AMBER, GREEN = ColorRole.COLOR_ROLE_BLUE, ColorRole.COLOR_ROLE_AMBER, ColorRole.COLOR_ROLE_GREEN
ROSE, VIOLET, CYAN = ColorRole.COLOR_ROLE_ROSE, ColorRole.COLOR_ROLE_VIOLET, ColorRole.COLOR_ROLE_CYAN
TEXT, MUTED, LINE = ColorRole.COLOR_ROLE_TEXT, ColorRole.COLOR_ROLE_MUTED, ColorRole.COLOR_ROLE_LINE


def block(lines: str, x: float, y: float, size: float, weight=MEDIUM, color=TEXT, anchor: float = 0.5) -> TextBlock:
    """Text whose lines are centred (anchor 0.5) or start (anchor 0) at x, about the middle y."""
    texts = lines.split("\n")
    block = TextBlock(size_px=size, weight=weight, color=color)
    lead = size * 1.32
    top = y - lead * len(texts) / 2
    for number, line in enumerate(texts):
        length = width(line, weight, size)
        block.lines.append(
            TextLine(text=line, x=x - length * anchor, baseline_y=top + lead * (number + 0.5) + size * 0.36, width=length)
        )
    widest = max(line.width for line in block.lines)
    block.bounds.CopyFrom(Rect(x=min(line.x for line in block.lines), y=top, width=widest, height=lead * len(texts)))
    return block


def node(node_id, kind, accent, label, x, y, w, h, at, spoken=(), quantity=("", 0.0)) -> Shape:
    shape = Shape(node_id=node_id, kind=kind, accent=accent, reveal_seconds=at, rect=Rect(x=x, y=y, width=w, height=h))
    shape.texts.append(block(label, x + w / 2, y + h / 2, 30))
    for start, end in ((at, at + 0.4), *spoken):
        shape.spoken.append(TimeSpan(start_seconds=start, end_seconds=end))
    if quantity[0]:
        text = block(quantity[0], x + w + 26, y + h / 2, 24, color=MUTED, anchor=0)
        shape.annotations.append(Annotation(text=text, reveal_seconds=quantity[1]))
    return shape


def edge(edge_id, source, target, points, at, color=LINE, label=None, kind=RouteKind.ROUTE_KIND_ORTHOGONAL) -> Route:
    route = Route(edge_id=edge_id, source=source, target=target, kind=kind, arrowhead=True, color=color, reveal_seconds=at)
    route.points.extend(Point(x=x, y=y) for x, y in points)
    if label:
        route.label.CopyFrom(label)
    return route


def rule(x0, y0, x1, y1, w=3.0, color=LINE, node_id="", caps=True) -> Rule:
    made = Rule(to=Point(x=x1, y=y1), width_px=w, color=color, node_id=node_id, round_caps=caps)
    getattr(made, "from").CopyFrom(Point(x=x0, y=y0))
    return made


def titled(scene_id, kind, title, start, end) -> SceneLayout:
    scene = SceneLayout(scene_id=scene_id, start_seconds=start, end_seconds=end, type=kind, chapter=title)
    scene.title.CopyFrom(block(title, 80, 96, 44, SEMI_BOLD, anchor=0))
    scene.rules.append(rule(82, 138, 150, 138, 5, BLUE))
    return scene


def flowchart(start: float, end: float) -> SceneLayout:
    scene = titled("s01", DiagramType.DIAGRAM_TYPE_FLOWCHART, "How a cache read works", start, end)
    box, t = ShapeKind.SHAPE_KIND_ROUNDED_BOX, start
    scene.shapes.extend(
        [
            node("a", box, BLUE, "Application\nchecks cache", 168, 366, 264, 128, t + 1),
            node("b", ShapeKind.SHAPE_KIND_DIAMOND, AMBER, "Value\npresent?", 662, 345, 276, 170, t + 2.2),
            node("c", box, GREEN, "Answer returns", 1188, 256, 284, 88, t + 3.6, quantity=("1 millisecond", t + 4.2)),
            node("d", box, ROSE, "Query primary\ndatabase", 1195, 516, 270, 128, t + 5, quantity=("20 milliseconds", t + 5.7)),
        ]
    )
    hit, miss = block("cache hit", 950, 276, 24, color=MUTED), block("cache miss", 950, 556, 24, color=MUTED)
    scene.routes.extend(
        [
            edge("e1", "a", "b", [(440, 430), (652, 430)], t + 2.2),
            edge("e2", "b", "c", [(800, 337), (800, 300), (1178, 300)], t + 3.6, label=hit),
            edge("e3", "b", "d", [(800, 523), (800, 580), (1185, 580)], t + 5, ROSE, miss),
        ]
    )
    return scene


def timeline(start: float, end: float) -> SceneLayout:
    scene = titled("s02", DiagramType.DIAGRAM_TYPE_TIMELINE, "From idea to launch", start, end)
    scene.rules.append(rule(120, 560, 1800, 560))
    events = [
        ("1998", "First prototype", BLUE, 230),
        ("2001", "Company founded", CYAN, 600),
        ("2007", "Public release", GREEN, 950),
        ("2012", "One million users", AMBER, 1330),
        ("2020", "Open source", VIOLET, 1690),
    ]
    for number, (date, label, color, x) in enumerate(events):
        up = number % 2 == 0
        at = start + 0.8 + number * 1.1
        name = f"t{number}"
        scene.rules.append(rule(x, 437 if up else 575, x, 545 if up else 684, 3, color, name, caps=False))
        shape = Shape(node_id=name, kind=ShapeKind.SHAPE_KIND_DOT, accent=color, reveal_seconds=at)
        shape.rect.CopyFrom(Rect(x=x - 12, y=548, width=24, height=24))
        shape.texts.append(block(date, x, 350 if up else 728, 36, SEMI_BOLD, color))
        shape.texts.append(block(label, x, 395 if up else 775, 30))
        shape.spoken.append(TimeSpan(start_seconds=at, end_seconds=at + 0.5))
        scene.shapes.append(shape)
    return scene


def panned(start: float, end: float) -> SceneLayout:
    """A timeline of 24 events on a tall canvas, past which the camera goes; it stands at the lower end from 1.7 s on."""
    scene = SceneLayout(scene_id="s04", start_seconds=start, end_seconds=end, type=DiagramType.DIAGRAM_TYPE_TIMELINE)
    scene.chapter = "A long story"
    scene.title.CopyFrom(block("A long story", 60, 96, 44, SEMI_BOLD, anchor=0))
    scene.rules.append(rule(120, 230, 120, 3350))
    for number in range(24):
        y = 230 + number * 130
        shape = Shape(node_id=f"t{number}", kind=ShapeKind.SHAPE_KIND_DOT, accent=BLUE, reveal_seconds=start + number * 0.1)
        shape.rect.CopyFrom(Rect(x=108, y=y, width=24, height=24))
        shape.texts.append(block(f"Event number {number}", 170, y + 12, 36, anchor=0))
        scene.shapes.append(shape)
        scene.rules.append(rule(132, y + 12, 160, y + 12, 3, BLUE, f"t{number}", caps=False))
    scene.rules.append(rule(62, 138, 130, 138, 5, BLUE))
    scene.camera.add(start_seconds=start, end_seconds=start)
    scene.camera.add(start_seconds=start + 1, end_seconds=start + 1.7, y=1700)
    return scene


def phrase(start: float, end: float) -> SceneLayout:
    scene = SceneLayout(scene_id="s03", start_seconds=start, end_seconds=end, type=DiagramType.DIAGRAM_TYPE_NONE)
    scene.chapter = "Each part can fail"
    shape = Shape(node_id="p", kind=ShapeKind.SHAPE_KIND_TEXT, accent=AMBER, reveal_seconds=start + 0.5)
    text = "Each part can fail,\nand each part has a simple\nplan for recovery."
    shape.texts.append(block(text, 330, 540, 84, SEMI_BOLD, anchor=0))
    shape.rect.CopyFrom(shape.texts[0].bounds)
    scene.shapes.append(shape)
    scene.rules.append(rule(264, 384, 264, 700, 10, AMBER, "p"))
    return scene


def composition(*scenes: SceneLayout, theme: str = "dark") -> Composition:
    made = Composition(width=1920, height=1080, theme=theme, language="en", font_sha256=font_digests(), scenes=scenes)
    made.duration_seconds = scenes[-1].end_seconds
    return made


def talk(theme: str = "dark", length: float = 8.0) -> Composition:
    """Three scenes, one of each kind."""
    return composition(flowchart(0, length), timeline(length, 2 * length), phrase(2 * length, 2.5 * length), theme=theme)
