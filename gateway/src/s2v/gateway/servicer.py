# ruff: noqa: N802 - the methods are named as the rpcs are
"""JobService over gRPC: unpacks requests, packs answers. Errors become statuses in `s2v.runtime.server`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import grpc

from s2v.gateway import catalogue, names, ratings
from s2v.gateway.deletion import Deletion
from s2v.gateway.edits import Edits
from s2v.gateway.intake import Intake
from s2v.gateway.quotas import Quotas
from s2v.gateway.reruns import Reruns
from s2v.gateway.shares import Shares
from s2v.gateway.timelines import timeline
from s2v.gateway.uploads import Uploads
from s2v.gateway.watching import Watching
from s2v.gateway.webhooks import Webhooks
from s2v.runtime.errors import ForbiddenError, InvalidInputError, NotFoundError, S2VError, UnavailableError
from s2v.runtime.jobs import Jobs
from s2v.runtime.store import ObjectStore
from s2v.runtime.tenants import Caller, current_caller
from s2v.v1.job_pb2 import Job, Priority, Rating
from s2v.v1.job_service_pb2 import (
    CancelJobRequest,
    CancelJobResponse,
    CreateJobRequest,
    CreateJobResponse,
    CreateWebhookRequest,
    CreateWebhookResponse,
    DeleteJobRequest,
    DeleteJobResponse,
    DeleteWebhookRequest,
    DeleteWebhookResponse,
    EditJobRequest,
    EditJobResponse,
    GetArtifactRequest,
    GetArtifactResponse,
    GetJobRequest,
    GetJobResponse,
    GetTimelineRequest,
    GetTimelineResponse,
    ListDeliveriesRequest,
    ListDeliveriesResponse,
    ListJobsRequest,
    ListJobsResponse,
    ListWebhooksRequest,
    ListWebhooksResponse,
    QueryUploadRequest,
    QueryUploadResponse,
    RateJobRequest,
    RateJobResponse,
    RerunJobRequest,
    RerunJobResponse,
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
        self,
        tenant: str,
        *,
        uploads: Uploads,
        downloads: Shares,
        intake: Intake,
        watching: Watching,
        edits: Edits,
        reruns: Reruns,
        deletion: Deletion,
        quotas: Quotas,
        webhooks: Webhooks,
        jobs: Jobs,
        store: ObjectStore,
    ) -> None:
        self._tenant = tenant
        self._edits = edits
        self._reruns = reruns
        self._deletion = deletion
        self._quotas = quotas
        self._webhooks = webhooks
        self._uploads = uploads
        self._downloads = downloads
        self._intake = intake
        self._jobs = jobs
        self._watching = watching
        self._store = store

    async def StartUpload(self, request: StartUploadRequest, context: grpc.aio.ServicerContext) -> StartUploadResponse:
        tenant = self._caller().tenant
        upload_id = await self._uploads.start(tenant, request.name, request.size_bytes, request.sha256)
        try:
            await self._quotas.spend_call(tenant)  # last: what is refused for another reason costs no quota
        except S2VError:
            await self._uploads.discard(tenant, upload_id)
            raise
        form = self._uploads.post_form(tenant, upload_id, request.size_bytes) if request.by_post else None
        return StartUploadResponse(upload_id=upload_id, post=form)

    async def WriteUpload(
        self, request_iterator: AsyncIterator[WriteUploadRequest], context: grpc.aio.ServicerContext
    ) -> WriteUploadResponse:
        return WriteUploadResponse(committed_size=await self._uploads.write(self._caller().tenant, request_iterator))

    async def QueryUpload(self, request: QueryUploadRequest, context: grpc.aio.ServicerContext) -> QueryUploadResponse:
        upload = await self._uploads.open(await self._reader(), request.upload_id)
        return QueryUploadResponse(committed_size=upload.committed_size, complete=upload.complete)

    async def CreateJob(self, request: CreateJobRequest, context: grpc.aio.ServicerContext) -> CreateJobResponse:
        caller = self._caller()
        if request.options.priority == Priority.PRIORITY_HIGH and not caller.high_priority:
            raise ForbiddenError(
                "this caller may not ask for high priority; leave options.priority out, or ask the operator for it",
                reason="NOT_ENTITLED",
                field="options.priority",
            )
        job = await self._intake.create(caller.tenant, request.request_id, request.upload_id, request.options)
        return CreateJobResponse(job=job)

    async def GetJob(self, request: GetJobRequest, context: grpc.aio.ServicerContext) -> GetJobResponse:
        return GetJobResponse(job=await self._job(request.job_id))

    async def ListJobs(self, request: ListJobsRequest, context: grpc.aio.ServicerContext) -> ListJobsResponse:
        jobs, token = await catalogue.page(self._jobs, await self._reader(), request.page_size, request.page_token, request.state)
        return ListJobsResponse(jobs=jobs, next_page_token=token)

    async def WatchJob(self, request: WatchJobRequest, context: grpc.aio.ServicerContext) -> AsyncIterator[WatchJobResponse]:
        job_id = names.job_id(request.job_id)
        async with aclosing(self._watching.watch(await self._reader(), job_id, request.after_sequence)) as events:
            async for event in events:
                yield WatchJobResponse(event=event)

    async def GetTimeline(self, request: GetTimelineRequest, context: grpc.aio.ServicerContext) -> GetTimelineResponse:
        record = await self._jobs.get(await self._reader(), names.job_id(request.job_id))
        return GetTimelineResponse(timeline=timeline(record))

    async def CancelJob(self, request: CancelJobRequest, context: grpc.aio.ServicerContext) -> CancelJobResponse:
        record = await self._jobs.cancel(await self._reader(), names.job_id(request.job_id))
        return CancelJobResponse(job=record.job)

    async def GetArtifact(
        self, request: GetArtifactRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[GetArtifactResponse]:
        # One that nobody reads lasts as long as its connection: gRPC neither tells nor lets it be ended.
        busy = UnavailableError(
            f"{self._downloads.most} downloads are open, and no more are allowed; read or end some, and try again", reason="BUSY"
        )
        with self._downloads.take(self._caller().tenant, busy):
            async with aclosing(self._read_artifact(request)) as messages:
                async for message in messages:
                    yield message

    async def _read_artifact(self, request: GetArtifactRequest) -> AsyncGenerator[GetArtifactResponse, None]:
        job = await self._job(request.job_id)
        artifact = next((one for one in job.artifacts if one.name == request.name), None)
        if artifact is None:
            there = ", ".join(sorted(one.name for one in job.artifacts))
            raise NotFoundError(
                f"job {job.id} has no artifact {request.name[:80]!r}; it has {there}", reason="ARTIFACT_NOT_FOUND", field="name"
            )
        if request.length < 0:
            raise InvalidInputError(f"length is {request.length}; give a number of bytes, or 0 for all", field="length")
        yield GetArtifactResponse(artifact=artifact)
        size = artifact.object.size_bytes
        offset = request.offset if request.offset >= 0 else max(0, size + request.offset)
        if offset < size:
            length = min(request.length, size - offset)
            async for data in self._store.stream(artifact.object, CHUNK_BYTES, offset, length):
                yield GetArtifactResponse(data=data)

    async def EditJob(self, request: EditJobRequest, context: grpc.aio.ServicerContext) -> EditJobResponse:
        after = request.after_revision if request.HasField("after_revision") else None
        tenant, job_id, user = await self._reader(), names.job_id(request.job_id), self._user(request.user)
        return EditJobResponse(job=await self._edits.add(tenant, job_id, request.patches, after, user))

    async def RerunJob(self, request: RerunJobRequest, context: grpc.aio.ServicerContext) -> RerunJobResponse:
        job = await self._reruns.begin(self._caller().tenant, names.job_id(request.job_id), request.from_stage)
        return RerunJobResponse(job=job)

    async def DeleteJob(self, request: DeleteJobRequest, context: grpc.aio.ServicerContext) -> DeleteJobResponse:
        tenant = await self._reader()
        return DeleteJobResponse(objects=await self._deletion.delete(tenant, names.job_id(request.job_id)))

    async def RateJob(self, request: RateJobRequest, context: grpc.aio.ServicerContext) -> RateJobResponse:
        rating = Rating(stars=request.stars, remark=request.remark, user=self._user(request.user))
        return RateJobResponse(job=await ratings.rate(self._jobs, await self._reader(), names.job_id(request.job_id), rating))

    async def CreateWebhook(self, request: CreateWebhookRequest, context: grpc.aio.ServicerContext) -> CreateWebhookResponse:
        record = await self._webhooks.create(await self._reader(), request.url)
        return CreateWebhookResponse(webhook=record.webhook, secret=record.secret)

    async def ListWebhooks(self, request: ListWebhooksRequest, context: grpc.aio.ServicerContext) -> ListWebhooksResponse:
        records = await self._webhooks.list(await self._reader())
        return ListWebhooksResponse(webhooks=[record.webhook for record in records])

    async def DeleteWebhook(self, request: DeleteWebhookRequest, context: grpc.aio.ServicerContext) -> DeleteWebhookResponse:
        await self._webhooks.delete(await self._reader(), request.webhook_id)
        return DeleteWebhookResponse()

    async def ListDeliveries(self, request: ListDeliveriesRequest, context: grpc.aio.ServicerContext) -> ListDeliveriesResponse:
        return ListDeliveriesResponse(deliveries=await self._webhooks.deliveries(await self._reader(), request.webhook_id))

    async def _job(self, job_id: str) -> Job:
        return (await self._jobs.get(await self._reader(), names.job_id(job_id))).job

    def _caller(self) -> Caller:
        return current_caller(self._tenant)

    async def _reader(self) -> str:
        """Returns the tenant for a call that costs a token of its bucket of reads.

        Errors: QuotaError, UnavailableError.
        """
        tenant = self._caller().tenant
        await self._quotas.spend_read(tenant)
        return tenant

    def _user(self, given: str) -> str:
        """Returns who does something: the caller where he is known, else as he says."""
        return self._caller().user or names.user(given)
