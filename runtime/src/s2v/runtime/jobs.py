"""Job records in the JetStream key-value bucket, changed by compare-and-set; requests and ends of jobs in S3, the truth."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable

import nats.errors
from nats.js.api import KeyValueConfig, StorageType
from nats.js.errors import Error as JetStreamError
from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from s2v.runtime.bus import Bus
from s2v.runtime.errors import InvalidInputError, NotFoundError, S2VError, UnavailableError
from s2v.runtime.stage import NAMES
from s2v.runtime.store import ObjectStore
from s2v.v1.event_pb2 import JobEvent, JobStateChanged
from s2v.v1.job_pb2 import JobError, JobState, StageProgress, StageState
from s2v.v1.report_pb2 import Stage
from s2v.v1.work_pb2 import JobRecord, StageRecord, Terminal

log = logging.getLogger(__name__)

BUCKET = "s2v-jobs"
RETRIES = 50
"""Compare-and-set races that are lost before an update gives up."""

FINISHED = frozenset({JobState.JOB_STATE_SUCCEEDED, JobState.JOB_STATE_FAILED, JobState.JOB_STATE_CANCELLED})
"""States that a job never leaves by itself."""

Change = Callable[[JobRecord], bool]
"""Changes a record in place; returns whether there is anything to write. Called again when another writer was faster."""


class Jobs:
    """The jobs of all tenants."""

    def __init__(self, bus: Bus, store: ObjectStore) -> None:
        self._bus = bus
        self._store = store
        self._records: KeyValue | None = None

    async def prepare(self) -> None:
        """Makes the bucket when it does not exist.

        Errors: UnavailableError.
        """
        try:
            self._records = await self._bus.jetstream.create_key_value(
                KeyValueConfig(bucket=BUCKET, history=1, storage=StorageType.FILE)
            )
        except (nats.errors.Error, JetStreamError) as error:
            raise UnavailableError(f"NATS did not make the bucket {BUCKET}: {error}") from error

    async def create(self, record: JobRecord) -> None:
        """Writes a new job: the request to S3, the record to NATS, its first event.

        Errors: UnavailableError.
        """
        job = record.job
        if not record.stages:
            record.stages.extend(StageRecord(stage=stage, state=StageState.STAGE_STATE_PENDING) for stage in NAMES)
            job.stages.extend(StageProgress(stage=stage, state=StageState.STAGE_STATE_PENDING) for stage in NAMES)
        job.state = JobState.JOB_STATE_QUEUED
        job.created_at.GetCurrentTime()
        job.updated_at.CopyFrom(job.created_at)
        await self._store.put(f"{prefix(job.tenant, job.id)}request.pb", record.SerializeToString())
        try:
            await self._bucket.create(_key(job.tenant, job.id), record.SerializeToString())
        except (nats.errors.Error, JetStreamError) as error:
            raise UnavailableError(f"NATS did not take job {job.id}: {error}") from error
        await self.announce(record)

    async def get(self, tenant: str, job_id: str) -> JobRecord:
        """Returns a job's record.

        Errors: NotFoundError, UnavailableError.
        """
        return (await self._get(tenant, job_id))[0]

    async def update(self, tenant: str, job_id: str, change: Change) -> JobRecord:
        """Changes a record by compare-and-set, and returns it as it is then.

        Errors: NotFoundError, UnavailableError; whatever `change` raises.
        """
        for attempt in range(RETRIES):
            record, revision = await self._get(tenant, job_id)
            if not change(record):
                return record
            record.job.updated_at.GetCurrentTime()
            try:
                await self._bucket.update(_key(tenant, job_id), record.SerializeToString(), last=revision)
                return record
            except KeyWrongLastSequenceError:
                await asyncio.sleep(random.uniform(0, 0.002 * (attempt + 1)))  # noqa: S311 - jitter
            except (nats.errors.Error, JetStreamError) as error:
                raise UnavailableError(f"NATS did not take a change of job {job_id}: {error}") from error
        raise UnavailableError(f"job {job_id} is changed by too many writers at once; try again")

    async def list(self, tenant: str) -> list[str]:
        """Returns the ids of a tenant's jobs, newest first.

        Errors: UnavailableError.
        """
        try:
            watcher = await self._bucket.watch(f"{tenant}.*", ignore_deletes=True, meta_only=True)
            try:
                keys = [entry.key async for entry in _until_current(watcher)]
            finally:
                await watcher.stop()
        except (nats.errors.Error, JetStreamError) as error:
            raise UnavailableError(f"NATS does not answer: {error or type(error).__name__}") from error
        return sorted((key.partition(".")[2] for key in keys), reverse=True)

    async def cancel(self, tenant: str, job_id: str) -> JobRecord:
        """Cancels a job unless it has ended, and tells the workers.

        Errors: NotFoundError, UnavailableError.
        """

        def stop(record: JobRecord) -> bool:
            if record.job.state in FINISHED:
                return False
            end(record, JobState.JOB_STATE_CANCELLED)
            return True

        record = await self.update(tenant, job_id, stop)
        if record.job.state == JobState.JOB_STATE_CANCELLED:
            await self._bus.announce_cancel(job_id)
            await self.conclude(record)
        return record

    async def fail(self, tenant: str, job_id: str, epoch: int, stage: Stage.ValueType, error: S2VError) -> JobRecord:
        """Ends a job with an error unless it has ended or a later run has begun.

        Errors: NotFoundError, UnavailableError.
        """

        def stop(record: JobRecord) -> bool:
            if record.job.state in FINISHED or record.epoch != epoch:
                return False
            end(record, JobState.JOB_STATE_FAILED, describe(error, stage))
            if _input_at_fault(record):
                del record.job.artifacts[:]
            stage_record(record, stage).state = StageState.STAGE_STATE_FAILED
            progress(record)
            return True

        record = await self.update(tenant, job_id, stop)
        if record.job.state == JobState.JOB_STATE_FAILED:
            await self.conclude(record)
        return record

    async def conclude(self, record: JobRecord) -> None:
        """Writes the end of a job to S3 and announces it; doing it again changes nothing.

        Of a job whose input could not be used only the request and the end are kept.
        Errors: UnavailableError.
        """
        folder = prefix(record.job.tenant, record.job.id)
        await self._store.put(f"{folder}terminal.pb", Terminal(job=record.job).SerializeToString(deterministic=True))
        if _input_at_fault(record):
            for item in await self._store.list(folder):
                if item.key not in {f"{folder}request.pb", f"{folder}terminal.pb"}:
                    await self._store.delete(item.key)
        await self.announce(record)

    async def announce(self, record: JobRecord) -> None:
        """Publishes the job's state as an event, once a state and epoch.

        Errors: UnavailableError.
        """
        change = JobStateChanged(state=record.job.state)
        if record.job.HasField("error"):
            change.error.CopyFrom(record.job.error)
        event = JobEvent(job_id=record.job.id, state_changed=change)
        await self._bus.publish_event(event, f"{record.epoch}.{JobState.Name(record.job.state)}")

    @property
    def _bucket(self) -> KeyValue:
        if self._records is None:
            raise UnavailableError("the job records are not prepared: call Jobs.prepare first")
        return self._records

    async def _get(self, tenant: str, job_id: str) -> tuple[JobRecord, int]:
        try:
            entry = await self._bucket.get(_key(tenant, job_id))
        except (KeyNotFoundError, ValueError) as error:
            raise NotFoundError(f"there is no job {job_id!r}", reason="JOB_NOT_FOUND", field="job_id") from error
        except (nats.errors.Error, JetStreamError) as error:
            raise UnavailableError(f"NATS does not answer: {error or type(error).__name__}") from error
        if entry.value is None or entry.revision is None:
            raise NotFoundError(f"there is no job {job_id!r}", reason="JOB_NOT_FOUND", field="job_id")
        return JobRecord.FromString(entry.value), entry.revision


def prefix(tenant: str, job_id: str) -> str:
    """Returns the start of the keys of all that a job keeps in S3."""
    return f"{tenant}/jobs/{job_id}/"


def stage_record(record: JobRecord, stage: Stage.ValueType) -> StageRecord:
    """Returns what the workers know of a stage."""
    return next(entry for entry in record.stages if entry.stage == stage)


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
    record.job.finished_at.GetCurrentTime()
    if error is not None:
        record.job.error.CopyFrom(error)


def describe(error: S2VError, stage: Stage.ValueType) -> JobError:
    """Returns an error as the job keeps it."""
    code: int = error.code.value[0]
    return JobError(code=code, reason=error.reason, message=error.message, stage=stage)


async def _until_current(watcher: KeyValue.KeyWatcher) -> AsyncIterator[KeyValue.Entry]:
    """Yields the entries that there are; the watcher then says None and would wait for changes."""
    async for entry in watcher:
        if entry is None:
            return
        yield entry


def _input_at_fault(record: JobRecord) -> bool:
    invalid: int = InvalidInputError.code.value[0]
    return record.job.state == JobState.JOB_STATE_FAILED and record.job.error.code == invalid


def _key(tenant: str, job_id: str) -> str:
    return f"{tenant}.{job_id}"
