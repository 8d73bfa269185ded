"""The fallback for graphs that ELK fails on: nodes in rows, arrows in lanes between them. Plain, but nothing touches.

Each column has a lane at its right with a track for each edge, each row a lane above it, likewise. An edge leaves its source at
the right, goes along its track of the column's lane, then along its track above the target's row, and enters from above. Labels
stand in the left part of the lane above their target, the last pieces of the arrows in the right part.
"""

from __future__ import annotations

from math import ceil, sqrt

from s2v.layout.chart import Chart, route_edge
from s2v.layout.outline import QUANTITY_DROP
from s2v.layout.routing import trim
from s2v.v1.composition_pb2 import SceneLayout, Shape

ENGINE = "geometry.grid"
TRACK = 24.0
"""From track to track, in px."""
LABEL_SHARE = 0.6
"""Part of a column's width that labels of edges may take."""
LANE_MARGIN = 40.0
"""Between a lane's tracks and the nodes, in px."""
LABEL_GAP = 12.0
"""Between a label and the arrows at its right, in px."""


def lay_out(chart: Chart) -> SceneLayout:
    """Returns the shapes and routes, with the origin at the first cell."""
    columns = ceil(sqrt(2 * len(chart.outlines)))
    widest = max(max(outline.width, outline.quantity.width) for outline in chart.outlines)
    label_width = max((label.width for label in chart.labels.values()), default=0.0)
    column_width = max(widest, (label_width + LABEL_GAP) / LABEL_SHARE)
    row_height = max(outline.height + outline.quantity.height + 2 * QUANTITY_DROP for outline in chart.outlines)
    cell_of = {outline.node.id: divmod(number, columns) for number, outline in enumerate(chart.outlines)}

    picture = SceneLayout()
    shapes: dict[str, Shape] = {}
    pitch = column_width + 2 * LANE_MARGIN + TRACK * len(chart.edges)
    tops = _tops(chart, cell_of, row_height)
    for outline in chart.outlines:
        row, column = cell_of[outline.node.id]
        # The right half, where arrows enter, keeps clear of the labels.
        middle = min(column_width * LABEL_SHARE, column_width - max(outline.width, outline.quantity.width) / 2)
        left = column * pitch + middle - outline.width / 2
        shape = outline.placed(left, tops[row], chart.accents[outline.node.id], "below")
        shapes[outline.node.id] = shape
        picture.shapes.append(shape)

    level = {row: top - LANE_MARGIN for row, top in enumerate(tops)}
    for number, edge in enumerate(chart.edges):
        source, target = shapes[edge.source].rect, shapes[edge.target].rect
        row, column = cell_of[edge.target]
        lane_x = cell_of[edge.source][1] * pitch + column_width + LANE_MARGIN + TRACK * number
        track_y = level[row]
        # Arrows enter in the right part of the target's top, each at a place of its own.
        enter_x = target.x + target.width * (0.5 + 0.4 * number / len(chart.edges))
        enter_x = max(enter_x, column * pitch + column_width * LABEL_SHARE)
        leave_y = source.y + source.height / 2
        points = [
            (source.x + source.width, leave_y),
            (lane_x, leave_y),
            (lane_x, track_y),
            (enter_x, track_y),
            (enter_x, target.y),
        ]
        route = route_edge(edge, trim(points, shapes[edge.source], shapes[edge.target]))
        label = chart.labels[edge.id]
        if label.lines:
            route.label.CopyFrom(label.below(column * pitch + label.width / 2, track_y - label.height - 6))
        level[row] = track_y - label.height - TRACK
        picture.routes.append(route)
    return picture


def _tops(chart: Chart, cell_of: dict[str, tuple[int, int]], row_height: float) -> list[float]:
    """Returns the top of each row's nodes; the lane above has a track and room for the label of each edge that ends in it."""
    rows = 1 + max(row for row, _ in cell_of.values())
    tops: list[float] = []
    bottom = 0.0
    for row in range(rows):
        ending = [edge for edge in chart.edges if cell_of[edge.target][0] == row]
        lane = 2 * LANE_MARGIN + sum(chart.labels[edge.id].height + TRACK for edge in ending)
        tops.append(bottom + lane)
        bottom = tops[-1] + row_height
    return tops
