"""When each node and edge really becomes visible, measured from the decoded frames of the film.

A thing is visible from the frame in which its region has made half of its final change: half of the way from how it looks when
the thing is not there to how it looks at the end of its scene. Nothing but the places of things is taken from the composition.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from evals.film import Thumbnail, read_thumbnails
from evals.regions import Grid, Mask, own_regions, route_regions
from s2v.v1.composition_pb2 import Composition, SceneLayout, Shape, ShapeKind

TRANSITION_SECONDS = 0.4  # a scene's incoming cross-fade; until then the picture before it may still be seen
BOUNDARY_SECONDS = 1 / 30  # a frame this near to the next scene may already belong to it, because scenes start on whole frames
LEAST_CHANGE = 2.0  # mean grey values; less than this is no drawing
LEAST_CELLS = 3  # of an edge that can be measured by itself


@dataclass(frozen=True)
class Reveal:
    """A thing and the moment in which it became visible."""

    scene_id: str
    id: str
    """Of the node or edge."""
    visible_seconds: float | None
    """None when it never became visible."""


@dataclass(frozen=True)
class Reveals:
    """What was seen in the film."""

    nodes: list[Reveal]
    edges: list[Reveal]
    """Edges whose lines can be told from everything else in their picture."""
    carried: int
    """Nodes that stay from the scene before, or stand in the film's first frame: they appear at no word of their scene."""
    frames: int
    """Stored frames of the film."""


@dataclass(frozen=True)
class Watched:
    """A thing that is looked for in a scene."""

    id: str
    is_edge: bool
    cells: npt.NDArray[np.intp]
    """Numbers of its cells in the flattened picture."""


def measure_reveals(film: Path, composition: Composition) -> Reveals:
    """Watches the film once, a scene at a time."""
    nodes: list[Reveal] = []
    edges: list[Reveal] = []
    carried = frames = 0
    before = {shape.node_id for shape in opening(composition)}
    grid = Grid(composition)
    for scene, thumbnails in split_scenes(read_thumbnails(film), composition):
        frames += len(thumbnails)
        ids = {shape.node_id for shape in scene.shapes}
        carried += len(ids & before)
        for thing in list_things(grid, scene, before):
            reveal = Reveal(scene.scene_id, thing.id, find_visible(thing, thumbnails, scene.start_seconds))
            (edges if thing.is_edge else nodes).append(reveal)
        before = ids
    return Reveals(nodes, edges, carried, frames)


def opening(composition: Composition) -> Sequence[Shape]:
    """Returns what the film opens with, from its first frame on: the words of a key phrase."""
    first = composition.scenes[0] if composition.scenes else SceneLayout()
    words = all(shape.kind == ShapeKind.SHAPE_KIND_TEXT for shape in first.shapes)
    return first.shapes if words and not first.title.lines else ()


def split_scenes(thumbnails: Iterator[Thumbnail], composition: Composition) -> Iterator[tuple[SceneLayout, list[Thumbnail]]]:
    """Groups the frames by scene; one scene's small pictures are held at a time."""
    current, held = 0, list[Thumbnail]()
    for thumbnail in thumbnails:
        while (
            current + 1 < len(composition.scenes)
            and thumbnail.seconds + BOUNDARY_SECONDS >= composition.scenes[current + 1].start_seconds
        ):
            yield composition.scenes[current], held
            current, held = current + 1, []
        held.append(thumbnail)
    for scene in composition.scenes[current:]:
        yield scene, held
        held = []


def list_things(grid: Grid, scene: SceneLayout, before: set[str]) -> Iterator[Watched]:
    """Nodes that are new in the scene, and its edges."""

    def watch(name: str, mask: Mask, is_edge: bool) -> Watched:
        return Watched(name, is_edge, np.flatnonzero(mask))

    for node_id, mask in own_regions(grid, scene).items():
        if node_id not in before:
            yield watch(node_id, mask, is_edge=False)
    for edge_id, mask in route_regions(grid, scene).items():
        if mask.sum() >= LEAST_CELLS:
            yield watch(edge_id, mask, is_edge=True)


def find_visible(thing: Watched, thumbnails: list[Thumbnail], scene_start: float) -> float | None:
    """The time of the frame from which the thing is visible, in seconds of the film."""
    if not thumbnails or not thing.cells.size:
        return None
    # The last picture may be a longer frame: the same content all along.
    final = thumbnails[-1].grey.ravel()[thing.cells].astype(np.float32)
    background = float(thumbnails[-1].grey[0, 0])
    ink = float(np.abs(final - background).mean())
    if ink < LEAST_CHANGE:
        return None
    distances = np.array([np.abs(t.grey.ravel()[thing.cells] - final).mean() for t in thumbnails])
    times = np.array([t.seconds for t in thumbnails])
    settled = times >= scene_start + TRANSITION_SECONDS
    absent = float(distances[settled].max(initial=0.0))
    if absent < ink / 2:
        # It came with the cross-fade: everything before that is the previous scene.
        far = np.flatnonzero(distances > ink / 2)
        return max(float(times[far[-1] + 1]) if far.size else float(times[0]), scene_start)
    near = np.flatnonzero(settled & (distances <= absent / 2))
    first = int(near[0])
    if first and not settled[first - 1]:
        # Already there when the cross-fade ends; something else changed in its region later.
        far = np.flatnonzero(distances[:first] > absent / 2)
        first = int(far[-1]) + 1 if far.size else 0
    return max(float(times[first]), scene_start)
