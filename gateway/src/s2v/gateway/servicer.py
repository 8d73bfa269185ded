# ruff: noqa: N802 - the methods are named as the rpcs are
"""JobService over gRPC: unpacks requests, packs answers. Errors become statuses in `s2v.runtime.server`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc

from s2v.gateway import catalogue, names
from s2v.gateway.intake import Intake
from s2v.gateway.uploads import Uploads
from s2v.gateway.watching import Watching
from s2v.runtime.errors import NotFoundError
from s2v.runtime.jobs import Jobs
from s2v.runtime.store import ObjectStore
from s2v.v1.job_pb2 import Job
from s2v.v1.job_service_pb2 import (
    CancelJobRequest,
    CancelJobResponse,
    CreateJobRequest,
    CreateJobResponse,
    GetArtifactRequest,
    GetArtifactResponse,
    GetJobRequest,
    GetJobResponse,
    ListJobsRequest,
    ListJobsResponse,
    QueryUploadRequest,
    QueryUploadResponse,
    StartUploadRequest,
    StartUploadResponse,
    WatchJobRequest,
    WatchJobResponse,
    WriteUploadRequest,
    WriteUploadResponse,
)
from s2v.v1.job_service_pb2_grpc import JobServiceServicer

CHUNK_BYTES = 256 * 1024
"""Bytes of an artifact in one message."""


class Servicer(JobServiceServicer):
    """The front door."""

    def __init__(
        self, tenant: str, *, uploads: Uploads, intake: Intake, watching: Watching, jobs: Jobs, store: ObjectStore
    ) -> None:
        self._tenant = tenant
        self._uploads = uploads
        self._intake = intake
        self._jobs = jobs
        self._watching = watching
        self._store = store

    async def StartUpload(self, request: StartUploadRequest, context: grpc.aio.ServicerContext) -> StartUploadResponse:
        upload_id = await self._uploads.start(self._tenant, request.name, request.size_bytes, request.sha256)
        return StartUploadResponse(upload_id=upload_id)

    async def WriteUpload(
        self, request_iterator: AsyncIterator[WriteUploadRequest], context: grpc.aio.ServicerContext
    ) -> WriteUploadResponse:
        return WriteUploadResponse(committed_size=await self._uploads.write(self._tenant, request_iterator))

    async def QueryUpload(self, request: QueryUploadRequest, context: grpc.aio.ServicerContext) -> QueryUploadResponse:
        upload = await self._uploads.open(self._tenant, request.upload_id)
        return QueryUploadResponse(committed_size=upload.committed_size, complete=upload.complete)

    async def CreateJob(self, request: CreateJobRequest, context: grpc.aio.ServicerContext) -> CreateJobResponse:
        job = await self._intake.create(self._tenant, request.request_id, request.upload_id, request.options)
        return CreateJobResponse(job=job)

    async def GetJob(self, request: GetJobRequest, context: grpc.aio.ServicerContext) -> GetJobResponse:
        return GetJobResponse(job=await self._job(request.job_id))

    async def ListJobs(self, request: ListJobsRequest, context: grpc.aio.ServicerContext) -> ListJobsResponse:
        jobs, token = await catalogue.page(self._jobs, self._tenant, request.page_size, request.page_token, request.state)
        return ListJobsResponse(jobs=jobs, next_page_token=token)

    async def WatchJob(self, request: WatchJobRequest, context: grpc.aio.ServicerContext) -> AsyncIterator[WatchJobResponse]:
        job_id = names.job_id(request.job_id)
        async for event in self._watching.watch(self._tenant, job_id, request.after_sequence):
            yield WatchJobResponse(event=event)

    async def CancelJob(self, request: CancelJobRequest, context: grpc.aio.ServicerContext) -> CancelJobResponse:
        record = await self._jobs.cancel(self._tenant, names.job_id(request.job_id))
        return CancelJobResponse(job=record.job)

    async def GetArtifact(
        self, request: GetArtifactRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[GetArtifactResponse]:
        job = await self._job(request.job_id)
        artifact = next((one for one in job.artifacts if one.name == request.name), None)
        if artifact is None:
            there = ", ".join(sorted(one.name for one in job.artifacts))
            raise NotFoundError(
                f"job {job.id} has no artifact {request.name[:80]!r}; it has {there}", reason="ARTIFACT_NOT_FOUND", field="name"
            )
        yield GetArtifactResponse(artifact=artifact)
        async for data in self._store.stream(artifact.object, CHUNK_BYTES):
            yield GetArtifactResponse(data=data)

    async def _job(self, job_id: str) -> Job:
        return (await self._jobs.get(self._tenant, names.job_id(job_id))).job
