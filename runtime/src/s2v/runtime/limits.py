"""Time limits of the stage loop: what takes longer is killed and tried again. They bound what hangs, not what is slow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

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


@asynccontextmanager
async def within(seconds: float, what: str) -> AsyncIterator[None]:
    """Cancels the block after `seconds`, which kills the worker process that it waits for.

    Errors: EngineTimeoutError.
    """
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            yield
    except TimeoutError as error:
        if limit.expired():
            raise EngineTimeoutError(f"{what} did not finish within {seconds:.0f} s") from error
        raise
