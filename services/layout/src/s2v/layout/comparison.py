"""Things contrasted: a table with a column a subject; overlapping sets where subjects share what is said of them."""

from __future__ import annotations

from functools import partial

from s2v.layout import table, venn
from s2v.layout.canvas import Canvas
from s2v.layout.contrast import find_contrast
from s2v.layout.fitting import choose_picture
from s2v.layout.network import draw_as_network
from s2v.v1.composition_pb2 import SceneLayout
from s2v.v1.storyboard_pb2 import Scene


def compose_comparison(scene: Scene, canvas: Canvas) -> SceneLayout:
    """Returns the picture of a scene's comparison; what has no subjects with items of their own is drawn as a network."""
    contrast = find_contrast(scene.diagram)
    if contrast is None:
        return draw_as_network(scene, canvas, "what is compared has no items of its own")
    if contrast.is_shared and len(contrast.subjects) in venn.SETS:
        drawers = [partial(venn.lay_out, contrast, canvas)]
        picture = choose_picture(drawers, venn.MEASURES, canvas, scene.diagram.nodes)
        if picture is not None:
            return picture
    if not contrast.is_shared:
        picture = choose_picture([partial(table.lay_out, contrast, canvas)], table.MEASURES, canvas, scene.diagram.nodes)
        if picture is not None:
            return picture
    return draw_as_network(scene, canvas, "its subjects share more than sets can show")
