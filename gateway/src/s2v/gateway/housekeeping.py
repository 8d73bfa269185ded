"""What nobody asks for and somebody must do: expired uploads are swept, and jobs that nobody works on are woken.

Every gateway does it; doing it twice changes nothing, as NATS drops the second message with the same id.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import nats.errors
from nats.js.errors import Error as JetStreamError

from s2v.gateway.intake import first_task
from s2v.gateway.settings import GatewaySettings
from s2v.gateway.uploads import Uploads
from s2v.runtime import cache
from s2v.runtime.bus import PRIORITIES, WORK_STREAM, Bus
from s2v.runtime.errors import NotFoundError, UnavailableError
from s2v.runtime.jobs import FINISHED, Jobs, prefix
from s2v.runtime.stage import NAMES
from s2v.runtime.store import ObjectStore
from s2v.v1.job_pb2 import StageState
from s2v.v1.report_pb2 import Stage
from s2v.v1.work_pb2 import JobRecord

log = logging.getLogger(__name__)

CONCLUDE_SECONDS = (60.0, 3600.0)
"""A job that ended so long ago, in seconds from … to, is looked at: is its end written to S3 and announced?"""


@dataclass
class Housekeeping:
    """Keeps one tenant's house."""

    uploads: Uploads
    jobs: Jobs
    bus: Bus
    store: ObjectStore
    settings: GatewaySettings

    async def run(self, stop: asyncio.Event) -> None:
        """Sweeps and reconciles from time to time until `stop` is set."""
        async with asyncio.TaskGroup() as group:
            group.create_task(_repeat(self.sweep, self.settings.sweep_seconds, stop))
            group.create_task(_repeat(self.reconcile, self.settings.reconcile_seconds, stop))

    async def sweep(self) -> None:
        """Deletes expired uploads with what was written for a job that never came to be of one, and expired cached results.

        Errors: UnavailableError.
        """
        tenant = self.settings.tenant
        await cache.sweep(self.store, tenant, time.time())
        for upload_id in await self.uploads.expired(tenant):
            job_id = await self.uploads.job_of(tenant, upload_id)
            if job_id and not await self.store.exists(f"{prefix(tenant, job_id)}request.pb"):
                await self.store.delete_prefix(prefix(tenant, job_id))
            await self.uploads.discard(tenant, upload_id)
            log.info("expired upload deleted", extra={"tenant": tenant, "upload_id": upload_id})

    async def reconcile(self) -> None:
        """Publishes the task of each job that nobody works on, and concludes jobs whose end was not written.

        Errors: UnavailableError.
        """
        tenant = self.settings.tenant
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
        job, settings = record.job, self.settings
        idle = _age(job.updated_at.ToNanoseconds())
        if idle < settings.lost_after_seconds:
            return
        stage = next(entry.stage for entry in record.stages if entry.state != StageState.STAGE_STATE_SUCCEEDED)
        if idle < settings.stalled_after_seconds and not await self._queue_empty(stage, PRIORITIES[job.options.priority]):
            return
        task = first_task(record)
        task.stage = stage
        log.warning("nobody works on a job; its task is published again", extra={"job_id": job.id, "stage": NAMES[stage]})
        # The same try has the same name at every gateway; another one follows when the job still has not changed.
        tries = int(idle // settings.lost_after_seconds)
        await self.bus.publish_task(task, job.options.priority, again=f".again.{job.updated_at.ToNanoseconds()}.{tries}")

    async def _queue_empty(self, stage: Stage.ValueType, priority: str) -> bool:
        """Says whether no task of a stage waits or is at work: then a job that is in this stage has lost its own."""
        try:
            info = await self.bus.jetstream.consumer_info(WORK_STREAM, f"{NAMES[stage]}-{priority}")
        except (nats.errors.Error, JetStreamError) as error:
            raise UnavailableError(f"NATS does not answer: {error or type(error).__name__}") from error
        return not info.num_pending and not info.num_ack_pending


async def _repeat(work: Callable[[], Awaitable[None]], seconds: float, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            await work()
        except UnavailableError as error:
            log.warning("housekeeping waits: %s", error)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), seconds)


def _age(nanoseconds: int) -> float:
    """Returns the seconds since a time."""
    return (time.time_ns() - nanoseconds) / 1e9
