"""Deleting a job: every object and key of it, what it has in the cache included."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from s2v.gateway.requests import Requests
from s2v.gateway.webhooks import Webhooks
from s2v.runtime.bus import Bus
from s2v.runtime.cache import Cache
from s2v.runtime.dead import DeadLetters
from s2v.runtime.jobs import FINISHED, Jobs, prefix
from s2v.runtime.schema import DEAD_STREAM, ERRORS, EVENT_STREAM, unavailable
from s2v.runtime.store import ObjectStore
from s2v.v1.work_pb2 import JobRecord

log = logging.getLogger(__name__)

QUIET_SECONDS = 1.0
"""A job is gone when nothing of it has been written for so long: workers may be at one that was cancelled or failed just now."""
QUIET_TRIES = 15


@dataclass
class Deletion:
    """Deletes jobs."""

    jobs: Jobs
    requests: Requests
    bus: Bus
    store: ObjectStore
    webhooks: Webhooks

    async def delete(self, tenant: str, job_id: str) -> int:
        """Deletes a job and says how many objects that were. One that is at work is cancelled first.

        The record goes last: of a deletion that was cut off the rest goes when it is asked for again. What a worker writes later
        all the same, housekeeping finds.
        Errors: NotFoundError, UnavailableError.
        """
        record = await self.jobs.get(tenant, job_id)
        folder, removed = prefix(tenant, job_id), 0
        if record.job.state not in FINISHED:
            record = await self.jobs.cancel(tenant, job_id)
        for _ in range(QUIET_TRIES):
            written = await self.store.delete_prefix(folder)
            removed += written
            if not written:
                break
            await asyncio.sleep(QUIET_SECONDS)
        removed += await self._forget_results(record)
        removed += await self.store.delete_prefix(folder)
        await self._forget_messages(job_id)
        await self.requests.forget_job(tenant, job_id)
        await self.webhooks.forget_job(tenant, job_id, record.epoch)
        await self.jobs.remove(tenant, job_id)
        log.info("deleted", extra={"job_id": job_id, "tenant": tenant, "objects": removed})
        return removed

    async def _forget_results(self, record: JobRecord) -> int:
        cache = Cache(self.store)
        return sum(
            [await cache.forget(record.job.tenant, entry.stage, key) for entry in record.stages for key in entry.cache_keys]
        )

    async def _forget_messages(self, job_id: str) -> None:
        try:
            await self.bus.jetstream.purge_stream(EVENT_STREAM, subject=f"s2v.v1.events.{job_id}")
            async for buried in DeadLetters(self.bus, self.jobs).list():
                if buried.letter.task.job_id == job_id:
                    await self.bus.jetstream.delete_msg(DEAD_STREAM, buried.number)
        except ERRORS as error:
            raise unavailable(error) from error
