"""What is counted and measured, in one place: each instrument's name, unit, buckets and attributes.

OpenTelemetry's API: without a meter provider (in tests, in a single stage) all of it costs nothing. Attributes have few values:
never a job, a file or a text. How they are called in Prometheus: dots become underscores, units and `_total` are appended.
"""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry import metrics

from s2v.runtime.errors import EngineError, QuotaError, is_fault_of_input
from s2v.runtime.stage import NAMES
from s2v.v1.job_pb2 import Job, JobState
from s2v.v1.report_pb2 import StageReport
from s2v.v1.timeline_pb2 import AttemptOutcome

_meter = metrics.get_meter("s2v")

_CALL_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_WORK_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
_FACTORS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2, 4, 8)


def histogram(name: str, unit: str, description: str, buckets: Sequence[float]) -> metrics.Histogram:
    """Makes a histogram with buckets that fit what it measures."""
    return _meter.create_histogram(name, unit, description, explicit_bucket_boundaries_advisory=buckets)


calls = histogram("rpc.server.call.duration", "s", "Calls by rpc.method and rpc.response.status_code.", _CALL_SECONDS)

tasks = histogram("s2v.task.duration", "s", "Attempts at tasks by stage, kind (plan, part, join) and outcome.", _WORK_SECONDS)
task_waits = histogram("s2v.task.wait", "s", "From publishing a task to its first start, by stage and priority.", _WORK_SECONDS)
attempt_failures = _meter.create_counter("s2v.attempt.failures", "{attempt}", "Attempts that failed, by stage and reason.")
busy = _meter.create_up_down_counter("s2v.engine.busy", "{process}", "Engine processes at work.")
engine_processes = _meter.create_gauge("s2v.engine.processes", "{process}", "Engine processes that there are.")
engine_faults = _meter.create_counter(
    "s2v.engine.faults", "{fault}", "Engine runs that timed out or whose process died, by fault."
)

stages = histogram(
    "s2v.stage.duration", "s", "Finished stages by stage, from the first part's start to the result.", _WORK_SECONDS
)
stage_factors = histogram("s2v.stage.realtime_factor", "1", "Seconds of work for a second of sound, by stage.", _FACTORS)
stage_cpu = _meter.create_counter("s2v.stage.cpu.time", "s", "Processor time of finished stages, by stage.")
cache_lookups = _meter.create_counter(
    "s2v.cache.lookups", "{lookup}", "Lookups of stages and parts by stage and result (hit, miss)."
)

jobs_created = _meter.create_counter("s2v.jobs.created", "{job}", "Jobs that were accepted, by priority.")
jobs = histogram("s2v.job.duration", "s", "Ended jobs by state, from acceptance to the end.", _WORK_SECONDS)
job_factors = histogram(
    "s2v.job.realtime_factor", "1", "Seconds to the video for a second of sound, of jobs that succeeded.", _FACTORS
)
job_failures = _meter.create_counter("s2v.job.failures", "{job}", "Jobs that failed, by stage, reason and fault (input, system).")
refusals = _meter.create_counter("s2v.refusals", "{call}", "Calls that a quota or a full queue refused, by tenant and reason.")

store_requests = histogram(
    "s2v.store.request.duration", "s", "Requests to S3 by operation and outcome (done, missing, failed).", _CALL_SECONDS
)
store_bytes = _meter.create_gauge("s2v.storage.size", "By", "Bytes of jobs by tier.")
queue_tasks = _meter.create_gauge("s2v.queue.tasks", "{task}", "Tasks by stage, priority and state (waiting, at_work).")
queue_ages = _meter.create_gauge("s2v.queue.oldest.age", "s", "Age of the oldest task that is not done, by stage.")
dead_letters = _meter.create_gauge("s2v.dead_letters", "{letter}", "Tasks that were given up and are still kept, by stage.")
decisions = _meter.create_counter(
    "s2v.decisions", "{decision}", "Changes that the house made to how it works, by stage, knob and reason."
)
dependencies = _meter.create_gauge("s2v.dependency.up", "1", "Whether a dependency works (1) or not (0), by dependency.")


def begin_stage(stage: str, processes: int) -> None:
    """Starts the counts of a stage at 0, so that the first failure is an increase; and says how many engine processes it has."""
    engine_processes.set(processes)
    for fault in ("timeout", "died"):
        engine_faults.add(0, {"fault": fault})
    attempt_failures.add(0, {"stage": stage, "reason": EngineError.default_reason})
    job_failures.add(0, {"stage": stage, "reason": EngineError.default_reason, "fault": "system"})
    cache_lookups.add(0, {"stage": stage, "result": "hit"})
    decisions.add(0, {"stage": stage, "knob": "concurrency", "reason": "memory"})


def begin_gateway(tenant: str) -> None:
    """Starts the counts of the gateway at 0; `tenant` is the one of callers whom nobody has to know."""
    jobs_created.add(0, {"priority": "normal"})
    refusals.add(0, {"tenant": tenant, "reason": QuotaError.default_reason})


def task_ended(stage: str, kind: str, outcome: AttemptOutcome.ValueType, seconds: float) -> None:
    """Counts one attempt at a task; `kind` is "plan", "part" or "join"."""
    name = AttemptOutcome.Name(outcome).removeprefix("ATTEMPT_OUTCOME_").lower()
    tasks.record(seconds, {"stage": stage, "kind": kind, "outcome": name})


def stage_ended(report: StageReport, sound_seconds: float) -> None:
    """Measures what a finished stage took. One from the cache has no times."""
    stage = {"stage": NAMES[report.stage]}
    if report.wall_seconds:
        stages.record(report.wall_seconds, stage)
        stage_cpu.add(report.cpu_seconds, stage)
        if sound_seconds:
            stage_factors.record(report.wall_seconds / sound_seconds, stage)


def job_ended(job: Job) -> None:
    """Counts an ended job."""
    seconds = (job.finished_at.ToNanoseconds() - job.created_at.ToNanoseconds()) / 1e9
    state = JobState.Name(job.state).removeprefix("JOB_STATE_").lower()
    jobs.record(seconds, {"state": state})
    if job.state == JobState.JOB_STATE_SUCCEEDED and job.source_seconds:
        job_factors.record(seconds / job.source_seconds)
    if job.state == JobState.JOB_STATE_FAILED:
        fault = "input" if is_fault_of_input(job.error.code) else "system"
        stage = NAMES.get(job.error.stage, "none")
        job_failures.add(1, {"stage": stage, "reason": job.error.reason, "fault": fault})
