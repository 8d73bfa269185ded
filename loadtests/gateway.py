"""JobService as load tests call it: each rpc is timed and told to whoever listens. For a process in which gevent drives gRPC."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import gevent  # type: ignore[import-untyped]
import grpc
from gevent.event import Event  # type: ignore[import-untyped]

from loadtests.records import Call
from s2v.client.access import Access
from s2v.client.errors import JobServiceError, translate
from s2v.v1.event_pb2 import JobEvent
from s2v.v1.job_pb2 import Job, JobOptions, JobState, Priority
from s2v.v1.job_service_pb2 import (
    CancelJobRequest,
    CreateJobRequest,
    GetArtifactRequest,
    GetJobRequest,
    ListJobsRequest,
    QueryUploadRequest,
    StartUploadRequest,
    WatchJobRequest,
    WriteUploadRequest,
)
from s2v.v1.job_service_pb2_grpc import JobServiceStub

MESSAGE_BYTES = 64 * 1024
CALL_SECONDS = 30.0
CREATE_SECONDS = 120.0
"""Creating a job reads the whole file."""
WATCH_SECONDS = 3600.0
FINISHED = (JobState.JOB_STATE_SUCCEEDED, JobState.JOB_STATE_FAILED, JobState.JOB_STATE_CANCELLED)
PRIORITIES = {"high": Priority.PRIORITY_HIGH, "normal": Priority.PRIORITY_NORMAL, "low": Priority.PRIORITY_LOW}
_COME_AGAIN = (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE)


class BrokenOffError(Exception):
    """A caller broke a stream off on purpose."""


@dataclass
class _Meter:
    size_bytes: int = 0


@dataclass
class Gateway:
    """One caller's way to the gateway."""

    target: str
    access: Access
    note: Callable[[Call], None]
    tenant: str = ""
    _stub: JobServiceStub = field(init=False)

    def __post_init__(self) -> None:
        # A pool of its own for each caller, else gRPC gives all of them one connection.
        options = (("grpc.use_local_subchannel_pool", 1),)
        access = self.access
        if access.tls or access.ca or access.certificate:
            keys = grpc.ssl_channel_credentials(access.ca or None, access.key or None, access.certificate or None)
            self._channel = grpc.secure_channel(self.target, keys, options=options)
        else:
            self._channel = grpc.insecure_channel(self.target, options=options)
        self._stub = JobServiceStub(self._channel)
        self._metadata = (("authorization", f"Bearer {access.token}"),) if access.token else ()

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()

    def start_upload(self, name: str, size_bytes: int, sha256: str = "") -> str:
        """Announces a file and returns the upload's id."""
        with self.measured("StartUpload"):
            request = StartUploadRequest(name=name, size_bytes=size_bytes, sha256=sha256)
            return str(self._stub.StartUpload(request, timeout=CALL_SECONDS, metadata=self._metadata).upload_id)

    def write_upload(
        self,
        upload_id: str,
        data: bytes,
        *,
        offset: int = 0,
        message_bytes: int = MESSAGE_BYTES,
        pause_seconds: float = 0.0,
        break_after: int = 0,
        expected: tuple[str, ...] = (),
    ) -> int:
        """Sends what follows `offset`, and returns how much has arrived then; pauses after each message.

        Errors: BrokenOffError after `break_after` bytes, if that is given; JobServiceError.
        """
        name = "WriteUpload slowly" if pause_seconds else "WriteUpload"
        broken = Event()

        def messages() -> Iterator[WriteUploadRequest]:
            for start in range(offset, len(data), message_bytes):
                if break_after and start >= break_after:
                    broken.set()
                    gevent.sleep(CALL_SECONDS)
                    return
                yield WriteUploadRequest(upload_id=upload_id, write_offset=start, data=data[start : start + message_bytes])
                if pause_seconds:
                    gevent.sleep(pause_seconds)

        with self.measured(name, expected) as meter:
            meter.size_bytes = len(data) - offset
            calling = self._stub.WriteUpload.future(messages(), timeout=WATCH_SECONDS, metadata=self._metadata)
            if break_after:
                broken.wait(CALL_SECONDS)
                calling.cancel()
                raise BrokenOffError
            return int(calling.result().committed_size)

    def query_upload(self, upload_id: str) -> int:
        """Returns how many bytes have arrived."""
        with self.measured("QueryUpload"):
            request = QueryUploadRequest(upload_id=upload_id)
            return int(self._stub.QueryUpload(request, timeout=CALL_SECONDS, metadata=self._metadata).committed_size)

    def upload(self, talk: Path) -> str:
        """Sends a file, and returns the upload's id."""
        data = talk.read_bytes()
        upload_id = self.start_upload(talk.name, len(data), hashlib.sha256(data).hexdigest())
        self.write_upload(upload_id, data)
        return upload_id

    def create_job(self, upload_id: str, priority: str, request_id: str = "", expected: tuple[str, ...] = ()) -> Job:
        """Makes a job of an upload; `request_id` as in the contract, empty: a new one."""
        options = JobOptions(language="en", priority=PRIORITIES[priority])
        request = CreateJobRequest(request_id=request_id or str(uuid.uuid4()), upload_id=upload_id, options=options)
        with self.measured("CreateJob", expected):
            job: Job = self._stub.CreateJob(request, timeout=CREATE_SECONDS, metadata=self._metadata).job
            return job

    def get_job(self, job_id: str, expected: tuple[str, ...] = ()) -> Job:
        """Returns a job."""
        with self.measured("GetJob", expected):
            job: Job = self._stub.GetJob(GetJobRequest(job_id=job_id), timeout=CALL_SECONDS, metadata=self._metadata).job
            return job

    def list_jobs(self) -> int:
        """Asks for the newest jobs and returns how many came."""
        with self.measured("ListJobs"):
            return len(self._stub.ListJobs(ListJobsRequest(page_size=20), timeout=CALL_SECONDS, metadata=self._metadata).jobs)

    def cancel_job(self, job_id: str) -> Job:
        """Cancels a job."""
        with self.measured("CancelJob"):
            job: Job = self._stub.CancelJob(CancelJobRequest(job_id=job_id), timeout=CALL_SECONDS, metadata=self._metadata).job
            return job

    def get_artifact(self, job_id: str, name: str) -> int:
        """Fetches an artifact to its end and returns its length, in bytes."""
        with self.measured("GetArtifact") as meter:
            request = GetArtifactRequest(job_id=job_id, name=name)
            for response in self._stub.GetArtifact(request, timeout=CREATE_SECONDS, metadata=self._metadata):
                meter.size_bytes += len(response.data)
            return meter.size_bytes

    def watch(self, job_id: str, events: int = 0) -> JobEvent:
        """Watches a job until its end, or breaks off after so many events; returns the last one.

        The call counts with the time to its first event; one that breaks later is an error of its own.
        Errors: JobServiceError.
        """
        last: JobEvent = JobEvent()
        seen = 0
        stream = None
        try:
            with self.measured("WatchJob first event"):
                request = WatchJobRequest(job_id=job_id)
                stream = self._stub.WatchJob(request, timeout=WATCH_SECONDS, metadata=self._metadata)
                last, seen = next(stream).event, 1
            with self.measured("WatchJob until end"):
                while last.state_changed.state not in FINISHED and not 0 < events <= seen:
                    last, seen = next(stream).event, seen + 1
        except StopIteration as ended:
            raise JobServiceError(grpc.StatusCode.DATA_LOSS, "NO_END", f"the events of {job_id} end without an end") from ended
        finally:
            if stream is not None:
                stream.cancel()
        return last

    @contextmanager
    def measured(self, rpc: str, expected: tuple[str, ...] = ()) -> Iterator[_Meter]:
        """Times a call and notes how it ended; `expected` are reasons for which it may be refused.

        Errors: JobServiceError for a gRPC status.
        """
        meter, started, clock = _Meter(), time.time(), time.perf_counter()

        def note(outcome: str, error: JobServiceError | None = None) -> None:
            seconds = time.perf_counter() - clock
            code, reason, retry_seconds = (error.code.name, error.reason, error.retry_seconds) if error else ("OK", "", 0.0)
            self.note(Call(rpc, started, seconds, outcome, code, reason, retry_seconds, meter.size_bytes, self.tenant))

        try:
            yield meter
        except BrokenOffError:
            note("expected")
            raise
        except grpc.RpcError as error:
            known = translate(error, self.target)
            come_again = known.retry_seconds > 0 and known.code in _COME_AGAIN
            note("expected" if known.reason in expected else "refused" if come_again else "error", known)
            raise known from error
        note("ok")
