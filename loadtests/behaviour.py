"""What callers do. Each function is one visit from beginning to end; it returns what became of it."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import gevent  # type: ignore[import-untyped]

from loadtests.gateway import BrokenOffError, Gateway
from loadtests.plan import Visit
from loadtests.records import Outcome, StageRun
from s2v.client.errors import JobServiceError
from s2v.runtime.stage import NAMES
from s2v.v1.job_pb2 import Job, JobState

UNKNOWN_JOB = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
"""An id that no gateway gives."""
STATES = {
    JobState.JOB_STATE_SUCCEEDED: "succeeded",
    JobState.JOB_STATE_FAILED: "failed",
    JobState.JOB_STATE_CANCELLED: "cancelled",
}


@dataclass
class Business:
    """A visit on its way."""

    number: int
    visit: Visit
    gateway: Gateway
    patience_seconds: float
    started: float
    refusals: int = 0
    upload_id: str = ""
    accepted: float = 0.0
    job: Job | None = None

    def until_let_in(self, attempt: Callable[[], None]) -> bool:
        """Tries, and comes again when the gateway says so; says whether it was let in before patience was at an end."""
        until = time.monotonic() + self.patience_seconds
        while True:
            try:
                attempt()
                return True
            except JobServiceError as error:
                if not error.retry_seconds:
                    raise
                self.refusals += 1
                # Everybody was told the same time; whoever comes at it to the second meets all the others.
                wait = error.retry_seconds * random.uniform(1.0, 1.25)  # noqa: S311 - jitter
                if time.monotonic() + wait > until:
                    return False
                gevent.sleep(wait)

    def submit(self) -> bool:
        """Uploads the talk and makes a job of it, once it is let in."""
        request_id = str(uuid.uuid4())

        def upload() -> None:
            self.upload_id = self.gateway.upload(Path(self.visit.talk))

        def create() -> None:
            self.job = self.gateway.create_job(self.upload_id, self.visit.priority, request_id)
            self.accepted = time.time()

        return self.until_let_in(upload) and self.until_let_in(create)

    def outcome(self, state: str, reason: str = "") -> Outcome:
        """Says what became of it."""
        return Outcome(
            visit=self.number,
            kind=self.visit.kind,
            tenant=self.visit.tenant,
            priority=self.visit.priority,
            state=state,
            started=self.started,
            accepted=self.accepted,
            ended=time.time() if self.accepted else 0.0,
            audio_seconds=self.job.source_seconds if self.job else 0.0,
            job_id=self.job.id if self.job else "",
            refusals=self.refusals,
            reason=reason,
            stages=read_stages(self.job) if self.job else (),
        )

    def finish(self, job_id: str) -> Outcome:
        """Waits for the job's end, then fetches its video."""
        self.gateway.watch(job_id)
        ended = time.time()
        self.job = self.gateway.get_job(job_id)
        state = STATES.get(self.job.state, "error")
        if state == "succeeded":
            self.gateway.get_artifact(job_id, "video.mp4")
        error = self.job.error
        made = self.outcome(state, f"{error.reason}: {error.message}" if state == "failed" else "")
        return Outcome(**{**vars(made), "ended": ended})


def bring_talk(business: Business) -> Outcome:
    """Somebody who wants a video: upload, job, watching, download."""
    if not business.submit() or business.job is None:
        return business.outcome("refused", "TOLD_TO_COME_AGAIN")
    return business.finish(business.job.id)


def look_around(business: Business) -> Outcome:
    """Somebody who looks what there is."""
    business.gateway.list_jobs()
    return business.outcome("done")


def watch_idly(business: Business) -> Outcome:
    """Somebody who watches a job that is not his."""
    business.gateway.watch(business.visit.job_id)
    return business.outcome("done")


def upload_slowly(business: Business) -> Outcome:
    """Holds a stream open and sends a kilobyte every half second for 20 s; never makes a job of it."""
    data = bytes(40 * 1024)

    def start() -> None:
        business.upload_id = business.gateway.start_upload("slow.wav", len(data))

    if not business.until_let_in(start):
        return business.outcome("refused", "TOLD_TO_COME_AGAIN")

    def write() -> None:
        business.gateway.write_upload(business.upload_id, data, message_bytes=1024, pause_seconds=0.5)

    return business.outcome("done" if business.until_let_in(write) else "refused")


def break_off_upload(business: Business) -> Outcome:
    """Loses the connection in the middle of an upload, asks what has arrived, goes on, and wants its video."""
    data = Path(business.visit.talk).read_bytes()

    def start() -> None:
        business.upload_id = business.gateway.start_upload(Path(business.visit.talk).name, len(data))

    if not business.until_let_in(start):
        return business.outcome("refused", "TOLD_TO_COME_AGAIN")
    try:
        business.gateway.write_upload(business.upload_id, data, message_bytes=1024, break_after=len(data) // 2)
    except BrokenOffError:
        there = business.gateway.query_upload(business.upload_id)
        business.gateway.write_upload(business.upload_id, data, offset=there)

    def create() -> None:
        business.job = business.gateway.create_job(business.upload_id, business.visit.priority)
        business.accepted = time.time()

    if not business.until_let_in(create) or business.job is None:
        return business.outcome("refused", "TOLD_TO_COME_AGAIN")
    return business.finish(business.job.id)


def bring_rubbish(business: Business) -> Outcome:
    """Sends what is no sound, then more than was announced; both must be refused for good."""
    noise = random.Random(business.number).randbytes(30_000)  # noqa: S311 - no secret

    def refused(reasons: tuple[str, ...], attempt: Callable[[], object]) -> str:
        try:
            attempt()
        except JobServiceError as error:
            return "" if error.reason in reasons else f"refused as {error.reason}, not {' or '.join(reasons)}"
        return f"was let in, not refused as {' or '.join(reasons)}"

    wrong = ""

    def send_noise() -> None:
        nonlocal wrong
        upload_id = business.gateway.start_upload("noise.wav", len(noise))
        business.gateway.write_upload(upload_id, noise)
        wrong = refused(("NOT_MEDIA",), lambda: business.gateway.create_job(upload_id, "normal", expected=("NOT_MEDIA",)))

    def send_too_much() -> None:
        nonlocal wrong
        upload_id, reasons = business.gateway.start_upload("long.wav", 100), ("MORE_THAN_ANNOUNCED",)
        wrong = wrong or refused(reasons, lambda: business.gateway.write_upload(upload_id, noise, expected=reasons))

    if not business.until_let_in(send_noise) or not business.until_let_in(send_too_much):
        return business.outcome("refused", "TOLD_TO_COME_AGAIN")
    return business.outcome("error" if wrong else "done", wrong)


def cancel_watches(business: Business) -> Outcome:
    """Opens the events of its job five times and breaks off each time, then cancels the job."""
    if not business.submit() or business.job is None:
        return business.outcome("refused", "TOLD_TO_COME_AGAIN")
    for _ in range(5):
        business.gateway.watch(business.job.id, events=1)
    business.job = business.gateway.cancel_job(business.job.id)
    state = STATES.get(business.job.state, "error")
    return business.outcome(state if state in {"cancelled", "succeeded"} else "error", "the job was not cancelled")


def flood(business: Business) -> Outcome:
    """Starts uploads and asks after jobs as fast as it can, whatever it is told."""
    for _ in range(60):
        try:
            business.gateway.start_upload("flood.wav", 1000)
        except JobServiceError as error:
            if not error.retry_seconds:
                raise
            business.refusals += 1
    for _ in range(200):
        try:
            business.gateway.get_job(UNKNOWN_JOB, expected=("JOB_NOT_FOUND", "NOT_FOUND"))
        except JobServiceError as error:
            business.refusals += error.retry_seconds > 0
    return business.outcome("done" if business.refusals else "error", "" if business.refusals else "a flood was never stopped")


BEHAVIOURS: Mapping[str, Callable[[Business], Outcome]] = {
    "talk": bring_talk,
    "look": look_around,
    "idle watch": watch_idly,
    "slow upload": upload_slowly,
    "broken upload": break_off_upload,
    "rubbish": bring_rubbish,
    "cancelled watches": cancel_watches,
    "flood": flood,
}


def carry_out(business: Business) -> Outcome:
    """Does a visit; what goes wrong is its outcome."""
    try:
        return BEHAVIOURS[business.visit.kind](business)
    except JobServiceError as error:
        return business.outcome("error", f"{error.reason}: {error.message}")


def read_stages(job: Job) -> tuple[StageRun, ...]:
    """Returns what the job's report says of its stages."""
    return tuple(
        StageRun(
            stage=NAMES[stage.stage],
            queue_seconds=stage.queue_seconds,
            wall_seconds=stage.wall_seconds,
            cpu_seconds=stage.cpu_seconds,
            parts=stage.parts,
            cached_parts=stage.cached_parts,
            finished=stage.finished_at.ToNanoseconds() / 1e9,
        )
        for stage in job.report.stages
    )
