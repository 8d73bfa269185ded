"""Job records in their JetStream key-value bucket, changed by compare-and-set; and marks of the jobs that are at work.

A mark stands for a job that has not been concluded: whoever looks for lost jobs goes through the marks and reads no ended job.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.errors import NotFoundError as NoMessageError
from nats.js.kv import KeyValue

from s2v.runtime.bus import Bus
from s2v.runtime.errors import LimitError, NotFoundError, S2VError, UnavailableError
from s2v.runtime.moments import stamp
from s2v.runtime.schema import ERRORS, LIVE_BUCKET, unavailable
from s2v.runtime.schema import JOBS_BUCKET as BUCKET
from s2v.v1.work_pb2 import JobRecord

WHOLE_KEY = "_whole"
"""Key of the note that no record is missing; not that of a job, which has the tenant and a dot before."""
SEEN_SECONDS = 0.5
"""A record that was read so short a time ago is changed without reading it again: compare-and-set tells if it has changed."""
SEEN_RECORDS = 1024
SEEN_BYTES = 16_384
"""Most records that are remembered so, and the size of the largest."""
HEADER_BYTES = 1024
"""What NATS may count besides a record: the headers of its message."""
RETRIES = 50
"""Compare-and-set races that are lost before an update gives up."""

Change = Callable[[JobRecord], bool]
"""Changes a record in place; returns whether there is anything to write. Called again when another writer was faster."""


class Records:
    """The records of all tenants' jobs. While NATS may have lost some, a missing one is an UnavailableError."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._records: KeyValue | None = None
        self._live: KeyValue | None = None
        self._seen: OrderedDict[str, _Seen] = OrderedDict()

    async def prepare(self) -> None:
        """Opens the buckets.

        Errors: UnavailableError.
        """
        self._records = await self._bus.bucket(BUCKET)
        self._live = await self._bus.bucket(LIVE_BUCKET)

    async def create(self, record: JobRecord) -> None:
        """Writes the record of a new job.

        Errors: LimitError (RECORD_TOO_LARGE), UnavailableError.
        """
        data = record.SerializeToString()
        self._check_size(record.job.id, data)
        try:
            await self._bucket.create(_key(record.job.tenant, record.job.id), data)
        except ERRORS as error:
            raise UnavailableError(f"NATS did not take job {record.job.id}: {error or type(error).__name__}") from error

    async def mark_live(self, tenant: str, job_id: str, epoch: int) -> None:
        """Marks a run of a job as one that is at work, before it begins; it may be marked already.

        Errors: UnavailableError.
        """
        try:
            await self._marks.put(f"{_key(tenant, job_id)}.{epoch}", b"")
        except ERRORS as error:
            raise unavailable(error) from error

    async def unmark(self, tenant: str, job_id: str, epoch: int) -> None:
        """Takes the mark of a run away: it has been concluded. Those of later runs stay.

        Errors: UnavailableError.
        """
        await self._purge(LIVE_BUCKET, f"{_key(tenant, job_id)}.{epoch}")

    async def live(self, tenant: str) -> Mapping[str, Sequence[int]]:
        """Returns a tenant's jobs that have not been concluded, with the epochs of the runs that are marked; reads no record.

        Errors: UnavailableError.
        """
        found: dict[str, list[int]] = {}
        for subject in await self._subjects(LIVE_BUCKET, f"{tenant}.*.*"):
            job_id, _, epoch = subject.removeprefix(f"$KV.{LIVE_BUCKET}.{tenant}.").partition(".")
            found.setdefault(job_id, []).append(int(epoch))
        return found

    async def marks_whole(self) -> bool:
        """Says whether all jobs at work are marked: an earlier version did not mark them.

        Errors: UnavailableError.
        """
        return await self._has(self._marks)

    async def mark_marks_whole(self) -> None:
        """Notes that all jobs at work are marked.

        Errors: UnavailableError.
        """
        await self._note(self._marks)

    async def get(self, tenant: str, job_id: str, *, newest: bool = False) -> JobRecord:
        """Returns a job's record. Any server of a cluster answers, which may be a moment behind; with `newest` the leader does.

        Errors: NotFoundError, UnavailableError.
        """
        return JobRecord.FromString((await self._read(tenant, job_id, newest=newest)).data)

    async def update(self, tenant: str, job_id: str, change: Change) -> JobRecord:
        """Changes a record by compare-and-set, and returns it as it is then.

        Errors: NotFoundError, LimitError (RECORD_TOO_LARGE), UnavailableError; whatever `change` raises.
        """
        key = _key(tenant, job_id)
        seen = self._recall(key)
        for attempt in range(RETRIES):
            fresh = seen is None
            found, seen = seen or await self._read(tenant, job_id), None
            record = JobRecord.FromString(found.data)
            try:
                changed = change(record)
            except Exception:
                if fresh:
                    raise
                continue  # nor must what was seen before be a reason to refuse
            if not changed:
                if fresh:
                    return record
                continue  # that there is nothing to do must not be said of what was seen before
            stamp(record.job.updated_at)
            data = record.SerializeToString()
            self._check_size(job_id, data)
            try:
                revision = await self._bucket.update(key, data, last=found.revision)
            except KeyWrongLastSequenceError:
                if fresh:
                    await asyncio.sleep(random.uniform(0, 0.002 * (attempt + 1)))  # noqa: S311 - jitter
                continue
            except ERRORS as error:
                raise UnavailableError(f"NATS did not take a change of job {job_id}: {error or type(error).__name__}") from error
            self._remember(key, _Seen(data, revision))
            return record
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
        except ERRORS as error:
            raise unavailable(error) from error
        return sorted((key.partition(".")[2] for key in keys), reverse=True)

    async def tenants(self) -> Sequence[str]:
        """Returns the tenants that have jobs.

        Errors: UnavailableError.
        """
        return sorted({subject.split(".")[2] for subject in await self._subjects(BUCKET, "*.*")})

    async def restore(self, record: JobRecord) -> bool:
        """Puts back a record that NATS has lost, and its mark; says whether it was missing.

        Errors: LimitError (RECORD_TOO_LARGE), UnavailableError.
        """
        data = record.SerializeToString()
        self._check_size(record.job.id, data)
        await self.mark_live(record.job.tenant, record.job.id, record.epoch)
        try:
            await self._bucket.create(_key(record.job.tenant, record.job.id), data)
        except KeyWrongLastSequenceError:
            return False
        except ERRORS as error:
            raise UnavailableError(f"NATS did not take job {record.job.id}: {error or type(error).__name__}") from error
        return True

    async def whole(self) -> bool:
        """Says whether NATS has all records that it ever had.

        Errors: UnavailableError.
        """
        return await self._has(self._bucket)

    async def mark_whole(self) -> None:
        """Notes that all records are there; the note is lost when they are.

        Errors: UnavailableError.
        """
        await self._note(self._bucket)

    async def remove(self, tenant: str, job_id: str) -> None:
        """Removes a job's record and mark without a trace; they may be missing.

        Errors: UnavailableError.
        """
        await self._purge(LIVE_BUCKET, f"{_key(tenant, job_id)}.*")
        await self._purge(BUCKET, _key(tenant, job_id))

    async def _purge(self, bucket: str, key: str) -> None:
        try:
            await self._bus.jetstream.purge_stream(f"KV_{bucket}", subject=f"$KV.{bucket}.{key}")
        except ERRORS as error:
            raise unavailable(error) from error

    async def _subjects(self, bucket: str, keys: str) -> Sequence[str]:
        try:
            info = await self._bus.jetstream.stream_info(f"KV_{bucket}", subjects_filter=f"$KV.{bucket}.{keys}")
        except ERRORS as error:
            raise unavailable(error) from error
        return list(info.state.subjects or {})

    async def _has(self, bucket: KeyValue) -> bool:
        try:
            await bucket.get(WHOLE_KEY)
        except KeyNotFoundError:
            return False
        except ERRORS as error:
            raise unavailable(error) from error
        return True

    async def _note(self, bucket: KeyValue) -> None:
        try:
            await bucket.put(WHOLE_KEY, b"")
        except ERRORS as error:
            raise unavailable(error) from error

    @property
    def _bucket(self) -> KeyValue:
        if self._records is None:
            raise UnavailableError("the job records are not prepared: call Jobs.prepare first")
        return self._records

    @property
    def _marks(self) -> KeyValue:
        if self._live is None:
            raise UnavailableError("the job records are not prepared: call Jobs.prepare first")
        return self._live

    def _check_size(self, job_id: str, data: bytes) -> None:
        """Tells a record that NATS will never take from a NATS that is away: waiting would not help."""
        most = self._bus.message_bytes - HEADER_BYTES
        if len(data) > most:
            raise LimitError(
                f"job {job_id} is too large: its record would have {len(data)} bytes, and NATS takes {most}; "
                "send the talk in pieces, or raise max_payload of NATS",
                reason="RECORD_TOO_LARGE",
            )

    async def _read(self, tenant: str, job_id: str, *, newest: bool = False) -> _Seen:
        key = _key(tenant, job_id)
        try:
            try:
                entry = await (self._ask_leader(key) if newest else self._bucket.get(key))
            except KeyNotFoundError:
                # Any server of a cluster answers; one that is behind may not have the job yet: the stream's leader knows.
                entry = await self._ask_leader(key)
        except (KeyNotFoundError, NoMessageError, ValueError) as error:
            raise await self._missing(job_id) from error
        except ERRORS as error:
            raise unavailable(error) from error
        if entry.value is None or entry.revision is None:
            raise await self._missing(job_id)
        found = _Seen(entry.value, entry.revision)
        self._remember(key, found)
        return found

    async def _missing(self, job_id: str) -> S2VError:
        """Returns what is said of a job without a record. Whether all are there is asked after that: then it was no job's before.

        Errors: UnavailableError.
        """
        if await self.whole():
            return NotFoundError(f"there is no job {job_id!r}", reason="JOB_NOT_FOUND", field="job_id")
        return UnavailableError(
            f"NATS does not have the records of all jobs yet, and none of job {job_id!r}: they are made again from S3; "
            "try again in a moment"
        )

    async def _ask_leader(self, key: str) -> KeyValue.Entry:
        message = await self._bus.jetstream.get_msg(f"KV_{BUCKET}", subject=f"$KV.{BUCKET}.{key}")
        return KeyValue.Entry(BUCKET, key, message.data, message.seq, None, None, None)

    def _remember(self, key: str, seen: _Seen) -> None:
        self._seen.pop(key, None)
        if len(seen.data) <= SEEN_BYTES:
            self._seen[key] = seen
        if len(self._seen) > SEEN_RECORDS:
            self._seen.popitem(last=False)

    def _recall(self, key: str) -> _Seen | None:
        seen = self._seen.pop(key, None)
        return seen if seen is not None and time.monotonic() - seen.at < SEEN_SECONDS else None


@dataclass(frozen=True)
class _Seen:
    """A record as it was."""

    data: bytes
    revision: int
    at: float = field(default_factory=time.monotonic)
    """Monotonic seconds."""


async def _until_current(watcher: KeyValue.KeyWatcher) -> AsyncIterator[KeyValue.Entry]:
    """Yields the entries that there are; the watcher then says None and would wait for changes."""
    async for entry in watcher:
        if entry is None:
            return
        yield entry


def _key(tenant: str, job_id: str) -> str:
    return f"{tenant}.{job_id}"
