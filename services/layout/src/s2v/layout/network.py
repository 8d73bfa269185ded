"""Components or actors and what joins them, in panels where they are grouped; and any graph that is not what its type says."""

from __future__ import annotations

from s2v.layout.accents import choose_group_accents
from s2v.layout.canvas import Canvas
from s2v.layout.search import draw_graph
from s2v.v1.composition_pb2 import SceneLayout
from s2v.v1.storyboard_pb2 import Scene


def compose_network(scene: Scene, canvas: Canvas) -> SceneLayout:
    """Returns the picture of a scene's network; `quality.degraded` says when a fallback drew it."""
    return draw_graph(scene.diagram, canvas, choose_group_accents(scene.diagram))


def draw_as_network(scene: Scene, canvas: Canvas, why: str) -> SceneLayout:
    """Returns a diagram drawn as a network, as `why` its own form cannot show it; the note says so."""
    picture = compose_network(scene, canvas)
    picture.quality.note = f"Scene {scene.id} is drawn as a network: {why}."
    return picture
