"""What talks cost, measured: `python -m loadtests.costs AUDIO… -o costs.json`. The capacity model stands on it.

Makes the talks' videos on an embedded stack without caches, reads the processor time of each plan, part and join from the job
records, and fits lines to them. Name talks of different lengths, else fixed and growing costs look alike.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from google.protobuf.timestamp_pb2 import Timestamp

from loadtests.competition import Competition, competing
from loadtests.house import opened, say
from loadtests.observer import OBSERVER, Observer
from s2v.cli.administration import Machinery, machinery
from s2v.client import Client
from s2v.gateway.timelines import timeline
from s2v.runtime.jobs import prefix
from s2v.runtime.reconciler import Reconciler
from s2v.runtime.schema import EVENT_STREAM
from s2v.runtime.stage import NAMES
from s2v.v1.job_pb2 import JobOptions, JobState
from s2v.v1.timeline_pb2 import AttemptOutcome
from s2v.v1.work_pb2 import JobRecord

SCENES = "scene"
SECONDS = "second"
UNITS: Mapping[str, str] = {"transcription": SECONDS, "analysis": SECONDS, "layout": SCENES, "rendering": SECONDS}
"""What the cost of a stage grows with: seconds of sound, or scenes."""
WORKERS: Mapping[str, int] = {"transcription": 2, "analysis": 1, "layout": 1, "rendering": 2}
"""Worker processes of the embedded stack's services: their defaults."""
KINDS = ("plan", "part", "join")
CHAIN = 4
"""Windows of transcription that wait for one another."""
ALONE = 3
"""Talks that are made alone, for what a task waits besides. Of the others as many are made at once as there are processors: work
takes more processor time when all of them share memory and caches, and it is on busy machines that capacity matters."""
IDLE_SECONDS = 6.0
"""How long the stack is looked at before it has work."""
SETTLE_SECONDS = 3.0
"""After a job's end its services still write and tidy up."""
RECORDS = 2000
"""Ended jobs whose records are looked through, to learn what one costs."""


@dataclass(frozen=True)
class Line:
    """Processor seconds: so many each time, and so many a unit."""

    fixed: float
    per_unit: float

    def at(self, units: float) -> float:
        """Returns the cost of so many units."""
        return self.fixed + self.per_unit * units


@dataclass(frozen=True)
class StageCosts:
    """Processor time of one stage, in seconds."""

    unit: str
    plan: Line
    """Grows with the whole talk, as does `join`."""
    part: Line
    """Grows with the part's share of the talk."""
    join: Line


@dataclass(frozen=True)
class StageWork:
    """What one stage took for one talk, in seconds."""

    plan_cpu: float
    part_cpu: Sequence[float]
    join_cpu: float
    wall: float
    """From the publishing of its first task to its result."""


@dataclass(frozen=True)
class TaskRun:
    """One task of a talk's timeline; times in seconds from the acceptance of the job."""

    stage: str
    task: str
    """plan, part.N or join."""
    published: float
    started: float
    finished: float
    cpu: float


@dataclass(frozen=True)
class TalkWork:
    """One talk."""

    audio: float
    """Its length, in seconds."""
    wall: float
    """From acceptance to the video."""
    alone: bool
    """Whether nothing else was made meanwhile."""
    scenes: int
    stages: Mapping[str, StageWork]
    tasks: Sequence[TaskRun]
    """All of its tasks, in the order in which they began."""
    others: float
    """How many others shared the processors meanwhile."""


@dataclass(frozen=True)
class Costs:
    """What the capacity model needs to know."""

    stages: Mapping[str, StageCosts]
    window_seconds: float
    """Sound in a window of transcription, on average, in talks that have several; the longest is 30 s."""
    scene_seconds: float
    """Sound in a scene, on average."""
    spread: float
    """Standard deviation of the logarithm of a talk's cost by what the lines say."""
    hops: Mapping[str, Mapping[str, float]]
    """Seconds that a task takes besides its computation, by stage and kind (plan, part, join): NATS, S3, child processes."""
    overhead_cpu: float
    """Processor seconds of gateway, NATS, S3, child processes and the services' own loops, for a task."""
    idle_cpu: float
    """Processor seconds a second of a stack that has nothing to do."""
    reconcile_seconds: float
    """What a pass of the reconciler takes for each job record that is kept."""
    event_bytes: float
    """Events in NATS for a task, in bytes."""
    record_bytes: float
    """The job record for each task that it has had, in bytes."""
    puts: float
    """Objects written to S3 for a task; with caches on there is one more."""
    cores: int
    load: float
    """Processes ready to run before it began; others were at work when it is not near 0."""
    talks: Sequence[TalkWork]

    def hop(self, stage: str, kind: str) -> float:
        """Returns what a task takes besides its computation, in seconds; "all" is a stage in one task."""
        hops = self.hops[stage]
        return sum(hops.values()) if kind == "all" else hops[kind]

    def write(self, path: Path) -> None:
        """Writes it as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Costs:
        """Reads what `write` has written. Errors: SystemExit when it is missing."""
        if not path.exists():
            raise SystemExit(f"{path}: there is no such file; measure with python -m loadtests.costs AUDIO… -o {path}")
        fields = json.loads(path.read_text())
        fields["stages"] = {
            name: StageCosts(one["unit"], Line(**one["plan"]), Line(**one["part"]), Line(**one["join"]))
            for name, one in fields["stages"].items()
        }
        fields["talks"] = [
            TalkWork(
                one["audio"],
                one["wall"],
                one["alone"],
                one["scenes"],
                {name: StageWork(**work) for name, work in one["stages"].items()},
                [TaskRun(**task) for task in one["tasks"]],
                one["others"],
            )
            for one in fields["talks"]
        ]
        return cls(**fields)


def main() -> None:
    """Measures the talks named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.costs", description="Measure what talks cost.")
    parser.add_argument("talks", nargs="+", type=Path, metavar="AUDIO")
    parser.add_argument("-o", "--output", type=Path, default=Path("out/load/costs.json"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="s2v-costs-") as folder:
        costs = asyncio.run(measure(arguments.talks, Path(folder)))
    costs.write(arguments.output)
    for name, stage in costs.stages.items():
        each = stage.plan.per_unit + stage.part.per_unit + stage.join.per_unit
        print(f"{name:<14} a {stage.unit}: {each:.3f} s of processor time")
    print(f"The costs are in {arguments.output}")


async def measure(talks: Sequence[Path], folder: Path) -> Costs:
    """Makes the talks' videos. Errors: SystemExit when one fails."""
    load, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
    async with opened(folder, {"S2V_CACHE_ENABLED": "false"}, ()) as house, machinery(folder) as behind:
        observer = Observer(house)
        at_rest = _stack_cpu(observer)
        await asyncio.sleep(IDLE_SECONDS)
        before, began = _stack_cpu(observer), time.monotonic()
        idle_cpu = (before - at_rest) / IDLE_SECONDS
        with competing(observer.own_processes) as competition:
            async with Client(house.gateway) as client:
                works = [await _make(client, behind, competition, talk, alone=True) for talk in talks[:ALONE]]
                places = asyncio.Semaphore(cores)

                async def make(talk: Path) -> TalkWork:
                    async with places:
                        return await _make(client, behind, competition, talk, alone=False)

                works += await asyncio.gather(*(make(talk) for talk in talks[ALONE:]))
        await asyncio.sleep(SETTLE_SECONDS)
        used = _stack_cpu(observer) - before - idle_cpu * (time.monotonic() - began)
        kept = await _weigh_kept(behind)
        reconcile_seconds = await _time_reconciling(behind)
    computed = sum(work.plan_cpu + sum(work.part_cpu) + work.join_cpu for one in works for work in one.stages.values())
    tasks = sum(_tasks(work) for one in works for work in one.stages.values())
    busy = [one for one in works if not one.alone] or works
    stages = {name: fit_stage(name, busy) for name in UNITS}
    windows = [(one.audio, len(one.stages["transcription"].part_cpu)) for one in works]
    several = [(audio, count) for audio, count in windows if count > 1] or windows
    overhead = max(0.0, used - computed) / tasks
    return Costs(
        stages=stages,
        window_seconds=min(30.0, sum(audio for audio, _ in several) / sum(count for _, count in several)),
        scene_seconds=sum(one.audio for one in works) / sum(one.scenes for one in works),
        spread=_spread(stages, busy),
        hops=find_hops([one for one in works if one.alone], cores),
        overhead_cpu=overhead,
        idle_cpu=idle_cpu,
        reconcile_seconds=reconcile_seconds,
        event_bytes=kept.events / tasks,
        record_bytes=kept.records / tasks,
        puts=kept.objects / tasks + 1,
        cores=cores,
        load=round(load, 2),
        talks=works,
    )


async def _make(client: Client, behind: Machinery, competition: Competition, talk: Path, *, alone: bool) -> TalkWork:
    say(f"{talk}")
    job = await client.create_job(await client.upload(talk), JobOptions(language="en"))
    accepted = time.time()
    async for _ in client.watch(job.id):
        pass
    ended = time.time()
    record = await behind.jobs.get(job.tenant, job.id)
    if record.job.state != JobState.JOB_STATE_SUCCEEDED:
        raise SystemExit(f"{talk}: the job ended as {JobState.Name(record.job.state)}: {record.job.error.message}")
    return read_work(record, ended - accepted, competition.mean(accepted, ended), alone=alone)


def read_work(record: JobRecord, wall: float, others: float, *, alone: bool) -> TalkWork:
    """Reads what a job took from its record."""
    stages = {}
    for entry, report in zip(record.stages, record.job.report.stages, strict=True):
        parts = [entry.parts[number].cpu_seconds for number in range(entry.parts_total)]
        join = max(0.0, report.cpu_seconds - entry.plan_cpu_seconds - sum(parts))
        stages[NAMES[entry.stage]] = StageWork(entry.plan_cpu_seconds, parts, join, report.queue_seconds + report.wall_seconds)
    return TalkWork(
        record.job.source_seconds, wall, alone, len(stages["rendering"].part_cpu), stages, _read_tasks(record), others
    )


def _read_tasks(record: JobRecord) -> list[TaskRun]:
    created = record.job.created_at.ToNanoseconds()

    def since(at: Timestamp) -> float:
        return (at.ToNanoseconds() - created) / 1e9

    return [
        TaskRun(
            NAMES[attempt.stage],
            attempt.task,
            since(attempt.published_at),
            since(attempt.started_at),
            since(attempt.finished_at),
            attempt.cpu_seconds,
        )
        for attempt in timeline(record).attempts
        if attempt.outcome == AttemptOutcome.ATTEMPT_OUTCOME_DONE
    ]


def fit_stage(name: str, talks: Sequence[TalkWork]) -> StageCosts:
    """Fits the lines of one stage."""
    unit = UNITS[name]
    works = [one.stages[name] for one in talks]
    units = [float(one.scenes) if unit == SCENES else one.audio for one in talks]
    ones = [1.0] * len(talks)
    return StageCosts(
        unit,
        plan=fit(ones, units, [work.plan_cpu for work in works]),
        part=fit([float(len(work.part_cpu)) for work in works], units, [sum(work.part_cpu) for work in works]),
        join=fit(ones, units, [work.join_cpu for work in works]),
    )


def fit(counts: Sequence[float], units: Sequence[float], seconds: Sequence[float]) -> Line:
    """Returns the line, with no negative slope or start, whose `fixed * count + per_unit * units` is nearest to `seconds`.

    Errors are weighed by the size of what is fitted, so that short talks count as much as long ones.
    """
    weight = 1 / np.maximum(np.array(seconds), 1e-3)
    columns = np.array([counts, units]).T * weight[:, None]
    wanted = np.array(seconds) * weight
    fixed, per_unit = (float(value) for value in np.linalg.lstsq(columns, wanted, rcond=None)[0])
    if fixed < 0 or len(set(zip(counts, units, strict=True))) == 1:
        return Line(0.0, float(columns[:, 1] @ wanted / (columns[:, 1] @ columns[:, 1])))
    if per_unit < 0:
        return Line(float(columns[:, 0] @ wanted / (columns[:, 0] @ columns[:, 0])), 0.0)
    return Line(fixed, per_unit)


def _spread(stages: Mapping[str, StageCosts], talks: Sequence[TalkWork]) -> float:
    ratios = []
    for one in talks:
        found = said = 0.0
        for name, costs in stages.items():
            work, units = one.stages[name], float(one.scenes) if costs.unit == SCENES else one.audio
            found += work.plan_cpu + sum(work.part_cpu) + work.join_cpu
            said += (
                costs.plan.at(units) + costs.part.fixed * len(work.part_cpu) + costs.part.per_unit * units + costs.join.at(units)
            )
        ratios.append(float(np.log(found / said)))
    return statistics.pstdev(ratios)


def _tasks(work: StageWork) -> int:
    """Returns how many tasks a stage was: one when it had one part, else a plan, the parts and a join."""
    return 1 if len(work.part_cpu) == 1 else len(work.part_cpu) + 2


def find_hops(talks: Sequence[TalkWork], cores: int) -> dict[str, dict[str, float]]:
    """Returns what tasks take besides computing and waiting for a processor, medians by stage and kind."""
    found: dict[str, dict[str, list[float]]] = {name: {kind: [] for kind in KINDS} for name in UNITS}
    for talk in talks:
        ended = 0.0
        for task in talk.tasks:
            beside = sum(other.started < task.finished and task.started < other.finished for other in talk.tasks)
            # Tasks of one stage divide its share; with others about, there is no more than that.
            share = min(1.0, cores / (1 + talk.others) / beside)
            gap = max(0.0, task.published - ended) if beside == 1 else 0.0
            hop = max(0.0, task.finished - task.started - task.cpu / share) + gap
            found[task.stage][task.task.partition(".")[0]].append(hop)
            ended = max(ended, task.finished)
    return {name: {kind: statistics.median(hops or [0.0]) for kind, hops in kinds.items()} for name, kinds in found.items()}


def _stack_cpu(observer: Observer) -> float:
    _, cpu = observer.weigh()
    return sum(seconds for name, seconds in cpu.items() if name != OBSERVER)


@dataclass(frozen=True)
class _Kept:
    """What the jobs have left: events and records in bytes, objects by number."""

    events: int
    records: int
    objects: int


async def _weigh_kept(behind: Machinery) -> _Kept:
    """Looks what is in NATS and S3 of all jobs. Objects of uploads, which are gone by then, are not counted."""
    events = (await behind.bus.jetstream.stream_info(EVENT_STREAM)).state.bytes
    records = objects = 0
    for tenant in await behind.jobs.records.tenants():
        for job_id in await behind.jobs.records.list(tenant):
            records += (await behind.jobs.get(tenant, job_id)).ByteSize()
            objects += len(await behind.store.list(prefix(tenant, job_id)))
    return _Kept(events, records, objects)


async def _time_reconciling(behind: Machinery) -> float:
    """Returns what the reconciler takes for each job at work; it looks at no ended one."""
    for number in range(RECORDS):
        record = JobRecord(epoch=1)
        record.job.id, record.job.tenant, record.job.state = f"{number:026d}", "records", JobState.JOB_STATE_RUNNING
        record.job.updated_at.GetCurrentTime()
        await behind.jobs.records.restore(record)
    reconciler = Reconciler(behind.bus, behind.jobs, behind.store, lost_after_seconds=60.0, stalled_after_seconds=3600.0)
    started = time.monotonic()
    await reconciler.reconcile("records")
    return (time.monotonic() - started) / RECORDS


if __name__ == "__main__":
    main()
