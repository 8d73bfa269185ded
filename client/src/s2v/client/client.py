"""The client: what the gateway offers, as typed methods that survive broken connections."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import grpc

from s2v.client.access import Access
from s2v.client.backoff import Backoff
from s2v.client.download import Download
from s2v.client.errors import JobServiceError, broken, translate
from s2v.client.post import post_file
from s2v.client.upload import FileUpload, Progress
from s2v.v1.artifact_pb2 import Artifact
from s2v.v1.edit_pb2 import Patch
from s2v.v1.event_pb2 import JobEvent
from s2v.v1.job_pb2 import Job, JobOptions, JobState
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
    EditJobRequest,
    EditJobResponse,
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
    RateJobRequest,
    RateJobResponse,
    RerunJobRequest,
    RerunJobResponse,
    WatchJobRequest,
)
from s2v.v1.job_service_pb2_grpc import JobServiceStub
from s2v.v1.report_pb2 import Stage
from s2v.v1.timeline_pb2 import Timeline
from s2v.v1.webhook_pb2 import Delivery, Webhook

T = TypeVar("T")

FINISHED = frozenset({JobState.JOB_STATE_SUCCEEDED, JobState.JOB_STATE_FAILED, JobState.JOB_STATE_CANCELLED})
"""States in which a job stays."""
PATIENCE_SECONDS = 60.0
"""How long the client tries again without any progress before it gives up."""
CALL_SECONDS = 30.0
"""Deadline of a short call."""
CREATE_SECONDS = 300.0
"""Deadline of CreateJob, in which the gateway reads the whole file."""
KEEPALIVE_SECONDS = 30.0
"""In which a dead gateway is noticed (CHANNEL_OPTIONS): a stream that lived longer had one that was alive."""
CHANNEL_OPTIONS = (
    # A gateway that vanishes without a word is noticed within half a minute, even while nothing happens.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)


class Client:
    """A connection to the gateway. Use it as a context manager, or close it.

    Every method raises JobServiceError. A server that is away is asked again for `patience_seconds` first; but edit, rerun
    and create_webhook, which do something each time, are sent once. `asyncio.timeout` sets a deadline to any method.
    """

    def __init__(self, target: str, patience_seconds: float = PATIENCE_SECONDS, access: Access | None = None) -> None:
        """`target` is the gateway's address, host:port; `access` says who calls, over which TLS; None: as the environment says.

        Errors: OSError for a file that the environment names.
        """
        self._target = target
        self._patience_seconds = patience_seconds
        self._channel = (access or Access.from_environment()).open_channel(target, CHANNEL_OPTIONS)
        self._stub = JobServiceStub(self._channel)

    async def upload(self, path: Path, progress: Progress | None = None) -> str:
        """Uploads a file, going on where a broken connection left off, and returns the upload's id.

        `progress` is told the bytes that are sent and the bytes in all.
        Errors: OSError for the file; JobServiceError.
        """
        file = await asyncio.to_thread(FileUpload.prepare, path, progress)
        upload_id = await self._call(lambda: file.start(self._stub, CALL_SECONDS))
        backoff = Backoff(self._patience_seconds)
        offset = 0
        while True:
            try:
                committed = await file.committed(self._stub, upload_id, CALL_SECONDS)
                if committed > offset:
                    backoff.progress()
                offset = committed
                if offset < file.size_bytes and await file.write(self._stub, upload_id, offset) < file.size_bytes:
                    raise JobServiceError(
                        grpc.StatusCode.ABORTED, "FILE_CHANGED", f"{path} became shorter while it was uploaded; upload it again"
                    )
                return upload_id
            except grpc.aio.AioRpcError as error:
                # OUT_OF_RANGE: a stream that broke has stored its last bytes only now.
                if not broken(error) and error.code() != grpc.StatusCode.OUT_OF_RANGE:
                    raise translate(error, self._target) from error
                await backoff.wait(translate(error, self._target))

    async def upload_by_post(self, path: Path) -> str:
        """Uploads a file past the gateway, by one POST to S3, and returns the upload's id. A broken one begins anew.

        Needs a way to the gateway's S3 server. The gateway looks at the file when a job is made of it.
        Errors: OSError for the file; JobServiceError (POST_FAILED, POST_REFUSED).
        """
        file = await asyncio.to_thread(FileUpload.prepare, path, None)
        started = await self._call(lambda: file.announce(self._stub, CALL_SECONDS, by_post=True))
        backoff = Backoff(self._patience_seconds)
        while True:
            try:
                await asyncio.to_thread(post_file, started.post.url, started.post.fields, path)
            except JobServiceError as error:
                if error.code != grpc.StatusCode.UNAVAILABLE:
                    raise
                await backoff.wait(error)
            else:
                return started.upload_id

    async def create_job(self, upload_id: str, options: JobOptions | None = None, request_id: str = "") -> Job:
        """Makes a job of an upload.

        The same `request_id` gets the same job, however often it is sent; empty: a new one is made for this call.
        """
        request = CreateJobRequest(request_id=request_id or str(uuid.uuid4()), upload_id=upload_id, options=options)
        response: CreateJobResponse = await self._call(lambda: self._stub.CreateJob(request, timeout=CREATE_SECONDS))
        return response.job

    async def get_job(self, job_id: str) -> Job:
        """Returns a job."""
        request = GetJobRequest(job_id=job_id)
        response: GetJobResponse = await self._call(lambda: self._stub.GetJob(request, timeout=CALL_SECONDS))
        return response.job

    async def list_jobs(self, state: JobState.ValueType = JobState.JOB_STATE_UNSPECIFIED) -> AsyncGenerator[Job, None]:
        """Yields the jobs, newest first, without artifacts and report; only those in `state`, if it is given."""
        request = ListJobsRequest(state=state)
        while True:
            response: ListJobsResponse = await self._call(lambda: self._stub.ListJobs(request, timeout=CALL_SECONDS))
            for job in response.jobs:
                yield job
            if not response.next_page_token:
                return
            request.page_token = response.next_page_token

    async def watch(self, job_id: str, after_sequence: int = 0) -> AsyncGenerator[JobEvent, None]:
        """Yields a job's events after `after_sequence`, and ends after the one that says how it ended.

        A broken connection is taken up after the last event.
        """
        backoff = Backoff(self._patience_seconds)
        while True:
            stream = self._stub.WatchJob(WatchJobRequest(job_id=job_id, after_sequence=after_sequence))
            begun = time.monotonic()
            try:
                async for response in stream:
                    event: JobEvent = response.event
                    after_sequence = event.sequence
                    backoff.progress()
                    yield event
                    if event.state_changed.state in FINISHED:
                        return
                ended = JobServiceError(grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE", f"the events of job {job_id} broke off")
            except grpc.aio.AioRpcError as error:
                ended = translate(error, self._target)
                if not broken(error):
                    raise ended from error
            finally:
                stream.cancel()
            if time.monotonic() - begun > KEEPALIVE_SECONDS:
                backoff.progress()
            await backoff.wait(ended)

    async def get_timeline(self, job_id: str) -> Timeline:
        """Returns where a job's time went: every attempt at each of its tasks."""
        request = GetTimelineRequest(job_id=job_id)
        response: GetTimelineResponse = await self._call(lambda: self._stub.GetTimeline(request, timeout=CALL_SECONDS))
        return response.timeline

    async def cancel(self, job_id: str) -> Job:
        """Cancels a job, and returns it; one that has ended stays as it is."""
        request = CancelJobRequest(job_id=job_id)
        response: CancelJobResponse = await self._call(lambda: self._stub.CancelJob(request, timeout=CALL_SECONDS))
        return response.job

    async def edit(self, job_id: str, patches: Sequence[Patch], after_revision: int | None = None, user: str = "") -> Job:
        """Adds corrections to the log of an ended job, and returns it; `rerun` applies them.

        `after_revision` is how many edits the job had when the patches were made; None: not checked.
        """
        request = EditJobRequest(job_id=job_id, patches=patches, after_revision=after_revision, user=user)
        response: EditJobResponse = await self._call_once(lambda: self._stub.EditJob(request, timeout=CALL_SECONDS))
        return response.job

    async def rerun(self, job_id: str, from_stage: Stage.ValueType = Stage.STAGE_UNSPECIFIED) -> Job:
        """Begins another run of an ended job, with its edits, and returns it. Unspecified: what they need, or is not made yet."""
        request = RerunJobRequest(job_id=job_id, from_stage=from_stage)
        response: RerunJobResponse = await self._call_once(lambda: self._stub.RerunJob(request, timeout=CALL_SECONDS))
        return response.job

    async def delete(self, job_id: str) -> int:
        """Deletes a job and all that was kept of it, and returns how many objects that were."""
        request = DeleteJobRequest(job_id=job_id)
        response: DeleteJobResponse = await self._call(lambda: self._stub.DeleteJob(request, timeout=CALL_SECONDS))
        return response.objects

    async def rate(self, job_id: str, stars: int, remark: str = "", user: str = "") -> Job:
        """Says what a user thinks of a video, 1 (of no use) to 5 (just right), and returns the job."""
        request = RateJobRequest(job_id=job_id, stars=stars, remark=remark, user=user)
        response: RateJobResponse = await self._call(lambda: self._stub.RateJob(request, timeout=CALL_SECONDS))
        return response.job

    async def create_webhook(self, url: str) -> tuple[Webhook, str]:
        """Sets up a webhook that is told when jobs end, and returns it with the secret that signs what it is told."""
        request = CreateWebhookRequest(url=url)
        response: CreateWebhookResponse = await self._call_once(lambda: self._stub.CreateWebhook(request, timeout=CALL_SECONDS))
        return response.webhook, response.secret

    async def list_webhooks(self) -> Sequence[Webhook]:
        """Returns the webhooks by the time they were made."""
        request = ListWebhooksRequest()
        response: ListWebhooksResponse = await self._call(lambda: self._stub.ListWebhooks(request, timeout=CALL_SECONDS))
        return response.webhooks

    async def delete_webhook(self, webhook_id: str) -> None:
        """Deletes a webhook and its deliveries."""
        request = DeleteWebhookRequest(webhook_id=webhook_id)
        await self._call(lambda: self._stub.DeleteWebhook(request, timeout=CALL_SECONDS))

    async def list_deliveries(self, webhook_id: str) -> Sequence[Delivery]:
        """Returns the latest deliveries of a webhook, newest first."""
        request = ListDeliveriesRequest(webhook_id=webhook_id)
        response: ListDeliveriesResponse = await self._call(lambda: self._stub.ListDeliveries(request, timeout=CALL_SECONDS))
        return response.deliveries

    async def download(self, job_id: str, name: str, path: Path) -> Artifact:
        """Writes an artifact to `path`, which appears, or is replaced, only when the whole is there and its SHA-256 is right.

        It goes on where a broken connection left off.
        Errors: OSError for the file; JobServiceError.
        """
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        backoff = Backoff(self._patience_seconds)
        download = Download(job_id, name, part, backoff.progress)
        try:
            artifact = await self._call(lambda: download.run(self._stub), backoff)
            await asyncio.to_thread(os.replace, part, path)
        finally:
            part.unlink(missing_ok=True)
        return artifact

    async def close(self) -> None:
        """Closes the connection."""
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def _call_once(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Makes a call that may not be repeated, as it does something each time; only that it can be sent is waited for."""
        try:
            await asyncio.wait_for(self._channel.channel_ready(), self._patience_seconds)
        except TimeoutError as error:
            raise JobServiceError(
                grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE", f"the gateway at {self._target} does not answer; is it running?"
            ) from error
        try:
            return await attempt()
        except grpc.aio.AioRpcError as error:
            known = translate(error, self._target)
            if broken(error) and known.reason == known.code.name:
                said = f"{known.message}; whether it was done is not known: look before you call again"
                known = JobServiceError(known.code, known.reason, said)
            raise known from error

    async def _call(self, attempt: Callable[[], Awaitable[T]], backoff: Backoff | None = None) -> T:
        """Makes a call that may be repeated, until it is answered."""
        backoff = backoff or Backoff(self._patience_seconds)
        while True:
            try:
                return await attempt()
            except grpc.aio.AioRpcError as error:
                known = translate(error, self._target)
                if not broken(error):
                    raise known from error
                await backoff.wait(known)
