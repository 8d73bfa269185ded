"""What a stage may use while it works on one task (see `s2v.runtime.stage.StageTask`)."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from s2v.runtime.engine import EnginePool
from s2v.runtime.errors import PreconditionError
from s2v.runtime.jobs import prefix, stage_record
from s2v.runtime.stage import NAMES, File
from s2v.runtime.store import ObjectStore
from s2v.v1.artifact_pb2 import Artifact, ObjectRef
from s2v.v1.report_pb2 import Stage
from s2v.v1.work_pb2 import JobRecord

T = TypeVar("T")


class JobTask:
    """One task of one job: its inputs, a folder, the store, and the engine's worker processes."""

    def __init__(
        self,
        record: JobRecord,
        stage: Stage.ValueType,
        store: ObjectStore,
        pool: EnginePool,
        *,
        before: ObjectRef | None = None,
        at_hand: Mapping[str, bytes] | None = None,
    ) -> None:
        """`at_hand`: objects that this worker has just made, by key; they are not fetched, and need not be in S3."""
        self.job_id = record.job.id
        self.source_name = record.job.source_name
        self.options = record.job.options
        self.source = record.source
        self.before = before
        entry = stage_record(record, stage)
        self.previous = entry.previous if entry.HasField("previous") else None
        self.cpu_seconds = 0.0
        """Processor time that this task's computations have taken."""
        self._at_hand = at_hand or {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._record = record
        self._stage = stage
        self._store = store
        self._pool = pool
        self._prefix = f"{prefix(record.job.tenant, record.job.id)}{NAMES[stage]}/"

    @property
    def workspace(self) -> Path:
        """An empty folder, made when it is first asked for."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix=f"s2v-{NAMES[self._stage]}-")
        return Path(self._folder.name)

    def close(self) -> None:
        """Removes the folder."""
        if self._folder is not None:
            self._folder.cleanup()

    def input(self, stage: Stage.ValueType) -> ObjectRef:
        """Returns where the finished artifact of an earlier stage is.

        Errors: PreconditionError.
        """
        entry = stage_record(self._record, stage)
        if not entry.HasField("output"):
            raise PreconditionError(f"job {self.job_id} has no {NAMES[stage]} yet")
        return entry.output

    async def read(self, ref: ObjectRef, offset: int = 0, length: int = 0) -> bytes:
        """Reads an object, or `length` bytes of it from `offset`.

        Errors: NotFoundError, DataLossError, UnavailableError.
        """
        if (data := self._at_hand.get(ref.key)) is not None:
            return data[offset : offset + length] if length else data[offset:]
        return await self._store.read(ref, offset, length)

    async def download(self, ref: ObjectRef, path: Path) -> None:
        """Writes an object to a file and checks its digest.

        Errors: NotFoundError, DataLossError, UnavailableError.
        """
        if (data := self._at_hand.get(ref.key)) is not None:
            await asyncio.to_thread(path.write_bytes, data)
            return
        await self._store.download(ref, path)

    async def store(self, file: File) -> ObjectRef:
        """Keeps a file among the job's objects, named by content.

        Errors: UnavailableError.
        """
        content = file.path if file.path is not None else file.data or b""
        return await self._store.put_by_content(self._prefix, file.name, content, file.content_type)

    async def keep(self, file: File) -> Artifact:
        """Keeps a file as an artifact of the job.

        Errors: UnavailableError.
        """
        return Artifact(kind=file.kind, name=file.name, object=await self.store(file))

    async def compute(self, function: Callable[..., T], *args: object, timeout: float) -> T:
        """Runs `function(*args)` in a worker process and counts its processor time.

        Errors: EngineTimeoutError, EngineError, whatever the function raises.
        """
        measured = await self._pool.run(function, *args, timeout=timeout)
        self.cpu_seconds += measured.cpu_seconds
        return measured.value
