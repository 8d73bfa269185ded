"""The life of jobs: requests, further runs and ends in S3, the truth; records, marks and catalogue in NATS; events."""

from __future__ import annotations

import asyncio
import logging

from s2v.runtime import metrics
from s2v.runtime.bus import PRIORITIES, Bus
from s2v.runtime.catalogue import Catalogue
from s2v.runtime.door import Door
from s2v.runtime.errors import LimitError, NotFoundError, PreconditionError, S2VError, is_fault_of_input
from s2v.runtime.moments import stamp
from s2v.runtime.records import Change, Records
from s2v.runtime.stage import NAMES
from s2v.runtime.store import ObjectStore
from s2v.v1.event_pb2 import JobEvent, JobStateChanged
from s2v.v1.job_pb2 import JobError, JobState, StageProgress, StageState
from s2v.v1.report_pb2 import Stage
from s2v.v1.timeline_pb2 import Attempt
from s2v.v1.work_pb2 import JobRecord, StageRecord, Terminal

log = logging.getLogger(__name__)

FINISHED = frozenset({JobState.JOB_STATE_SUCCEEDED, JobState.JOB_STATE_FAILED, JobState.JOB_STATE_CANCELLED})
"""States that a job never leaves by itself."""
MESSAGE_CHARACTERS = 4000
"""What a job keeps of an error's message: its start, so that whatever an engine says, the end of a job can be written."""


class Jobs:
    """The jobs of all tenants."""

    def __init__(self, bus: Bus, store: ObjectStore, door: Door | None = None) -> None:
        """With a door, new jobs are made only while it is open."""
        self._door = door
        self._bus = bus
        self._store = store
        self.records = Records(bus)
        self.catalogue = Catalogue(bus)
        """The jobs that have ended."""

    async def prepare(self) -> None:
        """Opens the buckets.

        Errors: UnavailableError.
        """
        await self.records.prepare()
        await self.catalogue.prepare()

    async def check_door(self) -> None:
        """Returns if a new job may come in.

        Errors: those of Door.check.
        """
        if self._door is not None:
            await self._door.check()

    async def create(self, record: JobRecord) -> None:
        """Writes a new job: the request to S3, the record to NATS, its first event.

        Errors: those of Door.check, LimitError (RECORD_TOO_LARGE), UnavailableError.
        """
        await self.check_door()
        job = record.job
        if not record.stages:
            record.stages.extend(StageRecord(stage=stage, state=StageState.STAGE_STATE_PENDING) for stage in NAMES)
            job.stages.extend(StageProgress(stage=stage, state=StageState.STAGE_STATE_PENDING) for stage in NAMES)
        job.state = JobState.JOB_STATE_QUEUED
        stamp(job.created_at)
        job.updated_at.CopyFrom(job.created_at)
        request = self._store.put(f"{prefix(job.tenant, job.id)}request.pb", record.SerializeToString())
        await asyncio.gather(request, self.records.mark_live(job.tenant, job.id, record.epoch))
        await self.records.create(record)
        metrics.jobs_created.add(1, {"priority": PRIORITIES.get(job.options.priority, "normal")})
        await self.announce(record)

    async def get(self, tenant: str, job_id: str, *, newest: bool = False) -> JobRecord:
        """Returns a job's record, which may be a moment behind but for `newest`.

        Errors: NotFoundError, UnavailableError.
        """
        return await self.records.get(tenant, job_id, newest=newest)

    async def update(self, tenant: str, job_id: str, change: Change) -> JobRecord:
        """Changes a record by compare-and-set, and returns it as it is then.

        Errors: NotFoundError, LimitError (RECORD_TOO_LARGE), UnavailableError; whatever `change` raises.
        """
        ended = False

        def observed(record: JobRecord) -> bool:
            nonlocal ended
            before = record.job.state in FINISHED
            changed = change(record)
            ended = changed and not before and record.job.state in FINISHED
            return changed

        record = await self.records.update(tenant, job_id, observed)
        if ended:
            metrics.job_ended(record.job)
        return record

    async def cancel(self, tenant: str, job_id: str) -> JobRecord:
        """Cancels a job unless it has ended, and tells the workers.

        Errors: NotFoundError, UnavailableError.
        """

        def stop(record: JobRecord) -> bool:
            if record.job.state in FINISHED:
                return False
            end(record, JobState.JOB_STATE_CANCELLED)
            return True

        record = await self._stop(tenant, job_id, stop)
        if record.job.state == JobState.JOB_STATE_CANCELLED:
            await self._bus.announce_cancel(job_id)
            await self.conclude(record)
        return record

    async def fail(self, tenant: str, job_id: str, attempt: Attempt, error: S2VError) -> JobRecord:
        """Ends a job with an error, which its last attempt met, unless it has ended or a later run has begun; tells the workers.

        Errors: NotFoundError, UnavailableError.
        """

        def stop(record: JobRecord) -> bool:
            if record.job.state in FINISHED or record.epoch != attempt.epoch:
                return False
            end(record, JobState.JOB_STATE_FAILED, describe(error, attempt.stage))
            if _input_at_fault(record):
                del record.job.artifacts[:]
            entry = stage_record(record, attempt.stage)
            entry.state = StageState.STAGE_STATE_FAILED
            if not entry.attempts or entry.attempts[-1] != attempt:
                entry.attempts.append(attempt)
            progress(record)
            return True

        record = await self._stop(tenant, job_id, stop)
        if record.job.state == JobState.JOB_STATE_FAILED:
            await self._bus.announce_cancel(job_id)  # of the state that workers then find in the record they change nothing
            await self.conclude(record)
        return record

    async def _stop(self, tenant: str, job_id: str, stop: Change) -> JobRecord:
        """Writes the end of a job; where the record has no room for it, of each stage's attempts only the last is kept."""

        def shortened(record: JobRecord) -> bool:
            if not stop(record):
                return False
            for entry in record.stages:
                del entry.attempts[:-1]
            return True

        try:
            return await self.update(tenant, job_id, stop)
        except LimitError as error:
            log.warning("the timeline of a job goes, to make room for its end: %s", error, extra={"job_id": job_id})
            return await self.update(tenant, job_id, shortened)

    async def reopen(self, tenant: str, job_id: str, stage: Stage.ValueType, epoch: int) -> JobRecord:
        """Begins another run of a job that failed in run `epoch`, from where it is; the attempts of `stage` are counted anew.

        What is done stays done. S3 knows of it before NATS does; doing it again changes nothing. The caller publishes its task.
        Errors: NotFoundError, PreconditionError (the job succeeded, was cancelled, or has lost its input), UnavailableError.
        """

        def again(record: JobRecord) -> bool:
            if record.epoch != epoch or record.job.state != JobState.JOB_STATE_FAILED:
                return False
            entry = stage_record(record, stage)
            entry.failed_attempts.clear()
            entry.handed_back.clear()
            entry.state = StageState.STAGE_STATE_RUNNING if entry.HasField("started_at") else StageState.STAGE_STATE_PENDING
            record.epoch += 1
            record.job.state = JobState.JOB_STATE_RUNNING
            record.job.ClearField("error")
            record.job.ClearField("finished_at")
            progress(record)
            return True

        record = await self.get(tenant, job_id)
        if record.job.state in FINISHED and (record.job.state != JobState.JOB_STATE_FAILED or _input_at_fault(record)):
            how = JobState.Name(record.job.state).removeprefix("JOB_STATE_").lower()
            raise PreconditionError(f"job {job_id} has {how} for good; make a new job of its talk", reason="JOB_ENDED")
        if again(record):
            await self._reopen(record)
            record = await self.update(tenant, job_id, again)
            await self.catalogue.remove(tenant, job_id)
            await self.announce(record)
        return record

    async def rerun(self, tenant: str, job_id: str, change: Change) -> JobRecord:
        """Begins another run of an ended job: `change` resets what is made again. S3 knows of it before NATS does.

        The caller publishes its task.
        Errors: NotFoundError, UnavailableError; whatever `change` raises.
        """
        record = await self.get(tenant, job_id)
        if change(record):
            await self._reopen(record)
        record = await self.update(tenant, job_id, change)
        await self.catalogue.remove(tenant, job_id)
        await self.announce(record)
        return record

    async def amend(self, tenant: str, job_id: str, change: Change) -> JobRecord:
        """Changes the record of a job, and of one that has ended also the end in S3; returns the record as it is then.

        Errors: NotFoundError, UnavailableError; whatever `change` raises.
        """
        record = await self.update(tenant, job_id, change)
        if record.job.state in FINISHED:
            record = await self._write_end(record)
            if record.job.state in FINISHED:
                await self.catalogue.add(record.job, size_bytes(record))
        return record

    async def remove(self, tenant: str, job_id: str) -> None:
        """Removes a job from the records and the catalogue without a trace; it may be missing.

        Errors: UnavailableError.
        """
        await self.catalogue.remove(tenant, job_id)
        await self.records.remove(tenant, job_id)

    async def conclude(self, record: JobRecord) -> None:
        """Writes the end of a job to S3 and the catalogue, and announces it; doing it again changes nothing.

        Of a job whose input could not be used only the request and the end are kept.
        Errors: UnavailableError.
        """
        now = await self._write_end(record)
        if _input_at_fault(now):
            folder = prefix(record.job.tenant, record.job.id)
            for item in await self._store.list(folder):
                if item.key not in {f"{folder}request.pb", f"{folder}terminal.pb"}:
                    await self._store.delete(item.key)
        # Once the mark is gone nobody looks at the job again: the event of its end must be in NATS before.
        told = [self.announce(record, kept=True)]
        if now.job.state in FINISHED:
            told.append(self.catalogue.add(now.job, size_bytes(now)))
        await asyncio.gather(*told)
        await self.records.unmark(record.job.tenant, record.job.id, record.epoch)

    async def _reopen(self, record: JobRecord) -> None:
        """Lets S3, and whoever looks for lost jobs, know of another run before it begins."""
        tenant, job_id = record.job.tenant, record.job.id
        await self._store.put(f"{prefix(tenant, job_id)}reopened.pb", record.SerializeToString())
        await self.records.mark_live(tenant, job_id, record.epoch)

    async def _write_end(self, record: JobRecord) -> JobRecord:
        """Writes the end of a job to S3, and again while its record has changed: whoever writes last must not be behind.

        Returns the record as it is then; that of a job that was deleted meanwhile as it was.
        """
        tenant, job_id = record.job.tenant, record.job.id
        key = f"{prefix(tenant, job_id)}terminal.pb"
        while True:
            terminal = Terminal(job=record.job, epoch=record.epoch, stages=record.stages)
            await self._store.put(key, terminal.SerializeToString(deterministic=True))
            try:
                newest = await self.records.get(tenant, job_id, newest=True)
            except NotFoundError:
                return record
            if newest.job.updated_at == record.job.updated_at or newest.job.state not in FINISHED:
                return newest
            record = newest

    async def announce(self, record: JobRecord, *, kept: bool = False) -> None:
        """Publishes the job's state as an event, once a state and epoch; with `kept` waits until NATS has it.

        Errors: UnavailableError.
        """
        change = JobStateChanged(state=record.job.state, epoch=record.epoch)
        if record.job.HasField("error"):
            change.error.CopyFrom(record.job.error)
        event = JobEvent(job_id=record.job.id, state_changed=change)
        await self._bus.publish_event(event, f"{record.epoch}.{JobState.Name(record.job.state)}", kept=kept)


def prefix(tenant: str, job_id: str) -> str:
    """Returns the start of the keys of all that a job keeps in S3."""
    return f"{tenant}/jobs/{job_id}/"


def size_bytes(record: JobRecord) -> int:
    """Returns how much a job keeps in S3, as its record knows it: each object once, in bytes."""
    refs = [record.source, *(artifact.object for artifact in record.job.artifacts)]
    for entry in record.stages:
        refs += [entry.plan, entry.output, *(part.output for part in entry.parts.values())]
    return sum({ref.key: ref.size_bytes for ref in refs}.values())


def stage_record(record: JobRecord, stage: Stage.ValueType) -> StageRecord:
    """Returns what the workers know of a stage."""
    for entry in record.stages:
        if entry.stage == stage:
            return entry
    raise KeyError(stage)


def progress(record: JobRecord) -> None:
    """Writes the stages' progress into the job as its user sees it."""
    del record.job.stages[:]
    for entry in record.stages:
        record.job.stages.append(
            StageProgress(
                stage=entry.stage,
                state=entry.state,
                parts_done=entry.parts_total if entry.state == StageState.STAGE_STATE_SUCCEEDED else len(entry.parts),
                parts_total=entry.parts_total,
                attempts=1 + max(entry.failed_attempts.values(), default=0),
            )
        )


def end(record: JobRecord, state: JobState.ValueType, error: JobError | None = None) -> None:
    """Ends a job in the record."""
    record.job.state = state
    stamp(record.job.finished_at)
    if error is not None:
        record.job.error.CopyFrom(error)


def describe(error: S2VError, stage: Stage.ValueType) -> JobError:
    """Returns an error as the job keeps it."""
    code: int = error.code.value[0]
    return JobError(code=code, reason=error.reason, message=error.message[:MESSAGE_CHARACTERS], stage=stage)


def _input_at_fault(record: JobRecord) -> bool:
    return record.job.state == JobState.JOB_STATE_FAILED and is_fault_of_input(record.job.error.code)
