"""The simulation: nothing is lost, the same seed is the same day, and queues obey the laws that all queues obey."""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.capacity.cluster import STAGES, Cluster, chart_cluster, machine_cluster
from loadtests.capacity.jobs import first_task, following_tasks, make_job, task_count
from loadtests.capacity.limits import find_limits
from loadtests.capacity.simulation import LOOK_SECONDS, Simulated, Simulation
from loadtests.capacity.workload import DAY_SECONDS, PEAK_SECONDS, Arrival, make_day, rate
from loadtests.costs import Line, fit
from loadtests.tests.costs import make_costs


def some_hours(jobs_a_day: float, hours: float = 3.0, seed: int = 1) -> list[Arrival]:
    """The busiest hours of a day."""
    day = make_day(jobs_a_day, seed)
    first = PEAK_SECONDS - hours * 1800
    return [replace(one, at=one.at - first) for one in day if first <= one.at < first + hours * 3600]


def run(arrivals: list[Arrival], cluster: Cluster, seed: int = 1, spread: float = 0.2) -> Simulated:
    return Simulation(arrivals, make_costs(spread), cluster, seed).run()


def test_a_day_has_as_many_jobs_as_it_should_and_most_at_its_peak() -> None:
    day = make_day(5000, seed=3)
    assert len(day) == pytest.approx(5000, rel=0.05)
    hours = Counter(int(one.at // 3600) for one in day)
    assert hours[14] > 5 * hours[2]
    assert sum(rate(5000, 60.0 * minute) * 60 for minute in range(1440)) == pytest.approx(5000, rel=1e-3)
    assert all(a.at <= b.at for a, b in pairwise(day))
    assert day[-1].at < DAY_SECONDS


@pytest.mark.parametrize("provider", ["keda", "hpa"])
def test_the_same_seed_is_the_same_day(provider: str) -> None:
    arrivals = some_hours(2000, hours=1)
    assert run(arrivals, chart_cluster(provider)) == run(arrivals, chart_cluster(provider))
    assert run(arrivals, chart_cluster(provider)) != run(arrivals, chart_cluster(provider), seed=2)


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 1000), st.sampled_from(["keda", "hpa"]), st.sampled_from([0.0, 0.01, 0.2]), st.sampled_from([0.0, 0.5, 5.0])
)
def test_no_job_is_lost_whatever_dies(seed: int, provider: str, failures: float, losses: float) -> None:
    arrivals = some_hours(1500, hours=0.5, seed=seed)
    cluster = replace(chart_cluster(provider), task_failures=failures, pod_losses_per_hour=losses)
    done = run(arrivals, cluster, seed)
    assert len(done.jobs) == len(arrivals)
    assert {job.state for job in done.jobs} <= {"succeeded", "failed"}
    if not failures and not losses:
        assert all(job.state == "succeeded" for job in done.jobs)


def test_littles_law() -> None:
    """Jobs in the system on average = arrivals a second x mean time in it: a simulation that breaks it counts wrongly."""
    arrivals = some_hours(3000)
    done = run(arrivals, replace(chart_cluster("none"), task_failures=0.0, pod_losses_per_hour=0.0))
    there = sum(moment.jobs for moment in done.moments) * LOOK_SECONDS / done.seconds
    entering = len(done.jobs) / done.seconds
    staying = sum(job.to_video for job in done.jobs) / len(done.jobs)
    assert there == pytest.approx(entering * staying, rel=0.1)
    assert done.job_seconds == pytest.approx(sum(job.to_video for job in done.jobs), rel=1e-6)


def test_utilisation_law() -> None:
    """On shared processors work takes as long as it costs: the busy time is the demand, and no more than the processors have."""
    arrivals = [Arrival(20.0 * n, 20.0, "normal") for n in range(30)]
    done = run(arrivals, machine_cluster(2), spread=0.0)
    costs, chance = make_costs(), random.Random(1)
    demand = 0.0
    for number, arrival in enumerate(arrivals):
        job = make_job(number, arrival, costs, chance)
        for stage in STAGES:
            demand += first_task(job, stage, costs).cpu + costs.overhead_cpu * task_count(job, stage)
    assert demand / 2 < done.seconds
    crowd = run([replace(arrival, at=0.0) for arrival in arrivals], machine_cluster(2), spread=0.0)
    assert crowd.seconds == pytest.approx(demand / 2, rel=0.15), "two processors that always have work need half of the demand"


@given(st.floats(5, 7200), st.sampled_from(STAGES))
def test_a_stage_does_all_its_parts_and_joins_once(audio: float, stage: str) -> None:
    costs = make_costs()
    job = make_job(0, Arrival(0.0, audio, "high"), costs, random.Random(1))
    waiting, kinds = [first_task(job, stage, costs)], Counter[str]()
    while waiting:
        task = waiting.pop()
        kinds[task.kind] += 1
        waiting += following_tasks(task, costs)
    parts = job.parts(stage)
    assert kinds == ({"all": 1} if parts == 1 else {"plan": 1, "part": parts, "join": 1})
    assert sum(kinds.values()) == task_count(job, stage)


def test_more_replicas_make_it_no_slower() -> None:
    arrivals = some_hours(4000, hours=1)
    slow, fast = (run(arrivals, chart_cluster("keda", places=False, most=most), spread=0.0) for most in (2, 40))
    mean = [sum(job.to_video for job in done.jobs) / len(done.jobs) for done in (slow, fast)]
    assert mean[1] <= mean[0]


def test_replicas_stay_within_their_bounds_and_reach_zero_only_with_keda() -> None:
    for provider in ("keda", "hpa"):
        cluster = chart_cluster(provider)
        # Work, then two quiet hours, then one more.
        arrivals = [*(Arrival(10.0 * n, 120.0, "normal") for n in range(60)), Arrival(7800.0, 60.0, "low")]
        done = run(arrivals, cluster)
        for name, size in cluster.stages.items():
            seen = [moment.replicas[name] for moment in done.moments]
            assert max(seen) <= size.most
        least = min(moment.replicas["transcription"] for moment in done.moments if moment.at > 600)
        assert (least == 0) == (provider == "keda")


def test_a_full_queue_sends_new_jobs_away_and_they_come_again() -> None:
    cluster = replace(machine_cluster(2), most_waiting=3)
    cluster = replace(cluster, stages={name: replace(size, places=0) for name, size in cluster.stages.items()})
    done = run([Arrival(0.1 * n, 20.0, "normal") for n in range(30)], cluster)
    assert sum(job.refusals for job in done.jobs) > 0
    assert Counter(job.state for job in done.jobs) == {"succeeded": 30}


def test_limits_are_sorted_and_more_replicas_lift_theirs() -> None:
    costs = make_costs()
    limits = find_limits(costs, chart_cluster("keda"))
    assert [limit.jobs_a_day for limit in limits] == sorted(limit.jobs_a_day for limit in limits)
    few, many = (
        min(one.jobs_a_day for one in find_limits(costs, chart_cluster("keda", most=most)) if "replicas" in one.name)
        for most in (10, 40)
    )
    assert many == pytest.approx(4 * few)


def test_a_cluster_breaks_where_its_limit_is() -> None:
    """The formula and the simulation agree: below the limit of replicas nothing piles up, above it everything does."""
    costs = make_costs()
    cluster = replace(chart_cluster("keda", places=False, most=2), most_waiting=10**9)
    bound = min(one.jobs_a_day for one in find_limits(costs, cluster) if "replicas" in one.name)
    below, above = (Simulation(some_hours(share * bound, hours=2), costs, cluster, 1).run() for share in (0.6, 1.4))
    last = [sum(moment.jobs for moment in done.moments if 6000 < moment.at < 7200) / 20 for done in (below, above)]
    assert last[1] > 4 * last[0]


@given(st.floats(0, 3), st.floats(0, 1))
def test_a_line_is_found_again(fixed: float, per_unit: float) -> None:
    counts, units = [1.0, 1.0, 2.0, 4.0], [10.0, 20.0, 50.0, 95.0]
    seconds = [max(1e-6, fixed * count + per_unit * unit) for count, unit in zip(counts, units, strict=True)]
    found = fit(counts, units, seconds)
    for count, unit, wanted in zip(counts, units, seconds, strict=True):
        assert found.fixed * count + found.per_unit * unit == pytest.approx(wanted, rel=1e-3, abs=1e-4)


def test_no_line_makes_something_of_nothing() -> None:
    assert fit([1, 1], [10, 20], [3.0, 2.0]).per_unit == 0
    assert fit([1, 1], [10, 20], [1.0, 3.0]).fixed == 0
    assert fit([1], [10], [2.0]) == Line(0.0, pytest.approx(0.2))
    assert math.isfinite(fit([1, 1], [10, 20], [0.0, 0.0]).per_unit)
