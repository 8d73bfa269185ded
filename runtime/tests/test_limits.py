"""Jobs in a stage are capped over all workers, the door closes when it must, and what hangs is ended."""

from __future__ import annotations

import asyncio
import sys
import time
import zlib
from pathlib import Path

import pytest
from opentelemetry.trace import Span

from s2v.cli.servers import NatsServer
from s2v.runtime import metrics, queues, schema, telemetry, worker
from s2v.runtime.bus import CANCEL_SUBJECT
from s2v.runtime.door import Door
from s2v.runtime.errors import BusyError, EngineError, EngineTimeoutError, MaintenanceError, UnavailableError
from s2v.runtime.jobs import Jobs, stage_record
from s2v.runtime.leases import Leases
from s2v.runtime.limits import WINDOW_SECONDS, part_seconds, whole_seconds, within
from s2v.runtime.pulling import Delivery
from s2v.runtime.server import to_status
from s2v.runtime.settings import RuntimeSettings
from s2v.runtime.stage import Output, StageTask
from s2v.v1.job_pb2 import JobState, Priority
from s2v.v1.report_pb2 import Stage
from s2v.v1.work_pb2 import JobRecord, Task, TaskKind

sys.path.insert(0, str(Path(__file__).parent))
from house import House, expected, is_done, until_true


@pytest.mark.integration
async def test_a_stage_has_no_more_jobs_than_places_and_all_have_their_turn(own: RuntimeSettings, tenant: str) -> None:
    capped = own.model_copy(update={"analysis_jobs": 2})
    async with House(capped, tenant) as house, House(capped, tenant) as other:
        present: set[str] = set()
        most = 0
        put_off = asyncio.Event()
        for one in (house, other):
            relay = one.relays[Stage.STAGE_ANALYSIS]
            run = relay.run

            async def counted(task, part, run=run):
                nonlocal most
                present.add(task.job_id)
                most = max(most, len(present))
                await put_off.wait()
                output = await run(task, part)
                present.discard(task.job_id)
                return output

            relay.run = counted
        async with house.working(), other.working():
            ids = [await house.submit(f"job {number}") for number in range(6)]
            await until_true(lambda: _put_off(house, 3))  # they wait, though each was once given to a worker
            put_off.set()
            records = [await house.ended(job_id) for job_id in ids]
        assert all(record.job.state == JobState.JOB_STATE_SUCCEEDED for record in records)
        assert most == 2
        assert any(entry for record in records for entry in stage_record(record, Stage.STAGE_ANALYSIS).handed_back)
        assert not any(stage_record(record, Stage.STAGE_ANALYSIS).failed_attempts for record in records), (
            "waiting costs no attempt"
        )
        assert await house.text(records[5]) == expected("job 5")


@pytest.mark.integration
async def test_the_wait_for_a_place_grows_and_is_measured_once_until_the_work_begins(
    own: RuntimeSettings, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    spans: list[str] = []
    handed_back: list[float] = []
    start_span, hand_back = telemetry.tracer.start_span, Delivery.hand_back

    def started(name: str, **how: int) -> Span:
        spans.append(name)
        return start_span(name, **how)  # type: ignore[arg-type]

    async def back(delivery: Delivery, delay_seconds: float = 0.0) -> None:
        handed_back.append(delay_seconds)
        await hand_back(delivery, delay_seconds)

    monkeypatch.setattr(metrics.task_waits, "record", lambda seconds, attributes: waits.append(seconds))
    monkeypatch.setattr(telemetry.tracer, "start_span", started)
    monkeypatch.setattr(Delivery, "hand_back", back)
    monkeypatch.setattr(worker, "FULL_SECONDS", 0.2)
    monkeypatch.setattr(worker, "LONGEST_FULL_SECONDS", 0.5)
    monkeypatch.setattr(worker.random, "uniform", lambda low, high: low)
    async with House(own.model_copy(update={"transcription_jobs": 1}), tenant) as house:
        relay, fails = house.relays[Stage.STAGE_TRANSCRIPTION], [True]
        run = relay.run

        async def failing(task: StageTask, part: bytes) -> Output:
            if fails:
                fails.clear()
                raise EngineError("once")
            return await run(task, part)

        relay.run = failing  # type: ignore[method-assign]
        place = Leases(house.bus, "transcription", 1)
        assert await place.hold("another")
        began = time.monotonic()
        async with house.working(Stage.STAGE_TRANSCRIPTION):
            job_id = await house.submit("word")
            await until_true(lambda: _reached(handed_back, 4))
            full = time.monotonic() - began
            await place.release("another")
            await house.until(job_id, is_done(Stage.STAGE_TRANSCRIPTION))
        assert handed_back[:4] == [0.2, 0.4, 0.5, 0.5]
        assert len(handed_back) > 4, "its first attempt failed, and it came again"
        assert spans.count("queue") == len(waits) == 1
        assert waits[0] > full - 0.5, "the wait for the place counts"


async def _reached(found: list[float], count: int) -> bool:
    return len(found) >= count


@pytest.mark.integration
async def test_the_place_of_a_silent_worker_comes_free(own: RuntimeSettings, tenant: str, monkeypatch) -> None:
    monkeypatch.setattr(schema, "LEASE_SECONDS", 1)
    async with House(own, tenant) as house:
        dead, alive = Leases(house.bus, "rendering", 1), Leases(house.bus, "rendering", 1)
        assert await dead.hold("job-a")
        assert await alive.hold("job-a"), "pods that work on the same job share its place"
        assert not await alive.hold("job-b")
        await until_true(lambda: alive.hold("job-b"), seconds=5)
        await alive.release("job-b")
        assert await dead.hold("job-c")
        await dead.release("job-b")  # not its own
        assert not await alive.hold("job-d")


@pytest.mark.integration
@pytest.mark.parametrize("heard", [True, False])
async def test_a_job_that_is_cancelled_gives_its_place_back_at_once(own: RuntimeSettings, tenant: str, *, heard: bool) -> None:
    async with House(own.model_copy(update={"analysis_jobs": 1}), tenant) as house:
        at_work, stop = house.worker(Stage.STAGE_ANALYSIS), asyncio.Event()
        job_id = await house.submit("word", wake=False)
        assert await at_work._leases.hold(job_id)
        task = Task(tenant=tenant, job_id=job_id, stage=Stage.STAGE_ANALYSIS, kind=TaskKind.TASK_KIND_PLAN, epoch=1)
        if not heard:  # it is cancelled while its task waits in the queue
            await house.jobs.cancel(tenant, job_id)
            await house.bus.publish_task(task, Priority.PRIORITY_NORMAL)
        working = asyncio.create_task(at_work.run(stop))
        if heard:
            await until_true(lambda: _listening(at_work))
            await house.jobs.cancel(tenant, job_id)
        await until_true(lambda: Leases(house.bus, "analysis", 1).hold("another"), seconds=20)
        stop.set()
        await working


async def _listening(at_work: worker.Worker) -> bool:
    return CANCEL_SUBJECT in {one.subject for one in at_work.bus._client._subs.values()}


@pytest.mark.integration
async def test_a_job_has_one_place_also_when_one_nearer_its_own_comes_free(own: RuntimeSettings, tenant: str) -> None:
    async with House(own, tenant) as house:
        bucket = await house.bus.bucket(schema.LEASES_BUCKET)
        near = f"rendering.{zlib.crc32(b'job-a') % 3}"
        await bucket.create(near, b"job-b")
        assert await Leases(house.bus, "rendering", 3).hold("job-a")
        await bucket.delete(near)
        assert await Leases(house.bus, "rendering", 3).hold("job-a"), "another pod, with another part"
        held = [(await bucket.get(key)).value for key in await bucket.keys()]
        assert held == [b"job-a"]


@pytest.mark.integration
async def test_the_door_closes_for_maintenance_and_long_queues_and_says_when_to_come_again(
    own: RuntimeSettings, tenant: str
) -> None:
    small = own.model_copy(update={"max_waiting_tasks": 3})
    async with House(small, tenant) as house:
        door = Door(house.bus, small)
        guarded = Jobs(house.bus, house.store, door)
        await guarded.prepare()
        await door.check()
        operator = Door(house.bus, small)
        await operator.close("back at noon")
        door._looked = 0.0
        accepted = await house.submit("accepted before")
        with pytest.raises(MaintenanceError, match="back at noon"):
            await guarded.create(JobRecord(epoch=1))
        async with house.working():
            assert (await house.ended(accepted)).job.state == JobState.JOB_STATE_SUCCEEDED, "work goes on"
        await operator.open()
        for _ in range(3):
            await house.submit("waits")
        door._looked = 0.0
        with pytest.raises(BusyError, match="3 tasks wait") as busy:
            await guarded.create(JobRecord(epoch=1))
        status = to_status(busy.value)
        assert any(detail.type_url.endswith("RetryInfo") for detail in status.details)
        async with house.working():
            await until_true(lambda: _no_task(house))
        door._looked = 0.0
        await door.check()


async def _put_off(house: House, tasks: int) -> bool:
    return sum(queue.waiting for queue in await queues.count(house.bus.jetstream) if queue.stage == "analysis") >= tasks


async def _no_task(house: House) -> bool:
    return await house.tasks() == 0


@pytest.mark.integration
async def test_a_full_disk_is_refused_at_the_door(own: RuntimeSettings, tenant: str) -> None:
    full = own.model_copy(update={"min_free_bytes": 10**18})
    async with House(full, tenant) as house:
        with pytest.raises(BusyError, match="MB are free") as refused:
            await Door(house.bus, full).check()
        assert refused.value.reason == "DISK_FULL"


@pytest.mark.integration
async def test_without_nats_the_door_answers_at_once_and_opens_by_itself(
    own: RuntimeSettings, own_nats: NatsServer, tenant: str
) -> None:
    async with House(own, tenant) as house:
        door = Door(house.bus, own)
        await asyncio.to_thread(own_nats.stop)
        await until_true(lambda: _away(house))
        start = time.monotonic()
        with pytest.raises(UnavailableError, match="NATS does not answer"):
            await door.check()
        assert time.monotonic() - start < 1
        await asyncio.to_thread(own_nats.start)
        await until_true(lambda: _opens(door))


async def _away(house: House) -> bool:
    return not house.bus.connected


async def _opens(door: Door) -> bool:
    try:
        await door.check()
    except UnavailableError:
        return False
    return True


async def test_what_hangs_is_ended_and_what_fails_by_itself_is_told_as_it_is() -> None:
    with pytest.raises(EngineTimeoutError, match=r"part 3 of rendering did not finish within 0 s"):
        async with within(0.01, "part 3 of rendering"):
            await asyncio.sleep(5)
    with pytest.raises(TimeoutError, match="own"):
        async with within(5, "part"):
            raise TimeoutError("own")


def test_limits_grow_with_the_sound_but_for_a_window() -> None:
    assert part_seconds(Stage.STAGE_TRANSCRIPTION, 60) == part_seconds(Stage.STAGE_TRANSCRIPTION, 14400) == WINDOW_SECONDS == 120
    for stage in (Stage.STAGE_ANALYSIS, Stage.STAGE_LAYOUT, Stage.STAGE_RENDERING):
        assert part_seconds(stage, 14400) > part_seconds(stage, 60) >= 300
    assert whole_seconds(Stage.STAGE_TRANSCRIPTION, 14400) > 14400
