"""Jobs and tasks of the simulation, and what each costs."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

from loadtests.capacity.workload import Arrival
from loadtests.costs import CHAIN, SCENES, Costs


@dataclass(eq=False)
class SimJob:
    """A job on its way."""

    number: int
    arrival: Arrival
    factor: float
    """By how much it costs more than the lines say."""
    scenes: int
    windows: int
    accepted: float = -1.0
    ended: float = -1.0
    failed: bool = False
    refusals: int = 0
    done: dict[str, int] = field(default_factory=dict)
    """Parts that are done, by stage."""

    def parts(self, stage: str) -> int:
        """Returns how many parts a stage has."""
        return {"transcription": self.windows, "rendering": self.scenes}.get(stage, 1)


@dataclass(eq=False)
class SimTask:
    """A task on its way."""

    job: SimJob
    stage: str
    kind: str
    """plan, part or join; "all" is a stage of one part, which is one task."""
    part: int
    cpu: float
    """Processor seconds on one core here."""
    attempts: int = 0


def make_job(number: int, arrival: Arrival, costs: Costs, chance: random.Random) -> SimJob:
    """Makes a job of an arrival."""
    scenes = max(1, round(arrival.audio / costs.scene_seconds))
    windows = 1 if arrival.audio <= 30.0 else math.ceil(arrival.audio / costs.window_seconds)
    return SimJob(number, arrival, chance.lognormvariate(0.0, costs.spread), scenes, windows)


def first_task(job: SimJob, stage: str, costs: Costs) -> SimTask:
    """Returns the task that begins a stage."""
    if job.parts(stage) == 1:
        return SimTask(job, stage, "all", 0, _cpu(job, stage, costs, ("plan", "part", "join")))
    return SimTask(job, stage, "plan", 0, _cpu(job, stage, costs, ("plan",)))


def following_tasks(task: SimTask, costs: Costs) -> list[SimTask]:
    """Returns the tasks of the same stage that a finished one wakes."""
    job, stage, parts = task.job, task.stage, task.job.parts(task.stage)
    if task.kind == "plan":
        return [_part(job, stage, number, costs) for number in range(parts) if not _is_chained(stage, number)]
    if task.kind != "part":
        return []
    job.done[stage] = job.done.get(stage, 0) + 1
    woken = []
    if task.part + 1 < parts and _is_chained(stage, task.part + 1):
        woken.append(_part(job, stage, task.part + 1, costs))
    if job.done[stage] == parts:
        woken.append(SimTask(job, stage, "join", 0, _cpu(job, stage, costs, ("join",))))
    return woken


def ends_stage(task: SimTask) -> bool:
    """Says whether a stage is over with this task."""
    return task.kind in {"all", "join"}


def task_count(job: SimJob, stage: str) -> int:
    """Returns how many tasks a stage has."""
    return 1 if job.parts(stage) == 1 else job.parts(stage) + 2


def _part(job: SimJob, stage: str, number: int, costs: Costs) -> SimTask:
    return SimTask(job, stage, "part", number, _cpu(job, stage, costs, ("part",)))


def _is_chained(stage: str, number: int) -> bool:
    return stage == "transcription" and number % CHAIN != 0


def _cpu(job: SimJob, stage: str, costs: Costs, kinds: tuple[str, ...]) -> float:
    """Returns the cost of one plan, part or join, or of several in one task."""
    lines = costs.stages[stage]
    units = float(job.scenes) if lines.unit == SCENES else job.arrival.audio
    each = {"plan": lines.plan.at(units), "part": lines.part.at(units / job.parts(stage)), "join": lines.join.at(units)}
    return job.factor * sum(each[kind] for kind in kinds)
