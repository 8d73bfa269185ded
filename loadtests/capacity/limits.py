"""Where the design breaks first: for each bound, the jobs a day at which the busiest hour meets it, and what to do then."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from loadtests.capacity.cluster import STAGES, Cluster
from loadtests.capacity.workload import PEAK_SECONDS, mean_seconds, rate
from loadtests.costs import CHAIN, SCENES, Costs
from s2v.gateway.settings import GatewaySettings
from s2v.runtime.settings import RuntimeSettings

NATS_TASKS_PER_SECOND = 900.0
"""Tasks a second that one NATS server has taken, writing to disk as it liked, with all workers on its two cores (evals.bus)."""
S3_PUTS_PER_SECOND = 3500.0
"""What Amazon S3 says a prefix takes at least; other servers differ."""
DISK_BYTES = 50e9
"""What one stream may hold: half of a usual volume of 100 GB."""
USED = 0.7
"""Part of what something can do that is planned with."""
UPLOAD_SECONDS = 20.0
"""How long an upload takes over a usual line: 2 MB at 100 kB/s."""


@dataclass(frozen=True)
class Limit:
    """A bound of the design."""

    name: str
    jobs_a_day: float
    """Where the busiest time of the day meets it."""
    how: str
    """How that is counted."""
    remedy: str


@dataclass(frozen=True)
class MeanJob:
    """A talk of mean length, as the model makes it."""

    tasks: int
    cpu: dict[str, float]
    """Processor seconds, by stage."""
    way: dict[str, float]
    """Seconds in each stage if all workers are free: plan, the longest chain, join."""


def mean_job(costs: Costs, cluster: Cluster) -> MeanJob:
    """Returns what a job of mean length needs."""
    audio = mean_seconds()
    scenes = max(1, round(audio / costs.scene_seconds))
    windows = math.ceil(audio / costs.window_seconds)
    counts = {"transcription": windows, "rendering": scenes}
    cpu, way, tasks = {}, {}, 0
    for name in STAGES:
        lines, parts = costs.stages[name], counts.get(name, 1)
        units = float(scenes) if lines.unit == SCENES else audio
        part = lines.part.at(units / parts)
        ends = lines.plan.at(units) + lines.join.at(units)
        steps = CHAIN if name == "transcription" else 1
        speed = cluster.stages[name].speed
        cpu[name] = ends + parts * part
        waits = costs.hop(name, "plan") + min(parts, steps) * costs.hop(name, "part") + costs.hop(name, "join")
        way[name] = (ends + min(parts, steps) * part) / speed + waits
        tasks += 1 if parts == 1 else parts + 2
    return MeanJob(tasks, cpu, way)


def find_limits(costs: Costs, cluster: Cluster) -> list[Limit]:
    """Returns the bounds, the lowest first."""
    job = mean_job(costs, cluster)
    swing = rate(1.0, PEAK_SECONDS)  # jobs a second at the peak, for one a day
    limits = []
    for name, size in cluster.stages.items():
        workers = size.most * size.workers * size.speed
        limits.append(
            Limit(
                f"{name}: {size.most} replicas",
                workers / job.cpu[name] / swing,
                f"{size.most} pods of {size.workers} workers; a job takes {job.cpu[name]:.1f} s of processor time",
                f"raise {name}.autoscaling.max",
            )
        )
        if size.places:
            stay = max(job.way[name], job.cpu[name] / workers)
            limits.append(
                Limit(
                    f"{name}: {size.places} jobs at once",
                    size.places / stay / swing,
                    f"a job is there at least {stay:.1f} s, all workers free; on all pods together",
                    f"raise S2V_{name.upper()}_JOBS, or 0",
                )
            )
    limits += _bus_limits(job, costs, swing)
    limits += _keeping_limits(job, costs, swing)
    limits.append(
        Limit(
            "uploads",
            10 * GatewaySettings.model_fields["upload_streams"].default / UPLOAD_SECONDS / swing,
            f"10 gateways of {GatewaySettings.model_fields['upload_streams'].default} streams, each {UPLOAD_SECONDS:.0f} s",
            "raise gateway.autoscaling.max; let browsers post to S3 (StartUpload by_post)",
        )
    )
    return sorted(limits, key=lambda limit: limit.jobs_a_day)


def _bus_limits(job: MeanJob, costs: Costs, swing: float) -> Sequence[Limit]:
    return (
        Limit(
            "NATS: one work stream",
            NATS_TASKS_PER_SECOND / job.tasks / swing,
            f"{job.tasks} tasks a job; {NATS_TASKS_PER_SECOND:,.0f} a second, fewer when each write waits for the disk",
            "partition work, events and records by a hash of the job; above that a cluster for each set of tenants",
        ),
        Limit(
            "NATS: a day of events",
            DISK_BYTES / (job.tasks * costs.event_bytes),
            f"{costs.event_bytes:.0f} bytes of events a task, measured; {DISK_BYTES / 1e9:.0f} GB for a day of them",
            "larger volumes; keep events for hours; partitions",
        ),
        Limit(
            "S3: requests for one prefix",
            S3_PUTS_PER_SECOND / (costs.puts * job.tasks) / swing,
            f"{costs.puts:.1f} writes a task, measured, all below <tenant>/; {S3_PUTS_PER_SECOND:,.0f} a second",
            "put a hash before the tenant, or a bucket for each tenant",
        ),
    )


def _keeping_limits(job: MeanJob, costs: Costs, swing: float) -> Sequence[Limit]:
    settings, days = GatewaySettings.model_fields, RuntimeSettings.model_fields["result_days"].default
    passes = settings["reconcile_seconds"].default
    records = passes / costs.reconcile_seconds
    return (
        Limit(
            "reconciler: one look at all jobs at work",
            records / (swing * _stay_seconds(job)),
            f"{1000 * costs.reconcile_seconds:.2f} ms a job at work; a pass longer than {passes:.0f} s is met at {records:,.0f}",
            "raise S2V_RECONCILE_SECONDS",
        ),
        Limit(
            "NATS: records of ended jobs",
            DISK_BYTES / (costs.record_bytes * job.tasks) / days,
            f"{costs.record_bytes * job.tasks / 1000:.0f} kB a record, kept {days:.0f} days in {DISK_BYTES / 1e9:.0f} GB",
            "keep ended jobs in S3 and the catalogue only",
        ),
    )


@dataclass(frozen=True)
class Size:
    """What a number of jobs a day takes, once the limits on jobs and replicas are lifted."""

    jobs_a_day: float
    peak_jobs: float
    """Jobs a second at the peak."""
    peak_tasks: float
    pods: dict[str, int]
    """By stage, at the peak, at 70 % of what they can do."""
    nats_partitions: int
    """Of the work, the events and the records; each is a server of its own when it is full."""
    s3_prefixes: int
    live_records: int
    """Jobs in the system at the peak, which the reconciler looks at."""


def size(jobs_a_day: float, costs: Costs, cluster: Cluster) -> Size:
    """Returns what a number of jobs a day takes."""
    job, peak = mean_job(costs, cluster), rate(jobs_a_day, PEAK_SECONDS)
    pods = {name: math.ceil(peak * job.cpu[name] / (one.workers * one.speed) / USED) for name, one in cluster.stages.items()}
    return Size(
        jobs_a_day,
        peak,
        peak * job.tasks,
        pods,
        nats_partitions=math.ceil(peak * job.tasks / NATS_TASKS_PER_SECOND / USED),
        s3_prefixes=math.ceil(peak * job.tasks * costs.puts / S3_PUTS_PER_SECOND / USED),
        live_records=math.ceil(peak * _stay_seconds(job)),
    )


def _stay_seconds(job: MeanJob) -> float:
    """Returns how long a job is in the system when that is used to USED."""
    return sum(job.way.values()) / (1 - USED)
