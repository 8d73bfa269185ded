"""A stage of one part is done in one go; work that takes long is said to have begun, and is not done again for a failed join."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from s2v.runtime import hops
from s2v.runtime.errors import EngineError
from s2v.runtime.jobs import stage_record
from s2v.runtime.settings import RuntimeSettings
from s2v.runtime.steps import Begun
from s2v.v1.job_pb2 import JobState, Priority, StageState
from s2v.v1.report_pb2 import Stage
from s2v.v1.timeline_pb2 import AttemptOutcome
from s2v.v1.work_pb2 import Task, TaskKind

sys.path.insert(0, str(Path(__file__).parent))
from house import ORDER, House, expected, known_objects

pytestmark = pytest.mark.integration
SLOW = Stage.STAGE_RENDERING


@pytest_asyncio.fixture
async def house(settings: RuntimeSettings, tenant: str) -> AsyncIterator[House]:
    quick = settings.model_copy(update={"retry_base_seconds": 0.1})
    async with House(quick, tenant) as house:
        yield house


async def test_quick_work_is_one_change_of_the_record_and_keeps_only_what_edits_begin_with(house: House) -> None:
    changes = 0
    update = house.jobs.records.update

    async def counted(*arguments):
        nonlocal changes
        changes += 1
        return await update(*arguments)

    house.jobs.records.update = counted
    async with house.working():
        record = await house.ended(await house.submit("word"))
    assert changes == len(ORDER)
    assert await house.text(record) == expected("word")
    for entry in record.stages:
        assert [attempt.task for attempt in entry.attempts] == ["plan", "part.0", "join"]
        assert not entry.HasField("plan")
        assert entry.parts[0].HasField("output") == (entry.stage in (Stage.STAGE_TRANSCRIPTION, Stage.STAGE_ANALYSIS))
    objects = await house.objects(record.job.id)
    assert objects <= known_objects(record)
    assert not any(name.endswith("plan.pb") for name in objects)


async def test_long_work_is_seen_while_it_goes_on_and_not_done_again_when_its_join_fails(house: House) -> None:
    relay, fails = house.relays[SLOW], [True]
    relay.pause_seconds = 0.8
    join = relay.join

    async def failing(task, parts):
        if fails:
            fails.clear()
            raise EngineError("the join failed")
        return await join(task, parts)

    relay.join = failing
    async with house.working():
        job_id = await house.submit("word")
        seen = await house.until(job_id, lambda record: stage_record(record, SLOW).state == StageState.STAGE_STATE_RUNNING)
        assert not stage_record(seen, SLOW).parts, "it goes on"
        assert seen.job.stages[ORDER.index(SLOW)].parts_total == 1
        record = await house.ended(job_id)
    assert record.job.state == JobState.JOB_STATE_SUCCEEDED
    assert relay.runs == ["wordtal"], "the part is kept"
    assert stage_record(record, SLOW).failed_attempts["plan"] == 1
    assert await house.text(record) == expected("word")


async def test_a_job_that_is_cancelled_during_a_part_stays_cancelled(house: House) -> None:
    relay = house.relays[SLOW]
    relay.pause_seconds = 5.0
    async with house.working():
        job_id = await house.submit("word")
        await house.until(job_id, lambda record: stage_record(record, ORDER[2]).HasField("output"))
        await house.jobs.cancel(house.tenant, job_id)
        await asyncio.sleep(0.5)
        record = await house.jobs.get(house.tenant, job_id)
    assert record.job.state == JobState.JOB_STATE_CANCELLED
    assert not stage_record(record, SLOW).HasField("output")


async def test_a_stage_whose_worker_died_at_its_only_part_may_be_planned_with_more(house: House) -> None:
    record = await house.jobs.get(house.tenant, await house.submit("one two", wake=False))
    stage = ORDER[0]
    attempt = hops.attempt(stage, "plan", 1, AttemptOutcome.ATTEMPT_OUTCOME_DONE)
    begun = Begun(1, None, time.time_ns(), 0.0, 0.0, attempt)  # as the worker said before it died, by settings of its own
    await house.jobs.update(house.tenant, record.job.id, lambda record: begun(record, stage))
    task = Task(tenant=house.tenant, job_id=record.job.id, stage=stage, kind=TaskKind.TASK_KIND_PLAN, epoch=1)
    await house.bus.publish_task(task, Priority.PRIORITY_NORMAL)
    async with house.working():
        record = await house.ended(record.job.id)
    assert record.job.state == JobState.JOB_STATE_SUCCEEDED
    assert await house.text(record) == expected("one two")
    assert stage_record(record, stage).parts_total == 2
