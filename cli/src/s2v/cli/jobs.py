"""`s2v submit`, `watch`, `get`, `list` and `cancel`: jobs on a stack that is up."""

from __future__ import annotations

from pathlib import Path

from google.protobuf.json_format import MessageToJson
from rich.console import Console
from s2v.cli.connection import connected
from s2v.cli.exits import CommandError, ExitCode, errors
from s2v.cli.make import check_talk, download, follow, read_works
from s2v.cli.make import submit as upload_and_submit
from s2v.cli.progress import JobProgress
from s2v.cli.report import describe_state, format_size, job_table, print_report
from s2v.v1.job_pb2 import JobOptions, JobState


async def submit(talk: Path, options: JobOptions, gateway: str) -> None:
    """Uploads a talk, makes a job of it and prints the job's id."""
    check_talk(talk)
    async with connected(gateway) as client:
        with JobProgress(errors, stages=False) as progress:
            job = await upload_and_submit(client, talk, options, progress)
    print(job.id)


async def watch(job_id: str, gateway: str, *, as_json: bool) -> None:
    """Shows a job's progress until it ends, then its report; as JSON an event a line."""
    async with connected(gateway) as client:
        if as_json:
            async for event in client.watch_job(job_id):
                print(MessageToJson(event, indent=None), flush=True)
            return
        job = await client.get_job(job_id)
        with JobProgress(errors) as progress:
            job = await follow(client, job, progress)
        print_report(Console(highlight=False), job, await read_works(client, job), [])


async def get(job_id: str, folder: Path | None, names: list[str], gateway: str, *, as_json: bool) -> None:
    """Downloads artifacts of a job, all of them by default; without a folder says what there is."""
    console = Console(highlight=False)
    async with connected(gateway) as client:
        job = await client.get_job(job_id)
        if as_json:
            print(MessageToJson(job))
        elif folder is None:
            console.print(job_table([job]))
        if folder is None:
            if not as_json:
                for artifact in job.artifacts:
                    console.print(f"{artifact.name:<24} {format_size(artifact.object.size_bytes):>10}", soft_wrap=True)
            return
        there = {artifact.name: artifact for artifact in job.artifacts}
        for name in names:
            if name not in there:
                raise CommandError(
                    f"job {job_id} has no artifact {name}; it has {', '.join(sorted(there)) or 'none yet'}", ExitCode.NOT_FOUND
                )
        folder.mkdir(parents=True, exist_ok=True)
        for name in names or there:
            path = await download(client, job, there[name], folder / Path(name).name)
            errors.print(f"{path}  {format_size(path.stat().st_size)}", soft_wrap=True)


async def list_jobs(state: JobState.ValueType, limit: int, gateway: str, *, as_json: bool) -> None:
    """Prints jobs, newest first; as JSON a job a line."""
    async with connected(gateway) as client:
        jobs = [job async for job in client.list_jobs(state=state, limit=limit)]
    if as_json:
        for job in jobs:
            print(MessageToJson(job, indent=None))
    elif jobs:
        Console(highlight=False).print(job_table(jobs))
    else:
        errors.print("No jobs.")


async def cancel(job_id: str, gateway: str, *, as_json: bool) -> None:
    """Cancels a job and says how it is then; one that has ended stays as it is."""
    async with connected(gateway) as client:
        job = await client.cancel_job(job_id)
    print(MessageToJson(job) if as_json else describe_state(job.state))
