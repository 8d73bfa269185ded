"""The end of a job is written, told and heeded: also when its record is full, NATS is electing, or parts are still at work."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import nats.errors
import pytest

from s2v.runtime import hops
from s2v.runtime.errors import EngineError, LimitError, SetupError, UnavailableError
from s2v.runtime.jobs import stage_record
from s2v.runtime.records import HEADER_BYTES, Change
from s2v.runtime.recovery import read_record
from s2v.runtime.settings import RuntimeSettings
from s2v.v1.artifact_pb2 import ObjectRef
from s2v.v1.event_pb2 import JobEvent
from s2v.v1.job_pb2 import JobState
from s2v.v1.timeline_pb2 import Attempt, AttemptOutcome
from s2v.v1.work_pb2 import JobRecord, Task

sys.path.insert(0, str(Path(__file__).parent))
from house import ORDER, House, until_true

pytestmark = pytest.mark.integration


def failed(number: int) -> Attempt:
    return hops.attempt(ORDER[0], f"part.{number}", 1, AttemptOutcome.ATTEMPT_OUTCOME_FAILED, reason="ENGINE_FAILED")


async def test_a_job_whose_record_outgrows_a_message_fails_and_says_why(own: RuntimeSettings, tenant: str) -> None:
    async with House(own, tenant) as house:
        house.bus._client._max_payload = 8000  # what the server announces
        async with house.working(ORDER[0]):
            record = await house.ended(await house.submit(" ".join(f"word{number}" for number in range(40))))
            await until_true(lambda: _no_task(house))
        assert (record.job.state, record.job.error.reason) == (JobState.JOB_STATE_FAILED, "RECORD_TOO_LARGE")
        assert "terminal.pb" in await house.objects(record.job.id)
        assert not await house.jobs.records.live(tenant)


async def test_the_end_of_a_job_finds_room_in_a_full_record(own: RuntimeSettings, tenant: str) -> None:
    async with House(own, tenant) as house:
        job_id = await house.submit("word", wake=False)

        def fill(record: JobRecord) -> bool:
            stage_record(record, ORDER[0]).attempts.extend(failed(number) for number in range(80))
            return True

        record = await house.jobs.update(tenant, job_id, fill)
        house.bus._client._max_payload = record.ByteSize() + HEADER_BYTES + 50
        with pytest.raises(LimitError, match="max_payload"):
            await house.jobs.update(tenant, job_id, fill)
        record = await house.jobs.fail(tenant, job_id, failed(80), EngineError("!" * 1_000_000))
        assert record == await house.jobs.get(tenant, job_id)
        assert record.job.state == JobState.JOB_STATE_FAILED
        assert [attempt.task for attempt in stage_record(record, ORDER[0]).attempts] == ["part.80"]


async def test_a_note_that_cannot_be_written_does_not_hold_up_the_others(own: RuntimeSettings, tenant: str) -> None:
    async with House(own, tenant) as house:
        ids = [await house.submit("word", wake=False) for _ in range(3)]
        worker, update = house.worker(ORDER[0]), house.jobs.update

        async def interrupted(tenant, job_id, change):
            if job_id == ids[0]:
                raise UnavailableError("too many writers")
            if job_id == ids[1]:
                raise LimitError("the record is full")
            return await update(tenant, job_id, change)

        def note(record: JobRecord) -> bool:
            stage_record(record, ORDER[0]).handed_back["plan"] += 1
            return True

        house.jobs.update = interrupted
        worker._owed = [(Task(tenant=tenant, job_id=job_id), note) for job_id in ids]
        await worker._write_owed()
        assert [task.job_id for task, _ in worker._owed] == ids[:1]
        assert stage_record(await house.jobs.get(tenant, ids[2]), ORDER[0]).handed_back["plan"] == 1


async def test_a_part_that_fails_a_job_stops_the_others_and_its_own_end_is_not_stopped(own: RuntimeSettings, tenant: str) -> None:
    async with House(own.model_copy(update={"ack_wait_seconds": 60}), tenant) as house:
        relay = house.relays[ORDER[0]]
        run, stopped, at_work = relay.run, asyncio.Event(), asyncio.Event()

        async def one_fails(task, part):
            if b"bad" in part:
                await at_work.wait()
                raise SetupError("a model is missing")
            at_work.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                stopped.set()
                raise
            return await run(task, part)

        relay.run = one_fails
        async with house.working(ORDER[0]):
            record = await house.ended(await house.submit("bad slow"))
            await asyncio.wait_for(stopped.wait(), 5)
            await until_true(lambda: _no_task(house), seconds=10)
        assert not await house.jobs.records.live(tenant), "it was concluded at once"
        record = await house.jobs.get(tenant, record.job.id)
        assert (record.job.state, record.job.error.reason) == (JobState.JOB_STATE_FAILED, "SETUP")
        outcomes = {attempt.task: attempt.reason for attempt in stage_record(record, ORDER[0]).attempts}
        assert (outcomes["part.0"], outcomes["part.1"]) == ("SETUP", "JOB_ENDED")


async def test_a_job_stays_marked_until_nats_has_the_event_of_its_end(own: RuntimeSettings, tenant: str) -> None:
    async with House(own, tenant) as house:
        job_id = await house.submit("word", wake=False)
        jetstream = house.bus.jetstream
        publish = jetstream.publish

        async def electing(subject, *arguments, **more):
            if subject.startswith("s2v.v1.events."):
                raise nats.errors.TimeoutError
            return await publish(subject, *arguments, **more)

        jetstream.publish = electing  # type: ignore[method-assign]
        with pytest.raises(UnavailableError):
            await house.jobs.cancel(tenant, job_id)
        assert await house.jobs.records.live(tenant) == {job_id: [1]}
        jetstream.publish = publish  # type: ignore[method-assign]
        await house.jobs.conclude(await house.jobs.get(tenant, job_id))
        assert not await house.jobs.records.live(tenant)
        states = []
        async for event in house.bus.events(job_id):
            assert isinstance(event, JobEvent)
            states.append(event.state_changed.state)
            if len(states) == 2:
                break
        assert states == [JobState.JOB_STATE_QUEUED, JobState.JOB_STATE_CANCELLED]


@pytest.mark.parametrize("late", ["amend", "conclude"])
async def test_an_end_that_is_written_late_holds_what_has_changed_meanwhile(own: RuntimeSettings, tenant: str, late: str) -> None:
    async with House(own, tenant) as house, House(own, tenant) as other:
        job_id = await house.submit("word", wake=False)
        ended = await house.jobs.cancel(tenant, job_id)
        put, written, go_on = house.store.put, asyncio.Event(), asyncio.Event()

        async def slow(key: str, *content: bytes) -> ObjectRef:
            written.set()
            await go_on.wait()
            return await put(key, *content)

        def stars(count: int) -> Change:
            def rate(record: JobRecord) -> bool:
                if count:
                    record.job.rating.stars = count
                else:
                    record.job.rating.remark = "good"
                return True

            return rate

        house.store.put = slow  # type: ignore[method-assign]
        first = house.jobs.amend(tenant, job_id, stars(5)) if late == "amend" else house.jobs.conclude(ended)
        writing = asyncio.create_task(first)
        await written.wait()
        await other.jobs.amend(tenant, job_id, stars(0))
        go_on.set()
        await writing
        record, known = await other.jobs.get(tenant, job_id, newest=True), await read_record(other.store, tenant, job_id)
        assert known is not None
        assert known.job == record.job
        assert (record.job.rating.stars, record.job.rating.remark) == (5 if late == "amend" else 0, "good")
        assert (await other.jobs.catalogue.get(tenant, job_id)).job.rating == record.job.rating


async def _no_task(house: House) -> bool:
    info = await house.bus.jetstream.stream_info("S2V_WORK", subjects_filter="s2v.v1.work.transcription.>")
    return not info.state.subjects
