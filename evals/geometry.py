"""Overlaps in the composition, counted anew from its rectangles."""

from dataclasses import dataclass
from itertools import combinations

from evals.regions import sample_route
from s2v.v1.composition_pb2 import Composition, Rect, SceneLayout, ShapeKind

TOLERANCE_PX = 1.0  # of the canvas; touching is no overlap
OUTLINED = frozenset(
    {ShapeKind.SHAPE_KIND_ROUNDED_BOX, ShapeKind.SHAPE_KIND_BOX, ShapeKind.SHAPE_KIND_DIAMOND, ShapeKind.SHAPE_KIND_PILL}
)

BACKGROUNDS = frozenset({ShapeKind.SHAPE_KIND_PANEL, ShapeKind.SHAPE_KIND_CIRCLE})
"""Columns of tables, groups, and the sets of a Venn diagram, which are there to hold others or to overlap."""


@dataclass(frozen=True)
class GeometryCheck:
    """Counts over all scenes; each is 0 in a clean composition."""

    shape_overlaps: int
    """Pairs of shapes; a panel may hold the shapes of its own group."""
    text_overlaps: int
    """Pairs of texts."""
    text_on_foreign_shape: int
    """Texts that touch a shape which is not theirs."""
    text_outside_shape: int
    """Labels that stick out of the outline that they belong to."""
    text_on_route: int
    """Pairs of a text and an edge that runs through it."""
    route_through_shape: int
    """Pairs of an edge and a shape that it runs through without ending there."""
    outside_canvas: int
    """Shapes and texts that are not wholly on the canvas."""


@dataclass(frozen=True)
class PlacedText:
    """A text and the shape it belongs to."""

    owner: str
    """Id of its node or edge; empty for the title."""
    rect: Rect


def check_geometry(composition: Composition, panels: frozenset[str] = frozenset()) -> GeometryCheck:
    """Counts overlaps; `panels` are ids of groups, whose shapes may lie around others."""
    canvas = Rect(x=0, y=0, width=composition.width, height=composition.height)
    counts = [count_scene(scene, canvas, panels) for scene in composition.scenes]
    return GeometryCheck(*(sum(column) for column in zip(*counts, strict=True))) if counts else GeometryCheck(0, 0, 0, 0, 0, 0, 0)


def count_scene(scene: SceneLayout, canvas: Rect, panels: frozenset[str]) -> tuple[int, int, int, int, int, int, int]:
    """The seven counts of one scene, in the order of GeometryCheck."""
    shapes = [(shape.node_id, shape.rect, shape.kind) for shape in scene.shapes if shape.kind not in BACKGROUNDS]
    labels = [PlacedText(shape.node_id, text.bounds) for shape in scene.shapes for text in shape.texts]
    texts = labels + [
        PlacedText(shape.node_id, note.text.bounds) for shape in scene.shapes for note in shape.annotations if note.text.lines
    ]
    texts += [PlacedText(route.edge_id, route.label.bounds) for route in scene.routes if route.label.lines]
    texts += [PlacedText("", scene.title.bounds)] if scene.title.lines else []
    outlined = {name: rect for name, rect, kind in shapes if kind in OUTLINED}
    routes = [(route, list(sample_route(route))) for route in scene.routes]
    return (
        sum(overlap(a, b) for (i, a, _), (j, b, _) in combinations(shapes, 2) if not ({i, j} & panels and holds_either(a, b))),
        sum(overlap(a.rect, b.rect) for a, b in combinations(texts, 2)),
        sum(overlap(text.rect, rect) for text in texts for name, rect, _ in shapes if name != text.owner and name not in panels),
        sum(not contains(outlined[text.owner], text.rect) for text in labels if text.owner in outlined),
        sum(any(within(point, text.rect) for point in points) for _, points in routes for text in texts),
        sum(
            any(within(point, rect) for point in points)
            for route, points in routes
            for name, rect, _ in shapes
            if name not in (route.source, route.target) and name not in panels
        ),
        sum(not contains(canvas, rect) for rect in [shape.rect for shape in scene.shapes] + [text.rect for text in texts]),
    )


def overlap(a: Rect, b: Rect) -> bool:
    """Whether two rectangles share more than their rims."""
    width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    return width > TOLERANCE_PX and height > TOLERANCE_PX


def contains(outer: Rect, inner: Rect) -> bool:
    """Whether one rectangle lies in another."""
    return (
        inner.x >= outer.x - TOLERANCE_PX
        and inner.y >= outer.y - TOLERANCE_PX
        and inner.x + inner.width <= outer.x + outer.width + TOLERANCE_PX
        and inner.y + inner.height <= outer.y + outer.height + TOLERANCE_PX
    )


def holds_either(a: Rect, b: Rect) -> bool:
    """Whether one of two rectangles lies in the other."""
    return contains(a, b) or contains(b, a)


def within(point: tuple[float, float], rect: Rect) -> bool:
    """Whether a point is inside a rectangle, off its rim."""
    x, y = point
    return (
        rect.x + TOLERANCE_PX < x < rect.x + rect.width - TOLERANCE_PX
        and rect.y + TOLERANCE_PX < y < rect.y + rect.height - TOLERANCE_PX
    )
