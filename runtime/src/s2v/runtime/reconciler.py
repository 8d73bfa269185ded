"""Finds what was lost: jobs that nobody works on, ends that were not written, and all records when NATS has lost them."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from opentelemetry import context

from s2v.runtime import telemetry
from s2v.runtime.bus import PRIORITIES, WORK_STREAM, Bus
from s2v.runtime.catalogue import made_at_ms
from s2v.runtime.errors import NotFoundError
from s2v.runtime.jobs import FINISHED, Jobs, prefix
from s2v.runtime.recovery import Rebuilt, rebuild
from s2v.runtime.schema import ERRORS, unavailable
from s2v.runtime.stage import NAMES
from s2v.runtime.store import ObjectStore
from s2v.v1.job_pb2 import StageState
from s2v.v1.report_pb2 import Stage
from s2v.v1.work_pb2 import JobRecord, Task, TaskKind

log = logging.getLogger(__name__)

CONCLUDE_SECONDS = 60.0
"""A job that ended so long ago and is still marked as one at work was not concluded: its end is written again."""
UNMADE_SECONDS = 3600.0
"""A mark without a record that is so old is of a job that never came to be; one of a run that its record does not know, of a run
that never did."""


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
    patient: bool = False
    """Whether a job's idle time counts from when this reconciler first saw it so, by its own clock: for one that looks again and
    again, on a machine whose time of day may be wrong. One that looks once goes by the time in the record."""
    _seen: dict[str, dict[str, tuple[int, float]]] = field(default_factory=dict)
    """By tenant, of each job at work: when it had changed, in nanoseconds since 1970, and when it was first seen so, in monotonic
    seconds."""

    async def heal(self, *, everything: bool = False) -> Rebuilt | None:
        """Makes all records again from S3 if NATS has lost them, or if `everything` is asked for; else returns None.

        A mark in the bucket of the records tells: it is gone with them, and written when all are back.
        Errors: UnavailableError.
        """
        await self.bus.prepare()
        if everything or not await self.jobs.records.marks_whole():
            await self._mark_all()
        if not everything and await self.jobs.records.whole():
            return None
        rebuilt = await rebuild(self.jobs, self.store, self._publish)
        await self.jobs.records.mark_whole()
        if rebuilt.ended or rebuilt.resumed:
            log.warning("records were made again from S3: %d jobs ended, %d go on", rebuilt.ended, len(rebuilt.resumed))
        return rebuilt

    async def reconcile(self, tenant: str) -> None:
        """Publishes the task of each of a tenant's jobs that nobody works on, and concludes jobs whose end was not written.

        It goes through the marks of jobs at work: those that have ended, however many, are not read.

        Errors: UnavailableError.
        """
        live = await self.jobs.records.live(tenant)
        self._seen[tenant] = {job_id: seen for job_id, seen in self._seen.get(tenant, {}).items() if job_id in live}
        for job_id, epochs in live.items():
            try:
                record = await self.jobs.get(tenant, job_id)
            except NotFoundError:
                if _age(made_at_ms(job_id) * 1_000_000) > UNMADE_SECONDS:
                    await self._unmark(tenant, job_id, epochs)
                continue
            if record.job.state not in FINISHED:
                await self._wake(record)
            elif _age(record.job.finished_at.ToNanoseconds()) > CONCLUDE_SECONDS:
                if min(epochs) <= record.epoch:
                    await self.jobs.conclude(record)
                    await self._unmark(tenant, job_id, [epoch for epoch in epochs if epoch < record.epoch])
                if unmade := [epoch for epoch in epochs if epoch > record.epoch]:
                    await self._forget_runs(tenant, job_id, unmade)

    async def _forget_runs(self, tenant: str, job_id: str, epochs: Sequence[int]) -> None:
        """Takes back what tells of further runs of an ended job that were to begin, and after so long a time have not."""
        for reopened in await self.store.list(f"{prefix(tenant, job_id)}reopened.pb"):
            if time.time() - reopened.modified_at.timestamp() < UNMADE_SECONDS:
                return
            await self.store.delete(reopened.key)
        await self._unmark(tenant, job_id, epochs)

    async def _unmark(self, tenant: str, job_id: str, epochs: Sequence[int]) -> None:
        for epoch in epochs:
            await self.jobs.records.unmark(tenant, job_id, epoch)

    async def _mark_all(self) -> None:
        """Marks the jobs at work that an earlier version has left unmarked."""
        records = self.jobs.records
        for tenant in await records.tenants():
            for job_id in await records.list(tenant):
                with contextlib.suppress(NotFoundError):
                    record = await records.get(tenant, job_id)
                    if record.job.state not in FINISHED:
                        await records.mark_live(tenant, job_id, record.epoch)
        await records.mark_marks_whole()

    async def _wake(self, record: JobRecord) -> None:
        job = record.job
        idle = self._idle(record)
        if idle < self.lost_after_seconds:
            return
        stage = _current(record)
        period = self.lost_after_seconds
        if not await self._queue_empty(stage, PRIORITIES[job.options.priority]):
            # Its task may well be waiting with the others: what is asked again too often makes a long queue longer.
            if idle < self.stalled_after_seconds:
                return
            period = max(period, self.stalled_after_seconds)
        log.warning("nobody works on a job; its task is published again", extra={"job_id": job.id, "stage": NAMES[stage]})
        # The same try has the same name at every gateway; another one follows when the job still has not changed.
        tries = int(_age(job.updated_at.ToNanoseconds()) // period) if period else 0
        await self._publish(record, f".again.{job.updated_at.ToNanoseconds()}.{tries}")

    def _idle(self, record: JobRecord) -> float:
        """Returns for how many seconds a job has not changed."""
        job, now = record.job, time.monotonic()
        changed_ns = job.updated_at.ToNanoseconds()
        if not self.patient:
            return _age(changed_ns)
        jobs = self._seen.setdefault(job.tenant, {})
        seen_ns, since = jobs.get(job.id, (0, now))
        if seen_ns != changed_ns:
            since = now
            jobs[job.id] = changed_ns, since
        return now - since

    async def _publish(self, record: JobRecord, again: str = "") -> None:
        job = record.job
        task = Task(tenant=job.tenant, job_id=job.id, stage=_current(record), kind=TaskKind.TASK_KIND_PLAN, epoch=record.epoch)
        token = context.attach(telemetry.extract({"traceparent": record.traceparent}))
        try:
            await self.bus.publish_task(task, job.options.priority, again=again)
        finally:
            context.detach(token)

    async def _queue_empty(self, stage: Stage.ValueType, priority: str) -> bool:
        """Says whether no task of a stage waits or is at work: then a job that is in this stage has lost its own."""
        try:
            info = await self.bus.jetstream.consumer_info(WORK_STREAM, f"{NAMES[stage]}-{priority}")
        except ERRORS as error:
            raise unavailable(error) from error
        return not info.num_pending and not info.num_ack_pending


def _current(record: JobRecord) -> Stage.ValueType:
    return next(entry.stage for entry in record.stages if entry.state != StageState.STAGE_STATE_SUCCEEDED)


def _age(nanoseconds: int) -> float:
    """Returns the seconds since a time."""
    return (time.time_ns() - nanoseconds) / 1e9
