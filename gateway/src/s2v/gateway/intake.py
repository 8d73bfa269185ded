"""From a whole upload to a job. What cannot become a video is refused here, and leaves nothing behind.

A killed gateway loses nothing: until the job is recorded the upload stays, and repeating the request goes on with the same job;
what was written for a job that never came to be is swept with the upload (see `s2v.gateway.housekeeping`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ulid import ULID

from s2v.gateway import options as job_options
from s2v.gateway.quotas import Quotas
from s2v.gateway.requests import Requests
from s2v.gateway.settings import GatewaySettings
from s2v.gateway.uploads import Upload, Uploads, check_complete
from s2v.gateway.virus_scanner import VirusScanner
from s2v.runtime import sandbox, telemetry
from s2v.runtime.bus import Bus
from s2v.runtime.errors import DataLossError, InvalidInputError, LimitError, NotFoundError, UnavailableError
from s2v.runtime.jobs import Jobs, prefix
from s2v.runtime.sandbox import MediaInfo
from s2v.runtime.store import ObjectStore
from s2v.runtime.usage import UsageCounter
from s2v.v1.artifact_pb2 import Artifact, ArtifactKind
from s2v.v1.job_pb2 import Job, JobOptions
from s2v.v1.report_pb2 import Stage
from s2v.v1.work_pb2 import JobRecord, Task, TaskKind

log = logging.getLogger(__name__)

EPOCH = 1
"""Epoch of a job's first run."""
REFUSALS = (InvalidInputError, LimitError, DataLossError)
"""Errors that say that this file will never do; after any other the same request can be repeated."""

_CONTENT_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg", "ogg": "audio/ogg", "flac": "audio/flac", "aac": "audio/aac"}
_CONTAINERS = {"mov": "mp4", "matroska": "x-matroska"}


@dataclass
class Intake:
    """Makes jobs of uploads."""

    uploads: Uploads
    requests: Requests
    jobs: Jobs
    bus: Bus
    store: ObjectStore
    settings: GatewaySettings
    quotas: Quotas
    usage: UsageCounter
    scanner: VirusScanner | None
    """None: files are not scanned."""

    def __post_init__(self) -> None:
        self._slots = asyncio.Semaphore(self.settings.intakes)

    async def create(self, tenant: str, request_id: str, upload_id: str, options: JobOptions) -> Job:
        """Makes a job of a whole upload, or returns the one that an earlier request with this id has made.

        A request that comes again costs no call, whether or not a job came of it; one that fails keeps no place.
        Errors: InvalidInputError (options; INFECTED, reasons of the sandbox, TOO_SHORT, TOO_LONG), NotFoundError (upload),
        PreconditionError (upload not whole), DataLossError (CHECKSUM_MISMATCH), LimitError, QuotaError, BusyError,
        MaintenanceError, UnavailableError.
        """
        options = job_options.complete(options)
        promised = await self.requests.find(tenant, request_id)
        if promised and (job := await self._existing(tenant, promised)):
            return job
        upload = await self.uploads.open(tenant, upload_id)
        check_complete(upload)
        await self.jobs.check_door()  # before a file is put together and looked at for nothing
        job_id = promised or str(ULID())
        await self.quotas.hold_job(tenant, job_id)
        try:
            if not promised:
                await self.quotas.spend_call(tenant)
                job_id = await self._promise(tenant, request_id, job_id)
            return await self._create(request_id, upload, job_id, options)
        except BaseException:  # a call that is broken off, too
            await self._give_back(tenant, job_id)
            raise

    async def _promise(self, tenant: str, request_id: str, job_id: str) -> str:
        """Lets a new request stand for a job that has a place, and returns the id of the job that it stands for."""
        promised = await self.requests.promise(tenant, request_id, job_id)
        if promised != job_id:  # the same request came twice at once, and the other one's job has a place
            await self.quotas.release_job(tenant, job_id)
        return promised

    async def _give_back(self, tenant: str, job_id: str) -> None:
        """Gives back the place of a job that did not come to be; while NATS does not answer, time does it."""
        with contextlib.suppress(UnavailableError):
            if await self._existing(tenant, job_id) is None:
                await self.quotas.release_job(tenant, job_id)

    async def _create(self, request_id: str, upload: Upload, job_id: str, options: JobOptions) -> Job:
        tenant = upload.tenant
        try:
            async with self._slots:
                job = await self._accept(upload, job_id, options)
        except NotFoundError:
            # The same request came twice at once, and the other one has used the upload up.
            if other := await self._existing(tenant, job_id):
                return other
            await self.requests.forget(tenant, request_id)
            raise
        except REFUSALS as error:
            log.info("refused: %s", error.message, extra={"reason": error.reason, "tenant": tenant})
            await self.uploads.discard(tenant, upload.id)
            await self.requests.forget(tenant, request_id)
            raise
        await self.uploads.discard(tenant, upload.id)
        return job

    async def _accept(self, upload: Upload, job_id: str, options: JobOptions) -> Job:
        """Checks the file and makes the job."""
        tenant, name = upload.tenant, upload.record.name
        with tempfile.TemporaryDirectory(prefix="s2v-intake-") as folder:
            path = Path(folder) / "source"
            sha256 = await self.uploads.assemble(upload, path)
            if upload.record.sha256 and upload.record.sha256 != sha256:
                raise DataLossError(
                    f"{name} arrived with SHA-256 {sha256}, not the {upload.record.sha256} that was announced; upload it again",
                    reason="CHECKSUM_MISMATCH",
                    field="sha256",
                )
            if self.scanner is not None:
                await self.scanner.check(path, name)
            info = await sandbox.probe(path, name)
            self._check_length(name, info.duration_seconds)
            await self.uploads.claim(upload, job_id)
            source = await self.store.put(f"{prefix(tenant, job_id)}source/{sha256[:16]}", path, content_type(info))
        job = Job(
            id=job_id,
            tenant=tenant,
            source_name=name,
            source_seconds=info.duration_seconds,
            options=options,
            artifacts=[Artifact(kind=ArtifactKind.ARTIFACT_KIND_SOURCE, name="source", object=source)],
        )
        record = JobRecord(job=job, epoch=EPOCH, source=source, traceparent=telemetry.inject().get("traceparent", ""))
        try:
            await self.jobs.create(record)
        except UnavailableError:
            if other := await self._existing(tenant, job_id):
                return other
            raise
        await self.bus.publish_task(first_task(record), options.priority)
        await self.usage.add_job(tenant, info.duration_seconds, upload.record.size_bytes)
        log.info("accepted", extra={"job_id": job_id, "tenant": tenant, "seconds": round(info.duration_seconds, 1)})
        return record.job

    def _check_length(self, name: str, seconds: float) -> None:
        shortest, longest = self.settings.min_source_seconds, self.settings.max_source_seconds
        if seconds < shortest:
            raise InvalidInputError(
                f"{name} lasts {seconds:.1f} s, and {shortest:g} s is the least; send a longer recording",
                reason="TOO_SHORT",
                field="source",
            )
        if seconds > longest:
            raise InvalidInputError(
                f"{name} lasts {clock(seconds)}, and {clock(longest)} is the most; cut it into parts and send each",
                reason="TOO_LONG",
                field="source",
            )

    async def _existing(self, tenant: str, job_id: str) -> Job | None:
        with contextlib.suppress(NotFoundError):
            return (await self.jobs.get(tenant, job_id)).job
        return None


def first_task(record: JobRecord) -> Task:
    """Returns the task that starts a job."""
    return Task(
        tenant=record.job.tenant,
        job_id=record.job.id,
        stage=Stage.STAGE_TRANSCRIPTION,
        kind=TaskKind.TASK_KIND_PLAN,
        epoch=record.epoch,
    )


def content_type(info: MediaInfo) -> str:
    """Returns the media type of a source."""
    if container := _CONTAINERS.get(info.format):
        return f"{'video' if info.has_video else 'audio'}/{container}"
    return _CONTENT_TYPES[info.format]


def clock(seconds: float) -> str:
    """Returns a length as people write it, e.g. "4:00:01" (hours, minutes, seconds)."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
