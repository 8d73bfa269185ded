"""How fast talks become videos, with nothing to start from: a new data folder, empty caches, the whole embedded stack.

    python -m evals.pipeline AUDIO…

Prints one JSON object. The talks are made one after the other; a talk's time runs from the start of its upload to the event that
says that its video is there. Starting the stack is counted by itself.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from s2v.cli.stack import Stack
from s2v.client import Client
from s2v.v1.job_pb2 import Job, JobOptions, JobState
from s2v.v1.report_pb2 import Stage


@dataclass(frozen=True)
class StageTime:
    """What a stage took, in seconds."""

    wall_s: float
    cpu_s: float
    """Processor time of all parts."""
    queue_s: float
    """From the publishing of its first task to its start."""


@dataclass(frozen=True)
class FileTime:
    """What a talk took."""

    file: str
    job: str
    realtime: float
    """Seconds of sound made into video in a second of wall time."""
    wall_s: float
    audio_s: float
    stages: dict[str, StageTime]
    degradations: list[str]
    """Codes of the fallbacks that were used."""


@dataclass(frozen=True)
class PipelineReport:
    """What is printed; sums over all talks, and each by itself."""

    realtime: float
    """Seconds of sound made into video in a second of wall time."""
    wall_s: float
    audio_s: float
    cpu_s: float
    """Processor time of all stages."""
    stages: dict[str, StageTime]
    start_s: float
    """Until the stack served; not in `wall_s`."""
    load: tuple[float, float]
    """Processes ready to run, a minute's mean, before and after; more than the cores before means that others were at work."""
    cores: int
    files: list[FileTime]


def main() -> None:
    """Times the talks named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m evals.pipeline", description="Time the pipeline on talks, without caches.")
    parser.add_argument("talks", nargs="+", type=Path, metavar="AUDIO")
    talks: list[Path] = parser.parse_args().talks
    for talk in talks:
        if not talk.is_file():
            raise SystemExit(f"{talk}: there is no such file")
    with tempfile.TemporaryDirectory(prefix="s2v-eval-") as home:
        report = asyncio.run(time_talks(talks, Path(home)))
    print(json.dumps(asdict(report), indent=2, ensure_ascii=False))


async def time_talks(talks: Sequence[Path], home: Path) -> PipelineReport:
    """Starts a stack in an empty folder and makes the talks' videos on it. Errors: SystemExit when a job does not succeed."""
    before = os.getloadavg()[0]
    started = time.monotonic()
    async with Stack(home, say) as stack:
        start_seconds = time.monotonic() - started
        async with Client(stack.endpoints.gateway) as client:
            files = [await time_talk(client, talk) for talk in talks]
    wall, audio = sum(file.wall_s for file in files), sum(file.audio_s for file in files)
    stages = sum_stages([file.stages for file in files])
    return PipelineReport(
        realtime=round(audio / wall, 3),
        wall_s=round(wall, 2),
        audio_s=round(audio, 2),
        cpu_s=round(sum(stage.cpu_s for stage in stages.values()), 2),
        stages=stages,
        start_s=round(start_seconds, 2),
        load=(round(before, 2), round(os.getloadavg()[0], 2)),
        cores=len(os.sched_getaffinity(0)),
        files=files,
    )


async def time_talk(client: Client, talk: Path) -> FileTime:
    """Makes one video. Errors: SystemExit when the job does not succeed."""
    say(f"{talk}: uploading")
    started = time.monotonic()
    job = await client.create_job(await client.upload(talk), JobOptions())
    async for event in client.watch(job.id):
        if event.HasField("stage_finished"):
            say(f"{talk}: {name_stage(event.stage_finished.report.stage)} done after {time.monotonic() - started:.1f} s")
    wall = time.monotonic() - started
    job = await client.get_job(job.id)
    if job.state != JobState.JOB_STATE_SUCCEEDED:
        raise SystemExit(f"{talk}: job {job.id} ended as {JobState.Name(job.state)}: {job.error.reason} {job.error.message}")
    say(f"{talk}: {job.source_seconds:.1f} s of sound in {wall:.1f} s")
    return FileTime(
        file=str(talk),
        job=job.id,
        realtime=round(job.source_seconds / wall, 3),
        wall_s=round(wall, 2),
        audio_s=round(job.source_seconds, 2),
        stages=read_stages(job),
        degradations=[fallback.code for stage in job.report.stages for fallback in stage.degradations],
    )


def read_stages(job: Job) -> dict[str, StageTime]:
    """The times in the job's report, by name of the stage. Errors: SystemExit when a part came from a cache."""
    for stage in job.report.stages:
        if stage.cached_parts:
            raise SystemExit(f"job {job.id}: {name_stage(stage.stage)} was answered from the cache; name each talk once")
    return {
        name_stage(stage.stage): StageTime(
            round(stage.wall_seconds, 3), round(stage.cpu_seconds, 3), round(stage.queue_seconds, 3)
        )
        for stage in job.report.stages
    }


def sum_stages(files: Sequence[dict[str, StageTime]]) -> dict[str, StageTime]:
    """Adds up the times of the talks, stage by stage."""
    names = dict.fromkeys(name for stages in files for name in stages)
    total: dict[str, StageTime] = {}
    for name in names:
        times = [stages[name] for stages in files if name in stages]
        total[name] = StageTime(
            round(sum(t.wall_s for t in times), 3),
            round(sum(t.cpu_s for t in times), 3),
            round(sum(t.queue_s for t in times), 3),
        )
    return total


def name_stage(stage: Stage.ValueType) -> str:
    """A stage as people call it, e.g. "transcription"."""
    return Stage.Name(stage).removeprefix("STAGE_").lower()


def say(line: str) -> None:
    """Progress, for people."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
