"""Why something happened: causes that flow to their effects from left to right, or a fishbone of many causes of one effect."""

from __future__ import annotations

from functools import partial

from s2v.layout import fishbone
from s2v.layout.accents import choose_cause_accents
from s2v.layout.canvas import Canvas
from s2v.layout.fitting import choose_picture, is_shortened, overshoot
from s2v.layout.search import draw_graph
from s2v.v1.composition_pb2 import SceneLayout
from s2v.v1.storyboard_pb2 import Scene


def compose_cause_effect(scene: Scene, canvas: Canvas) -> SceneLayout:
    """Returns the picture of a scene's causes; `quality.degraded` says when a fallback drew it."""
    accents = choose_cause_accents(scene.diagram)
    if canvas.is_wide and fishbone.is_fishbone(scene.diagram):
        drawers = [partial(fishbone.lay_out, scene.diagram, accents)]
        picture = choose_picture(drawers, fishbone.MEASURES, canvas, scene.diagram.nodes)
        if picture is not None and max(overshoot(picture, canvas)) <= 1.0 and not is_shortened(picture):
            return picture
    return draw_graph(scene.diagram, canvas, accents, joins=True)
