"""Layout in a worker process: what the service calls, as bytes in and bytes out."""

from __future__ import annotations

from dataclasses import dataclass

from s2v.layout import engine, svg
from s2v.layout.composition import compose
from s2v.runtime.engine import EnginePool, preload
from s2v.v1.composition_pb2 import Composition
from s2v.v1.storyboard_pb2 import Storyboard

PRELOADED = ("py_mini_racer", "uharfbuzz", "s2v.layout.processes")
LOAD_SECONDS = 60.0
"""Wall time in which a worker must start ELK, in seconds."""


@dataclass(frozen=True)
class Composed:
    """A composition and its report, serialised: protobuf messages cross process borders as bytes."""

    composition: bytes
    report: bytes


def preload_engine() -> None:
    """Starts the fork server of the worker processes; before gRPC or NATS have threads."""
    preload(PRELOADED)


def make_pool(workers: int) -> EnginePool:
    """Makes the worker processes; each starts ELK when it starts."""
    return EnginePool(workers, engine.load)


def compose_bytes(storyboard: bytes, height: int, theme: str, strict: bool, aspect: str = "") -> Composed:
    """Composes a serialised Storyboard. Errors: as `compose`."""
    composition, report = compose(Storyboard.FromString(storyboard), height, theme, strict, aspect)
    return Composed(composition.SerializeToString(deterministic=True), report.SerializeToString(deterministic=True))


def draw_bytes(composition: bytes) -> list[tuple[str, bytes]]:
    """Returns the id and the SVG of each scene of a serialised Composition."""
    whole = Composition.FromString(composition)
    return [(scene.scene_id, svg.draw(whole, scene)) for scene in whole.scenes]
