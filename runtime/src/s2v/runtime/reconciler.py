"""Finds what was lost: jobs that nobody works on, ends that were not written, and all records when NATS has lost them."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from s2v.runtime.bus import PRIORITIES, WORK_STREAM, Bus
from s2v.runtime.errors import NotFoundError, UnavailableError
from s2v.runtime.jobs import FINISHED, Jobs, prefix
from s2v.runtime.recovery import Rebuilt, rebuild
from s2v.runtime.schema import ERRORS
from s2v.runtime.stage import NAMES
from s2v.runtime.store import ObjectStore
from s2v.v1.job_pb2 import StageState
from s2v.v1.report_pb2 import Stage
from s2v.v1.work_pb2 import JobRecord, Task, TaskKind

log = logging.getLogger(__name__)

CONCLUDE_SECONDS = (60.0, 3600.0)
"""A job that ended so long ago, in seconds from … to, is looked at: is its end written to S3 and announced?"""


@dataclass
class Reconciler:
    """Puts right what kills and losses have left. Several may run at once: NATS drops the second message with the same id."""

    bus: Bus
    jobs: Jobs
    store: ObjectStore
    lost_after_seconds: float
    """A job that has not changed for so long while its stage's queue is empty gets its task published again."""
    stalled_after_seconds: float
    """The same for a job whose stage's queue is not empty."""

    async def heal(self, *, everything: bool = False) -> Rebuilt | None:
        """Makes all records again from S3 if NATS has lost them, or if `everything` is asked for; else returns None.

        A mark in the bucket of the records tells: it is gone with them, and written when all are back.
        Errors: UnavailableError.
        """
        await self.bus.prepare()
        if not everything and await self.jobs.whole():
            return None
        rebuilt = await rebuild(self.jobs, self.store)
        await self.jobs.mark_whole()
        for record in rebuilt.resumed:
            await self._publish(record)
        if rebuilt.ended or rebuilt.resumed:
            log.warning("records were made again from S3: %d jobs ended, %d go on", rebuilt.ended, len(rebuilt.resumed))
        return rebuilt

    async def reconcile(self, tenant: str) -> None:
        """Publishes the task of each of a tenant's jobs that nobody works on, and concludes jobs whose end was not written.

        Errors: UnavailableError.
        """
        for job_id in await self.jobs.list(tenant):
            try:
                record = await self.jobs.get(tenant, job_id)
            except NotFoundError:
                continue
            if record.job.state in FINISHED:
                await self._conclude(record)
            else:
                await self._wake(record)

    async def _conclude(self, record: JobRecord) -> None:
        earliest, latest = CONCLUDE_SECONDS
        job = record.job
        if not earliest < _age(job.finished_at.ToNanoseconds()) < latest:
            return
        if not await self.store.exists(f"{prefix(job.tenant, job.id)}terminal.pb"):
            log.warning("the end of a job was not written; now it is", extra={"job_id": job.id})
            await self.jobs.conclude(record)

    async def _wake(self, record: JobRecord) -> None:
        job = record.job
        idle = _age(job.updated_at.ToNanoseconds())
        if idle < self.lost_after_seconds:
            return
        stage = _current(record)
        if idle < self.stalled_after_seconds and not await self._queue_empty(stage, PRIORITIES[job.options.priority]):
            return
        log.warning("nobody works on a job; its task is published again", extra={"job_id": job.id, "stage": NAMES[stage]})
        # The same try has the same name at every gateway; another one follows when the job still has not changed.
        tries = int(idle // self.lost_after_seconds) if self.lost_after_seconds else 0
        await self._publish(record, f".again.{job.updated_at.ToNanoseconds()}.{tries}")

    async def _publish(self, record: JobRecord, again: str = "") -> None:
        job = record.job
        task = Task(tenant=job.tenant, job_id=job.id, stage=_current(record), kind=TaskKind.TASK_KIND_PLAN, epoch=record.epoch)
        await self.bus.publish_task(task, job.options.priority, again=again)

    async def _queue_empty(self, stage: Stage.ValueType, priority: str) -> bool:
        """Says whether no task of a stage waits or is at work: then a job that is in this stage has lost its own."""
        try:
            info = await self.bus.jetstream.consumer_info(WORK_STREAM, f"{NAMES[stage]}-{priority}")
        except ERRORS as error:
            raise UnavailableError(f"NATS does not answer: {error or type(error).__name__}") from error
        return not info.num_pending and not info.num_ack_pending


def _current(record: JobRecord) -> Stage.ValueType:
    return next(entry.stage for entry in record.stages if entry.state != StageState.STAGE_STATE_SUCCEEDED)


def _age(nanoseconds: int) -> float:
    """Returns the seconds since a time."""
    return (time.time_ns() - nanoseconds) / 1e9
