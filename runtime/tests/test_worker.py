"""The stage loop on the real NATS and S3: nothing lost, nothing doubled, whatever happens to a worker."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from google.protobuf.wrappers_pb2 import StringValue
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from ulid import ULID

from s2v.runtime.bus import Bus
from s2v.runtime.engine import EnginePool
from s2v.runtime.execution import Execution
from s2v.runtime.jobs import FINISHED, Jobs, prefix, stage_record
from s2v.runtime.settings import RuntimeSettings
from s2v.runtime.store import ObjectStore
from s2v.runtime.worker import Worker
from s2v.v1.event_pb2 import JobEvent
from s2v.v1.job_pb2 import Job, JobOptions, JobState, Priority, StageState
from s2v.v1.report_pb2 import Stage
from s2v.v1.work_pb2 import JobRecord, Task, TaskKind, Terminal

sys.path.insert(0, str(Path(__file__).parent))
from letters import Letters

pytestmark = pytest.mark.integration
SECONDS = 40


class Desk:
    """What a test needs to start jobs and look at them."""

    def __init__(self, settings: RuntimeSettings, bus: Bus, store: ObjectStore, jobs: Jobs, tenant: str, folder: Path) -> None:
        self.settings, self.bus, self.store, self.jobs, self.tenant = settings, bus, store, jobs, tenant
        self.letters = Letters(folder)
        self.pool = EnginePool(2)

    async def submit(self, text: str, *, strict: bool = False) -> str:
        job_id = str(ULID())
        source = await self.store.put(f"{prefix(self.tenant, job_id)}source", text.encode())
        options = JobOptions(priority=Priority.PRIORITY_NORMAL, strict=strict)
        await self.jobs.create(JobRecord(job=Job(id=job_id, tenant=self.tenant, options=options), source=source, epoch=1))
        await self.publish(job_id)
        return job_id

    async def publish(self, job_id: str, *, kind: TaskKind.ValueType = TaskKind.TASK_KIND_PLAN, again: str = "") -> None:
        task = Task(tenant=self.tenant, job_id=job_id, stage=Stage.STAGE_TRANSCRIPTION, kind=kind, epoch=1)
        await self.bus.publish_task(task, Priority.PRIORITY_NORMAL, again=again)

    def worker(self) -> Worker:
        execution = Execution(self.letters, self.bus, self.jobs, self.store, self.pool, caching=True)
        return Worker(execution, self.bus, self.jobs, self.settings, slots=2)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        running = asyncio.create_task(self.worker().run(stop))
        try:
            yield
        finally:
            stop.set()
            await running

    async def until(self, job_id: str, reached: Callable[[JobRecord], bool]) -> JobRecord:
        async with asyncio.timeout(SECONDS):
            while not reached(record := await self.jobs.get(self.tenant, job_id)):
                await asyncio.sleep(0.02)
            return record

    async def until_true(self, reached: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(SECONDS):
            while not await reached():
                await asyncio.sleep(0.02)

    async def text(self, record: JobRecord) -> str:
        return StringValue.FromString(await self.store.read(stage_record(record, Stage.STAGE_TRANSCRIPTION).output)).value

    async def tasks_left(self) -> int:
        info = await self.bus.jetstream.stream_info("S2V_WORK", subjects_filter="s2v.v1.work.transcription.>")
        return sum((info.state.subjects or {}).values())


@pytest_asyncio.fixture
async def desk(
    settings: RuntimeSettings, bus: Bus, store: ObjectStore, jobs: Jobs, tenant: str, tmp_path: Path
) -> AsyncIterator[Desk]:
    for stream in ("S2V_WORK", "S2V_DEAD"):
        await bus.jetstream.purge_stream(stream)
    desk = Desk(settings, bus, store, jobs, tenant, tmp_path)
    yield desk
    desk.pool.close()


def transcribed(record: JobRecord) -> bool:
    return stage_record(record, Stage.STAGE_TRANSCRIPTION).state == StageState.STAGE_STATE_SUCCEEDED


def ended(record: JobRecord) -> bool:
    return record.job.state in FINISHED


async def test_parts_are_joined_in_order_and_the_next_stage_is_woken(desk: Desk) -> None:
    async with desk.working():
        job_id = await desk.submit("one two three four")
        record = await desk.until(job_id, transcribed)
        await desk.until_true(lambda: _empty(desk))
    assert await desk.text(record) == "ONE TWO THREE FOUR"
    assert [desk.letters.marks(word) for word in ("one", "two", "three", "four")] == [1, 1, 1, 1]
    report = record.job.report.stages[0]
    assert (report.engine, report.parts, report.cached_parts) == ("letters", 4, 0)
    assert report.cpu_seconds > 0
    assert "letters.txt" in {artifact.name for artifact in record.job.artifacts}
    info = await desk.bus.jetstream.stream_info("S2V_WORK", subjects_filter="s2v.v1.work.analysis.>")
    assert sum((info.state.subjects or {}).values()) == 1


async def _empty(desk: Desk) -> bool:
    return await desk.tasks_left() == 0


async def test_a_single_part_needs_one_task(desk: Desk) -> None:
    async with desk.working():
        record = await desk.until(await desk.submit("alone"), transcribed)
    assert await desk.text(record) == "ALONE"


async def test_the_same_input_is_answered_from_what_exists(desk: Desk) -> None:
    async with desk.working():
        await desk.until(await desk.submit("again and"), transcribed)
        record = await desk.until(await desk.submit("again and"), transcribed)
    assert await desk.text(record) == "AGAIN AND"
    assert desk.letters.marks("again") == 1
    assert record.job.report.stages[0].cached_parts == 2
    output = stage_record(record, Stage.STAGE_TRANSCRIPTION).output
    assert output.key.startswith(prefix(desk.tenant, record.job.id)), "a cached result must belong to its job"


async def test_parts_are_cached_over_jobs(desk: Desk) -> None:
    async with desk.working():
        await desk.until(await desk.submit("shared first"), transcribed)
        record = await desk.until(await desk.submit("shared second"), transcribed)
    assert desk.letters.marks("shared") == 1
    assert record.job.report.stages[0].cached_parts == 1


async def test_a_flaky_engine_is_tried_again(desk: Desk) -> None:
    async with desk.working():
        record = await desk.until(await desk.submit("flaky word"), transcribed)
    assert desk.letters.marks("flaky") == 3
    assert record.job.stages[0].attempts == 3


async def test_a_worker_process_that_dies_costs_an_attempt_only(desk: Desk) -> None:
    async with desk.working():
        record = await desk.until(await desk.submit("die-once word"), transcribed)
    assert await desk.text(record) == "DIE-ONCE WORD"


async def test_a_broken_engine_fails_the_job_and_leaves_a_dead_letter(desk: Desk) -> None:
    async with desk.working():
        record = await desk.until(await desk.submit("broken word"), ended)
    assert record.job.state == JobState.JOB_STATE_FAILED
    assert record.job.error.reason == "ENGINE_FAILED"
    assert desk.letters.marks("broken") == desk.settings.max_attempts
    dead = await desk.bus.jetstream.stream_info("S2V_DEAD")
    assert dead.state.messages == 1


async def test_bad_input_fails_at_once_and_leaves_no_dead_letter(desk: Desk) -> None:
    async with desk.working():
        job_id = await desk.submit("refused word")
        record = await desk.until(job_id, ended)
        await desk.until_true(lambda: _empty(desk))
    assert (record.job.error.reason, record.job.error.message) == ("NO_SPEECH", "talk.wav has no speech")
    assert desk.letters.marks("refused") == 1
    assert (await desk.bus.jetstream.stream_info("S2V_DEAD")).state.messages == 0
    terminal = Terminal.FromString(await desk.store.read(f"{prefix(desk.tenant, job_id)}terminal.pb"))
    assert terminal.job.state == JobState.JOB_STATE_FAILED
    left = {item.key.rsplit("/", 1)[-1] for item in await desk.store.list(prefix(desk.tenant, job_id))}
    assert left == {"request.pb", "terminal.pb"}, "nothing of an unusable input is kept"


async def test_a_strict_job_refuses_a_fallback(desk: Desk) -> None:
    desk.letters.degraded = True
    async with desk.working():
        strict = await desk.until(await desk.submit("strict word", strict=True), ended)
        lenient = await desk.until(await desk.submit("lenient word"), transcribed)
    assert strict.job.error.reason == "STRICT"
    assert "only small letters" in strict.job.error.message
    assert lenient.job.report.stages[0].degradations[0].code == "SMALL"


async def test_cancel_frees_the_worker_at_once(desk: Desk) -> None:
    async with desk.working():
        job_id = await desk.submit("slow slow")
        async with asyncio.timeout(SECONDS):
            while desk.letters.marks("slow") < 2:
                await asyncio.sleep(0.02)
        await desk.jobs.cancel(desk.tenant, job_id)
        record = await desk.until(await desk.submit("next job"), transcribed)
        await desk.until_true(lambda: _empty(desk))
    assert await desk.text(record) == "NEXT JOB"
    assert (await desk.jobs.get(desk.tenant, job_id)).job.state == JobState.JOB_STATE_CANCELLED


async def test_a_stopping_worker_hands_back_without_an_attempt(desk: Desk) -> None:
    async with desk.working():
        job_id = await desk.submit("slow word")
        async with asyncio.timeout(SECONDS):
            while not desk.letters.marks("slow"):
                await asyncio.sleep(0.02)
    (desk.letters.folder / "slow").unlink()
    record = await desk.jobs.get(desk.tenant, job_id)
    entry = stage_record(record, Stage.STAGE_TRANSCRIPTION)
    assert entry.handed_back["part.0"] == 1
    assert not entry.failed_attempts
    assert await desk.tasks_left() > 0


async def test_a_repeated_task_changes_nothing(desk: Desk) -> None:
    async with desk.working():
        job_id = await desk.submit("once only")
        await desk.until(job_id, transcribed)
        for kind in (TaskKind.TASK_KIND_PLAN, TaskKind.TASK_KIND_PART, TaskKind.TASK_KIND_JOIN):
            await desk.publish(job_id, kind=kind, again=".repeated")
        await desk.until_true(lambda: _empty(desk))
    assert desk.letters.marks("once") == 1
    record = await desk.jobs.get(desk.tenant, job_id)
    assert len(record.job.report.stages) == 1
    names = [artifact.name for artifact in record.job.artifacts]
    assert len(names) == len(set(names))


async def test_two_workers_share_the_parts_and_join_once(desk: Desk) -> None:
    text = " ".join(f"word{number}" for number in range(12))
    async with desk.working(), desk.working():
        record = await desk.until(await desk.submit(text), transcribed)
        await desk.until_true(lambda: _empty(desk))
    assert await desk.text(record) == text.upper()
    assert all(desk.letters.marks(f"word{number}") == 1 for number in range(12))


async def test_a_chained_part_gets_what_the_one_before_it_has_made(desk: Desk) -> None:
    """Also when the worker at it dies, or when the one before comes from the cache; it is cached with what it goes on from."""
    async with desk.working(), desk.working():
        record = await desk.until(await desk.submit("one +two +die-once other +flaky"), transcribed)
        assert await desk.text(record) == "ONE ONE+TWO ONE+TWO+DIE-ONCE OTHER OTHER+FLAKY"
        record = await desk.until(await desk.submit("zero one +two"), transcribed)
        assert await desk.text(record) == "ZERO ONE ONE+TWO"
        assert record.job.report.stages[0].cached_parts == 2
        record = await desk.until(await desk.submit("other +two one"), transcribed)
        assert await desk.text(record) == "OTHER OTHER+TWO ONE"


async def test_a_task_of_an_earlier_run_is_dropped(desk: Desk) -> None:
    job_id = await desk.submit("fenced word")

    def rerun(record: JobRecord) -> bool:
        record.epoch = 2
        return True

    await desk.jobs.update(desk.tenant, job_id, rerun)
    async with desk.working():
        await desk.until_true(lambda: _empty(desk))
    assert desk.letters.marks("fenced") == 0


async def test_events_tell_the_whole_story_in_order(desk: Desk) -> None:
    async with desk.working():
        job_id = await desk.submit("two words")
        await desk.until(job_id, transcribed)
    kinds = []
    async for event in desk.bus.events(job_id):
        kinds.append(event.WhichOneof("event"))
        if isinstance(event, JobEvent) and event.WhichOneof("event") == "stage_finished":
            break
    assert kinds == ["state_changed", "state_changed", "stage_started", "part_finished", "part_finished", "stage_finished"]


async def test_one_trace_goes_through_all_hops(desk: Desk) -> None:
    exporter = InMemorySpanExporter()
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = TracerProvider()
        trace.set_tracer_provider(provider)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    async with desk.working():
        with trace.get_tracer("test").start_as_current_span("create") as root:
            job_id = await desk.submit("traced word")
        await desk.until(job_id, transcribed)
        await desk.until_true(lambda: _empty(desk))
    spans = {
        span.context.span_id: span
        for span in exporter.get_finished_spans()
        if (span.attributes or {}).get("s2v.job.id") == job_id
    }
    assert {span.context.trace_id for span in spans.values()} == {root.get_span_context().trace_id}
    worked = [span for span in spans.values() if span.name == "process s2v.work.transcription"]
    assert {span.attributes["s2v.task"] for span in worked if span.attributes} == {"plan", "part.0", "part.1", "join"}
    for span in worked:
        assert span.parent is not None
        assert spans[span.parent.span_id].name == "publish s2v.work.transcription", (
            "each hop's parent is the message that woke it"
        )
