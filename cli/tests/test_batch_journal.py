"""A batch goes on where it was: what it knows is on disk, and a repeated request is the same request."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from s2v.cli.batch_journal import NAME, Entry, Journal, locked
from s2v.cli.batch_run import Batch, _start, find_talks
from s2v.cli.connection import Target
from s2v.cli.exits import CommandError
from s2v.client import JobServiceError
from s2v.v1.job_pb2 import Job, JobOptions, Priority


def batch(tmp_path: Path, high: tuple[str, ...] = (), low: tuple[str, ...] = ()) -> Batch:
    options = JobOptions(priority=Priority.PRIORITY_NORMAL)
    return Batch(tmp_path / "talks", tmp_path / "talks" / "out", options, high, low, 2, Target(tmp_path))


def test_what_was_recorded_is_known_after_an_interruption_and_an_attempt_is_one_request(tmp_path: Path) -> None:
    first, tried = Journal(tmp_path), Entry("abc", 1)
    first.record("a/talk.wav", tried)
    again = Journal(tmp_path)
    assert again.entry("a/talk.wav") == tried
    assert again.entry("other.wav") is None
    assert again.request_id("a/talk.wav", tried) == first.request_id("a/talk.wav", tried)
    others = {again.request_id("a/talk.wav", Entry("abc", 2)), again.request_id("b/talk.wav", tried)}
    assert first.request_id("a/talk.wav", tried) not in others


def test_what_several_threads_record_at_once_is_all_there(tmp_path: Path) -> None:
    journal, names = Journal(tmp_path), [f"{n}.wav" for n in range(40)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda name: journal.record(name, Entry(name, 1)), names))
    again = Journal(tmp_path)
    assert [again.entry(name) for name in names] == [Entry(name, 1) for name in names]


@pytest.mark.parametrize("text", ["", "{}", '{"format": 2}', '{"format": 1, "batch": "x", "talks": {}}'])
def test_a_file_that_is_no_journal_is_named_and_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text)
    with pytest.raises(CommandError, match="is not the journal of a batch"):
        Journal(tmp_path)
    assert (tmp_path / NAME).read_text() == text


def test_two_batches_do_not_write_to_one_folder(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(CommandError, match="another batch"), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass


def test_talks_are_found_in_all_folders_by_priority_and_videos_are_not_taken_for_talks(tmp_path: Path) -> None:
    for name in ("b.wav", "a.mp3", "notes.txt", "old/c.ogg", "key.opus", "out/a.mp4"):
        path = tmp_path / "talks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = find_talks(batch(tmp_path, high=("key*",), low=("old/*",)))
    assert [talk for talk, _ in found] == ["key.opus", "a.mp3", "b.wav", "old/c.ogg"]
    (tmp_path / "talks" / "a.wav").touch()
    with pytest.raises(CommandError, match=r"a\.mp3 and a\.wav would be the same video"):
        find_talks(batch(tmp_path))


def test_videos_may_go_around_the_talks_and_not_among_them(tmp_path: Path) -> None:
    talks = tmp_path / "talks"
    talks.mkdir()
    (talks / "a.wav").touch()
    around = replace(batch(tmp_path), out=tmp_path)
    assert [talk for talk, _ in find_talks(around)] == ["a.wav"]
    with pytest.raises(CommandError, match="name another folder"):
        find_talks(replace(around, out=talks))


def test_a_name_that_is_not_utf8_is_told_before_anything_is_made(tmp_path: Path) -> None:
    (tmp_path / "talks").mkdir()
    (tmp_path / "talks" / os.fsdecode(b"Pr\xe4sentation.mp3")).touch()
    with pytest.raises(CommandError, match=r"Pr\\udce4sentation\.mp3.*rename it"):
        find_talks(batch(tmp_path))


def test_a_folder_without_talks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "talks").mkdir()
    with pytest.raises(CommandError, match="there is no talk"):
        find_talks(batch(tmp_path))


class Closed:
    """A gateway that takes a job only the second time."""

    def __init__(self, refusal: JobServiceError) -> None:
        self.refusals = [refusal]
        self.uploads = 0

    async def upload(self, _: Path) -> str:
        self.uploads += 1
        return "upload"

    async def create_job(self, *_: object) -> Job:
        if self.refusals:
            raise self.refusals.pop()
        return Job(id="01J")


@pytest.mark.parametrize(
    ("code", "reason", "seconds", "waits"),
    [
        (grpc.StatusCode.UNAVAILABLE, "MAINTENANCE", 0.01, True),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL", 0.01, True),
        (grpc.StatusCode.UNAVAILABLE, "BUSY", 0.01, True),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_LONG", 0.0, False),
        (grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE", 0.01, False),
    ],
)
async def test_a_talk_waits_with_its_upload_until_jobs_are_taken(
    code: grpc.StatusCode, reason: str, seconds: float, waits: bool, tmp_path: Path
) -> None:
    gateway = Closed(JobServiceError(code, reason, "come again", retry_seconds=seconds))
    work = _start(gateway, Journal(tmp_path), "a.wav", tmp_path / "a.wav", JobOptions(), Entry("content", 1))
    if waits:
        assert (await work).job_id == "01J"
    else:
        with pytest.raises(JobServiceError):
            await work
    assert gateway.uploads == 1
