"""Layout in a worker process: what the service calls, as bytes in and bytes out."""

from __future__ import annotations

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


@dataclass(frozen=True)
class Drawn:
    """The exports of a composition."""

    drawio: bytes
    scenes: tuple[DrawnScene, ...]


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


def draw_bytes(composition: bytes, brand: bytes = b"") -> Drawn:
    """Draws a serialised Composition in every form that is exported, in the look of a serialised Brand.

    Errors: InvalidInputError for a brand that cannot be read or a logo that cannot be used.
    """
    whole, look = Composition.FromString(composition), Brand.FromString(brand)
    try:
        if look.logo:
            check_logo(look.logo)
        scenes = [DrawnScene(each.scene_id, svg.draw(whole, each, look), png.draw(whole, each, look)) for each in whole.scenes]
        return Drawn(drawio.draw(whole, look), tuple(scenes))
    except ValueError as error:
        raise InvalidInputError(str(error), reason="INVALID_OPTION", field="options.brand") from error
