"""A topic and its aspects: the topic in the middle, its branches in two sides of like height."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from s2v.layout.canvas import Canvas
from s2v.layout.chart import Accents, route_edge, set_label
from s2v.layout.fitting import choose_picture, overshoot
from s2v.layout.hierarchy import choose_branch_accents
from s2v.layout.labelling import place_labels
from s2v.layout.network import draw_as_network
from s2v.layout.outline import QUANTITY_DROP, Measure, Outline, outline_node
from s2v.layout.routing import XY
from s2v.layout.tree import Branch, Extent, grow, spread
from s2v.v1.composition_pb2 import RouteKind, SceneLayout, Shape, ShapeKind
from s2v.v1.diagram_pb2 import Diagram
from s2v.v1.storyboard_pb2 import Scene

ENGINE = "geometry.mindmap"
MEASURES = (
    Measure(34.0, 9.0, 3),
    Measure(30.0, 10.0, 3),
    Measure(30.0, 7.0, 3),
    Measure(27.0, 9.0, 3),
    Measure(24.0, 10.0, 3),
    Measure(24.0, 6.5, 4),
)
"""Sizes of labels that are tried, the largest first."""
TOPIC_GAIN = 1.25
"""Size of the topic's label by that of the others."""
ROW_GAP = 30.0
"""Between nodes of a side, in px."""
LEVEL_GAP = 110.0
"""Between levels, in px."""
LABEL_GAP = 60.0
"""More between levels where edges have labels, in px, besides the labels themselves."""


def compose_mindmap(scene: Scene, canvas: Canvas) -> SceneLayout:
    """Returns the picture of a scene's mindmap; edges that form no tree with one centre are drawn as a network."""
    roots = grow(scene.diagram)
    if roots is None or len(roots) != 1:
        return draw_as_network(scene, canvas, "its aspects do not all belong to one topic")
    accents = choose_branch_accents(roots)
    topic = roots[0]
    even, *rest = _balance(topic)
    for cut in (even, *rest) if canvas.is_wide else (*rest, even):
        drawers = [partial(_draw, scene.diagram, topic, accents, cut, loose) for loose in (1.5, 1.0)]
        picture = choose_picture(drawers, MEASURES, canvas, scene.diagram.nodes)
        if picture is not None and max(overshoot(picture, canvas)) <= 1.0:
            return picture
    return picture or draw_as_network(scene, canvas, "its labels leave no room in a mindmap")


def _balance(topic: Branch) -> tuple[int, ...]:
    """Returns how many branches go to the right: as many as make both sides alike; or all of them, for narrow canvases."""
    leaves = [_leaves(child) for child in topic.children]
    total = sum(leaves)
    even = min(range(len(leaves) + 1), key=lambda cut: (abs(total - 2 * sum(leaves[:cut])), -cut))
    return (even, len(leaves)) if even < len(leaves) else (even,)


def _leaves(branch: Branch) -> int:
    return sum(_leaves(child) for child in branch.children) or 1


def _draw(  # noqa: PLR0917 - all but the size are bound once
    diagram: Diagram, topic: Branch, accents: Accents, cut: int, loose: float, measure: Measure
) -> SceneLayout | None:
    """Returns the picture with the first `cut` branches at the right and the others at the left."""
    outlines = {node.id: outline_node(node, measure) for node in diagram.nodes}
    node = outlines[topic.id].node
    large = Measure(measure.size_px * TOPIC_GAIN, measure.width_em, measure.lines)
    outlines[topic.id] = outline_node(node, large, ShapeKind.SHAPE_KIND_PILL)
    labels = {edge.id: set_label(edge) for edge in diagram.edges}
    widest = max((label.width for label in labels.values()), default=0.0)
    gap = LEVEL_GAP * min(loose, 1.2) + (widest + LABEL_GAP if widest else 0.0)
    centre = outlines[topic.id].placed(-outlines[topic.id].width / 2, -outlines[topic.id].height / 2, accents[topic.id], "below")
    shapes = {topic.id: centre}
    for side, branches in ((1, topic.children[:cut]), (-1, topic.children[cut:])):
        _place_side(shapes, branches, outlines, accents, side=side, gap=gap, row_gap=ROW_GAP * loose)
    picture = SceneLayout()
    picture.shapes.extend(shapes[each.id] for each in diagram.nodes)
    for edge in diagram.edges:
        line = _curve(shapes[edge.source], shapes[edge.target])
        accent = accents[edge.target]
        picture.routes.append(route_edge(edge, line, RouteKind.ROUTE_KIND_CURVED, accent, arrowhead=False))
    picture.quality.engine = ENGINE
    return picture if place_labels(picture, [labels[edge.id] for edge in diagram.edges]) else None


def _place_side(
    shapes: dict[str, Shape],
    branches: Sequence[Branch],
    outlines: Mapping[str, Outline],
    accents: Accents,
    *,
    side: int,
    gap: float,
    row_gap: float,
) -> None:
    """Places branches beside the centre, in levels away from it; `side` is 1 at the right, -1 at the left."""

    def extent(branch: Branch) -> Extent:
        outline = outlines[branch.id]
        below = outline.quantity.height + QUANTITY_DROP if outline.quantity.lines else 0.0
        return Extent(outline.height / 2, outline.height / 2 + below)

    places = spread(branches, extent, row_gap)
    if not places:
        return
    top = min(places[each] - outlines[each].height / 2 for each in places)
    bottom = max(places[each] + outlines[each].height / 2 for each in places)
    near = max(
        shape.rect.x + shape.rect.width for shape in shapes.values() if shape.rect.x <= 0 <= shape.rect.x + shape.rect.width
    )
    level = list(branches)
    while level:
        width = max(outlines[branch.id].width for branch in level)
        near += gap
        for branch in level:
            outline = outlines[branch.id]
            x = near if side > 0 else -near - outline.width
            y = places[branch.id] - outline.height / 2 - (top + bottom) / 2
            shapes[branch.id] = outline.placed(x, y, accents[branch.id], "below")
        near += width
        level = [child for branch in level for child in branch.children]


def _curve(parent: Shape, child: Shape) -> list[XY]:
    """Returns a curve that leaves and comes level, from side to side."""
    a, b = parent.rect, child.rect
    right = b.x > a.x
    x0, y0 = (a.x + a.width if right else a.x), a.y + a.height / 2
    x1, y1 = (b.x if right else b.x + b.width), b.y + b.height / 2
    middle = (x0 + x1) / 2
    return [(x0, y0), (middle, y0), (middle, y1), (x1, y1)]
