"""The events of one job, from any point on until the job has ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from s2v.gateway.shares import Shares
from s2v.runtime.bus import Bus
from s2v.runtime.errors import BusyError, UnavailableError
from s2v.runtime.jobs import FINISHED, Jobs
from s2v.v1.event_pb2 import JobEvent, JobStateChanged
from s2v.v1.work_pb2 import JobRecord

QUIET_SECONDS = 5.0
"""Silence after which the record is asked whether the job has ended."""
REPLAY_SECONDS = 1.0
"""The same for a job that had ended before: its events are all there, and come at once."""


class Watching:
    """Watches jobs until this gateway stops."""

    def __init__(self, bus: Bus, jobs: Jobs, stop: asyncio.Event, tenant_watches: int) -> None:
        """`tenant_watches` is how many watches a tenant may have at once: each is a call for a long time."""
        self._bus = bus
        self._jobs = jobs
        self._stop = stop
        self._shares = Shares(tenant_watches)

    async def watch(self, tenant: str, job_id: str, after_sequence: int) -> AsyncGenerator[JobEvent, None]:
        """Yields a job's events after `after_sequence`, and ends after the one that says how the job ended.

        Events are kept for a day. Where the last one is gone, or was never sent as its worker was killed, the record speaks.
        Errors: NotFoundError, BusyError (TOO_MANY_WATCHES), UnavailableError (DRAINING when this gateway stops: another one goes
        on with the rest).
        """
        busy = BusyError(
            f"{self._shares.most} watches are open, and no more are allowed; end some, or ask GetJob now and then",
            reason="TOO_MANY_WATCHES",
        )
        with self._shares.take(tenant, busy):
            async with aclosing(self._follow(tenant, job_id, after_sequence)) as events:
                async for event in events:
                    yield event

    async def _follow(self, tenant: str, job_id: str, after_sequence: int) -> AsyncGenerator[JobEvent, None]:
        # Not a moment behind: the epoch tells the end of this run from that of the one before.
        record = await self._jobs.get(tenant, job_id, newest=True)
        quiet_seconds = REPLAY_SECONDS if record.job.state in FINISHED else QUIET_SECONDS
        # It is closed here, by hand: a generator that is left to the garbage collector keeps its subscription.
        events = self._bus.events(job_id, after_sequence)
        sequence = after_sequence
        coming = asyncio.create_task(_following(events))
        stopping = asyncio.create_task(self._stop.wait())
        try:
            while not stopping.done():
                await asyncio.wait({coming, stopping}, timeout=quiet_seconds, return_when=asyncio.FIRST_COMPLETED)
                if coming.done():
                    event = coming.result()
                    coming = asyncio.create_task(_following(events))
                    ends = event.state_changed.state in FINISHED
                    if ends and event.state_changed.epoch < record.epoch:
                        continue  # the end of an earlier run
                    sequence = event.sequence
                    yield event
                    if ends:
                        return
                elif not stopping.done():
                    record = await self._jobs.get(tenant, job_id)
                    if record.job.state in FINISHED:
                        yield _ending(record, sequence)
                        return
            raise UnavailableError("this gateway is going away; ask another one for the rest", reason="DRAINING")
        finally:
            stopping.cancel()
            coming.cancel()
            # A subscription that cannot be ended goes with its connection.
            await asyncio.gather(coming, stopping, return_exceptions=True)
            await events.aclose()


async def _following(events: AsyncGenerator[JobEvent, None]) -> JobEvent:
    event = await anext(events, None)
    if event is None:
        raise UnavailableError("the events broke off; ask for the rest again")
    return event


def _ending(record: JobRecord, sequence: int) -> JobEvent:
    """Returns the last event as the record has it, with the sequence of the one before: there is none of its own."""
    change = JobStateChanged(state=record.job.state, epoch=record.epoch)
    if record.job.HasField("error"):
        change.error.CopyFrom(record.job.error)
    return JobEvent(job_id=record.job.id, sequence=sequence, time=record.job.finished_at, state_changed=change)
