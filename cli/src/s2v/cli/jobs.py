"""`s2v submit`, `watch`, `get`, `list` and `cancel`: jobs on a stack that is up."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from google.protobuf.json_format import MessageToJson
from rich.markup import escape

from s2v.cli.connection import Target, connected
from s2v.cli.exits import CommandError, ExitCode, errors, results
from s2v.cli.make import check_success, check_talk, follow, read_works
from s2v.cli.make import submit as upload_and_submit
from s2v.cli.progress import JobProgress
from s2v.cli.report import describe_state, format_size, job_table, print_report
from s2v.v1.job_pb2 import Job, JobOptions, JobState


async def submit(talk: Path, options: JobOptions, target: Target) -> None:
    """Uploads a talk, makes a job of it and prints the job's id."""
    check_talk(talk)
    async with connected(target) as client:
        with JobProgress(errors, []) as progress:
            job = await upload_and_submit(client, talk, options, progress)
    print(job.id)


async def watch(job_id: str, target: Target, *, as_json: bool) -> None:
    """Shows a job's progress until it ends, then its report; as JSON an event a line.

    Errors: CommandError when it failed or was cancelled.
    """
    async with connected(target) as client:
        if as_json:
            async for event in client.watch(job_id):
                print(MessageToJson(event, indent=None), flush=True)
            check_success(await client.get_job(job_id))
            return
        job = await client.get_job(job_id)
        with JobProgress(errors) as progress:
            job = await follow(client, job, progress)
        print_report(results, job, await read_works(client, job), [])


async def show(job_id: str, target: Target, *, as_json: bool) -> None:
    """Prints a job and the artifacts that it has made so far."""
    async with connected(target) as client:
        job = await client.get_job(job_id)
    if as_json:
        print(MessageToJson(job))
        return
    results.print(job_table([job], time.time()))
    for artifact in job.artifacts:
        results.print(f"{artifact.name:<24} {format_size(artifact.object.size_bytes):>10}", soft_wrap=True)
    if job.HasField("error"):
        results.print(f"[red]{escape(job.error.message)}[/]", soft_wrap=True)


async def get(job_id: str, folder: Path, names: list[str], target: Target) -> None:
    """Downloads artifacts of a job into a folder: those named, or all."""
    async with connected(target) as client:
        job = await client.get_job(job_id)
        there = {artifact.name for artifact in job.artifacts}
        for name in names:
            if name not in there:
                listed = ", ".join(sorted(there)) or "none yet"
                raise CommandError(f"job {job_id} has no artifact {name}; it has {listed}", ExitCode.NOT_FOUND)
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        for name in names or sorted(there):
            path = folder / Path(name).name
            await client.download(job_id, name, path)
            errors.print(f"{path}  {format_size(path.stat().st_size)}", soft_wrap=True)


async def list_jobs(state: JobState.ValueType, limit: int, target: Target, *, as_json: bool) -> None:
    """Prints up to `limit` jobs, newest first; as JSON a job a line."""
    jobs: list[Job] = []
    async with connected(target) as client:
        async for job in client.list_jobs(state):
            jobs.append(job)
            if len(jobs) == limit:
                break
    if as_json:
        for job in jobs:
            print(MessageToJson(job, indent=None))
    elif jobs:
        results.print(job_table(jobs, time.time()))
    else:
        errors.print("No jobs.")


async def cancel(job_id: str, target: Target, *, as_json: bool) -> None:
    """Cancels a job and says how it is then; one that has ended stays as it is."""
    async with connected(target) as client:
        job = await client.cancel(job_id)
    print(MessageToJson(job) if as_json else describe_state(job.state))
