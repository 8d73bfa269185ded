"""The cells of a small picture in which a shape or an edge is seen."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from evals.film import COLUMNS, ROWS
from s2v.v1.composition_pb2 import Composition, Point, Rect, Route, RouteKind, SceneLayout, Shape

Mask = npt.NDArray[np.bool_]

STEP_PX = 2.0  # distance of the points at which a route is sampled
PIECES = 24  # straight pieces that stand for one Bézier curve


class Grid:
    """Maps rectangles and points of a canvas to cells."""

    def __init__(self, composition: Composition) -> None:
        self._cell_width = composition.width / COLUMNS
        self._cell_height = composition.height / ROWS

    def cover(self, rect: Rect) -> Mask:
        """The cells whose middle is in the rectangle; the nearest cell of a rectangle that is smaller than one."""
        mask = np.zeros((ROWS, COLUMNS), np.bool_)
        x = (np.arange(COLUMNS) + 0.5) * self._cell_width
        y = (np.arange(ROWS) + 0.5) * self._cell_height
        inside_x = (x >= rect.x) & (x < rect.x + rect.width)
        inside_y = (y >= rect.y) & (y < rect.y + rect.height)
        if not inside_x.any():
            inside_x[np.abs(x - rect.x - rect.width / 2).argmin()] = True
        if not inside_y.any():
            inside_y[np.abs(y - rect.y - rect.height / 2).argmin()] = True
        mask[np.ix_(inside_y, inside_x)] = True
        return mask

    def trace(self, points: Iterable[tuple[float, float]]) -> Mask:
        """The cells that hold one of the points."""
        mask = np.zeros((ROWS, COLUMNS), np.bool_)
        for x, y in points:
            mask[
                min(max(int(y / self._cell_height), 0), ROWS - 1),
                min(max(int(x / self._cell_width), 0), COLUMNS - 1),
            ] = True
        return mask


def shape_region(grid: Grid, shape: Shape) -> Mask:
    """The cells of a shape and of the text that appears with it."""
    mask = grid.cover(shape.rect)
    for text in shape.texts:
        mask |= grid.cover(text.bounds)
    return mask


def own_regions(grid: Grid, scene: SceneLayout) -> dict[str, Mask]:
    """For each node its cells without those of other shapes, so that a panel is not taken for what stands in it."""
    masks = {shape.node_id: shape_region(grid, shape) for shape in scene.shapes}
    counts = np.sum(list(masks.values()), axis=0) if masks else np.zeros((ROWS, COLUMNS))
    return {node: mask & (counts == 1) for node, mask in masks.items()}


def route_regions(grid: Grid, scene: SceneLayout) -> dict[str, Mask]:
    """For each edge the cells that its line alone passes, by id; no shape, text or other edge is in them."""
    taken = np.zeros((ROWS, COLUMNS), np.bool_)
    for shape in scene.shapes:
        taken |= shape_region(grid, shape)
        for annotation in shape.annotations:
            taken |= grid.cover(annotation.text.bounds)
    lines = {route.edge_id: grid.trace(sample_route(route)) for route in scene.routes}
    for route in scene.routes:
        if route.label.lines:
            taken |= grid.cover(route.label.bounds)
    passes = np.sum(list(lines.values()), axis=0) if lines else np.zeros((ROWS, COLUMNS))
    return {edge: mask & ~taken & (passes == 1) for edge, mask in lines.items()}


def sample_route(route: Route) -> Iterator[tuple[float, float]]:
    """Points along a route, at most STEP_PX apart, in pixels of the canvas."""
    corners = [(point.x, point.y) for point in route.points]
    if route.kind == RouteKind.ROUTE_KIND_CURVED:
        corners = list(flatten_curve(route.points))
    for (x0, y0), (x1, y1) in pairwise(corners):
        count = max(int(np.hypot(x1 - x0, y1 - y0) / STEP_PX), 1)
        for part in np.linspace(0.0, 1.0, count + 1):
            yield x0 + (x1 - x0) * float(part), y0 + (y1 - y0) * float(part)


def flatten_curve(points: Iterable[Point]) -> Iterator[tuple[float, float]]:
    """Points on a chain of cubic Bézier curves: start, then two controls and an end for each piece."""
    chain = [(point.x, point.y) for point in points]
    for at in range(0, len(chain) - 3, 3):
        (x0, y0), (x1, y1), (x2, y2), (x3, y3) = chain[at : at + 4]
        for part in np.linspace(0.0, 1.0, PIECES + 1):
            t, s = float(part), 1.0 - float(part)
            yield (
                s**3 * x0 + 3 * s * s * t * x1 + 3 * s * t * t * x2 + t**3 * x3,
                s**3 * y0 + 3 * s * s * t * y1 + 3 * s * t * t * y2 + t**3 * y3,
            )
