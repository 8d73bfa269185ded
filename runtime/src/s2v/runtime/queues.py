"""What waits and what is at work in the queues of the stages, and what was given up, as NATS counts it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nats.js import JetStreamContext
from nats.js.errors import NotFoundError as NoMessageError

from s2v.runtime.schema import DEAD_STREAM, ERRORS, PRIORITY_NAMES, WORK_STREAM, unavailable
from s2v.runtime.stage import NAMES


@dataclass(frozen=True)
class Queue:
    """The tasks of one stage and priority."""

    stage: str
    priority: str
    waiting: int
    """Tasks that nobody has, and those that a worker has had and handed back, or failed at: they wait for their next turn. One
    of the latter that is at work again counts, too, as NATS does not tell."""
    at_work: int
    """Tasks that a worker has for the first time, or that it handed back a moment ago."""


async def count(jetstream: JetStreamContext) -> Sequence[Queue]:
    """Counts the tasks of all stages and priorities.

    Errors: UnavailableError.
    """
    keys = [(stage, priority) for stage in NAMES.values() for priority in PRIORITY_NAMES]
    try:
        infos = await asyncio.gather(*(jetstream.consumer_info(WORK_STREAM, f"{stage}-{priority}") for stage, priority in keys))
    except ERRORS as error:
        raise unavailable(error) from error
    counts: list[Queue] = []
    for (stage, priority), info in zip(keys, infos, strict=True):
        given, again = info.num_ack_pending or 0, info.num_redelivered or 0
        counts.append(Queue(stage, priority, (info.num_pending or 0) + again, max(0, given - again)))
    return counts


async def oldest(jetstream: JetStreamContext) -> Mapping[str, float]:
    """Returns the age of the oldest task of each stage that is not done, in seconds; 0 where there is none.

    Errors: UnavailableError.
    """

    async def age(stage: str) -> float:
        with contextlib.suppress(NoMessageError):
            message = await jetstream.get_msg(WORK_STREAM, seq=1, subject=f"s2v.v1.work.{stage}.*", next=True)
            if message.time is not None:
                return max(0.0, time.time() - message.time.timestamp())
        return 0.0

    try:
        ages = await asyncio.gather(*(age(stage) for stage in NAMES.values()))
    except ERRORS as error:
        raise unavailable(error) from error
    return dict(zip(NAMES.values(), ages, strict=True))


async def buried(jetstream: JetStreamContext) -> Mapping[str, int]:
    """Counts the dead letters of each stage.

    Errors: UnavailableError.
    """
    try:
        info = await jetstream.stream_info(DEAD_STREAM, subjects_filter="s2v.v1.dead.*")
    except ERRORS as error:
        raise unavailable(error) from error
    counts = info.state.subjects or {}
    return {stage: counts.get(f"s2v.v1.dead.{stage}", 0) for stage in NAMES.values()}
