"""Doing a piece of a stage's work, and keeping what it has made in S3; what S3 does not take waits on local disk."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager

from s2v.runtime import jobs, limits
from s2v.runtime.engine import EnginePool
from s2v.runtime.errors import DegradedError, UnavailableError
from s2v.runtime.limits import part_seconds, whole_seconds
from s2v.runtime.spool import Result, Spool
from s2v.runtime.stage import NAMES, File, Output, StageWork
from s2v.runtime.steering import Steering
from s2v.runtime.store import ObjectStore
from s2v.runtime.task import JobTask
from s2v.v1.artifact_pb2 import ArtifactKind, ObjectRef
from s2v.v1.report_pb2 import Stage
from s2v.v1.work_pb2 import CacheEntry, JobRecord

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


class Making:
    """Does pieces of one stage."""

    def __init__(self, work: StageWork, store: ObjectStore, pool: EnginePool) -> None:
        self._stage = work.stage
        self._name = NAMES[work.stage]
        self._store = store
        self._pool = pool
        self._spool = Spool(SPOOL_BYTES)
        self.steering: Steering | None = None
        """Told of each part that is done, if concurrency follows what is measured."""
        self.whole = _ARTIFACT_NAMES[work.stage]
        """Name of the stage's whole result."""

    async def make(
        self, record: JobRecord, context: JobTask, name: str, doing: Coroutine[object, object, Output]
    ) -> tuple[CacheEntry, float]:
        """Does a part or a join and writes what it has made to S3; says what that is, and its processor time in seconds.

        What S3 does not take waits on local disk, and the task for its next try.
        Errors: DegradedError, EngineTimeoutError, UnavailableError; whatever the stage's work raises.
        """
        result = await self.do(record, context, name, doing)
        return await self.keep(record, context, name, result), result.cpu_seconds

    async def do(self, record: JobRecord, context: JobTask, name: str, doing: Coroutine[object, object, Output]) -> Result:
        """Does a part or a join, unless what it made waits on local disk.

        Errors: DegradedError, EngineTimeoutError; whatever the stage's work raises.
        """
        spooled = self._spooled(record, name)
        if self._spool.has(spooled):
            known = await asyncio.to_thread(self._spool.find, spooled, context.workspace / "spooled")
            if known is not None:
                doing.close()
                return known
        started = time.monotonic()
        async with self.within(record, name):
            output = await doing
        if self.steering is not None and name != self.whole:
            share = record.job.source_seconds / max(1, jobs.stage_record(record, self._stage).parts_total)
            self.steering.finished(share, started, context.cpu_seconds)
        self._refuse_degraded(record, output)
        data = output.artifact.SerializeToString(deterministic=True)
        return Result(data, output.report, output.files, context.cpu_seconds)

    async def keep(self, record: JobRecord, context: JobTask, name: str, result: Result, *, lasting: bool = True) -> CacheEntry:
        """Writes what a part or a join has made to S3; what S3 does not take waits on local disk.

        What is not lasting stays in memory, but for its files: it is joined at once.

        Errors: UnavailableError.
        """
        try:
            entry = await self._keep(record, context, result, name, lasting=lasting)
        except UnavailableError:
            await self.spool(record, name, result)
            raise
        if lasting:
            await self.forget(record, name)
        return entry

    async def spool(self, record: JobRecord, name: str, result: Result) -> None:
        """Keeps a result on local disk for the task's next try, if there is room."""
        spooled = self._spooled(record, name)
        if not self._spool.has(spooled):
            await asyncio.to_thread(self._spool.keep, spooled, result)

    async def forget(self, record: JobRecord, name: str) -> None:
        """Takes a result from local disk; it may not be there."""
        await self._drop(self._spooled(record, name))

    async def forget_job(self, job_id: str) -> None:
        """Takes all results of a job from local disk: it has ended or left the stage. There may be none."""
        await self._drop(f"{job_id}.")

    async def _drop(self, beginning: str) -> None:
        if self._spool.has(beginning):
            await asyncio.to_thread(self._spool.drop, beginning)

    def _spooled(self, record: JobRecord, name: str) -> str:
        return f"{record.job.id}.{record.epoch}.{self._name}.{name}"

    def prefix(self, record: JobRecord) -> str:
        """Returns the start of the keys of what the stage makes for a job."""
        return f"{jobs.prefix(record.job.tenant, record.job.id)}{self._name}/"

    def within(self, record: JobRecord, piece: str) -> AbstractAsyncContextManager[None]:
        """Gives the plan, a part or the join the time that it may take, by the length of the talk."""
        limit = part_seconds if piece.startswith("part") else whole_seconds
        return limits.within(limit(self._stage, record.job.source_seconds), f"{piece} of {self._name}")

    @contextmanager
    def task(
        self, record: JobRecord, before: ObjectRef | None = None, at_hand: Mapping[str, bytes] | None = None
    ) -> Iterator[JobTask]:
        """Yields what the stage may use for a task, with a folder that goes afterwards; `at_hand` as in JobTask."""
        task = JobTask(record, self._stage, self._store, self._pool, before=before, at_hand=at_hand)
        try:
            yield task
        finally:
            task.close()

    def _refuse_degraded(self, record: JobRecord, output: Output) -> None:
        if record.job.options.strict and output.report.degradations:
            worst = output.report.degradations[0]
            raise DegradedError(f"{self._name} fell back ({worst.code}: {worst.reason}), and the job is strict")

    async def _keep(self, record: JobRecord, context: JobTask, output: Result, name: str, *, lasting: bool) -> CacheEntry:
        """Writes what a part or a stage has made to S3."""
        artifacts = [await context.keep(export) for export in output.files]
        if not lasting:
            unwritten = ObjectRef(key=f"{self.prefix(record)}{name}", size_bytes=len(output.artifact))
            return CacheEntry(output=unwritten, artifacts=artifacts, report=output.report)
        file = File(_KINDS[self._stage], name, "application/x-protobuf", data=output.artifact)
        kept = await context.keep(file)
        whole = name == self.whole
        return CacheEntry(output=kept.object, artifacts=[*([kept] if whole else []), *artifacts], report=output.report)
