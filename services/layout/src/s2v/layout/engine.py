"""ELK in this process: loaded once, used for every picture."""

from __future__ import annotations

from functools import cache

from elkjs_py import ELKJS_VERSION, Elk

NAME = "elkjs"
VERSION = ELKJS_VERSION
LAYOUT_SECONDS = 15.0
"""One layout of a picture may take so long. A usual one takes 20 ms, the first of a new engine up to a second; on a busy machine,
too, the same graph shall get the same picture."""
MEMORY_BYTES = 256 * 2**20
"""V8's heap may take so much; a usual picture needs 20 MB."""


@cache
def elk() -> Elk:
    """Returns the engine of this process, started at the first call. It is not for several threads."""
    return Elk(memory_limit_bytes=MEMORY_BYTES)


def load() -> None:
    """Starts the engine of a worker process before its first task."""
    elk()
