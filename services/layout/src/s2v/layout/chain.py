"""A long chain of steps in rows, each read from left to right, columns in line; or in columns, each read downwards."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import ceil

from s2v.layout.canvas import Canvas
from s2v.layout.chart import Chart, route_edge
from s2v.layout.outline import QUANTITY_DROP, QUANTITY_GAP
from s2v.layout.routing import XY, trim
from s2v.v1.composition_pb2 import SceneLayout, Shape, ShapeKind

ENGINE = "geometry.chain"
COLUMN_GAPS = (64.0, 150.0)
"""Least and most between the columns, in px."""
STEP_GAP = 54.0
"""Between the nodes of a column, in px."""
LEVEL_MARGIN = 22.0
"""A level line between columns stays so far from the corners of both nodes, in px."""
ROW_GAP = 96.0
"""Between the rows, in px: the way back to the left runs in the middle of it."""


def is_chain(chart: Chart) -> bool:
    """Tells whether the edges join all nodes to one line, in the order of speech, without labels."""
    ids = [outline.node.id for outline in chart.outlines]
    line = [(edge.source, edge.target) for edge in chart.edges]
    return line == list(pairwise(ids)) and not any(label.lines for label in chart.labels.values())


def lay_out(chart: Chart, columns: int, canvas: Canvas) -> SceneLayout:
    """Returns the shapes and routes of a chain in rows of `columns` nodes, with the origin at the first cell.

    The columns are as far apart as the diagram area allows, within reason.
    """
    outlines = chart.outlines
    rows = ceil(len(outlines) / columns)
    # Nodes of one kind are equally wide, so that rows and columns are seen as such.
    width = max(outline.width for outline in outlines)
    boxes = [outline.resized(width) if outline.kind != ShapeKind.SHAPE_KIND_DIAMOND else outline for outline in outlines]
    # A quantity at the right of the last column needs its room too.
    beside = max((box.quantity.width + QUANTITY_GAP for box in boxes[columns - 1 :: columns] if box.quantity.lines), default=0.0)
    room = (canvas.area.width - beside - columns * width) / max(columns - 1, 1)
    column_gap = min(max(room, COLUMN_GAPS[0]), COLUMN_GAPS[1])
    picture = SceneLayout()
    top = 0.0
    shapes: list[Shape] = []
    tops: list[float] = []
    for row in range(rows):
        tops.append(top)
        cells = boxes[row * columns : (row + 1) * columns]
        height = max(box.height for box in cells)
        for column, box in enumerate(cells):
            x = column * (width + column_gap) + (width - box.width) / 2
            # The way down leaves the last node of a row at its bottom, so its quantity stands at the right.
            shape = box.placed(
                x, top + (height - box.height) / 2, chart.accents[box.node.id], "right" if column == columns - 1 else "below"
            )
            shapes.append(shape)
        quantity = max((box.quantity.height for box in cells[: columns - 1]), default=0.0)
        top += height + (quantity + QUANTITY_DROP if quantity else 0.0) + ROW_GAP
    picture.shapes.extend(shapes)
    for number, edge in enumerate(chart.edges):
        source, target = shapes[number], shapes[number + 1]
        back = (number + 1) % columns == 0
        points = _way_back(source, target, tops[(number + 1) // columns], ROW_GAP) if back else _straight(source, target)
        picture.routes.append(route_edge(edge, trim(points, source, target)))
    return picture


def lay_out_columns(chart: Chart, canvas: Canvas) -> SceneLayout | None:
    """Returns a chain in as few columns as its height allows, as even as can be; None where a node is higher than the area.

    Nodes keep their widths, so one that is wide costs its own column only. Quantities stand beside their nodes.
    """
    heights = [outline.height for outline in chart.outlines]
    fewest = _fill(heights, canvas.area.height)
    if max(heights) > canvas.area.height or any(outline.quantity.lines for outline in chart.outlines):
        return None
    # The least height that needs no more columns.
    tries = sorted(
        {sum(heights[a:b]) + STEP_GAP * (b - a - 1) for a in range(len(heights)) for b in range(a + 1, len(heights) + 1)}
    )
    limit = next(each for each in tries if each >= max(heights) and len(_fill(heights, each)) <= len(fewest))
    picture = SceneLayout()
    left = 0.0
    ends: list[float] = []
    for start, end in pairwise([*_fill(heights, limit), len(heights)]):
        column = chart.outlines[start:end]
        width = max(outline.width for outline in column)
        top = 0.0
        for outline in column:
            x = left + (width - outline.width) / 2
            picture.shapes.append(outline.placed(x, top, chart.accents[outline.node.id], "below"))
            top += outline.height + STEP_GAP
        left += width + COLUMN_GAPS[0]
        ends += [left - COLUMN_GAPS[0] / 2] * len(column)
    for edge, (source, target), (lane, next_lane) in zip(chart.edges, pairwise(picture.shapes), pairwise(ends), strict=True):
        points = _down(source, target) if lane == next_lane else _across(source, target, lane)
        picture.routes.append(route_edge(edge, trim(points, source, target)))
    return picture


def _fill(heights: Sequence[float], limit: float) -> list[int]:
    """Returns the first node of each column, each filled up to a height."""
    starts = [0]
    filled = heights[0]
    for number, height in enumerate(heights[1:], 1):
        filled += STEP_GAP + height
        if filled > limit:
            starts.append(number)
            filled = height
    return starts


def _down(source: Shape, target: Shape) -> list[XY]:
    x = target.rect.x + target.rect.width / 2
    return [(x, source.rect.y + source.rect.height), (x, target.rect.y)]


def _across(source: Shape, target: Shape, lane: float) -> list[XY]:
    """Returns a line from the right of a node to the left of one in the next column; level where both can be met so."""
    start, end = source.rect, target.rect
    y0, y1 = start.y + start.height / 2, end.y + end.height / 2
    low, high = max(start.y, end.y) + LEVEL_MARGIN, min(start.y + start.height, end.y + end.height) - LEVEL_MARGIN
    pointed = {source.kind, target.kind} & {ShapeKind.SHAPE_KIND_DIAMOND, ShapeKind.SHAPE_KIND_PILL}
    if low < high and not pointed:
        y = min(max(y1, low), high)
        return [(start.x + start.width, y), (end.x, y)]
    return [(start.x + start.width, y0), (lane, y0), (lane, y1), (end.x, y1)]


def _straight(source: Shape, target: Shape) -> list[XY]:
    y = source.rect.y + source.rect.height / 2
    return [(source.rect.x + source.rect.width, y), (target.rect.x, y)]


def _way_back(source: Shape, target: Shape, row_top: float, row_gap: float) -> list[XY]:
    x0, x1 = source.rect.x + source.rect.width / 2, target.rect.x + target.rect.width / 2
    lane = row_top - row_gap / 2
    return [(x0, source.rect.y + source.rect.height), (x0, lane), (x1, lane), (x1, target.rect.y)]
