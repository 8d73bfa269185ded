"""The worker processes that draw: started by a fork server which has imported manim, so that a new one is ready at once."""

from __future__ import annotations

from s2v.rendering.limits import DEFAULT_LIMITS, Limits, limit_worker
from s2v.runtime.engine import EnginePool, preload

PRELOADED = ("manim", "av", "cv2", "s2v.rendering.production", "s2v.rendering.clip")
CLIP_SECONDS = 1800.0
"""Longest time for one scene's clip, in seconds."""
FILM_SECONDS = 1800.0
"""Longest time to put the film together, in seconds; an hour of talk takes less than one minute."""


def preload_engine() -> None:
    """Starts the fork server of the worker processes; before gRPC or NATS have threads."""
    preload(PRELOADED)


def make_pool(workers: int, limits: Limits = DEFAULT_LIMITS) -> EnginePool:
    """Makes the worker processes, each with one thread at work."""
    return EnginePool(workers, limit_worker, limits.memory_bytes)
