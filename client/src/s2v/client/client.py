"""The client: what the gateway offers, as typed methods that survive broken connections."""

from __future__ import annotations

import asyncio
import os
import secrets
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import grpc

from s2v.client.backoff import Backoff
from s2v.client.download import Download
from s2v.client.errors import JobServiceError, broken, translate
from s2v.client.upload import FileUpload, Progress
from s2v.v1.artifact_pb2 import Artifact
from s2v.v1.event_pb2 import JobEvent
from s2v.v1.job_pb2 import Job, JobOptions, JobState
from s2v.v1.job_service_pb2 import (
    CancelJobRequest,
    CancelJobResponse,
    CreateJobRequest,
    CreateJobResponse,
    GetArtifactRequest,
    GetJobRequest,
    GetJobResponse,
    ListJobsRequest,
    ListJobsResponse,
    WatchJobRequest,
)
from s2v.v1.job_service_pb2_grpc import JobServiceStub

T = TypeVar("T")

FINISHED = frozenset({JobState.JOB_STATE_SUCCEEDED, JobState.JOB_STATE_FAILED, JobState.JOB_STATE_CANCELLED})
"""States in which a job stays."""
PATIENCE_SECONDS = 60.0
"""How long the client tries again without any progress before it gives up."""
CALL_SECONDS = 30.0
"""Deadline of a short call."""
CREATE_SECONDS = 300.0
"""Deadline of CreateJob, in which the gateway reads the whole file."""
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

    Every method raises JobServiceError; a server that does not answer is asked again for `patience_seconds` first.
    """

    def __init__(self, target: str, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """`target` is the gateway's address, host:port."""
        self._target = target
        self._patience_seconds = patience_seconds
        self._channel = grpc.aio.insecure_channel(target, options=CHANNEL_OPTIONS)
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
            await backoff.wait(ended)

    async def cancel(self, job_id: str) -> Job:
        """Cancels a job, and returns it; one that has ended stays as it is."""
        request = CancelJobRequest(job_id=job_id)
        response: CancelJobResponse = await self._call(lambda: self._stub.CancelJob(request, timeout=CALL_SECONDS))
        return response.job

    async def download(self, job_id: str, name: str, path: Path) -> Artifact:
        """Writes an artifact to `path`, which appears, or is replaced, only when the whole is there and its SHA-256 is right.

        Errors: OSError for the file; JobServiceError.
        """
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")

        async def fetch() -> Artifact:
            return await Download(part).run(self._stub.GetArtifact(GetArtifactRequest(job_id=job_id, name=name)))

        try:
            artifact = await self._call(fetch)
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

    async def _call(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Makes a call that may be repeated, until it is answered."""
        backoff = Backoff(self._patience_seconds)
        while True:
            try:
                return await attempt()
            except grpc.aio.AioRpcError as error:
                known = translate(error, self._target)
                if not broken(error):
                    raise known from error
                await backoff.wait(known)
