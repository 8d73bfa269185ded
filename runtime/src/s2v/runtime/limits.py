"""Time limits of the stage loop: what takes longer is killed and tried again. They bound what hangs, not what is slow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass

from s2v.runtime.errors import EngineTimeoutError
from s2v.v1.report_pb2 import Stage

WINDOW_SECONDS = 120.0
"""One window of transcription, which holds at most 30 s of sound."""
LEAST_SECONDS = 300.0
"""Any other piece of work, before the length of the sound is added."""
PER_SECOND: dict[Stage.ValueType, float] = {
    Stage.STAGE_TRANSCRIPTION: 1.0,
    Stage.STAGE_ANALYSIS: 1.0,
    Stage.STAGE_LAYOUT: 1.0,
    Stage.STAGE_RENDERING: 3.0,
}
"""Seconds of work that a second of the talk's sound may take besides."""


def part_seconds(stage: Stage.ValueType, source_seconds: float) -> float:
    """Returns the limit of one part, in seconds."""
    return WINDOW_SECONDS if stage == Stage.STAGE_TRANSCRIPTION else whole_seconds(stage, source_seconds)


def whole_seconds(stage: Stage.ValueType, source_seconds: float) -> float:
    """Returns the limit of a plan or a join, in seconds, for a talk of `source_seconds`."""
    return LEAST_SECONDS + PER_SECOND[stage] * source_seconds


@dataclass
class _Clock:
    """The limit that holds for a piece of work."""

    timeout: asyncio.Timeout
    seconds: float
    """What the work may take in all."""

    def set(self, when: float | None) -> None:
        """Lets it run out at another time of the loop, or never."""
        with suppress(RuntimeError):  # it has run out, or the work has ended and what it began has not
            self.timeout.reschedule(when)


_clock: ContextVar[_Clock | None] = ContextVar("clock", default=None)


@asynccontextmanager
async def within(seconds: float, what: str) -> AsyncIterator[None]:
    """Cancels the block after `seconds`, which kills the worker process that it waits for.

    What the block spends in `waiting` does not count; `extend` gives it more.
    Errors: EngineTimeoutError.
    """
    limit = asyncio.timeout(seconds)
    clock = _Clock(limit, seconds)
    before = _clock.set(clock)
    try:
        async with limit:
            yield
    except TimeoutError as error:
        if limit.expired():
            raise EngineTimeoutError(f"{what} did not finish within {clock.seconds:.0f} s") from error
        raise
    finally:
        _clock.reset(before)


@contextmanager
def waiting() -> Iterator[None]:
    """Stops the clock of the limit that holds here, if one does, while the block waits for others' work to end."""
    clock = _clock.get()
    end = clock.timeout.when() if clock is not None else None
    if clock is None or end is None:
        yield
        return
    loop = asyncio.get_running_loop()
    left = end - loop.time()
    clock.set(None)
    try:
        yield
    finally:
        clock.set(loop.time() + left)


def extend(seconds: float) -> None:
    """Gives the work that runs here `seconds` more, if a limit holds: for another try by slower means."""
    clock = _clock.get()
    end = clock.timeout.when() if clock is not None else None
    if clock is not None and end is not None:
        clock.seconds += seconds
        clock.set(end + seconds)
