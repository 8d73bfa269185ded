"""Layout in a worker process: what the service calls, as bytes in and bytes out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from s2v.layout import drawio, engine, png, svg
from s2v.layout.canvas import WORK
from s2v.layout.composition import compose
from s2v.runtime.engine import EnginePool, preload
from s2v.runtime.errors import InvalidInputError
from s2v.typeset.themes import check_logo
from s2v.v1.composition_pb2 import Composition
from s2v.v1.job_pb2 import Brand
from s2v.v1.layout_service_pb2 import ComposeRequest

PRELOADED = ("py_mini_racer", "resvg_py", "uharfbuzz", "s2v.layout.processes")
LOAD_SECONDS = 60.0
"""Wall time in which a worker must start ELK, in seconds."""
SCENE_SECONDS = 4.0
"""A talk of many scenes may take so long for each; a search takes about two at most where the processor is free."""
BATCH = 40
"""Scenes that are drawn in one call; at 2160p one takes a quarter of a second."""


@dataclass(frozen=True)
class Composed:
    """A composition and its report, serialised: protobuf messages cross process borders as bytes."""

    composition: bytes
    report: bytes


@dataclass(frozen=True)
class DrawnScene:
    """The pictures of a scene."""

    scene_id: str
    svg: bytes
    png: bytes


def preload_engine() -> None:
    """Starts the fork server of the worker processes; before gRPC or NATS have threads."""
    preload(PRELOADED)


def make_pool(workers: int) -> EnginePool:
    """Makes the worker processes; each starts ELK when it starts."""
    return EnginePool(workers, engine.load)


def compose_bytes(request: bytes, work: int = WORK) -> Composed:
    """Composes what a serialised ComposeRequest asks for; `work` is the budget of a picture's search. Errors: as `compose`."""
    asked = ComposeRequest.FromString(request)
    previous = asked.previous if asked.HasField("previous") else None
    composition, report = compose(
        asked.storyboard,
        asked.height,
        asked.theme,
        asked.strict,
        asked.aspect,
        previous=previous,
        font=asked.font,
        work=work,
    )
    return Composed(composition.SerializeToString(deterministic=True), report.SerializeToString(deterministic=True))


def seconds_for(scenes: int, longest_seconds: float) -> float:
    """Returns what placing all scenes of a talk may take, in seconds: `longest_seconds`, more where there are many."""
    return max(longest_seconds, SCENE_SECONDS * scenes)


def cut_batches(composition: Composition) -> Iterator[bytes]:
    """Yields serialised Compositions that together hold the scenes, in order, and otherwise say the same."""
    batch = Composition()
    batch.CopyFrom(composition)
    for start in range(0, len(composition.scenes), BATCH):
        del batch.scenes[:]
        batch.scenes.extend(composition.scenes[start : start + BATCH])
        yield batch.SerializeToString(deterministic=True)


def draw_scenes(composition: bytes, brand: bytes = b"") -> list[DrawnScene]:
    """Draws the scenes of a serialised Composition in the look of a serialised Brand.

    Errors: InvalidInputError for a brand that cannot be read or a logo that cannot be used.
    """
    whole = Composition.FromString(composition)
    with _checked(brand) as look:
        return [DrawnScene(each.scene_id, svg.draw(whole, each, look), png.draw(whole, each, look)) for each in whole.scenes]


def draw_pages(composition: bytes, brand: bytes = b"") -> bytes:
    """Draws a serialised Composition as one file of draw.io. Errors: as `draw_scenes`."""
    with _checked(brand) as look:
        return drawio.draw(Composition.FromString(composition), look)


@contextmanager
def _checked(brand: bytes) -> Iterator[Brand]:
    look = Brand.FromString(brand)
    try:
        if look.logo:
            check_logo(look.logo)
        yield look
    except ValueError as error:
        raise InvalidInputError(str(error), reason="INVALID_OPTION", field="options.brand") from error
