"""Each end of a command has the exit code that a shell can act on, and says what to do."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest

from s2v.cli import jobs
from s2v.cli.connection import Target
from s2v.cli.doctor import _attempt
from s2v.cli.exits import CommandError, ExitCode, job_failure, report
from s2v.cli.findings import State
from s2v.client import JobServiceError
from s2v.runtime.errors import BusyError, LimitError, QuotaError, S2VError
from s2v.transcription.settings import TranscriptionSettings
from s2v.v1.event_pb2 import JobEvent, JobStateChanged
from s2v.v1.job_pb2 import Job, JobError, JobState


def read_settings() -> str:
    return TranscriptionSettings().whisper_device


def reported(error: Exception, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        report(error)
    return int(ended.value.code or 0), capsys.readouterr().err


def test_a_wrong_setting_is_named_by_its_variable_and_what_it_holds_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("S2V_WHISPER_DEVICE", "my-secret")
    with pytest.raises(ValueError, match="whisper_device") as wrong:
        read_settings()
    code, said = reported(wrong.value, capsys)
    assert code == ExitCode.SETUP
    assert "S2V_WHISPER_DEVICE: Input should be 'auto', 'cpu' or 'cuda'" in said
    assert "my-secret" not in said
    (finding,) = _attempt("Whisper weights", read_settings)
    assert finding.state == State.FAULT
    assert "S2V_WHISPER_DEVICE" in finding.detail
    assert "variables" in finding.remedy


@pytest.mark.parametrize("filename", [None, "talk.json"])
def test_a_full_disk_is_told_with_its_remedy(filename: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = reported(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), filename), capsys)
    assert code == ExitCode.SETUP
    assert "No space left on device; free some space" in said
    assert filename is None or filename in said


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (JobServiceError(grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL", "full", retry_seconds=30), ExitCode.UNAVAILABLE),
        (JobServiceError(grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_LONG", "cut it"), ExitCode.INPUT),
        (JobServiceError(grpc.StatusCode.INVALID_ARGUMENT, "NOT_MEDIA", "no sound", retry_seconds=1), ExitCode.INPUT),
        (BusyError("full"), ExitCode.UNAVAILABLE),
        (QuotaError("used up"), ExitCode.UNAVAILABLE),
        (LimitError("too large"), ExitCode.INPUT),
    ],
)
def test_no_room_now_is_not_bad_input(
    error: S2VError | JobServiceError, expected: ExitCode, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reported(error, capsys)[0] == expected


def test_a_job_whose_engine_took_too_long_has_failed() -> None:
    late, away = (JobError(code=status.value[0]) for status in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE))
    assert job_failure(Job(error=late)).code == ExitCode.FAILED
    assert job_failure(Job(error=away)).code == ExitCode.UNAVAILABLE


class Ended:
    """A gateway whose only job has ended."""

    def __init__(self, job: Job) -> None:
        self.job = job

    async def watch(self, _: str) -> AsyncIterator[JobEvent]:
        yield JobEvent(state_changed=JobStateChanged(state=self.job.state))

    async def get_job(self, _: str) -> Job:
        return self.job


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (JobState.JOB_STATE_SUCCEEDED, ExitCode.OK),
        (JobState.JOB_STATE_FAILED, ExitCode.INPUT),
        (JobState.JOB_STATE_CANCELLED, ExitCode.CANCELLED),
    ],
)
def test_a_watch_in_json_ends_as_one_for_people(
    state: JobState.ValueType, expected: ExitCode, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    job = Job(id="01J", state=state)
    if state == JobState.JOB_STATE_FAILED:
        job.error.CopyFrom(JobError(code=grpc.StatusCode.INVALID_ARGUMENT.value[0], message="no speech"))

    @asynccontextmanager
    async def connected(_: Target) -> AsyncIterator[Ended]:
        yield Ended(job)

    monkeypatch.setattr(jobs, "connected", connected)
    code = ExitCode.OK
    try:
        asyncio.run(jobs.watch("01J", Target(None), as_json=True))
    except CommandError as error:
        code = error.code
    assert code == expected
    assert capsys.readouterr().out.count("\n") == 1
