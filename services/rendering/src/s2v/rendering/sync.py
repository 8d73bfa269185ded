"""How far from its word each thing is seen, by the cues that the film is drawn from."""

from __future__ import annotations

import math
from collections.abc import Iterator

from s2v.rendering.choreography import EPSILON, Action, direct
from s2v.rendering.elements import Kind
from s2v.v1.composition_pb2 import Composition

_DRAWN = (Kind.SHAPE, Kind.PANEL, Kind.ROUTE)


def sync_error(composition: Composition, rate: int) -> float:
    """Returns the 95th percentile over all nodes and edges of how far the frame in which one is half there is from its word.

    In seconds; 0 where no scene shows anything at a word. `rate` in frames a second.
    """
    errors = sorted(_errors(composition, rate))
    return errors[math.ceil(0.95 * len(errors)) - 1] if errors else 0.0


def _errors(composition: Composition, rate: int) -> Iterator[float]:
    previous = None
    for scene in composition.scenes:
        words = {shape.node_id: shape.reveal_seconds for shape in scene.shapes}
        words.update({route.edge_id: route.reveal_seconds for route in scene.routes})
        for cue in direct(scene, previous).cues:
            if cue.action == Action.ENTER and cue.key.kind in _DRAWN:
                half = (cue.start + cue.end) / 2
                yield abs(math.ceil(half * rate - EPSILON) / rate - words[cue.key.id])
        previous = scene
