"""What nobody asks for and somebody must do: expired uploads and what is left of deleted jobs are swept, and jobs that nobody
works on are woken.

Every gateway does it; doing it twice changes nothing, as NATS drops the second message with the same id.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from s2v.gateway import gauges
from s2v.gateway.settings import GatewaySettings
from s2v.gateway.uploads import Uploads
from s2v.runtime import cache
from s2v.runtime.bus import Bus
from s2v.runtime.errors import NotFoundError, UnavailableError
from s2v.runtime.jobs import Jobs, prefix
from s2v.runtime.mover import Mover
from s2v.runtime.reconciler import Reconciler
from s2v.runtime.retention import Retention
from s2v.runtime.store import ObjectStore
from s2v.runtime.tiers import TieredStore

log = logging.getLogger(__name__)

ORPHAN_SECONDS = 3600.0
"""Objects of no job are deleted when nothing was added to them for so long: a job that is being made has objects first."""

BROKEN_OFF = timedelta(days=1)
"""What is still being written to S3 after so long was broken off."""


@dataclass
class Housekeeping:
    """Keeps the house of all tenants."""

    uploads: Uploads
    jobs: Jobs
    bus: Bus
    store: ObjectStore
    settings: GatewaySettings

    def __post_init__(self) -> None:
        self._reconciler = Reconciler(
            self.bus, self.jobs, self.store, self.settings.lost_after_seconds, self.settings.stalled_after_seconds, patient=True
        )
        self._retention = Retention(self.store, self.jobs, self.settings)
        self._mover = Mover(self.store, self.jobs, self.settings) if isinstance(self.store, TieredStore) else None

    async def run(self, stop: asyncio.Event) -> None:
        """Sweeps and reconciles from time to time until `stop` is set; what is under way is then broken off, as a kill would."""
        works = (
            (self.sweep, self.settings.sweep_seconds),
            (self.tidy, self.settings.sweep_seconds),
            (self.reconcile, self.settings.reconcile_seconds),
            (lambda: gauges.measure_queues(self.bus), gauges.QUEUE_SECONDS),
            (lambda: gauges.measure_storage(self.jobs), gauges.STORAGE_SECONDS),
        )
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_repeat(work, seconds, stop)) for work, seconds in works]
            await stop.wait()
            for task in tasks:
                task.cancel()

    async def sweep(self) -> None:
        """Deletes expired uploads with what was written for a job that never came to be of one, expired cached results, what was
        written for jobs after they were deleted, and parts of what was never written whole.

        Errors: UnavailableError.
        """
        for tenant in await self._tenants():
            await _apart(tenant, self._sweep, self._sweep_orphans)
        aborted = await self.store.abort_uploads(datetime.now(UTC) - BROKEN_OFF)
        if aborted:
            log.info("the parts of uploads that were broken off are deleted", extra={"uploads": aborted})

    async def _sweep(self, tenant: str) -> None:
        await cache.sweep(self.store, tenant, time.time())
        for upload_id in await self.uploads.expired(tenant):
            job_id = await self.uploads.job_of(tenant, upload_id)
            if job_id and not await self._came_to_be(tenant, job_id):
                await self.jobs.remove(tenant, job_id)
                await self.store.delete_prefix(prefix(tenant, job_id))
            await self.uploads.discard(tenant, upload_id)
            log.info("expired upload deleted", extra={"tenant": tenant, "upload_id": upload_id})

    async def _came_to_be(self, tenant: str, job_id: str) -> bool:
        """Says whether a job has a record: a gateway may be killed before it writes it.

        Errors: UnavailableError, also where NATS may have lost it.
        """
        try:
            await self.jobs.get(tenant, job_id, newest=True)
        except NotFoundError:
            return False
        return True

    async def _sweep_orphans(self, tenant: str) -> None:
        """Deletes folders of jobs of which neither S3 has the request nor NATS the record: each job at work or ended has both."""
        folders = await self.store.folders(f"{tenant}/jobs/")
        known = set(await self.jobs.records.list(tenant)) if folders else set()
        for folder in folders:
            job_id = folder.split("/")[2]
            if job_id not in known and await self._is_orphan(tenant, job_id):
                await self.jobs.remove(tenant, job_id)
                removed = await self.store.delete_prefix(folder)
                log.info(
                    "what was left of a deleted job is deleted", extra={"tenant": tenant, "job_id": job_id, "objects": removed}
                )

    async def _is_orphan(self, tenant: str, job_id: str) -> bool:
        folder = prefix(tenant, job_id)
        if await self.store.exists(f"{folder}request.pb"):
            return False
        with contextlib.suppress(NotFoundError):  # a listing may be behind; this asks who knows
            await self.jobs.get(tenant, job_id)
            return False
        times = [item.modified_at.timestamp() for item in await self.store.list(folder)]
        return bool(times) and time.time() - max(times) > ORPHAN_SECONDS

    async def tidy(self) -> None:
        """Deletes what is kept long enough of ended jobs, and moves the rest between the tiers of storage.

        Errors: UnavailableError.
        """
        now = time.time()
        works: list[Callable[[str], Awaitable[int]]] = [lambda tenant: self._retention.expire(tenant, now)]
        if (mover := self._mover) is not None:
            works.append(lambda tenant: mover.run(tenant, now))
        for tenant in await self._tenants():
            await _apart(tenant, *works)

    async def reconcile(self) -> None:
        """Makes all records again if NATS has lost them; wakes jobs that nobody works on; writes missing ends.

        Errors: UnavailableError.
        """
        await self._reconciler.heal()
        for tenant in await self._tenants():
            await _apart(tenant, self._reconciler.reconcile)

    async def _tenants(self) -> Sequence[str]:
        """Returns who has jobs, or objects where jobs are worked on; there is one tenant where nobody has to say who they are."""
        if self.settings.auth != "on":
            return [self.settings.tenant]
        return sorted({*await self.store.tenants(), *await self.jobs.records.tenants()})


async def _apart(tenant: str, *works: Callable[[str], Awaitable[object]]) -> None:
    """Does works for a tenant: what hinders one of them holds up neither the others nor the tenants that follow."""
    for work in works:
        try:
            await work(tenant)
        except UnavailableError as error:
            log.warning("housekeeping waits: %s", error, extra={"tenant": tenant})
        except Exception:
            log.exception("housekeeping failed", extra={"tenant": tenant})


async def _repeat(work: Callable[[], Awaitable[None]], seconds: float, stop: asyncio.Event) -> None:
    # It asks, too: `asyncio.wait_for` of Python 3.11 loses a cancellation that comes with its answer.
    while not stop.is_set():
        try:
            await work()
        except UnavailableError as error:
            log.warning("housekeeping waits: %s", error)
        except Exception:  # a full disk, say, must not end the front door: at its next start it would end again
            log.exception("housekeeping failed, and is tried again in %g s", seconds)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), seconds)
