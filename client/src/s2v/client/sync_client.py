"""The client for programs without an event loop. Generated from client.py by generate_sync.py: change that, and run it again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from s2v.client.access import Access
from s2v.client.client import PATIENCE_SECONDS, Client
from s2v.client.loop_thread import LoopThread
from s2v.client.upload import Progress
from s2v.v1.artifact_pb2 import Artifact
from s2v.v1.edit_pb2 import Patch
from s2v.v1.event_pb2 import JobEvent
from s2v.v1.job_pb2 import Job, JobOptions, JobState
from s2v.v1.report_pb2 import Stage
from s2v.v1.timeline_pb2 import Timeline
from s2v.v1.webhook_pb2 import Delivery, Webhook


class SyncClient:
    """A connection to the gateway. Use it as a context manager, or close it. Any number of threads may use one at once.

    Every method raises JobServiceError. A server that is away is asked again for `patience_seconds` first; but edit, rerun
    and create_webhook, which do something each time, are sent once. Callbacks are called in the client's own thread, and must
    not call the client.
    """

    def __init__(self, target: str, patience_seconds: float = PATIENCE_SECONDS, access: Access | None = None) -> None:
        """`target` is the gateway's address, host:port; `access` says who calls, over which TLS; None: as the environment says.

        Errors: OSError for a file that the environment names.
        """

        async def connect() -> Client:
            return Client(target, patience_seconds, access)

        self._loop = LoopThread()
        try:
            self._client = self._loop.run(connect())
        except BaseException:
            self._loop.close()
            raise

    def upload(self, path: Path, progress: Progress | None = None, *, timeout: float | None = None) -> str:
        """Uploads a file, going on where a broken connection left off, and returns the upload's id.

        `progress` is told the bytes that are sent and the bytes in all.
        `timeout` is how long it may take, in seconds; None: any time.
        Errors: OSError for the file; JobServiceError.
        """
        return self._loop.run(self._client.upload(path, progress), timeout)

    def upload_by_post(self, path: Path, *, timeout: float | None = None) -> str:
        """Uploads a file past the gateway, by one POST to S3, and returns the upload's id. A broken one begins anew.

        Needs a way to the gateway's S3 server. The gateway looks at the file when a job is made of it.
        `timeout` is how long it may take, in seconds; None: any time.
        Errors: OSError for the file; JobServiceError (POST_FAILED, POST_REFUSED).
        """
        return self._loop.run(self._client.upload_by_post(path), timeout)

    def create_job(
        self, upload_id: str, options: JobOptions | None = None, request_id: str = "", *, timeout: float | None = None
    ) -> Job:
        """Makes a job of an upload.

        The same `request_id` gets the same job, however often it is sent; empty: a new one is made for this call.
        `timeout` is how long it may take, in seconds; None: any time.
        """
        return self._loop.run(self._client.create_job(upload_id, options, request_id), timeout)

    def get_job(self, job_id: str, *, timeout: float | None = None) -> Job:
        """Returns a job.

        `timeout` is how long it may take, in seconds; None: any time.
        """
        return self._loop.run(self._client.get_job(job_id), timeout)

    def list_jobs(
        self, state: JobState.ValueType = JobState.JOB_STATE_UNSPECIFIED, *, timeout: float | None = None
    ) -> Iterator[Job]:
        """Yields the jobs, newest first, without artifacts and report; only those in `state`, if it is given.

        `timeout` is how long it may take, in seconds; None: any time.
        """
        return self._loop.iterate(self._client.list_jobs(state), timeout)

    def watch(self, job_id: str, after_sequence: int = 0, *, timeout: float | None = None) -> Iterator[JobEvent]:
        """Yields a job's events after `after_sequence`, and ends after the one that says how it ended.

        A broken connection is taken up after the last event.
        `timeout` is how long it may take, in seconds; None: any time.
        """
        return self._loop.iterate(self._client.watch(job_id, after_sequence), timeout)

    def get_timeline(self, job_id: str, *, timeout: float | None = None) -> Timeline:
        """Returns where a job's time went: every attempt at each of its tasks.

        `timeout` is how long it may take, in seconds; None: any time.
        """
        return self._loop.run(self._client.get_timeline(job_id), timeout)

    def cancel(self, job_id: str, *, timeout: float | None = None) -> Job:
        """Cancels a job, and returns it; one that has ended stays as it is.

        `timeout` is how long it may take, in seconds; None: any time.
        """
        return self._loop.run(self._client.cancel(job_id), timeout)

    def edit(
        self,
        job_id: str,
        patches: Sequence[Patch],
        after_revision: int | None = None,
        user: str = "",
        *,
        timeout: float | None = None,
    ) -> Job:
        """Adds corrections to the log of an ended job, and returns it; `rerun` applies them.

        `after_revision` is how many edits the job had when the patches were made; None: not checked.
        `timeout` is how long it may take, in seconds; None: any time.
        """
        return self._loop.run(self._client.edit(job_id, patches, after_revision, user), timeout)

    def rerun(self, job_id: str, from_stage: Stage.ValueType = Stage.STAGE_UNSPECIFIED, *, timeout: float | None = None) -> Job:
        """Begins another run of an ended job, with its edits, and returns it. Unspecified: what they need, or is not made yet.

        `timeout` is how long it may take, in seconds; None: any time.
        """
        return self._loop.run(self._client.rerun(job_id, from_stage), timeout)

    def delete(self, job_id: str, *, timeout: float | None = None) -> int:
        """Deletes a job and all that was kept of it, and returns how many objects that were.

        `timeout` is how long it may take, in seconds; None: any time.
        """
        return self._loop.run(self._client.delete(job_id), timeout)

    def rate(self, job_id: str, stars: int, remark: str = "", user: str = "", *, timeout: float | None = None) -> Job:
        """Says what a user thinks of a video, 1 (of no use) to 5 (just right), and returns the job.

        `timeout` is how long it may take, in seconds; None: any time.
        """
        return self._loop.run(self._client.rate(job_id, stars, remark, user), timeout)

    def create_webhook(self, url: str, *, timeout: float | None = None) -> tuple[Webhook, str]:
        """Sets up a webhook that is told when jobs end, and returns it with the secret that signs what it is told.

        `timeout` is how long it may take, in seconds; None: any time.
        """
        return self._loop.run(self._client.create_webhook(url), timeout)

    def list_webhooks(self, *, timeout: float | None = None) -> Sequence[Webhook]:
        """Returns the webhooks by the time they were made.

        `timeout` is how long it may take, in seconds; None: any time.
        """
        return self._loop.run(self._client.list_webhooks(), timeout)

    def delete_webhook(self, webhook_id: str, *, timeout: float | None = None) -> None:
        """Deletes a webhook and its deliveries.

        `timeout` is how long it may take, in seconds; None: any time.
        """
        return self._loop.run(self._client.delete_webhook(webhook_id), timeout)

    def list_deliveries(self, webhook_id: str, *, timeout: float | None = None) -> Sequence[Delivery]:
        """Returns the latest deliveries of a webhook, newest first.

        `timeout` is how long it may take, in seconds; None: any time.
        """
        return self._loop.run(self._client.list_deliveries(webhook_id), timeout)

    def download(self, job_id: str, name: str, path: Path, *, timeout: float | None = None) -> Artifact:
        """Writes an artifact to `path`, which appears, or is replaced, only when the whole is there and its SHA-256 is right.

        It goes on where a broken connection left off.
        `timeout` is how long it may take, in seconds; None: any time.
        Errors: OSError for the file; JobServiceError.
        """
        return self._loop.run(self._client.download(job_id, name, path), timeout)

    def close(self) -> None:
        """Closes the connection; calls in flight in other threads end with CANCELLED. May be called again."""
        self._loop.close(self._client.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
