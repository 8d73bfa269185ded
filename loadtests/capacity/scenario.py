"""Days that are simulated, and what is said of each: time to video, replicas, cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loadtests.capacity.cluster import Cluster, chart_cluster
from loadtests.capacity.simulation import Moment, Simulated, Simulation
from loadtests.capacity.workload import make_day
from loadtests.costs import Costs
from loadtests.figures import Spread, spread

SEED = 20_251


@dataclass(frozen=True)
class Scenario:
    """A day on a cluster."""

    name: str
    jobs_a_day: float
    cluster: Cluster


@dataclass(frozen=True)
class Prices:
    """What an hour costs, in one currency."""

    cpu_hour: float
    gpu_hour: float


@dataclass(frozen=True)
class Day:
    """What came of it."""

    name: str
    jobs_a_day: float
    jobs: int
    states: Mapping[str, int]
    refusals: int
    """How often somebody was told to come again."""
    to_video: Mapping[str, Spread]
    """By priority, in seconds; "all" for all."""
    replicas: Mapping[str, tuple[float, int]]
    """Mean and most, by stage."""
    put_off: int
    """Most tasks that came again and again as their job had no place in the stage."""
    cost: float
    """Of all pods."""
    cost_per_job: float
    moments: Sequence[Moment]


def scenarios() -> list[Scenario]:
    """Returns the days that are looked at: the chart as it is, then what is changed when it no longer does."""
    days = [
        Scenario(f"{jobs:,} a day, {provider}", jobs, chart_cluster(provider))
        for jobs in (500, 5000)
        for provider in ("keda", "hpa")
    ]
    days.append(Scenario("5,000 a day, keda, GPU", 5000, chart_cluster("keda", gpu=True)))
    days.append(Scenario("25,000 a day, keda", 25_000, chart_cluster("keda")))
    days.append(Scenario("25,000 a day, keda, no limits on jobs", 25_000, chart_cluster("keda", places=False)))
    days.append(
        Scenario("25,000 a day, keda, no limits on jobs, 60 replicas", 25_000, chart_cluster("keda", places=False, most=60))
    )
    return days


def simulate(scenario: Scenario, costs: Costs, prices: Prices) -> Day:
    """Simulates a day."""
    arrivals = make_day(scenario.jobs_a_day, SEED)
    done = Simulation(arrivals, costs, scenario.cluster, SEED).run()
    made = [job for job in done.jobs if job.state == "succeeded"]
    cost = price(done, scenario.cluster, prices)
    to_video = {"all": spread(job.to_video for job in made)}
    to_video |= {name: spread(job.to_video for job in made if job.priority == name) for name in ("high", "normal", "low")}
    return Day(
        name=scenario.name,
        jobs_a_day=scenario.jobs_a_day,
        jobs=len(done.jobs),
        states=dict(Counter(job.state for job in done.jobs)),
        refusals=sum(job.refusals for job in done.jobs),
        to_video=to_video,
        replicas={
            name: (
                sum(moment.replicas[name] for moment in done.moments) / len(done.moments),
                max(moment.replicas[name] for moment in done.moments),
            )
            for name in scenario.cluster.stages
        },
        put_off=max(sum(moment.put_off.values()) for moment in done.moments),
        cost=cost,
        cost_per_job=cost / max(1, len(made)),
        moments=done.moments,
    )


def price(done: Simulated, cluster: Cluster, prices: Prices) -> float:
    """Returns what the pods cost: what they ask for, from wish to end, used or not."""
    return sum(
        done.pod_hours[name] * (size.cpus * prices.cpu_hour + size.gpus * prices.gpu_hour)
        for name, size in cluster.stages.items()
    )
