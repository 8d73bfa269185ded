"""Whether the model is right: the same talks at the same times, on this machine and simulated."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtests.capacity.cluster import machine_cluster
from loadtests.capacity.simulation import Simulation
from loadtests.capacity.workload import Arrival
from loadtests.competition import Competition, competing
from loadtests.costs import Costs
from loadtests.figures import spread
from loadtests.house import opened
from loadtests.observer import Observer
from loadtests.plan import Plan, Visit, arrivals
from loadtests.records import Records
from loadtests.run import swarm
from loadtests.talks import EXAMPLES, Source, cut_talks, find_sources
from loadtests.verdict import SUCCESS_SHARE

SEED = 77
LENGTHS = (12.0, 45.0, 20.0, 30.0)
"""Lengths of the talks by turns, in seconds."""
LOAD = 0.6
"""Part of the processors that the talks need. Much more, and a tenth more work doubles the wait: nothing could be compared."""
SECONDS = 120.0
LIMIT_SECONDS = 900.0
RUNS = 20
"""Simulations with different chance, whose mean is compared."""
ALLOWED = 0.2


@dataclass(frozen=True)
class Compared:
    """One figure, measured and simulated."""

    name: str
    measured: float
    simulated: float

    @property
    def ratio(self) -> float:
        """Simulated to measured."""
        return self.simulated / self.measured if self.measured else 0.0

    @property
    def passed(self) -> bool:
        """Whether they are near enough."""
        return abs(self.ratio - 1) <= ALLOWED


@dataclass(frozen=True)
class Validation:
    """All figures."""

    jobs: int
    load: float
    """Processes ready to run before it began."""
    others: float
    """How many others shared the processors meanwhile, the load generator among them."""
    figures: Sequence[Compared]


async def validate(costs: Costs, talks: Path | None, out: Path) -> Validation:
    """Runs the same arrivals for real and simulated; records go to `out`. Errors: SystemExit when too many fail."""
    load, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
    mean = sum(LENGTHS) / len(LENGTHS)
    per_second = LOAD * cores / _demand(costs, mean)
    times = arrivals(per_second, SECONDS, SEED)
    lengths = [LENGTHS[number % len(LENGTHS)] for number in range(len(times))]
    with tempfile.TemporaryDirectory(prefix="s2v-validate-") as scratch:
        folder = Path(scratch)
        files = _cut(find_sources(talks or EXAMPLES), folder, lengths)
        async with opened(folder / "stack", {"S2V_CACHE_ENABLED": "false"}, ()) as house:
            visits = tuple(Visit("talk", at, str(file)) for at, file in zip(times, files, strict=True))
            observer = Observer(house)
            with competing(observer.own_processes) as competition:
                records = await swarm(house, Plan(house.gateway, visits, LIMIT_SECONDS, patience_seconds=LIMIT_SECONDS), out)
    bad = [one for one in records.outcomes if one.state != "succeeded"]
    if len(bad) > (1 - SUCCESS_SHARE) * len(records.outcomes):
        raise SystemExit(f"{len(bad)} of {len(records.outcomes)} jobs did not succeed: {bad[0].state} {bad[0].reason}")
    return compare(records, costs, cores, load, competition)


def compare(records: Records, costs: Costs, cores: int, load: float, competition: Competition) -> Validation:
    """Simulates what was accepted when it was accepted, and compares the times to the video of those that succeeded.

    Whoever shared the processors in the real run, the load generator too, shares them in the simulation.
    """
    jobs = sorted((one for one in records.outcomes if one.accepted), key=lambda one: one.accepted)
    first = jobs[0].accepted
    came = [Arrival(one.accepted - first, one.audio_seconds, one.priority) for one in jobs]
    made = [one.state == "succeeded" for one in jobs]
    real = spread(one.to_video_seconds for one in jobs if one.state == "succeeded")
    # What the stack takes of its own accord is one more who shares them.
    others = [(at, weight + costs.idle_cpu) for at, weight in competition.since(first)]
    machine = machine_cluster(cores, others)
    runs = [Simulation(came, costs, machine, seed).run() for seed in range(RUNS)]
    found = [spread(job.to_video for job, there in zip(run.jobs, made, strict=True) if there) for run in runs]
    return Validation(
        len(jobs),
        round(load, 2),
        round(competition.mean(first, max(one.ended for one in jobs)), 2),
        (
            Compared("mean time to video, s", real.mean, sum(one.mean for one in found) / RUNS),
            Compared("p50 time to video, s", real.p50, sum(one.p50 for one in found) / RUNS),
            Compared("p95 time to video, s", real.p95, sum(one.p95 for one in found) / RUNS),
            Compared("until the last video, s", max(one.ended for one in jobs) - first, sum(run.seconds for run in runs) / RUNS),
        ),
    )


def _cut(sources: Sequence[Source], folder: Path, lengths: Sequence[float]) -> list[Path]:
    files = []
    for number, seconds in enumerate(lengths):
        files += cut_talks(sources[number % len(sources) :], folder / f"talk{number}", 1, seconds, SEED + number)
    return files


def _demand(costs: Costs, audio: float) -> float:
    """Returns the processor time that a talk of some length needs, all in all."""
    scenes = max(1.0, audio / costs.scene_seconds)
    total = 0.0
    for lines in costs.stages.values():
        units = scenes if lines.unit == "scene" else audio
        total += lines.plan.at(units) + lines.part.at(units) + lines.join.at(units) + costs.overhead_cpu
    return total
