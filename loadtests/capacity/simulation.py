"""A day of the system, event by event (discrete-event simulation with SimPy)."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import simpy

from loadtests.capacity.cluster import STAGES, Cluster
from loadtests.capacity.jobs import SimJob, SimTask, ends_stage, first_task, following_tasks, make_job
from loadtests.capacity.processors import Processors
from loadtests.capacity.scaling import Autoscaler
from loadtests.capacity.stage import SimStage, Steps
from loadtests.capacity.workload import Arrival
from loadtests.costs import Costs

LOOK_SECONDS = 60.0
"""How often replicas and queues are noted."""
COME_AGAIN_SECONDS = 30.0
"""What the gateway tells those whom it refuses."""
PATIENCE_SECONDS = 3600.0
"""How long they go on trying."""
AFTERWARDS_SECONDS = 12 * 3600.0
"""How long the last jobs may take before they count as left over."""


@dataclass(frozen=True)
class JobResult:
    """How a job ended; times in seconds from the start."""

    arrived: float
    audio: float
    priority: str
    state: str
    """succeeded, failed, refused or left over."""
    to_video: float
    """From its arrival to its video, the time in which it was refused included; 0 unless it succeeded."""
    refusals: int


@dataclass(frozen=True)
class Moment:
    """What there was at a time."""

    at: float
    replicas: Mapping[str, int]
    """Pods that take tasks."""
    waiting: Mapping[str, int]
    put_off: Mapping[str, int]
    at_work: Mapping[str, int]
    jobs: int
    """Jobs that were accepted and have not ended."""


@dataclass(frozen=True)
class Simulated:
    """What came of it."""

    jobs: Sequence[JobResult]
    moments: Sequence[Moment]
    pod_hours: Mapping[str, float]
    """By stage, from the wish for a pod to its end."""
    tasks: int
    """Tasks that were done."""
    job_seconds: float
    """Time that all jobs together spent between acceptance and end."""
    seconds: float
    """How long it lasted."""


class Simulation:
    """One run."""

    def __init__(self, arrivals: Sequence[Arrival], costs: Costs, cluster: Cluster, seed: int) -> None:
        self._env = simpy.Environment()
        self._arrivals, self._costs, self._cluster = arrivals, costs, cluster
        self._chance = random.Random(seed)  # noqa: S311 - the same run each time
        processors = Processors(self._env, cluster.cores, cluster.others) if cluster.cores else None
        self._stages = {
            name: SimStage(self._env, name, cluster, costs, self._chance, processors, self._finished, self._given_up)
            for name in STAGES
        }
        self._jobs: list[SimJob] = []
        self._there: set[int] = set()
        """Jobs that were accepted and have not ended."""
        self._gone: set[int] = set()
        """Jobs that were never let in."""
        self._tasks = 0
        self._moments: list[Moment] = []
        self._all_over = self._env.event()

    def run(self) -> Simulated:
        """Runs until all jobs have ended."""
        for stage in self._stages.values():
            self._env.process(Autoscaler(self._env, stage, self._cluster).run())
        self._env.process(self._look())
        self._env.process(self._come())
        last = self._arrivals[-1].at if self._arrivals else 0.0
        self._env.run(until=self._all_over | self._env.timeout(last + AFTERWARDS_SECONDS))
        now = self._env.now
        job_seconds = sum((job.ended if job.ended >= 0 else now) - job.accepted for job in self._jobs if job.accepted >= 0)
        pods = {name: stage.pod_seconds(now) / 3600 for name, stage in self._stages.items()}
        return Simulated([self._result(job) for job in self._jobs], self._moments, pods, self._tasks, job_seconds, now)

    def _come(self) -> Steps:
        for number, arrival in enumerate(self._arrivals):
            yield self._env.timeout(arrival.at - self._env.now)
            job = make_job(number, arrival, self._costs, self._chance)
            self._jobs.append(job)
            self._env.process(self._enter(job))

    def _enter(self, job: SimJob) -> Steps:
        """Knocks at the door until it is open, or patience is at an end."""
        until = self._env.now + PATIENCE_SECONDS
        while sum(stage.waiting for stage in self._stages.values()) >= self._cluster.most_waiting:
            job.refusals += 1
            wait = COME_AGAIN_SECONDS * self._chance.uniform(1.0, 1.25)
            if self._env.now + wait > until:
                self._gone.add(job.number)
                self._check_over()
                return
            yield self._env.timeout(wait)
        job.accepted = self._env.now
        self._there.add(job.number)
        self._stages[STAGES[0]].publish(first_task(job, STAGES[0], self._costs))

    def _finished(self, task: SimTask) -> None:
        self._tasks += 1
        job = task.job
        if job.ended >= 0:
            return
        for woken in following_tasks(task, self._costs):
            self._stages[task.stage].publish(woken)
        if not ends_stage(task):
            return
        self._stages[task.stage].leave(job.number)
        place = STAGES.index(task.stage) + 1
        if place < len(STAGES):
            self._stages[STAGES[place]].publish(first_task(job, STAGES[place], self._costs))
        else:
            self._end(job)

    def _given_up(self, task: SimTask) -> None:
        if task.job.ended < 0:
            task.job.failed = True
            self._stages[task.stage].leave(task.job.number)
            self._end(task.job)

    def _end(self, job: SimJob) -> None:
        job.ended = self._env.now
        self._there.remove(job.number)
        self._check_over()

    def _check_over(self) -> None:
        if len(self._jobs) == len(self._arrivals) and not self._there and self._all_ended() and not self._all_over.triggered:
            self._all_over.succeed()

    def _all_ended(self) -> bool:
        return all(job.ended >= 0 or job.number in self._gone for job in reversed(self._jobs))

    def _look(self) -> Steps:
        while True:
            self._moments.append(
                Moment(
                    self._env.now,
                    {name: sum(pod.ready for pod in stage.living) for name, stage in self._stages.items()},
                    {name: stage.waiting for name, stage in self._stages.items()},
                    {name: stage.put_off for name, stage in self._stages.items()},
                    {name: stage.busy for name, stage in self._stages.items()},
                    len(self._there),
                )
            )
            yield self._env.timeout(LOOK_SECONDS)

    def _result(self, job: SimJob) -> JobResult:
        if job.number in self._gone:
            state = "refused"
        elif job.ended < 0:
            state = "left over"
        else:
            state = "failed" if job.failed else "succeeded"
        to_video = job.ended - job.arrival.at if state == "succeeded" else 0.0
        return JobResult(job.arrival.at, job.arrival.audio, job.arrival.priority, state, to_video, job.refusals)
