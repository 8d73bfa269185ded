"""How long what belongs to ended jobs is kept: 30 days what was made on the way, 12 weeks the upload, 12 months the results."""

from __future__ import annotations

import contextlib
import logging

from s2v.runtime.errors import NotFoundError, S2VError
from s2v.runtime.jobs import Jobs, prefix
from s2v.runtime.mover import STAYING
from s2v.runtime.settings import RuntimeSettings
from s2v.runtime.store import ObjectStore
from s2v.v1.artifact_pb2 import ArtifactKind
from s2v.v1.work_pb2 import CatalogueEntry, JobRecord

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
        A job of which something cannot be deleted waits for the next pass; the others go on.
        Errors: UnavailableError (the catalogue cannot be read).
        """
        removed = 0
        for job_id in await self._jobs.catalogue.ids(tenant):
            try:
                entry = await self._jobs.catalogue.get(tenant, job_id)
            except NotFoundError:  # deleted, or made again, meanwhile
                continue
            try:
                removed += await self._expire_due(entry, now)
            except NotFoundError:
                continue
            except S2VError as error:  # S3 holds an object fast, or denies that it be deleted
                log.error("not expired: %s", error, extra={"job_id": job_id, "tenant": tenant})
        return removed

    async def _expire_due(self, entry: CatalogueEntry, now: float) -> int:
        age_days = (now - entry.job.finished_at.ToNanoseconds() / 1e9) / DAY_SECONDS
        working, source = age_days > self._settings.working_days, age_days > self._settings.source_days
        if age_days > self._settings.result_days:
            return await self._remove(entry)
        if (working and not entry.working_expired) or (source and not entry.source_expired):
            return await self._expire(entry, working=working, source=source)
        return 0

    async def _remove(self, entry: CatalogueEntry) -> int:
        tenant, job_id = entry.job.tenant, entry.job.id
        with contextlib.suppress(NotFoundError):  # a removal that was broken off goes on
            if await self._ran_again(entry):
                return 0
        removed = await self._store.delete_prefix(prefix(tenant, job_id))
        await self._jobs.remove(tenant, job_id)
        log.info("expired", extra={"job_id": job_id, "tenant": tenant, "objects": removed})
        return removed

    async def _expire(self, entry: CatalogueEntry, *, working: bool, source: bool) -> int:
        """Deletes what has expired, and notes in the catalogue that it is gone: the next pass does not look for it."""
        tenant, job_id, finished_at = entry.job.tenant, entry.job.id, entry.job.finished_at

        def forget(record: JobRecord) -> bool:
            if record.job.finished_at != finished_at:
                return False
            before = record.SerializeToString(deterministic=True)
            if working:
                for stage in record.stages:
                    stage.ClearField("plan")
                    stage.parts.clear()
                    if stage.HasField("output"):  # what has no result yet still begins with that of the run before
                        stage.ClearField("previous")
            if source:
                kept = [one for one in record.job.artifacts if one.kind != ArtifactKind.ARTIFACT_KIND_SOURCE]
                del record.job.artifacts[:]
                record.job.artifacts.extend(kept)
                record.ClearField("source")
            return record.SerializeToString(deterministic=True) != before

        def note(entry: CatalogueEntry) -> bool:
            if entry.job.finished_at != finished_at:
                return False
            entry.working_expired |= working
            entry.source_expired |= source
            return True

        record = await self._jobs.amend(tenant, job_id, forget)
        if record.job.finished_at != finished_at:
            return 0
        folder = prefix(tenant, job_id)
        known = {record.source.key, *(one.object.key for one in record.job.artifacts)}
        for stage in record.stages:
            known |= {stage.plan.key, stage.output.key, stage.previous.key, *(part.output.key for part in stage.parts.values())}
        removed = 0
        for item in await self._store.list(folder):
            expired = source if item.key.startswith(f"{folder}source/") else working
            if not expired or item.key in known or item.key.rsplit("/", 1)[-1] in STAYING:
                continue
            # What another run has written is in the list too if it began meanwhile; until it begins it has written nothing.
            if await self._ran_again(entry):
                return removed
            await self._store.delete(item.key)
            removed += 1
        await self._jobs.catalogue.update(tenant, job_id, note)
        return removed

    async def _ran_again(self, entry: CatalogueEntry) -> bool:
        """Says whether another run of a job has begun, or ended, since its entry was read."""
        record = await self._jobs.get(entry.job.tenant, entry.job.id, newest=True)
        return bool(record.job.finished_at != entry.job.finished_at)
