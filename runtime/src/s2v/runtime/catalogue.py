"""The jobs that have ended, at keys `tenant.day.job`: lists of them are made without reading all records.

Job ids are ULIDs, so the day is that of the id, and the order of keys is that of time. An entry also says in which tier the job's
objects are; every change is by compare-and-set.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from s2v.runtime.bus import Bus
from s2v.runtime.errors import NotFoundError, UnavailableError
from s2v.runtime.schema import CATALOGUE_BUCKET, ERRORS, unavailable
from s2v.v1.job_pb2 import Job, JobState
from s2v.v1.work_pb2 import CatalogueEntry, Tier

READS = 32
"""Entries that are read at once."""
RETRIES = 20
"""Compare-and-set races that are lost before a change gives up."""
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TIME_CHARACTERS = 10
"""Characters of a ULID that hold its time."""

Change = Callable[[CatalogueEntry], bool]
"""Changes an entry in place; returns whether there is anything to write. Called again when another writer was faster."""


@dataclass(frozen=True)
class Page:
    """Some ended jobs, newest first."""

    jobs: Sequence[Job]
    """Without artifacts and report."""
    next_before: str
    """Id that the next page starts before; empty at the end."""


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

    async def add(self, job: Job) -> None:
        """Enters an ended job, in the hot tier; entering it again changes nothing but the job's end.

        Errors: UnavailableError.
        """
        shown = Job()
        shown.CopyFrom(job)
        shown.ClearField("artifacts")
        shown.ClearField("report")
        entry = CatalogueEntry(job=shown, tier=Tier.TIER_HOT, accessed_at=job.finished_at)

        def renew(known: CatalogueEntry) -> bool:
            if known.job == shown:
                return False
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
        subjects = f"$KV.{CATALOGUE_BUCKET}.{tenant}.>"
        try:
            info = await self._bus.jetstream.stream_info(f"KV_{CATALOGUE_BUCKET}", subjects_filter=subjects)
        except ERRORS as error:
            raise unavailable(error) from error
        return sorted((subject.rsplit(".", 1)[-1] for subject in info.state.subjects or {}), reverse=True)

    async def page(
        self, tenant: str, size: int, before: str = "", state: JobState.ValueType = JobState.JOB_STATE_UNSPECIFIED
    ) -> Page:
        """Returns up to `size` ended jobs older than `before` (empty: from the newest), in `state` if one is given.

        Errors: UnavailableError.
        """
        ids = [job_id for job_id in await self.ids(tenant) if not before or job_id < before]
        found: list[Job] = []
        for start in range(0, len(ids), READS):
            chunk = ids[start : start + READS]
            for entry in await asyncio.gather(*(self._find(tenant, job_id) for job_id in chunk)):
                if entry is None or (state and entry.job.state != state):
                    continue
                if len(found) == size:
                    return Page(found, found[-1].id)
                found.append(entry.job)
        return Page(found, "")

    async def _find(self, tenant: str, job_id: str) -> CatalogueEntry | None:
        try:
            return await self.get(tenant, job_id)
        except NotFoundError:  # deleted since its key was listed
            return None

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


def _day(job_id: str) -> str:
    milliseconds = 0
    for character in job_id[:_TIME_CHARACTERS]:
        milliseconds = 32 * milliseconds + _CROCKFORD.index(character)
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y%m%d")
