"""Another run of a job: what is made again, and what stays."""

from __future__ import annotations

from dataclasses import dataclass

from s2v.gateway.edits import check_ended
from s2v.gateway.quotas import Quotas
from s2v.runtime.bus import Bus
from s2v.runtime.errors import InvalidInputError, PreconditionError, S2VError
from s2v.runtime.jobs import Jobs, progress, stage_record
from s2v.runtime.patches import stage_of
from s2v.runtime.stage import NAMES
from s2v.runtime.usage import UsageCounter
from s2v.v1.job_pb2 import Job, JobState, StageState
from s2v.v1.report_pb2 import Stage
from s2v.v1.work_pb2 import JobRecord, StageRecord, Task, TaskKind


@dataclass(frozen=True)
class Start:
    """Where a run starts."""

    stage: Stage.ValueType
    joins: bool
    """Whether what the stage's parts have found stays, and only their join is done again, with the edits."""


class Reruns:
    """Begins other runs of ended jobs."""

    def __init__(self, jobs: Jobs, bus: Bus, quotas: Quotas, usage: UsageCounter) -> None:
        self._jobs = jobs
        self._bus = bus
        self._quotas = quotas
        self._usage = usage

    async def begin(self, tenant: str, job_id: str, from_stage: Stage.ValueType) -> Job:
        """Begins another run, which applies all edits, and returns the job.

        A gateway that is killed in between leaves a job that is at work without a task: housekeeping gives it one.
        Errors: NotFoundError, InvalidInputError, QuotaError, UnavailableError; PreconditionError (JOB_RUNNING,
        NOTHING_TO_DO, NO_INPUT).
        """
        if from_stage and from_stage not in NAMES:
            raise InvalidInputError(f"from_stage is {from_stage}; use a stage, or none", field="from_stage")
        # What is refused for another reason costs no quota.
        before = await self._jobs.get(tenant, job_id)
        check_ended(before)
        find_start(before, from_stage)
        new = await self._quotas.hold_job(tenant, job_id)
        try:
            await self._quotas.spend_call(tenant)
        except S2VError:
            if new:
                await self._quotas.release_job(tenant, job_id)
            raise
        start = Start(Stage.STAGE_TRANSCRIPTION, joins=False)

        def again(record: JobRecord) -> bool:
            nonlocal start
            check_ended(record)
            start = find_start(record, from_stage)
            reset(record, start)
            return True

        record = await self._jobs.rerun(tenant, job_id, again)
        kind = TaskKind.TASK_KIND_JOIN if start.joins else TaskKind.TASK_KIND_PLAN
        task = Task(tenant=tenant, job_id=job_id, stage=start.stage, kind=kind, epoch=record.epoch)
        await self._bus.publish_task(task, record.job.options.priority)
        await self._usage.add_rerun(tenant)
        return record.job


def find_start(record: JobRecord, from_stage: Stage.ValueType) -> Start:
    """Returns where a run must start: where the edits that wait change something, or at `from_stage` if that is earlier.

    Without `from_stage` a job that has no video starts at the latest at the first stage that has no result.
    Errors: PreconditionError (NOTHING_TO_DO, NO_INPUT).
    """
    order = list(NAMES)
    waiting = record.job.edits[record.job.applied_edits :]
    needed = [order.index(stage_of(patch)) for edit in waiting for patch in edit.patches]
    if not from_stage:
        needed += [number for number, one in enumerate(order) if not stage_record(record, one).HasField("output")]
    if not needed and not from_stage:
        raise PreconditionError(
            f"job {record.job.id} has its video and no edit that waits; name the stage from which it is to be made again",
            reason="NOTHING_TO_DO",
            field="from_stage",
        )
    asked = order.index(from_stage) if from_stage else len(order)
    first = min([asked, *needed])
    stage = order[first]
    missing = next((one for one in order[:first] if not stage_record(record, one).HasField("output")), None)
    if missing is not None or not any(artifact.name == "source" for artifact in record.job.artifacts):
        what = NAMES[missing] if missing is not None else "source"
        raise PreconditionError(
            f"job {record.job.id} has no result of {what}; start earlier, or make a new job of its talk",
            reason="NO_INPUT",
            field="from_stage",
        )
    entry = stage_record(record, stage)
    # A result that came whole from the cache has no parts: its stage is done again.
    kept = entry.parts_total > 0 and len(entry.parts) == entry.parts_total
    return Start(stage, joins=first < asked and kept)


def reset(record: JobRecord, start: Start) -> None:
    """Takes out of a record what is made again."""
    order, job = list(NAMES), record.job
    again = order[order.index(start.stage) :]
    for entry in record.stages:
        if entry.stage not in again:
            continue
        if entry.stage == start.stage and start.joins:
            entry.ClearField("output")
            entry.failed_attempts.clear()
            entry.handed_back.clear()
            entry.state = StageState.STAGE_STATE_RUNNING
            entry.started_at.GetCurrentTime()
            entry.queue_seconds = entry.plan_cpu_seconds = 0.0
            for part in entry.parts.values():
                part.cached, part.cpu_seconds = True, 0.0
        else:
            fresh = StageRecord(
                stage=entry.stage, state=StageState.STAGE_STATE_PENDING, cache_keys=entry.cache_keys, attempts=entry.attempts
            )
            if entry.stage == Stage.STAGE_LAYOUT and job.edits and (entry.HasField("output") or entry.HasField("previous")):
                fresh.previous.CopyFrom(entry.output if entry.HasField("output") else entry.previous)
            entry.CopyFrom(fresh)
    folders = tuple(f"/{job.id}/{NAMES[stage]}/" for stage in again)
    kept = [artifact for artifact in job.artifacts if not any(folder in artifact.object.key for folder in folders)]
    reports = [report for report in job.report.stages if report.stage not in again]
    del job.artifacts[:], job.report.stages[:], job.unmatched_patches[:]
    job.artifacts.extend(kept)
    job.report.stages.extend(reports)
    job.applied_edits = len(job.edits)
    job.state = JobState.JOB_STATE_RUNNING
    job.ClearField("error")
    job.ClearField("finished_at")
    record.epoch += 1
    progress(record)
