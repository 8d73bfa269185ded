"""What rendering may take: memory of a worker, and disk of a job, all its files together."""

from __future__ import annotations

import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import av.error

from s2v.runtime.errors import EngineError, LimitError

OUT_OF_RESOURCES = (MemoryError, OSError, av.error.ExternalError)
"""The last is how x264 says that it got no memory: its settings are always the same."""
SHORT = {
    errno.ENOMEM: ("memory than a worker may take", "raise S2V_RENDERING_MEMORY_BYTES"),
    errno.EFBIG: ("disk than the files of a job may take", "raise S2V_RENDERING_JOB_BYTES"),
    errno.ENOSPC: ("disk than there is", "free some for temporary files"),
    errno.EDQUOT: ("disk than the quota allows", "raise it"),
}
"""What there is too little of, and the remedy, by the error of the system."""
REASON = "RENDERING_LIMIT"


@dataclass(frozen=True)
class Limits:
    """What a worker process, and a job, may take."""

    memory_bytes: int = 2_000_000_000
    """Of a worker's own data; a clip at 4K takes less than a quarter of it."""
    job_bytes: int = 20_000_000_000
    """Of all files of a job together: its sound, clips, film, stream, captions and poster."""


DEFAULT_LIMITS = Limits()


class Room:
    """What a job may still write."""

    def __init__(self, job_bytes: int) -> None:
        self.left = job_bytes
        """In bytes."""
        self._whole = job_bytes

    def take(self, size_bytes: int, what: str) -> None:
        """Counts a file that is written, or is about to be. Errors: LimitError when the job has too much with it."""
        self.left -= size_bytes
        if self.left < 0:
            raise LimitError(
                f"with {what} ({size_bytes} bytes) the files of this job are larger than {self._whole} bytes; "
                "render it lower, or raise S2V_RENDERING_JOB_BYTES",
                reason=REASON,
            )


@contextmanager
def within_limits(what: str, room_bytes: int) -> Iterator[None]:
    """Lets no file of this process grow beyond `room_bytes` in a block.

    Errors: LimitError when memory or disk is not enough for `what`, EngineError when it cannot be written for another cause.
    """
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    room = max(0, room_bytes) if most == resource.RLIM_INFINITY else min(max(0, room_bytes), most)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, most))
    try:
        yield
    except OUT_OF_RESOURCES as error:
        if not isinstance(error, OSError):
            short, remedy = "memory than a worker may take", "raise S2V_RENDERING_MEMORY_BYTES"
        elif error.errno in SHORT:
            short, remedy = SHORT[error.errno]
        else:
            raise EngineError(f"{what} could not be written: {error}") from error
        raise LimitError(f"{what} needs more {short} ({error}); render it lower, or {remedy}", reason=REASON) from error
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))


def limit_worker(memory_bytes: int) -> None:
    """Limits this process for good. Past it Python raises MemoryError."""
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
