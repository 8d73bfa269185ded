"""Many causes of one effect: a spine to the effect, the causes above and below it in turn."""

from __future__ import annotations

from s2v.layout.chart import Accents, route_edge
from s2v.layout.outline import Measure, Outline, outline_node
from s2v.layout.routing import START_GAP, TIP_GAP, XY
from s2v.v1.composition_pb2 import RouteKind, SceneLayout
from s2v.v1.diagram_pb2 import Diagram

ENGINE = "geometry.fishbone"
MEASURES = (Measure(32.0, 8.5, 3), Measure(30.0, 8.0, 3), Measure(27.0, 8.0, 4), Measure(24.0, 9.0, 4), Measure(24.0, 7.0, 4))
"""Sizes of labels that are tried, the largest first."""
CAUSES = range(5, 13)
"""Fewer join in one bar as clearly; more leave no room."""
COLUMN_GAP = 40.0
BONE_HEIGHT = 130.0
"""From a cause to the spine, in px."""
BONE_SLANT = 70.0
"""By which a bone leans towards the effect, in px."""
HEAD_GAP = 90.0
"""From the last bone to the effect, in px."""


def is_fishbone(diagram: Diagram) -> bool:
    """Tells whether all edges lead, without labels or quantities, from one of many causes straight to one effect."""
    effects = {edge.target for edge in diagram.edges}
    causes = {edge.source for edge in diagram.edges}
    return (
        len(effects) == 1
        and not effects & causes
        and len(causes) == len(diagram.edges) == len(diagram.nodes) - 1
        and len(causes) in CAUSES
        and not any(edge.label.strip() for edge in diagram.edges)
        and not any(node.quantity.label.strip() for node in diagram.nodes)
    )


def lay_out(diagram: Diagram, accents: Accents, measure: Measure) -> SceneLayout:
    """Returns the picture with the left end of the spine near the origin."""
    outlines = {node.id: outline_node(node, measure) for node in diagram.nodes}
    effect = outlines[diagram.edges[0].target]
    causes = [outlines[node.id] for node in diagram.nodes if node.id != effect.node.id]
    height = max(cause.height for cause in causes)
    places: dict[str, XY] = {}
    joints: dict[str, XY] = {}
    x = 0.0
    for number in range(0, len(causes), 2):
        pair = causes[number : number + 2]
        width = max(cause.width for cause in pair)
        for cause, above in zip(pair, (True, False), strict=False):
            y = -BONE_HEIGHT - height if above else BONE_HEIGHT
            places[cause.node.id] = x + (width - cause.width) / 2, y + ((height - cause.height) if above else 0.0)
            joints[cause.node.id] = x + width / 2 + BONE_SLANT, 0.0
        x += width + COLUMN_GAP
    left = max(x - COLUMN_GAP, *(joint for joint, _ in joints.values())) + HEAD_GAP
    picture = SceneLayout()
    picture.quality.engine = ENGINE
    for node in diagram.nodes:
        outline = outlines[node.id]
        place = (left, -effect.height / 2) if outline is effect else places[node.id]
        picture.shapes.append(outline.placed(*place, accents[node.id], "below"))
    for edge in diagram.edges:
        joint = joints[edge.source]
        start = _foot(outlines[edge.source], places[edge.source], joint)
        picture.routes.append(route_edge(edge, [start, joint, (left - TIP_GAP, 0.0)], RouteKind.ROUTE_KIND_STRAIGHT))
    return picture


def _foot(cause: Outline, place: XY, joint: XY) -> XY:
    """Returns where the bone starts: below a cause above the spine, above one below it."""
    above = place[1] < 0
    y = place[1] + cause.height + START_GAP if above else place[1] - START_GAP
    return joint[0] - BONE_SLANT * abs(y) / (BONE_HEIGHT - START_GAP), y
