"""The jobs that have ended, at keys `tenant.day.job`: lists of them are made without reading all records.

Job ids are ULIDs, so the day is that of the id, and the order of keys is that of time. An entry also says in which tier the job's
objects are; every change is by compare-and-set.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from s2v.runtime.bus import Bus
from s2v.runtime.errors import NotFoundError, UnavailableError
from s2v.runtime.schema import CATALOGUE_BUCKET, ERRORS, unavailable
from s2v.v1.job_pb2 import Job
from s2v.v1.work_pb2 import CatalogueEntry, Tier

DAYS_APART = 7
"""Days whose keys are listed one by one, as the newest jobs are what most people ask for."""
RETRIES = 20
"""Compare-and-set races that are lost before a change gives up."""
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TIME_CHARACTERS = 10
"""Characters of a ULID that hold its time."""

Change = Callable[[CatalogueEntry], bool]
"""Changes an entry in place; returns whether there is anything to write. Called again when another writer was faster."""


class Catalogue:
    """The ended jobs of all tenants."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._entries: KeyValue | None = None

    async def prepare(self) -> None:
        """Opens the bucket.

        Errors: UnavailableError.
        """
        self._entries = await self._bus.bucket(CATALOGUE_BUCKET)

    async def add(self, job: Job, size_bytes: int) -> None:
        """Enters an ended job of so many bytes, in the hot tier; entering it again changes nothing but what is shown of the job,
        unless another run of it has ended.

        Errors: UnavailableError.
        """
        shown = Job()
        shown.CopyFrom(job)
        shown.ClearField("artifacts")
        shown.ClearField("report")
        shown.ClearField("edits")
        entry = CatalogueEntry(job=shown, tier=Tier.TIER_HOT, accessed_at=job.finished_at, size_bytes=size_bytes)

        def renew(known: CatalogueEntry) -> bool:
            if known.job == shown:
                return False
            if known.job.finished_at != shown.finished_at:
                known.CopyFrom(entry)
            known.job.CopyFrom(shown)
            return True

        try:
            await self._bucket.create(key(job.tenant, job.id), entry.SerializeToString())
        except KeyWrongLastSequenceError:
            await self.update(job.tenant, job.id, renew)
        except ERRORS as error:
            raise unavailable(error) from error

    async def remove(self, tenant: str, job_id: str) -> None:
        """Takes a job out, without a trace; it may be missing.

        Errors: UnavailableError.
        """
        try:
            await self._bus.jetstream.purge_stream(
                f"KV_{CATALOGUE_BUCKET}", subject=f"$KV.{CATALOGUE_BUCKET}.{key(tenant, job_id)}"
            )
        except ERRORS as error:
            raise unavailable(error) from error

    async def get(self, tenant: str, job_id: str) -> CatalogueEntry:
        """Returns an entry.

        Errors: NotFoundError, UnavailableError.
        """
        return (await self._get(tenant, job_id))[0]

    async def update(self, tenant: str, job_id: str, change: Change) -> CatalogueEntry:
        """Changes an entry by compare-and-set, and returns it as it is then.

        Errors: NotFoundError, UnavailableError.
        """
        for attempt in range(RETRIES):
            entry, revision = await self._get(tenant, job_id)
            if not change(entry):
                return entry
            try:
                await self._bucket.update(key(tenant, job_id), entry.SerializeToString(), last=revision)
                return entry
            except KeyWrongLastSequenceError:
                await asyncio.sleep(random.uniform(0, 0.002 * (attempt + 1)))  # noqa: S311 - jitter
            except ERRORS as error:
                raise unavailable(error) from error
        raise UnavailableError(f"job {job_id} is changed in the catalogue by too many writers at once; try again")

    async def ids(self, tenant: str) -> list[str]:
        """Returns the ids of a tenant's ended jobs, newest first; up to 100,000, without reading any of them.

        Errors: UnavailableError.
        """
        return await self._ids(f"{tenant}.>")

    async def newest(self, tenant: str, before: str = "") -> AsyncGenerator[tuple[str, Sequence[str]], None]:
        """Yields the ids of ended jobs older than `before` (empty: from the newest), newest first: the first days one by one,
        then all that are older. With them comes the least id that may stand there.

        Errors: UnavailableError.
        """
        last = datetime.fromtimestamp(made_at_ms(before) / 1000, UTC) if before else datetime.now(UTC) + timedelta(days=1)
        for back in range(DAYS_APART):
            day = last - timedelta(days=back)
            floor = _least_id(day)
            yield floor, [job_id for job_id in await self._ids(f"{tenant}.{day:%Y%m%d}.*") if not before or job_id < before]
        yield "", [job_id for job_id in await self.ids(tenant) if job_id < floor]

    async def sizes(self) -> Mapping[Tier.ValueType, int]:
        """Returns how much the ended jobs of all tenants keep in each tier, in bytes.

        Errors: UnavailableError.
        """
        sizes = dict.fromkeys((Tier.TIER_HOT, Tier.TIER_WARM, Tier.TIER_COLD), 0)
        try:
            watcher = await self._bucket.watchall(ignore_deletes=True)
            try:
                async for found in watcher:
                    if found is None:  # that was all
                        break
                    entry = CatalogueEntry.FromString(found.value or b"")
                    sizes[entry.tier] = sizes.get(entry.tier, 0) + entry.size_bytes
            finally:
                await watcher.stop()
        except ERRORS as error:
            raise unavailable(error) from error
        return sizes

    async def find(self, tenant: str, job_id: str) -> Job | None:
        """Returns an ended job without artifacts, report and edits; None if it is not there.

        Errors: UnavailableError.
        """
        try:
            return (await self.get(tenant, job_id)).job
        except NotFoundError:  # deleted since its key was listed, or at work again
            return None

    async def _ids(self, keys: str) -> list[str]:
        subjects = f"$KV.{CATALOGUE_BUCKET}.{keys}"
        try:
            info = await self._bus.jetstream.stream_info(f"KV_{CATALOGUE_BUCKET}", subjects_filter=subjects)
        except ERRORS as error:
            raise unavailable(error) from error
        return sorted((subject.rsplit(".", 1)[-1] for subject in info.state.subjects or {}), reverse=True)

    async def _get(self, tenant: str, job_id: str) -> tuple[CatalogueEntry, int]:
        try:
            entry = await self._bucket.get(key(tenant, job_id))
        except KeyNotFoundError as error:
            raise NotFoundError(f"job {job_id!r} is not among those that have ended", reason="JOB_NOT_FOUND") from error
        except ERRORS as error:
            raise unavailable(error) from error
        return CatalogueEntry.FromString(entry.value or b""), entry.revision or 0

    @property
    def _bucket(self) -> KeyValue:
        if self._entries is None:
            raise UnavailableError("the catalogue is not prepared: call Catalogue.prepare first")
        return self._entries


def key(tenant: str, job_id: str) -> str:
    """Returns the key of a job: `tenant.day.job`, the day as YYYYMMDD in UTC."""
    return f"{tenant}.{_day(job_id)}.{job_id}"


def _least_id(day: datetime) -> str:
    """Returns the start of the least id that a job of a day can have."""
    midnight = day.replace(hour=0, minute=0, second=0, microsecond=0)
    milliseconds, characters = max(0, int(midnight.timestamp() * 1000)), ""
    for _ in range(_TIME_CHARACTERS):
        milliseconds, digit = divmod(milliseconds, 32)
        characters = _CROCKFORD[digit] + characters
    return characters


def _day(job_id: str) -> str:
    return datetime.fromtimestamp(made_at_ms(job_id) / 1000, UTC).strftime("%Y%m%d")


def made_at_ms(job_id: str) -> int:
    """Returns when a job's id was made, in milliseconds since 1970."""
    milliseconds = 0
    for character in job_id[:_TIME_CHARACTERS]:
        milliseconds = 32 * milliseconds + _CROCKFORD.index(character)
    return milliseconds
