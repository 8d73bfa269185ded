"""A whole and its parts: a tree that grows down or to the right, or whose last parts stand in lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from s2v.layout.accents import IN_TURN
from s2v.layout.canvas import Canvas
from s2v.layout.chart import Accents, route_edge, set_label
from s2v.layout.fitting import choose_picture
from s2v.layout.labelling import place_labels
from s2v.layout.network import draw_as_network
from s2v.layout.outline import QUANTITY_DROP, QUANTITY_GAP, Measure, Outline, outline_node
from s2v.layout.routing import XY
from s2v.layout.tree import Branch, Extent, grow, spread
from s2v.v1.composition_pb2 import ColorRole, SceneLayout, Shape
from s2v.v1.diagram_pb2 import Diagram
from s2v.v1.storyboard_pb2 import Scene

ENGINE = "geometry.tree"
MEASURES = (
    Measure(34.0, 9.0, 3),
    Measure(30.0, 9.0, 3),
    Measure(30.0, 7.0, 3),
    Measure(27.0, 8.0, 3),
    Measure(24.0, 9.0, 3),
    Measure(24.0, 6.5, 4),
)
"""Sizes of labels that are tried, the largest first."""
SIBLING_GAP = 36.0
"""Between nodes beside each other, in px."""
LIST_GAP = 22.0
"""Between nodes one below the other, in px."""
LEVEL_GAP = 88.0
"""Between levels, in px."""
LABEL_GAP = 40.0
"""More between levels where edges have labels, in px, besides the labels themselves."""
LIST_INDENT = 44.0
"""Of a list from the left of the node it hangs on, in px."""
TRUNK = 20.0
"""From the left of a node to the line that its list hangs on, in px."""


@dataclass(frozen=True)
class Form:
    """A way to draw a tree."""

    right: bool
    """Whether it grows to the right, else down."""
    hang: bool = False
    """Whether nodes without children stand in lists below their parent; for a tree that grows down."""
    loose: float = 1.0
    """Distances as a multiple of the usual ones."""


FORMS = (Form(right=False), Form(right=True), Form(right=False, hang=True))


def compose_hierarchy(scene: Scene, canvas: Canvas) -> SceneLayout:
    """Returns the picture of a scene's hierarchy; edges that form no tree are drawn as a network."""
    roots = grow(scene.diagram)
    if roots is None:
        return draw_as_network(scene, canvas, "its parts form no tree")
    accents = choose_branch_accents(roots)
    forms = [replace(form, loose=loose) for loose in (1.25, 1.0) for form in FORMS]
    drawers: list[Callable[[Measure], SceneLayout | None]] = [
        lambda measure, form=form: draw_tree(scene.diagram, roots, form, measure, accents)  # type: ignore[misc]
        for form in forms
    ]
    return choose_picture(drawers, MEASURES, canvas, scene.diagram.nodes) or draw_as_network(
        scene, canvas, "its labels leave no room in a tree"
    )


def choose_branch_accents(roots: Sequence[Branch]) -> Accents:
    """Returns the accent of each node: one for a root, another for each branch from it."""
    accents: dict[str, ColorRole.ValueType] = {}

    def paint(branch: Branch, accent: ColorRole.ValueType) -> None:
        accents[branch.id] = accent
        for child in branch.children:
            paint(child, accent)

    for number, root in enumerate(roots):
        paint(root, IN_TURN[number % len(IN_TURN)])
        if len(roots) == 1:
            for place, child in enumerate(root.children):
                paint(child, IN_TURN[1 + place % (len(IN_TURN) - 1)])
    return accents


def draw_tree(diagram: Diagram, roots: Sequence[Branch], form: Form, measure: Measure, accents: Accents) -> SceneLayout | None:
    """Returns the tree in a form at a size, with its origin anywhere; None where its labels find no place."""
    if form.hang and not any(_lists(root) for root in roots):
        return None
    outlines = level_outlines(diagram, roots, measure, form)
    labels = {edge.id: set_label(edge) for edge in diagram.edges}
    room = max((label.width if form.right else label.height for label in labels.values()), default=0.0)
    gap = LEVEL_GAP * form.loose + (room + LABEL_GAP if room else 0.0)

    def extent(branch: Branch) -> Extent:
        outline = outlines[branch.id]
        if form.right:
            below = outline.quantity.height + QUANTITY_DROP if outline.quantity.lines else 0.0
            return Extent(outline.height / 2, outline.height / 2 + below)
        after = outline.width / 2 + (outline.quantity.width + QUANTITY_GAP if outline.quantity.lines else 0.0)
        if form.hang and branch.is_list:
            after = max(after, *(_reach(outlines[child.id]) + LIST_INDENT for child in branch.children))
        return Extent(outline.width / 2, after)

    places = spread(roots, extent, (LIST_GAP if form.right else SIBLING_GAP) * form.loose, hang=form.hang)
    picture = SceneLayout()
    shapes = _place(roots, outlines, places, form=form, gap=gap, accents=accents)
    picture.shapes.extend(shapes[node.id] for node in diagram.nodes)
    for edge in diagram.edges:
        line = _line(shapes[edge.source], shapes[edge.target], form, gap, hangs=edge.target not in places)
        picture.routes.append(route_edge(edge, line, arrowhead=False))
    picture.quality.engine = ENGINE
    return picture if place_labels(picture, [labels[edge.id] for edge in diagram.edges]) else None


def level_outlines(diagram: Diagram, roots: Sequence[Branch], measure: Measure, form: Form) -> Mapping[str, Outline]:
    """Returns the outlines, those of a level equally deep along the tree, so that levels are seen as such."""
    outlines = {node.id: outline_node(node, measure) for node in diagram.nodes}
    levels: dict[int, list[str]] = {}
    for root in roots:
        for branch, depth in _walk(root, 0):
            levels.setdefault(depth, []).append(branch.id)
    for ids in levels.values():
        width = max(outlines[node_id].width for node_id in ids)
        height = max(outlines[node_id].height for node_id in ids)
        for node_id in ids:
            own = outlines[node_id]
            outlines[node_id] = own.resized(width) if form.right else own.resized(own.width, own.height if form.hang else height)
    if form.hang:
        for branch in (each for root in roots for each in _lists(root)):
            width = max(outlines[child.id].width for child in branch.children)
            for child in branch.children:
                outlines[child.id] = outlines[child.id].resized(width)
    return outlines


def _place(
    roots: Sequence[Branch],
    outlines: Mapping[str, Outline],
    places: Mapping[str, float],
    *,
    form: Form,
    accents: Accents,
    gap: float,
) -> dict[str, Shape]:
    depths = {branch.id: depth for root in roots for branch, depth in _walk(root, 0)}
    along = [0.0]
    for depth in range(max(depths.values()) + 1):
        on_level = [outlines[node_id] for node_id, each in depths.items() if each == depth and node_id in places]
        along.append(along[-1] + max((each.width if form.right else each.height for each in on_level), default=0.0) + gap)
    shapes: dict[str, Shape] = {}
    for node_id, middle in places.items():
        outline = outlines[node_id]
        start = along[depths[node_id]]
        x, y = (start, middle - outline.height / 2) if form.right else (middle - outline.width / 2, start)
        shapes[node_id] = outline.placed(x, y, accents[node_id], "below" if form.right else "right")
    for branch in (each for root in roots for each in _lists(root)) if form.hang else ():
        parent = shapes[branch.id].rect
        y = parent.y + parent.height + LIST_GAP * 1.4 * form.loose
        for child in branch.children:
            labelled = set_label(child.edge).height if child.edge is not None else 0.0
            y += labelled
            shapes[child.id] = outlines[child.id].placed(parent.x + LIST_INDENT, y, accents[child.id], "right")
            y += outlines[child.id].height + LIST_GAP * form.loose
    return shapes


def _line(parent: Shape, child: Shape, form: Form, gap: float, *, hangs: bool) -> list[XY]:
    a, b = parent.rect, child.rect
    if hangs:
        x, y = a.x + TRUNK, b.y + b.height / 2
        return [(x, a.y + a.height), (x, y), (b.x, y)]
    if form.right:
        start, end, bend = (a.x + a.width, a.y + a.height / 2), (b.x, b.y + b.height / 2), b.x - gap / 2
        return [(start[0], end[1]), end] if abs(start[1] - end[1]) < 0.5 else [start, (bend, start[1]), (bend, end[1]), end]
    start, end, bend = (a.x + a.width / 2, a.y + a.height), (b.x + b.width / 2, b.y), b.y - gap / 2
    return [(end[0], start[1]), end] if abs(start[0] - end[0]) < 0.5 else [start, (start[0], bend), (end[0], bend), end]


def _reach(outline: Outline) -> float:
    """How far a node of a list reaches to the right of its left side."""
    return outline.width + (outline.quantity.width + QUANTITY_GAP if outline.quantity.lines else 0.0)


def _lists(branch: Branch) -> Iterator[Branch]:
    if branch.is_list:
        yield branch
    for child in branch.children:
        yield from _lists(child)


def _walk(branch: Branch, depth: int) -> Iterator[tuple[Branch, int]]:
    yield branch, depth
    for child in branch.children:
        yield from _walk(child, depth + 1)
