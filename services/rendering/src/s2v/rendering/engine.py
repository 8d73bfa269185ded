"""The worker processes that draw: started by a fork server which has imported manim, so that a new one is ready at once."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass

from s2v.runtime.engine import EnginePool, preload

PRELOADED = ("manim", "av", "cv2", "s2v.rendering.production", "s2v.rendering.clip")
CLIP_SECONDS = 1800.0
"""Longest time for one scene's clip, in seconds."""
FILM_SECONDS = 1800.0
"""Longest time to put the film together, in seconds; an hour of talk takes less than one minute."""


@dataclass(frozen=True)
class Limits:
    """What a worker process may take."""

    memory_bytes: int = 2_000_000_000
    """Of its own data; a clip at 4K takes less than a quarter of it."""
    file_bytes: int = 20_000_000_000
    """Of a single file that it writes."""


DEFAULT_LIMITS = Limits()


def preload_engine() -> None:
    """Starts the fork server of the worker processes; before gRPC or NATS have threads."""
    # Each worker has one core: without this NumPy starts a thread for every core in every worker.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    preload(PRELOADED)


def make_pool(workers: int, limits: Limits = DEFAULT_LIMITS) -> EnginePool:
    """Makes the worker processes, each with one thread at work."""
    return EnginePool(workers, _limit, limits.memory_bytes, limits.file_bytes)


def _limit(memory_bytes: int, file_bytes: int) -> None:
    """Limits this process. Past the first limit Python raises MemoryError, past the second writing fails with EFBIG."""
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
