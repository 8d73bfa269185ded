"""How long what belongs to ended jobs is kept: 30 days what was made on the way, 12 weeks the upload, 12 months the results."""

from __future__ import annotations

import logging

from s2v.runtime.errors import NotFoundError
from s2v.runtime.jobs import FINISHED, Jobs, prefix
from s2v.runtime.mover import STAYING
from s2v.runtime.settings import RuntimeSettings
from s2v.runtime.store import ObjectStore
from s2v.v1.artifact_pb2 import ArtifactKind
from s2v.v1.work_pb2 import JobRecord

log = logging.getLogger(__name__)

DAY_SECONDS = 86400.0


class Retention:
    """Expires what belongs to one tenant's ended jobs."""

    def __init__(self, store: ObjectStore, jobs: Jobs, settings: RuntimeSettings) -> None:
        self._store = store
        self._jobs = jobs
        self._settings = settings

    async def expire(self, tenant: str, now: float) -> int:
        """Deletes what is older than its class is kept, and says how many objects that were. `now`: seconds since 1970.

        The record changes first, so that it never refers to what is gone; killed in between, the next pass deletes the rest.
        Errors: UnavailableError.
        """
        shortest = min(self._settings.working_days, self._settings.source_days, self._settings.result_days)
        removed = 0
        for job_id in await self._jobs.catalogue.ids(tenant):
            try:
                ended = (await self._jobs.catalogue.get(tenant, job_id)).job.finished_at
                age = now - ended.ToNanoseconds() / 1e9
                if age > shortest * DAY_SECONDS:
                    removed += await self._expire(tenant, job_id, age / DAY_SECONDS)
            except NotFoundError:  # deleted, or made again, meanwhile
                continue
        return removed

    async def _expire(self, tenant: str, job_id: str, age_days: float) -> int:
        if age_days > self._settings.result_days:
            removed = await self._store.delete_prefix(prefix(tenant, job_id))
            await self._jobs.remove(tenant, job_id)
            log.info("expired", extra={"job_id": job_id, "tenant": tenant, "objects": removed})
            return removed
        working, source = age_days > self._settings.working_days, age_days > self._settings.source_days

        def forget(record: JobRecord) -> bool:
            if record.job.state not in FINISHED:
                return False
            before = record.SerializeToString(deterministic=True)
            if working:
                for entry in record.stages:
                    entry.ClearField("plan")
                    entry.parts.clear()
            if source:
                kept = [one for one in record.job.artifacts if one.kind != ArtifactKind.ARTIFACT_KIND_SOURCE]
                del record.job.artifacts[:]
                record.job.artifacts.extend(kept)
                record.ClearField("source")
            return record.SerializeToString(deterministic=True) != before

        record = await self._jobs.amend(tenant, job_id, forget)
        if record.job.state not in FINISHED:
            return 0
        known = {record.source.key, *(one.object.key for one in record.job.artifacts)}
        for entry in record.stages:
            known |= {entry.plan.key, entry.output.key, *(part.output.key for part in entry.parts.values())}
        removed = 0
        for item in await self._store.list(prefix(tenant, job_id)):
            is_source = item.key.startswith(f"{prefix(tenant, job_id)}source/")
            expired = source if is_source else working
            if expired and item.key not in known and item.key.rsplit("/", 1)[-1] not in STAYING:
                await self._store.delete(item.key)
                removed += 1
        return removed
