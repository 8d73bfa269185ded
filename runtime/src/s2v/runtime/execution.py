"""What a task does: plan, part or join of one stage, from the record's state to the next task. Each step may be repeated."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from s2v.runtime import hops, metrics, quality
from s2v.runtime.bus import Bus
from s2v.runtime.cache import Cache
from s2v.runtime.edits import apply_edits, edits_of
from s2v.runtime.engine import EnginePool
from s2v.runtime.jobs import FINISHED, Jobs, end, progress, stage_record
from s2v.runtime.making import Making
from s2v.runtime.stage import NAMES, File, StageWork, digest, following
from s2v.runtime.store import ObjectStore
from s2v.v1.artifact_pb2 import ArtifactKind, ObjectRef
from s2v.v1.edit_pb2 import UnmatchedPatch
from s2v.v1.event_pb2 import JobEvent, PartFinished, StageFinished, StageStarted
from s2v.v1.job_pb2 import JobState, StageState
from s2v.v1.report_pb2 import Stage
from s2v.v1.timeline_pb2 import Attempt, AttemptOutcome
from s2v.v1.work_pb2 import CacheEntry, Checkpoint, JobRecord, PartRecord, Plan, StageRecord, Task, TaskKind


class GoneError(Exception):
    """The job ended or a later run of it began while the task was at work; nothing is left to do."""


@dataclass
class Execution:
    """Carries out the tasks of one stage."""

    work: StageWork
    bus: Bus
    jobs: Jobs
    store: ObjectStore
    pool: EnginePool
    caching: bool
    snapshots: bool = True
    """Whether each finished stage is noted in S3, so that a job whose record is lost goes on after it."""
    left: Callable[[str], Awaitable[None]] | None = None
    """Told the id of each job that has left the stage."""

    def __post_init__(self) -> None:
        self._cache = Cache(self.store)
        self.making = Making(self.work, self.store, self.pool)
        self._stage = self.work.stage
        self._name = NAMES[self.work.stage]

    async def advance(self, record: JobRecord, task: Task) -> None:
        """Does what `task` asks for, given the record as it is now, and publishes what follows.

        Errors: GoneError; whatever the stage's work raises.
        """
        entry = stage_record(record, self._stage)
        if entry.state == StageState.STAGE_STATE_SUCCEEDED:
            await self._move_on(record)
        elif task.kind == TaskKind.TASK_KIND_PLAN:
            await self._plan(record, task)
        elif task.kind == TaskKind.TASK_KIND_PART:
            await self._part(record, task)
        else:
            await self._join(record)

    async def _plan(self, record: JobRecord, task: Task) -> None:
        entry = stage_record(record, self._stage)
        if not entry.HasField("plan"):
            key = self._key(record)
            caching = self.caching and not edits_of(record, self._stage)
            hit = await self._cache.get(record.job.tenant, self._stage, key, self.making.prefix(record)) if caching else None
            if hit:
                cached = hops.attempt(self._stage, "plan", task.epoch, AttemptOutcome.ATTEMPT_OUTCOME_CACHED)
                await self._finish(record, hit, key, cached)
                return
            record = await self._make_plan(record, task)
            entry = stage_record(record, self._stage)
        plan = Plan.FromString(await self.store.read(entry.plan))
        if entry.parts_total == 1:
            await self._join(await self._run(record, plan, 0))
            return
        for part in range(entry.parts_total):
            ready = part not in plan.chained or part - 1 in entry.parts
            if ready and part not in entry.parts:
                await self._publish(record, TaskKind.TASK_KIND_PART, part)
        if len(entry.parts) == entry.parts_total:
            await self._publish(record, TaskKind.TASK_KIND_JOIN)

    async def _make_plan(self, record: JobRecord, task: Task) -> JobRecord:
        started_ns = time.time_ns()
        queued = max(0.0, started_ns / 1e9 - task.published_at.ToNanoseconds() / 1e9)
        with self.making.task(record) as context:
            async with self.making.within(record, "plan"):
                parts = await self.work.plan(context)
            made = Plan(
                parts=[part.message.SerializeToString(deterministic=True) for part in parts],
                chained=[number for number, part in enumerate(parts) if part.chained],
            )
            plan = await context.store(
                File(
                    ArtifactKind.ARTIFACT_KIND_UNSPECIFIED,
                    "plan.pb",
                    "application/x-protobuf",
                    data=made.SerializeToString(),
                )
            )

            cpu_seconds = context.cpu_seconds
            attempt = hops.attempt(self._stage, "plan", task.epoch, AttemptOutcome.ATTEMPT_OUTCOME_DONE, cpu_seconds=cpu_seconds)

            def planned(record: JobRecord) -> bool:
                entry = stage_record(record, self._stage)
                if not alive(record, task.epoch) or entry.HasField("plan"):
                    return False
                entry.plan.CopyFrom(plan)
                entry.parts_total = len(parts)
                entry.state = StageState.STAGE_STATE_RUNNING
                entry.started_at.FromNanoseconds(started_ns)
                entry.queue_seconds = queued
                entry.plan_cpu_seconds = cpu_seconds
                hops.note(entry, attempt)
                record.job.state = JobState.JOB_STATE_RUNNING
                progress(record)
                return True

            record = await self.jobs.update(task.tenant, task.job_id, planned)
        _check_alive(record, task.epoch)
        await self.jobs.announce(record)
        started = StageStarted(stage=self._stage, parts_total=len(parts))
        await self._event(record, JobEvent(stage_started=started), "started")
        return record

    async def _part(self, record: JobRecord, task: Task) -> None:
        entry = stage_record(record, self._stage)
        plan = Plan.FromString(await self.store.read(entry.plan))
        if task.part not in entry.parts:
            record = await self._run(record, plan, task.part)
            entry = stage_record(record, self._stage)
        waiting = task.part + 1
        if waiting in plan.chained and waiting not in entry.parts:
            await self._publish(record, TaskKind.TASK_KIND_PART, waiting)
        if len(entry.parts) == entry.parts_total:
            await self._publish(record, TaskKind.TASK_KIND_JOIN)

    async def _run(self, record: JobRecord, plan: Plan, number: int) -> JobRecord:
        """Does a part and records it."""
        entry = stage_record(record, self._stage)
        if number in entry.parts:
            return record
        before = entry.parts[number - 1].output if number in plan.chained else None
        inputs: Sequence[bytes | str] = (plan.parts[number], before.sha256 if before else "", *_previous(entry))
        key = digest(f"{self._name}.part", self.work.identity(record.job.options), *inputs)
        caching = self.caching and entry.parts_total > 1
        hit = await self._cache.get(record.job.tenant, self._stage, key, self.making.prefix(record)) if caching else None
        cpu_seconds = 0.0
        if hit is None:
            with self.making.task(record, before) as context:
                doing = self.work.run(context, plan.parts[number])
                hit, cpu_seconds = await self.making.make(record, context, f"part-{number:04d}.pb", doing)
            if caching and not hit.report.degradations:
                await self._cache.put(record.job.tenant, self._stage, key, hit)
            cached = False
        else:
            cached = True
        made, epoch = hit, record.epoch
        outcome = AttemptOutcome.ATTEMPT_OUTCOME_CACHED if cached else AttemptOutcome.ATTEMPT_OUTCOME_DONE
        attempt = hops.attempt(self._stage, f"part.{number}", epoch, outcome, cpu_seconds=cpu_seconds)

        def done(record: JobRecord) -> bool:
            entry = stage_record(record, self._stage)
            if not alive(record, epoch) or number in entry.parts:
                return False
            entry.parts[number].CopyFrom(PartRecord(output=made.output, cpu_seconds=cpu_seconds, cached=cached))
            hops.note(entry, attempt)
            if caching and key not in entry.cache_keys:
                entry.cache_keys.append(key)
            record.job.artifacts.extend(made.artifacts)
            progress(record)
            return True

        record = await self.jobs.update(record.job.tenant, record.job.id, done)
        _check_alive(record, epoch)
        entry = stage_record(record, self._stage)
        finished = PartFinished(stage=self._stage, part=number, parts_done=len(entry.parts), parts_total=entry.parts_total)
        if made.artifacts:
            finished.artifact.CopyFrom(made.artifacts[0])
        await self._event(record, JobEvent(part_finished=finished), f"part.{number}")
        return record

    async def _join(self, record: JobRecord) -> None:
        entry = stage_record(record, self._stage)
        if entry.state == StageState.STAGE_STATE_SUCCEEDED:
            await self._move_on(record)
            return
        edits = edits_of(record, self._stage)
        with self.making.task(record) as context:
            parts: Sequence[ObjectRef] = [entry.parts[number].output for number in range(entry.parts_total)]
            if edits:
                edited = await apply_edits(context, self._stage, edits, parts)
                parts = edited.parts
                record = await self._note_unmatched(record, edited.unmatched)
            doing = self.work.join(context, parts)
            made, cpu_seconds = await self.making.make(record, context, self.making.whole, doing)
            report = made.report
            report.stage = self._stage
            report.started_at.CopyFrom(entry.started_at)
            report.finished_at.GetCurrentTime()
            report.wall_seconds = (report.finished_at.ToNanoseconds() - report.started_at.ToNanoseconds()) / 1e9
            report.cpu_seconds = entry.plan_cpu_seconds + cpu_seconds + sum(part.cpu_seconds for part in entry.parts.values())
            report.queue_seconds = entry.queue_seconds
            report.parts = entry.parts_total
            report.cached_parts = sum(part.cached for part in entry.parts.values())
        key = b""
        if self.caching and not edits and not made.report.degradations:
            key = self._key(record)
            await self._cache.put(record.job.tenant, self._stage, key, made)
        done = AttemptOutcome.ATTEMPT_OUTCOME_DONE
        await self._finish(record, made, key, hops.attempt(self._stage, "join", record.epoch, done, cpu_seconds=cpu_seconds))

    async def _note_unmatched(self, record: JobRecord, unmatched: Sequence[UnmatchedPatch]) -> JobRecord:
        """Says in the job which patches had no effect; doing it again changes nothing."""
        epoch = record.epoch

        def note(record: JobRecord) -> bool:
            known = [(one.revision, one.patch) for one in record.job.unmatched_patches]
            new = [one for one in unmatched if (one.revision, one.patch) not in known]
            record.job.unmatched_patches.extend(new)
            return alive(record, epoch) and bool(new)

        record = await self.jobs.update(record.job.tenant, record.job.id, note)
        _check_alive(record, epoch)
        return record

    async def _finish(self, record: JobRecord, made: CacheEntry, key: bytes, attempt: Attempt) -> None:
        """Records the stage's result, and under which key it is in the cache if it is, and moves the job on."""
        epoch, stage, moved = record.epoch, self._stage, False
        if attempt.outcome == AttemptOutcome.ATTEMPT_OUTCOME_CACHED:
            made.report.cached_parts = made.report.parts = max(1, made.report.parts)
            made.report.wall_seconds = made.report.cpu_seconds = made.report.queue_seconds = 0.0
            made.report.started_at.GetCurrentTime()
            made.report.finished_at.CopyFrom(made.report.started_at)

        if self.snapshots:
            entry = StageRecord()
            entry.CopyFrom(stage_record(record, stage))
            hops.note(entry, attempt)
            checkpoint = Checkpoint(
                stage=stage,
                epoch=epoch,
                output=made.output,
                artifacts=[*record.job.artifacts, *made.artifacts],
                report=made.report,
                record=entry,
            )
            await self.store.put(f"{self.making.prefix(record)}checkpoint.pb", checkpoint.SerializeToString())

        def finished(record: JobRecord) -> bool:
            nonlocal moved
            entry = stage_record(record, stage)
            moved = alive(record, epoch) and entry.state != StageState.STAGE_STATE_SUCCEEDED
            if not moved:
                return False
            hops.note(entry, attempt)
            entry.state = StageState.STAGE_STATE_SUCCEEDED
            entry.output.CopyFrom(made.output)
            entry.parts_total = made.report.parts
            if key and key not in entry.cache_keys:
                entry.cache_keys.append(key)
            names = {artifact.name for artifact in record.job.artifacts}
            record.job.artifacts.extend(artifact for artifact in made.artifacts if artifact.name not in names)
            record.job.report.job_id = record.job.id
            record.job.report.stages.append(made.report)
            record.job.state = JobState.JOB_STATE_RUNNING
            progress(record)
            if following(stage) is None:
                end(record, JobState.JOB_STATE_SUCCEEDED)
            return True

        record = await self.jobs.update(record.job.tenant, record.job.id, finished)
        if moved:
            metrics.stage_ended(made.report, record.job.source_seconds)
            quality.observe(made.report)
        if record.job.state != JobState.JOB_STATE_SUCCEEDED:
            _check_alive(record, epoch)
        await self._move_on(record)

    async def _move_on(self, record: JobRecord) -> None:
        """Announces a finished stage and wakes the next; doing it again changes nothing."""
        report = next(entry for entry in record.job.report.stages if entry.stage == self._stage)
        event = JobEvent(stage_finished=StageFinished(report=report, artifacts=record.job.artifacts))
        await self._event(record, event, "finished")
        if self.left is not None:
            await self.left(record.job.id)
        successor = following(self._stage)
        if successor is None:
            await self.jobs.conclude(record)
            return
        task = Task(
            tenant=record.job.tenant, job_id=record.job.id, stage=successor, kind=TaskKind.TASK_KIND_PLAN, epoch=record.epoch
        )
        await self.bus.publish_task(task, record.job.options.priority)

    def _key(self, record: JobRecord) -> bytes:
        """Returns the cache key of the stage's whole result: the source, all artifacts before it, and the stage's identity."""
        inputs: Sequence[ObjectRef] = [record.source, *(entry.output for entry in _before(record, self._stage))]
        previous = _previous(stage_record(record, self._stage))
        return digest(self._name, self.work.identity(record.job.options), *(ref.sha256 for ref in inputs), *previous)

    async def _publish(self, record: JobRecord, kind: TaskKind.ValueType, part: int = 0) -> None:
        task = Task(tenant=record.job.tenant, job_id=record.job.id, stage=self._stage, kind=kind, part=part, epoch=record.epoch)
        await self.bus.publish_task(task, record.job.options.priority)

    async def _event(self, record: JobRecord, event: JobEvent, name: str) -> None:
        event.job_id = record.job.id
        await self.bus.publish_event(event, f"{record.epoch}.{self._name}.{name}")


def alive(record: JobRecord, epoch: int) -> bool:
    """Says whether the job is still at work and in the run that `epoch` names."""
    return record.epoch == epoch and record.job.state not in FINISHED


def _before(record: JobRecord, stage: Stage.ValueType) -> list[StageRecord]:
    order = list(NAMES)
    return [stage_record(record, earlier) for earlier in order[: order.index(stage)]]


def _previous(entry: StageRecord) -> Sequence[str]:
    """Returns the digest of what the stage made before an edit, if it goes by that."""
    return [entry.previous.sha256] if entry.HasField("previous") else []


def _check_alive(record: JobRecord, epoch: int) -> None:
    if not alive(record, epoch):
        raise GoneError
