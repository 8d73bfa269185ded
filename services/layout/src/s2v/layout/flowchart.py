"""Steps in an order, with or without decisions."""

from __future__ import annotations

from s2v.layout.accents import choose_accents
from s2v.layout.canvas import Canvas
from s2v.layout.search import draw_graph
from s2v.v1.composition_pb2 import SceneLayout
from s2v.v1.storyboard_pb2 import Scene


def compose_flowchart(scene: Scene, canvas: Canvas) -> SceneLayout:
    """Returns the picture of a scene's flowchart; `quality.degraded` says when a fallback drew it."""
    return draw_graph(scene.diagram, canvas, choose_accents(scene.diagram))
