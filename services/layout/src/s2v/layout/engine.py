"""ELK in this process: loaded once, used for every picture."""

from __future__ import annotations

from functools import cache
from time import process_time

from elkjs_py import ELKJS_VERSION, Elk, ElkTimeout, Graph, LayoutOptions

NAME = "elkjs"
VERSION = ELKJS_VERSION
LAYOUT_SECONDS = 15.0
"""One layout of a picture may take so much of the processor's time. A usual one takes 20 ms, the first of a new engine up to a
second."""
PATIENCE = 10.0
"""It may last so many times as long where others keep the processor busy, so that the same graph still gets the same picture."""
MEMORY_BYTES = 256 * 2**20
"""V8's heap may take so much; a usual picture needs 20 MB."""


@cache
def elk() -> Elk:
    """Returns the engine of this process, started at the first call. It is not for several threads."""
    return Elk(memory_limit_bytes=MEMORY_BYTES)


def lay_out(graph: Graph, options: LayoutOptions) -> Graph:
    """Returns a graph as ELK lays it out; one that was stopped before it had the processor for its time is laid out once more.

    Errors: ElkError; ElkTimeout of a graph that takes more than `LAYOUT_SECONDS`.
    """
    before = process_time()
    try:
        return elk().layout(graph, options, timeout_seconds=LAYOUT_SECONDS)
    except ElkTimeout:
        share = (process_time() - before) / LAYOUT_SECONDS
        if share > 0.5:
            raise
    return elk().layout(graph, options, timeout_seconds=LAYOUT_SECONDS * min(1.0 / max(share, 0.01), PATIENCE))


def load() -> None:
    """Starts the engine of a worker process before its first task."""
    elk()
