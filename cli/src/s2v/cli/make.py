"""`s2v make`: from a talk to a video in one go."""

from __future__ import annotations

import asyncio
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.json_format import MessageToJson

from s2v.cli.connection import Target, connected_or_started
from s2v.cli.exits import CommandError, ExitCode, errors, job_failure, results
from s2v.cli.progress import UPLOAD, JobProgress
from s2v.cli.report import Works, print_report
from s2v.client import Client
from s2v.runtime.stage import NAMES
from s2v.v1.artifact_pb2 import Artifact, ArtifactKind
from s2v.v1.composition_pb2 import Composition
from s2v.v1.job_pb2 import Job, JobOptions, JobState
from s2v.v1.storyboard_pb2 import Storyboard
from s2v.v1.video_pb2 import Video


@dataclass(frozen=True)
class Order:
    """What `s2v make` is to do."""

    talk: Path
    video: Path
    """Where the film goes; captions go beside it."""
    options: JobOptions
    keep: Path | None
    """Folder for all that was made on the way; None: none of it."""
    as_json: bool
    """Print the job with its report as JSON instead of tables."""
    target: Target


async def make_video(order: Order) -> None:
    """Makes a video of a talk and prints the report.

    Errors: CommandError, S2VError, JobServiceError, OSError.
    """
    check_talk(order.talk)
    check_output(order.video, order.talk)
    if order.video.suffix == ".vtt":
        raise CommandError(f"{order.video} is where the captions go; name the video .mp4", ExitCode.INPUT)
    with JobProgress(errors, [UPLOAD, *NAMES.values()]) as progress:
        async with connected_or_started(order.target, progress.note) as client:
            job = await submit(client, order.talk, order.options, progress)
            try:
                job = await follow(client, job, progress)
            except asyncio.CancelledError:
                # First, as who has gone away (a closed terminal, a broken pipe) can't be told anything.
                await client.cancel(job.id)
                progress.note(f"Cancelled job {job.id}")
                raise
            files = await fetch(client, job, order)
            works = await read_works(client, job)
    if order.as_json:
        print(MessageToJson(job))
    else:
        print_report(results, job, works, files)


async def submit(client: Client, talk: Path, options: JobOptions, progress: JobProgress) -> Job:
    """Uploads a talk and makes a job of it.

    Errors: JobServiceError.
    """
    upload_id = await client.upload(talk, progress.uploaded)
    return await client.create_job(upload_id, options)


async def follow(client: Client, job: Job, progress: JobProgress) -> Job:
    """Shows a job's progress until it ends, and returns it as it is then.

    Errors: CommandError when it failed or was cancelled.
    """
    async for event in client.watch(job.id):
        progress.happened(event)
    ended = await client.get_job(job.id)
    check_success(ended)
    return ended


def check_success(ended: Job) -> None:
    """Checks how a job has ended.

    Errors: CommandError when it failed or was cancelled.
    """
    if ended.state == JobState.JOB_STATE_FAILED:
        raise job_failure(ended)
    if ended.state == JobState.JOB_STATE_CANCELLED:
        raise CommandError(f"job {ended.id} was cancelled", ExitCode.CANCELLED)


async def fetch(client: Client, job: Job, order: Order) -> list[Path]:
    """Downloads the film, its captions beside it, and whatever else is to be kept; returns the files that were asked for."""
    wanted = {ArtifactKind.ARTIFACT_KIND_MP4: order.video, ArtifactKind.ARTIFACT_KIND_VTT: order.video.with_suffix(".vtt")}
    for kind, path in wanted.items():
        await client.download(job.id, find(job, kind).name, path)
    if order.keep:
        await asyncio.to_thread(order.keep.mkdir, parents=True, exist_ok=True)
        for artifact in job.artifacts:
            await client.download(job.id, artifact.name, order.keep / Path(artifact.name).name)
    return list(wanted.values())


async def read_works(client: Client, job: Job) -> Works:
    """Reads what the stages of a finished job have made.

    Errors: CommandError when a stage has made nothing; JobServiceError.
    """
    with tempfile.TemporaryDirectory(prefix="s2v-") as folder:
        path = Path(folder) / "artifact.pb"

        async def read(kind: ArtifactKind.ValueType) -> bytes:
            await client.download(job.id, find(job, kind).name, path)
            return path.read_bytes()

        return Works(
            Storyboard.FromString(await read(ArtifactKind.ARTIFACT_KIND_STORYBOARD)),
            Composition.FromString(await read(ArtifactKind.ARTIFACT_KIND_COMPOSITION)),
            Video.FromString(await read(ArtifactKind.ARTIFACT_KIND_VIDEO)),
        )


def find(job: Job, kind: ArtifactKind.ValueType) -> Artifact:
    """Returns the job's artifact of a kind; of several the latest, such as the captions as they are in the film.

    Errors: CommandError when it has none.
    """
    for artifact in reversed(job.artifacts):
        if artifact.kind == kind:
            return artifact
    name = ArtifactKind.Name(kind).removeprefix("ARTIFACT_KIND_").lower()
    raise CommandError(f"job {job.id} has made no {name}; see: s2v get {job.id}", ExitCode.NOT_FOUND)


def check_talk(talk: Path) -> None:
    """Checks that there is a file to upload, before anything is started.

    Errors: CommandError.
    """
    if talk.is_dir():
        raise CommandError(f"{talk} is a folder; name a sound or video file in it", ExitCode.INPUT)
    if not talk.is_file():
        raise CommandError(f"there is no file {talk}", ExitCode.INPUT)
    if talk.stat().st_size == 0:
        raise CommandError(f"{talk} is empty; name a recording of speech", ExitCode.INPUT)
    check_name(talk)


def check_name(path: Path) -> None:
    """Checks that the name of a file can be told to others.

    Errors: CommandError when it is not UTF-8, as some old archives have it.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise CommandError(f"the name of {str(path)!a} is not in UTF-8; rename it", ExitCode.INPUT) from error


def check_output(out: Path, *sources: Path) -> None:
    """Checks that a file can be written, and is none of those that it is made from, before anything is started.

    Errors: CommandError.
    """
    check_folder(out.parent)
    if not out.exists():
        return
    if not out.is_file():
        raise CommandError(f"{out} is no file that can be written anew; name a file with -o", ExitCode.INPUT)
    if any(source.exists() and out.samefile(source) for source in sources):
        raise CommandError(f"{out} is the recording itself; name another file with -o", ExitCode.INPUT)


def check_folder(folder: Path) -> None:
    """Checks that there is a folder to write to.

    Errors: CommandError.
    """
    if not folder.is_dir():
        raise CommandError(f"there is no folder {folder} to write to; make it first with: mkdir -p {folder}", ExitCode.INPUT)
    if not os.access(folder, os.W_OK):
        raise CommandError(f"nothing can be written to the folder {folder}; name a file in another one with -o", ExitCode.INPUT)
