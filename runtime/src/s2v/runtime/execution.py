"""What a task does: plan, part or join of one stage, from the record's state to the next task. Each step may be repeated."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from s2v.runtime.bus import Bus
from s2v.runtime.cache import Cache
from s2v.runtime.edits import apply_edits, edits_of
from s2v.runtime.engine import EnginePool
from s2v.runtime.errors import DegradedError, UnavailableError
from s2v.runtime.jobs import FINISHED, Jobs, end, prefix, progress, stage_record
from s2v.runtime.limits import part_seconds, whole_seconds, within
from s2v.runtime.spool import Result, Spool
from s2v.runtime.stage import NAMES, File, Output, StageWork, digest, following
from s2v.runtime.store import ObjectStore
from s2v.runtime.task import JobTask
from s2v.v1.artifact_pb2 import ArtifactKind, ObjectRef
from s2v.v1.edit_pb2 import UnmatchedPatch
from s2v.v1.event_pb2 import JobEvent, PartFinished, StageFinished, StageStarted
from s2v.v1.job_pb2 import JobState, StageState
from s2v.v1.report_pb2 import Stage
from s2v.v1.work_pb2 import CacheEntry, Checkpoint, JobRecord, PartRecord, Plan, StageRecord, Task, TaskKind

_KINDS: dict[Stage.ValueType, ArtifactKind.ValueType] = {
    Stage.STAGE_TRANSCRIPTION: ArtifactKind.ARTIFACT_KIND_TRANSCRIPT,
    Stage.STAGE_ANALYSIS: ArtifactKind.ARTIFACT_KIND_STORYBOARD,
    Stage.STAGE_LAYOUT: ArtifactKind.ARTIFACT_KIND_COMPOSITION,
    Stage.STAGE_RENDERING: ArtifactKind.ARTIFACT_KIND_VIDEO,
}
_ARTIFACT_NAMES: dict[Stage.ValueType, str] = {
    Stage.STAGE_TRANSCRIPTION: "transcript.pb",
    Stage.STAGE_ANALYSIS: "storyboard.pb",
    Stage.STAGE_LAYOUT: "composition.pb",
    Stage.STAGE_RENDERING: "video.pb",
}


SPOOL_BYTES = 1_000_000_000
"""Most that results may take on local disk while S3 is away."""


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
    spool: Spool = field(default_factory=lambda: Spool(SPOOL_BYTES))
    """What waits for S3 to come back."""
    left: Callable[[str], Awaitable[None]] | None = None
    """Told the id of each job that has left the stage."""

    def __post_init__(self) -> None:
        self._cache = Cache(self.store)
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
            if caching and (hit := await self._cache.get(record.job.tenant, self._stage, key, self._prefix(record))):
                await self._finish(record, hit, key)
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
        with self._task(record) as context:
            async with self._within(record, "plan"):
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

            def planned(record: JobRecord) -> bool:
                entry = stage_record(record, self._stage)
                if not alive(record, task.epoch) or entry.HasField("plan"):
                    return False
                entry.plan.CopyFrom(plan)
                entry.parts_total = len(parts)
                entry.state = StageState.STAGE_STATE_RUNNING
                entry.started_at.FromNanoseconds(started_ns)
                entry.queue_seconds = queued
                entry.plan_cpu_seconds = context.cpu_seconds
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
        hit = await self._cache.get(record.job.tenant, self._stage, key, self._prefix(record)) if caching else None
        cpu_seconds = 0.0
        if hit is None:
            with self._task(record, before) as context:
                doing = self.work.run(context, plan.parts[number])
                hit, cpu_seconds = await self._make(record, context, f"part-{number:04d}.pb", doing)
            if caching and not hit.report.degradations:
                await self._cache.put(record.job.tenant, self._stage, key, hit)
            cached = False
        else:
            cached = True
        made = hit

        def done(record: JobRecord) -> bool:
            entry = stage_record(record, self._stage)
            if not alive(record, epoch) or number in entry.parts:
                return False
            entry.parts[number].CopyFrom(PartRecord(output=made.output, cpu_seconds=cpu_seconds, cached=cached))
            if caching and key not in entry.cache_keys:
                entry.cache_keys.append(key)
            record.job.artifacts.extend(made.artifacts)
            progress(record)
            return True

        epoch = record.epoch
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
        with self._task(record) as context:
            parts: Sequence[ObjectRef] = [entry.parts[number].output for number in range(entry.parts_total)]
            if edits:
                edited = await apply_edits(context, self._stage, edits, parts)
                parts = edited.parts
                record = await self._note_unmatched(record, edited.unmatched)
            doing = self.work.join(context, parts)
            made, cpu_seconds = await self._make(record, context, _ARTIFACT_NAMES[self._stage], doing)
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
        await self._finish(record, made, key, cached=False)

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

    def _refuse_degraded(self, record: JobRecord, output: Output) -> None:
        if record.job.options.strict and output.report.degradations:
            worst = output.report.degradations[0]
            raise DegradedError(f"{self._name} fell back ({worst.code}: {worst.reason}), and the job is strict")

    async def _finish(self, record: JobRecord, made: CacheEntry, key: bytes, *, cached: bool = True) -> None:
        """Records the stage's result, and under which key it is in the cache if it is, and moves the job on."""
        epoch, stage = record.epoch, self._stage
        if cached:
            made.report.cached_parts = made.report.parts = max(1, made.report.parts)
            made.report.wall_seconds = made.report.cpu_seconds = made.report.queue_seconds = 0.0
            made.report.started_at.GetCurrentTime()
            made.report.finished_at.CopyFrom(made.report.started_at)

        if self.snapshots:
            checkpoint = Checkpoint(
                stage=stage,
                epoch=epoch,
                output=made.output,
                artifacts=[*record.job.artifacts, *made.artifacts],
                report=made.report,
                record=stage_record(record, stage),
            )
            await self.store.put(f"{self._prefix(record)}checkpoint.pb", checkpoint.SerializeToString())

        def finished(record: JobRecord) -> bool:
            entry = stage_record(record, stage)
            if not alive(record, epoch) or entry.state == StageState.STAGE_STATE_SUCCEEDED:
                return False
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

    async def _make(
        self, record: JobRecord, context: JobTask, name: str, doing: Coroutine[object, object, Output]
    ) -> tuple[CacheEntry, float]:
        """Does a part or a join and writes what it has made to S3; says what that is, and its processor time in seconds.

        What S3 does not take waits on local disk, and the task for its next try.
        """
        spooled = f"{record.job.id}.{record.epoch}.{self._name}.{name}"
        result = self.spool.find(spooled)
        if result is not None:
            doing.close()
            entry = await self._keep(context, result, name)
            self.spool.drop(spooled)
            return entry, result.cpu_seconds
        async with self._within(record, name):
            output = await doing
        self._refuse_degraded(record, output)
        data = output.artifact.SerializeToString(deterministic=True)
        result = Result(data, output.report, output.files, context.cpu_seconds)
        try:
            return await self._keep(context, result, name), result.cpu_seconds
        except UnavailableError:
            self.spool.keep(spooled, result)
            raise

    async def _keep(self, context: JobTask, output: Result, name: str) -> CacheEntry:
        """Writes what a part or a stage has made to S3."""
        file = File(_KINDS[self._stage], name, "application/x-protobuf", data=output.artifact)
        artifacts = [await context.keep(export) for export in output.files]
        kept = await context.keep(file)
        whole = name == _ARTIFACT_NAMES[self._stage]
        return CacheEntry(output=kept.object, artifacts=[*([kept] if whole else []), *artifacts], report=output.report)

    def _key(self, record: JobRecord) -> bytes:
        """Returns the cache key of the stage's whole result: the source, all artifacts before it, and the stage's identity."""
        inputs: Sequence[ObjectRef] = [record.source, *(entry.output for entry in _before(record, self._stage))]
        previous = _previous(stage_record(record, self._stage))
        return digest(self._name, self.work.identity(record.job.options), *(ref.sha256 for ref in inputs), *previous)

    def _prefix(self, record: JobRecord) -> str:
        return f"{prefix(record.job.tenant, record.job.id)}{self._name}/"

    def _within(self, record: JobRecord, piece: str) -> AbstractAsyncContextManager[None]:
        limit = part_seconds if piece.startswith("part") else whole_seconds
        return within(limit(self._stage, record.job.source_seconds), f"{piece} of {self._name}")

    @contextmanager
    def _task(self, record: JobRecord, before: ObjectRef | None = None) -> Iterator[JobTask]:
        with tempfile.TemporaryDirectory(prefix=f"s2v-{self._name}-") as folder:
            yield JobTask(record, self._stage, self.store, self.pool, Path(folder), before=before)

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
