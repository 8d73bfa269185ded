"""All four stages of the pipeline on the real NATS and S3, each adding a letter to every word: "one" ends as "onetalr".

Tests see by the letters that each stage was done, once, and in order.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Self

from google.protobuf.wrappers_pb2 import StringValue
from ulid import ULID

from s2v.runtime.bus import WORK_STREAM, Bus
from s2v.runtime.engine import EnginePool
from s2v.runtime.errors import EngineError, NotFoundError, UnavailableError
from s2v.runtime.execution import Execution
from s2v.runtime.jobs import FINISHED, Jobs, prefix, stage_record
from s2v.runtime.settings import RuntimeSettings
from s2v.runtime.stage import NAMES, File, Output, Part, StageTask
from s2v.runtime.store import ObjectStore
from s2v.runtime.worker import Worker
from s2v.v1.artifact_pb2 import ArtifactKind, ObjectRef
from s2v.v1.job_pb2 import Job, JobOptions, Priority
from s2v.v1.report_pb2 import Stage, StageReport
from s2v.v1.work_pb2 import JobRecord, Task, TaskKind

SECONDS = 60
ORDER = tuple(NAMES)


class Relay:
    """A stage that adds its letter to each word; a word a part. Words of `faults` fail."""

    def __init__(self, stage: Stage.ValueType, faults: set[str], pause_seconds: float = 0.0) -> None:
        self.stage = stage
        self.letter = NAMES[stage][0]
        self.faults = faults
        self.pause_seconds = pause_seconds
        self.runs: list[str] = []

    def identity(self, options: JobOptions) -> bytes:
        return f"relay {self.letter} 1".encode()

    async def plan(self, task: StageTask) -> Sequence[Part]:
        if self.stage == ORDER[0]:
            text = (await task.read(task.source)).decode()
        else:
            text = StringValue.FromString(await task.read(task.input(ORDER[ORDER.index(self.stage) - 1]))).value
        return [Part(StringValue(value=word)) for word in text.split()]

    async def run(self, task: StageTask, part: bytes) -> Output:
        word = StringValue.FromString(part).value
        self.runs.append(word)
        if word in self.faults:
            raise EngineError(f"cannot do {word!r}")
        await asyncio.sleep(self.pause_seconds)
        return Output(StringValue(value=word + self.letter))

    async def join(self, task: StageTask, parts: Sequence[ObjectRef]) -> Output:
        text = " ".join([StringValue.FromString(await task.read(part)).value for part in parts])
        export = File(ArtifactKind.ARTIFACT_KIND_TEXT, f"{NAMES[self.stage]}.txt", "text/plain", data=text.encode())
        return Output(StringValue(value=text), StageReport(engine="relay"), [export])


class House:
    """Jobs, and workers of all stages, with a connection of their own."""

    def __init__(self, settings: RuntimeSettings, tenant: str) -> None:
        self.settings, self.tenant = settings, tenant
        self.bus, self.store = Bus(settings), ObjectStore(settings)
        self.jobs = Jobs(self.bus, self.store)
        self.faults: set[str] = set()
        self.relays = {stage: Relay(stage, self.faults) for stage in ORDER}
        self.pool: EnginePool | None = None

    async def __aenter__(self) -> Self:
        await self.bus.connect()
        await self.store.prepare()
        await self.jobs.prepare()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.bus.close()
        self.store.close()

    async def submit(self, text: str, priority: Priority.ValueType = Priority.PRIORITY_NORMAL, *, wake: bool = True) -> str:
        job_id = str(ULID())
        source = await self.store.put(f"{prefix(self.tenant, job_id)}source/text", text.encode())
        job = Job(id=job_id, tenant=self.tenant, source_name="talk.txt", source_seconds=10, options=JobOptions(priority=priority))
        await self.jobs.create(JobRecord(job=job, source=source, epoch=1))
        if wake:
            task = Task(tenant=self.tenant, job_id=job_id, stage=ORDER[0], kind=TaskKind.TASK_KIND_PLAN, epoch=1)
            await self.bus.publish_task(task, priority)
        return job_id

    def worker(self, stage: Stage.ValueType, *, caching: bool = False, slots: int = 4) -> Worker:
        assert self.pool is None  # relays compute nothing
        execution = Execution(self.relays[stage], self.bus, self.jobs, self.store, self.pool, caching=caching)
        return Worker(execution, self.bus, self.jobs, self.settings, slots=slots)

    @asynccontextmanager
    async def working(self, *stages: Stage.ValueType, caching: bool = False, slots: int = 4) -> AsyncIterator[None]:
        stop = asyncio.Event()
        async with AsyncExitStack() as stack:
            running = [
                asyncio.create_task(self.worker(stage, caching=caching, slots=slots).run(stop)) for stage in stages or ORDER
            ]
            stack.push_async_callback(asyncio.gather, *running)
            stack.callback(stop.set)
            yield

    async def until(self, job_id: str, reached: Callable[[JobRecord], bool], seconds: float = SECONDS) -> JobRecord:
        record: JobRecord | None = None
        try:
            async with asyncio.timeout(seconds):
                while True:
                    try:
                        record = await self.jobs.get(self.tenant, job_id)
                    except (UnavailableError, NotFoundError):
                        await asyncio.sleep(0.2)
                        continue
                    if reached(record):
                        return record
                    await asyncio.sleep(0.03)
        except TimeoutError:
            raise AssertionError(f"job {job_id} did not get there: {record}") from None

    async def ended(self, job_id: str, seconds: float = SECONDS) -> JobRecord:
        return await self.until(job_id, is_ended, seconds)

    async def text(self, record: JobRecord, stage: Stage.ValueType = ORDER[-1]) -> str:
        return StringValue.FromString(await self.store.read(stage_record(record, stage).output)).value

    async def tasks(self) -> int:
        return (await self.bus.jetstream.stream_info(WORK_STREAM)).state.messages

    async def objects(self, job_id: str) -> set[str]:
        folder = prefix(self.tenant, job_id)
        return {item.key.removeprefix(folder) for item in await self.store.list(folder)}


def is_ended(record: JobRecord) -> bool:
    return record.job.state in FINISHED


def is_done(stage: Stage.ValueType) -> Callable[[JobRecord], bool]:
    return lambda record: stage_record(record, stage).HasField("output")


async def until_true(reached: Callable[[], Awaitable[bool]], seconds: float = SECONDS) -> None:
    async with asyncio.timeout(seconds):
        while not await reached():
            await asyncio.sleep(0.05)


def expected(text: str) -> str:
    """What a text becomes when each stage is done once."""
    return " ".join(word + "talr" for word in text.split())


def known_objects(record: JobRecord) -> set[str]:
    """Keys that a job's record refers to, and those that belong to every job, relative to its folder."""
    folder = prefix(record.job.tenant, record.job.id)
    refs = [record.source, *(artifact.object for artifact in record.job.artifacts)]
    for entry in record.stages:
        refs += [entry.plan, entry.output, *(part.output for part in entry.parts.values())]
    own = {"request.pb", "terminal.pb", "reopened.pb", *(f"{name}/checkpoint.pb" for name in NAMES.values())}
    return own | {ref.key.removeprefix(folder) for ref in refs if ref.key}


def add_to_path() -> str:
    """Folder of this module, for tests elsewhere."""
    return str(Path(__file__).parent)
