"""What a task does: plan, part or join of one stage, from the record's state to the next task. Each step may be repeated."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from s2v.runtime import hops, metrics, quality
from s2v.runtime.bus import Bus
from s2v.runtime.cache import Cache
from s2v.runtime.edits import apply_edits, edits_of
from s2v.runtime.engine import EnginePool
from s2v.runtime.errors import NotFoundError, UnavailableError
from s2v.runtime.jobs import Jobs, stage_record
from s2v.runtime.making import Making
from s2v.runtime.moments import stamp
from s2v.runtime.notice import Notice
from s2v.runtime.stage import NAMES, File, StageWork, digest, following
from s2v.runtime.steps import Begun, PartDone, StageDone, Step, alive, stages_before, write
from s2v.runtime.store import ObjectStore
from s2v.v1.artifact_pb2 import ArtifactKind, ObjectRef
from s2v.v1.edit_pb2 import UnmatchedPatch
from s2v.v1.event_pb2 import JobEvent, PartFinished, StageFinished, StageStarted
from s2v.v1.job_pb2 import JobState, StageState
from s2v.v1.report_pb2 import Stage
from s2v.v1.timeline_pb2 import AttemptOutcome
from s2v.v1.work_pb2 import CacheEntry, Checkpoint, JobRecord, PartRecord, Plan, StageRecord, Task, TaskKind

log = logging.getLogger(__name__)

FIRST = next(iter(NAMES))
EDITABLE = frozenset({Stage.STAGE_TRANSCRIPTION, Stage.STAGE_ANALYSIS})
"""Stages whose parts a user's edits are applied to, so that they are kept."""


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
        if entry.parts_total == 1 and 0 in entry.parts:
            await self._join(record)
            return
        if entry.HasField("plan"):
            plan = Plan.FromString(await self.store.read(entry.plan))
        else:
            key = self._key(record)
            caching = self.caching and not edits_of(record, self._stage)
            hit = await self._cache.get(record.job.tenant, self._stage, key, self.making.prefix(record)) if caching else None
            if hit:
                cached = hops.attempt(self._stage, "plan", task.epoch, AttemptOutcome.ATTEMPT_OUTCOME_CACHED)
                await self._finish(record, StageDone(hit, key, cached))
                return
            plan, begun = await self._make_plan(record, task)
            if begun.plan is None:
                await self._do_at_once(record, plan.parts[0], begun)
                return
            record = await self._begin(record, begun)
            entry = stage_record(record, self._stage)
        ready = [
            part
            for part in range(entry.parts_total)
            if part not in entry.parts and (part not in plan.chained or part - 1 in entry.parts)
        ]
        await asyncio.gather(*(self._publish(record, TaskKind.TASK_KIND_PART, part) for part in ready))
        if len(entry.parts) == entry.parts_total:
            await self._publish(record, TaskKind.TASK_KIND_JOIN)

    async def _make_plan(self, record: JobRecord, task: Task) -> tuple[Plan, Begun]:
        started_ns = time.time_ns()
        queued = max(0.0, started_ns / 1e9 - task.published_at.ToNanoseconds() / 1e9)
        stored = None
        with self.making.task(record) as context:
            async with self.making.within(record, "plan"):
                parts = await self.work.plan(context)
            plan = Plan(
                parts=[part.message.SerializeToString(deterministic=True) for part in parts],
                chained=[number for number, part in enumerate(parts) if part.chained],
            )
            if len(parts) != 1:
                data = plan.SerializeToString()
                kind = ArtifactKind.ARTIFACT_KIND_UNSPECIFIED
                stored = await context.store(File(kind, "plan.pb", "application/x-protobuf", data=data))
            cpu_seconds = context.cpu_seconds
        done = AttemptOutcome.ATTEMPT_OUTCOME_DONE
        attempt = hops.attempt(self._stage, "plan", task.epoch, done, cpu_seconds=cpu_seconds)
        return plan, Begun(len(parts), stored, started_ns, queued, cpu_seconds, attempt)

    async def _begin(self, record: JobRecord, begun: Begun) -> JobRecord:
        """Records that the stage has begun, and says so."""
        record = await self._write(record, begun)
        started = JobEvent(stage_started=StageStarted(stage=self._stage, parts_total=begun.parts_total))
        await asyncio.gather(self.jobs.announce(record), self._event(record, started, "started"))
        return record

    async def _do_at_once(self, record: JobRecord, part: bytes, begun: Begun) -> None:
        """Does the only part of a stage and the join: one change of the record, unless the part takes so long that people ask."""
        name = "part-0000.pb"
        with self.making.task(record) as context:
            notice = Notice(lambda: self._begin(record, begun))
            try:
                result = await self.making.do(record, context, name, self.work.run(context, part))
                noted = await notice.end()
            finally:
                notice.drop()
            # An edit begins with what the part has found; work that took long is not done again because its join failed.
            lasting = noted is not None or self._stage in EDITABLE
            made = await self.making.keep(record, context, name, result, lasting=lasting)
        attempt = hops.attempt(
            self._stage, "part.0", record.epoch, AttemptOutcome.ATTEMPT_OUTCOME_DONE, cpu_seconds=result.cpu_seconds
        )
        kept = made.output if lasting else None
        done = PartDone(0, PartRecord(output=kept, cpu_seconds=result.cpu_seconds), made.artifacts, b"", attempt)
        if noted is not None:
            record = await self._write(noted, done)
            await self._tell_part(record, done)
            await self._join(record)
            return
        begun(record, self._stage)
        done(record, self._stage)
        try:
            await self._join(record, (begun, done), (made.output, result.artifact))
        except UnavailableError:
            await self.making.spool(record, name, result)
            raise
        await self.making.forget(record, name)

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
        if number in plan.chained and number - 1 not in entry.parts:
            raise UnavailableError(f"the record of job {record.job.id} has no part {number - 1} of {self._name} yet")
        before = entry.parts[number - 1].output if number in plan.chained else None
        inputs: Sequence[bytes | str] = (plan.parts[number], before.sha256 if before else "", *_previous(entry))
        key = digest(f"{self._name}.part", self.work.identity(record.job.options), *inputs)
        hit = await self._cache.get(record.job.tenant, self._stage, key, self.making.prefix(record)) if self.caching else None
        made, cpu_seconds, cached = hit, 0.0, hit is not None
        if made is None:
            with self.making.task(record, before) as context:
                doing = self.work.run(context, plan.parts[number])
                made, cpu_seconds = await self.making.make(record, context, f"part-{number:04d}.pb", doing)
            if self.caching and not made.report.degradations:
                cached = await self._keep_cached(record, key, made)
        outcome = AttemptOutcome.ATTEMPT_OUTCOME_CACHED if hit else AttemptOutcome.ATTEMPT_OUTCOME_DONE
        attempt = hops.attempt(self._stage, f"part.{number}", record.epoch, outcome, cpu_seconds=cpu_seconds)
        part = PartRecord(output=made.output, cpu_seconds=cpu_seconds, cached=hit is not None)
        done = PartDone(number, part, made.artifacts, key if cached else b"", attempt)
        record = await self._write(record, done)
        await self._tell_part(record, done)
        return record

    async def _tell_part(self, record: JobRecord, done: PartDone) -> None:
        entry = stage_record(record, self._stage)
        finished = PartFinished(stage=self._stage, part=done.number, parts_done=len(entry.parts), parts_total=entry.parts_total)
        if done.artifacts:
            finished.artifact.CopyFrom(done.artifacts[0])
        await self._event(record, JobEvent(part_finished=finished), f"part.{done.number}")

    async def _join(self, record: JobRecord, unwritten: Sequence[Step] = (), only: tuple[ObjectRef, bytes] | None = None) -> None:
        """Puts the parts together; `unwritten` is in `record`, but not in NATS, and goes there with the result.

        `only` is the only part, which has just been made, and what it holds.
        """
        entry = stage_record(record, self._stage)
        edits = edits_of(record, self._stage)
        at_hand = {only[0].key: only[1]} if only else None
        with self.making.task(record, at_hand=at_hand) as context:
            parts: Sequence[ObjectRef] = [entry.parts[number].output for number in range(entry.parts_total)]
            if only:
                parts = [only[0]]
            if edits:
                edited = await apply_edits(context, self._stage, edits, parts)
                parts = edited.parts
                await self._note_unmatched(record, edited.unmatched)
            doing = self.work.join(context, parts)
            made, cpu_seconds = await self.making.make(record, context, self.making.whole, doing)
            report = made.report
            report.stage = self._stage
            report.started_at.CopyFrom(entry.started_at)
            stamp(report.finished_at)
            report.wall_seconds = (report.finished_at.ToNanoseconds() - report.started_at.ToNanoseconds()) / 1e9
            report.cpu_seconds = entry.plan_cpu_seconds + cpu_seconds + sum(part.cpu_seconds for part in entry.parts.values())
            report.queue_seconds = entry.queue_seconds
            report.parts = entry.parts_total
            report.cached_parts = sum(part.cached for part in entry.parts.values())
        key = b""
        if self.caching and not edits and not made.report.degradations:
            key = self._key(record)
            if not await self._keep_cached(record, key, made):
                key = b""
        done = AttemptOutcome.ATTEMPT_OUTCOME_DONE
        attempt = hops.attempt(self._stage, "join", record.epoch, done, cpu_seconds=cpu_seconds)
        await self._finish(record, StageDone(made, key, attempt), unwritten)

    async def _keep_cached(self, record: JobRecord, key: bytes, made: CacheEntry) -> bool:
        """Keeps a result in the cache, and says whether it could: what is made and in S3 is not thrown away for that."""
        try:
            await self._cache.put(record.job.tenant, self._stage, key, made)
        except (UnavailableError, NotFoundError) as error:
            log.warning("not kept in the cache: %s", error, extra={"job_id": record.job.id})
            return False
        return True

    async def _note_unmatched(self, record: JobRecord, unmatched: Sequence[UnmatchedPatch]) -> None:
        """Says in the job which patches had no effect; doing it again changes nothing."""
        epoch = record.epoch

        def note(record: JobRecord) -> bool:
            known = [(one.revision, one.patch) for one in record.job.unmatched_patches]
            new = [one for one in unmatched if (one.revision, one.patch) not in known]
            record.job.unmatched_patches.extend(new)
            return alive(record, epoch) and bool(new)

        if unmatched:
            _check_alive(await self.jobs.update(record.job.tenant, record.job.id, note), epoch)

    async def _finish(self, record: JobRecord, done: StageDone, unwritten: Sequence[Step] = ()) -> None:
        """Records the stage's result, with the steps before it that are in `record` alone, and moves the job on."""
        report = done.made.report
        if done.attempt.outcome == AttemptOutcome.ATTEMPT_OUTCOME_CACHED:
            report.cached_parts = report.parts = max(1, report.parts)
            report.wall_seconds = report.cpu_seconds = report.queue_seconds = 0.0
            stamp(report.started_at)
            report.finished_at.CopyFrom(report.started_at)
        if self.snapshots:
            entry = StageRecord()
            entry.CopyFrom(stage_record(record, self._stage))
            hops.note(entry, done.attempt)
            checkpoint = Checkpoint(
                stage=self._stage,
                epoch=record.epoch,
                output=done.made.output,
                artifacts=[*record.job.artifacts, *done.made.artifacts],
                report=report,
                record=entry,
            )
            await self.store.put(f"{self.making.prefix(record)}checkpoint.pb", checkpoint.SerializeToString())
        record, news = await self._try_write(record, *unwritten, done)
        if news:
            metrics.stage_ended(report, record.job.source_seconds)
            quality.observe(report)
        await self._move_on(record)

    async def _write(self, record: JobRecord, *steps: Step) -> JobRecord:
        """Writes steps into the record by compare-and-set, each once, and returns it as it is then.

        Errors: GoneError, UnavailableError.
        """
        return (await self._try_write(record, *steps))[0]

    async def _try_write(self, record: JobRecord, *steps: Step) -> tuple[JobRecord, bool]:
        """The same; says also whether there was anything to write."""
        epoch, stage, news = record.epoch, self._stage, False

        def change(record: JobRecord) -> bool:
            nonlocal news
            news = write(record, stage, epoch, steps)
            return news

        record = await self.jobs.update(record.job.tenant, record.job.id, change)
        if record.job.state != JobState.JOB_STATE_SUCCEEDED:
            _check_alive(record, epoch)
        return record, news

    async def _move_on(self, record: JobRecord) -> None:
        """Announces a finished stage and wakes the next; doing it again changes nothing."""
        report = next(entry for entry in record.job.report.stages if entry.stage == self._stage)
        event = JobEvent(stage_finished=StageFinished(report=report, artifacts=record.job.artifacts))
        successor = following(self._stage)
        await self.making.forget_job(record.job.id)
        telling: list[Awaitable[None]] = [self._event(record, event, "finished")]
        if self.left is not None:
            telling.append(self.left(record.job.id))
        if successor is None:
            await asyncio.gather(*telling)
            await self.jobs.conclude(record)
            return
        if self._stage == FIRST:
            telling.insert(0, self.jobs.announce(record))
        task = Task(
            tenant=record.job.tenant, job_id=record.job.id, stage=successor, kind=TaskKind.TASK_KIND_PLAN, epoch=record.epoch
        )
        await asyncio.gather(*telling, self.bus.publish_task(task, record.job.options.priority))

    def _key(self, record: JobRecord) -> bytes:
        """Returns the cache key of the stage's whole result: the source, all artifacts before it, and the stage's identity."""
        inputs: Sequence[ObjectRef] = [record.source, *(entry.output for entry in stages_before(record, self._stage))]
        previous = _previous(stage_record(record, self._stage))
        return digest(self._name, self.work.identity(record.job.options), *(ref.sha256 for ref in inputs), *previous)

    async def _publish(self, record: JobRecord, kind: TaskKind.ValueType, part: int = 0) -> None:
        task = Task(tenant=record.job.tenant, job_id=record.job.id, stage=self._stage, kind=kind, part=part, epoch=record.epoch)
        await self.bus.publish_task(task, record.job.options.priority)

    async def _event(self, record: JobRecord, event: JobEvent, name: str) -> None:
        event.job_id = record.job.id
        await self.bus.publish_event(event, f"{record.epoch}.{self._name}.{name}")


def _previous(entry: StageRecord) -> Sequence[str]:
    """Returns the digest of what the stage made before an edit, if it goes by that."""
    return [entry.previous.sha256] if entry.HasField("previous") else []


def _check_alive(record: JobRecord, epoch: int) -> None:
    if not alive(record, epoch):
        raise GoneError
