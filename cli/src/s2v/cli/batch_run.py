"""The run of a batch: talks of a folder, by priority, a few at a time, each noted in the journal as it goes on."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import TypeVar

from rich import box
from rich.markup import escape
from rich.table import Table

from s2v.cli.batch_journal import Entry, Journal, locked
from s2v.cli.connection import Target, connected_or_started
from s2v.cli.exits import CommandError, ExitCode, errors, results
from s2v.cli.make import check_name, find
from s2v.client import Client, JobServiceError
from s2v.v1.artifact_pb2 import ArtifactKind
from s2v.v1.job_pb2 import Job, JobOptions, JobState, Priority

T = TypeVar("T")

SUFFIXES = frozenset({".wav", ".mp3", ".mp4", ".m4a", ".ogg", ".opus", ".flac", ".webm", ".mov", ".mkv", ".aac"})
"""Names of files that are taken for talks."""
NO_ROOM = ("BUSY", "MAINTENANCE")
"""Reasons of a gateway that answers, and takes the call later."""


@dataclass(frozen=True)
class Batch:
    """What `s2v batch` is to do."""

    folder: Path
    out: Path
    options: JobOptions
    high: tuple[str, ...]
    """Patterns of paths within the folder whose talks come first."""
    low: tuple[str, ...]
    """The same for those that come last."""
    parallel: int
    """Jobs at a time."""
    target: Target


@dataclass(frozen=True)
class Outcome:
    """How a talk has ended."""

    talk: str
    """Path within the folder."""
    priority: str
    state: str
    """made, kept (it was there before) or failed."""
    job_id: str
    source_seconds: float
    message: str = ""
    """Why it failed."""


async def make_videos(batch: Batch, *, as_json: bool) -> None:
    """Makes the videos that are not there yet, and prints what became of each talk.

    Errors: CommandError when there is no talk, when two would be one video, or when a talk has failed; those of Stack; OSError.
    """
    talks = find_talks(batch)
    await asyncio.to_thread(batch.out.mkdir, parents=True, exist_ok=True)
    with locked(batch.out):
        journal = Journal(batch.out)
        places = asyncio.Semaphore(batch.parallel)
        async with connected_or_started(batch.target, _note) as client, asyncio.TaskGroup() as group:
            tasks = [group.create_task(_make(client, batch, journal, talk, priority, places)) for talk, priority in talks]
    outcomes = [task.result() for task in tasks]
    for outcome in outcomes if as_json else ():
        print(json.dumps(asdict(outcome), ensure_ascii=False))
    if not as_json:
        results.print(_table(outcomes))
    if failed := sum(outcome.state == "failed" for outcome in outcomes):
        raise CommandError(f"{failed} of {len(outcomes)} talks failed; the same command tries them again", ExitCode.FAILED)


def find_talks(batch: Batch) -> list[tuple[str, Priority.ValueType]]:
    """Returns the talks of the folder with their priorities, those of high priority first, then by path.

    Errors: CommandError when there is none, when two would be one video, when a name is not in UTF-8 or the videos go among them.
    """
    out, folder = batch.out.resolve(), batch.folder.resolve()
    if out == folder:
        raise CommandError(
            f"{batch.out} holds the talks, and videos would be taken for talks; name another folder", ExitCode.INPUT
        )
    # A folder of videos around the talks holds these, too.
    within = out.is_relative_to(folder)
    found = sorted(
        path.relative_to(batch.folder).as_posix()
        for path in batch.folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and path.is_file() and not (within and path.resolve().is_relative_to(out))
    )
    if not found:
        raise CommandError(f"there is no talk in {batch.folder}; sound and video files are looked for", ExitCode.INPUT)
    videos: dict[str, str] = {}
    for talk in found:
        check_name(Path(talk))
        other = videos.setdefault(str(Path(talk).with_suffix("")), talk)
        if other != talk:
            raise CommandError(f"{other} and {talk} would be the same video; rename one of them", ExitCode.INPUT)
    return sorted(((talk, _priority(batch, talk)) for talk in found), key=lambda one: (one[1], one[0]))


def _priority(batch: Batch, talk: str) -> Priority.ValueType:
    if any(fnmatchcase(talk, pattern) for pattern in batch.high):
        return Priority.PRIORITY_HIGH
    if any(fnmatchcase(talk, pattern) for pattern in batch.low):
        return Priority.PRIORITY_LOW
    return batch.options.priority


async def _make(  # noqa: PLR0917 - a talk and all it needs
    client: Client, batch: Batch, journal: Journal, talk: str, priority: Priority.ValueType, places: asyncio.Semaphore
) -> Outcome:
    name, job = Priority.Name(priority).removeprefix("PRIORITY_").lower(), Job()
    async with places:
        try:
            source, video = batch.folder / talk, (batch.out / talk).with_suffix(".mp4")
            captions = video.with_suffix(".vtt")
            content = await asyncio.to_thread(_digest, source, batch.options)
            entry = journal.entry(talk)
            if entry is None or entry.content != content or (entry.done and not (video.exists() and captions.exists())):
                entry = Entry(content, entry.attempt + 1 if entry else 1)
            if entry.done:
                return Outcome(talk, name, "kept", entry.job_id, 0.0)
            options = JobOptions()
            options.CopyFrom(batch.options)
            options.priority = priority
            entry = await _start(client, journal, talk, source, options, entry)
            job = await _when_asked(talk, partial(_follow, client, entry.job_id))
            if job.state != JobState.JOB_STATE_SUCCEEDED:
                await asyncio.to_thread(journal.record, talk, Entry(content, entry.attempt + 1))
                return Outcome(talk, name, "failed", job.id, job.source_seconds, job.error.message or "it was cancelled")
            video.parent.mkdir(parents=True, exist_ok=True)
            for kind, path in ((ArtifactKind.ARTIFACT_KIND_VTT, captions), (ArtifactKind.ARTIFACT_KIND_MP4, video)):
                await _when_asked(talk, partial(client.download, job.id, find(job, kind).name, path))
            await asyncio.to_thread(journal.record, talk, replace(entry, done=True))
            _note(f"{talk}: made")
        except (JobServiceError, CommandError, OSError) as error:
            return Outcome(talk, name, "failed", job.id, job.source_seconds, str(error))
        return Outcome(talk, name, "made", job.id, job.source_seconds)


async def _start(  # noqa: PLR0917 - a talk and all it needs
    client: Client, journal: Journal, talk: str, source: Path, options: JobOptions, entry: Entry
) -> Entry:
    """Returns the entry with the talk's job: the one that was begun before, or a new one where there is none any more.

    Waits where the gateway says when to come again. Errors: JobServiceError, OSError.
    """
    if entry.job_id:
        try:
            await _when_asked(talk, partial(client.get_job, entry.job_id))
        except JobServiceError as error:
            if error.code.name != "NOT_FOUND":
                raise
            entry = Entry(entry.content, entry.attempt + 1)
        else:
            return entry
    await asyncio.to_thread(journal.record, talk, entry)
    upload_id = await _when_asked(talk, partial(client.upload, source))
    job = await _when_asked(talk, partial(client.create_job, upload_id, options, journal.request_id(talk, entry)))
    entry = replace(entry, job_id=job.id)
    await asyncio.to_thread(journal.record, talk, entry)
    return entry


async def _follow(client: Client, job_id: str) -> Job:
    """Waits until a job has ended, and returns it as it is then. Errors: JobServiceError."""
    async for _ in client.watch(job_id):
        pass
    return await client.get_job(job_id)


async def _when_asked(talk: str, call: Callable[[], Awaitable[T]]) -> T:
    """Returns what a call answers; while the gateway has no room for it and says when to come again, waits and makes it again.

    Errors: JobServiceError of any other kind; those of the call.
    """
    while True:
        try:
            return await call()
        except JobServiceError as error:
            no_room = error.code.name == "RESOURCE_EXHAUSTED" or error.reason in NO_ROOM
            if not no_room or not error.retry_seconds:
                raise
            _note(f"{talk} waits: {error.message}")
            await asyncio.sleep(error.retry_seconds)


def _digest(source: Path, options: JobOptions) -> str:
    with source.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    digest.update(options.SerializeToString(deterministic=True))
    return digest.hexdigest()


def _note(text: str) -> None:
    errors.print(text, markup=False, soft_wrap=True)


def _table(outcomes: list[Outcome]) -> Table:
    table = Table("Talk", "Priority", "State", "Job", "Why", box=box.SIMPLE_HEAD, pad_edge=False)
    for one in outcomes:
        table.add_row(escape(one.talk), one.priority, one.state, one.job_id, escape(one.message))
    return table
