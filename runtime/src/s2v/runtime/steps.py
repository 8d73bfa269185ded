"""What a stage's steps write into the job record: that it began, that a part is done, that the stage is. Each changes it once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from s2v.runtime import hops
from s2v.runtime.jobs import FINISHED, end, progress, stage_record
from s2v.runtime.moments import stamp
from s2v.runtime.stage import NAMES, following
from s2v.v1.artifact_pb2 import Artifact, ObjectRef
from s2v.v1.job_pb2 import JobState, StageState
from s2v.v1.report_pb2 import Stage
from s2v.v1.timeline_pb2 import Attempt
from s2v.v1.work_pb2 import CacheEntry, JobRecord, PartRecord, StageRecord, Task, TaskKind

Step = Callable[[JobRecord, Stage.ValueType], bool]
"""Writes what was done at a stage into the record; returns whether that was news."""


def alive(record: JobRecord, epoch: int) -> bool:
    """Says whether the job is still at work and in the run that `epoch` names."""
    return record.epoch == epoch and record.job.state not in FINISHED


def stages_before(record: JobRecord, stage: Stage.ValueType) -> list[StageRecord]:
    """Returns what is known of the stages before one, in their order."""
    order = list(NAMES)
    return [stage_record(record, earlier) for earlier in order[: order.index(stage)]]


def behind(record: JobRecord, task: Task) -> bool:
    """Says whether a record is older than a task of it: it lacks what was written before the task was published."""
    if record.epoch != task.epoch or record.job.state in FINISHED:
        return record.epoch < task.epoch
    if not all(entry.HasField("output") for entry in stages_before(record, task.stage)):
        return True
    entry = stage_record(record, task.stage)
    if entry.state == StageState.STAGE_STATE_SUCCEEDED or task.kind == TaskKind.TASK_KIND_PLAN:
        return False
    if task.kind == TaskKind.TASK_KIND_PART:
        return not entry.HasField("plan")
    return not entry.parts_total or len(entry.parts) < entry.parts_total


@dataclass(frozen=True)
class Begun:
    """A stage has been planned."""

    parts_total: int
    plan: ObjectRef | None
    """Where the plan is; None for a stage of one part, which is planned anew when it is done again."""
    started_ns: int
    """Nanoseconds since 1970."""
    queue_seconds: float
    cpu_seconds: float
    attempt: Attempt

    def __call__(self, record: JobRecord, stage: Stage.ValueType) -> bool:
        """Writes it, unless the stage has begun already; a plan goes before the only part of a worker that died at it."""
        entry = stage_record(record, stage)
        if entry.HasField("started_at") and (self.plan is None or entry.HasField("plan") or entry.parts):
            return False
        if self.plan is not None:
            entry.plan.CopyFrom(self.plan)
        entry.parts_total = self.parts_total
        entry.state = StageState.STAGE_STATE_RUNNING
        stamp(entry.started_at, self.started_ns)
        entry.queue_seconds = self.queue_seconds
        entry.plan_cpu_seconds = self.cpu_seconds
        hops.note(entry, self.attempt)
        record.job.state = JobState.JOB_STATE_RUNNING
        return True


@dataclass(frozen=True)
class PartDone:
    """A part has been done."""

    number: int
    part: PartRecord
    artifacts: Sequence[Artifact]
    cache_key: bytes
    """Where it is in the cache; empty: nowhere."""
    attempt: Attempt

    def __call__(self, record: JobRecord, stage: Stage.ValueType) -> bool:
        """Writes it, unless the part was done already."""
        entry = stage_record(record, stage)
        if self.number in entry.parts:
            return False
        entry.parts[self.number].CopyFrom(self.part)
        hops.note(entry, self.attempt)
        if self.cache_key and self.cache_key not in entry.cache_keys:
            entry.cache_keys.append(self.cache_key)
        record.job.artifacts.extend(self.artifacts)
        return True


@dataclass(frozen=True)
class StageDone:
    """A stage has its result."""

    made: CacheEntry
    cache_key: bytes
    """Where it is in the cache; empty: nowhere."""
    attempt: Attempt

    def __call__(self, record: JobRecord, stage: Stage.ValueType) -> bool:
        """Writes it, unless the stage was done already; after the last stage the job has succeeded."""
        entry, job = stage_record(record, stage), record.job
        if entry.state == StageState.STAGE_STATE_SUCCEEDED:
            return False
        hops.note(entry, self.attempt)
        entry.state = StageState.STAGE_STATE_SUCCEEDED
        entry.output.CopyFrom(self.made.output)
        entry.parts_total = self.made.report.parts
        if self.cache_key and self.cache_key not in entry.cache_keys:
            entry.cache_keys.append(self.cache_key)
        names = {artifact.name for artifact in job.artifacts}
        job.artifacts.extend(artifact for artifact in self.made.artifacts if artifact.name not in names)
        job.report.job_id = job.id
        job.report.stages.append(self.made.report)
        job.state = JobState.JOB_STATE_RUNNING
        if following(stage) is None:
            end(record, JobState.JOB_STATE_SUCCEEDED)
        return True


def write(record: JobRecord, stage: Stage.ValueType, epoch: int, steps: Sequence[Step]) -> bool:
    """Writes the steps into a record whose job is at work in run `epoch`; says whether any was news.

    Steps before the last are not written where the stage is already done.
    """
    if not alive(record, epoch) or stage_record(record, stage).state == StageState.STAGE_STATE_SUCCEEDED:
        return False
    news = [step(record, stage) for step in steps]
    if any(news):
        progress(record)
    return any(news)
