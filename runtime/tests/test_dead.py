"""A task that is given up leaves a letter with cause, trace and payload; its job can have another run, and only one a letter."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from s2v.runtime.dead import DeadLetters
from s2v.runtime.errors import NotFoundError, PreconditionError
from s2v.runtime.jobs import stage_record
from s2v.runtime.settings import RuntimeSettings
from s2v.v1.job_pb2 import JobState
from s2v.v1.report_pb2 import Stage

sys.path.insert(0, str(Path(__file__).parent))
from house import House, expected

pytestmark = pytest.mark.integration


@pytest_asyncio.fixture
async def house(settings: RuntimeSettings, tenant: str) -> AsyncIterator[House]:
    async with House(settings, tenant) as house:
        for stream in ("S2V_WORK", "S2V_DEAD"):
            await house.bus.jetstream.purge_stream(stream)
        yield house


async def test_a_dead_letter_tells_its_cause_and_can_be_redriven_once(house: House) -> None:
    letters = DeadLetters(house.bus, house.jobs)
    house.faults.add("twot")
    async with house.working():
        job_id = await house.submit("one two")
        record = await house.ended(job_id)
        assert record.job.state == JobState.JOB_STATE_FAILED
        (buried,) = [one async for one in letters.list()]
        letter = (await letters.get(buried.number)).letter
        assert (letter.task.job_id, letter.task.stage, letter.task.part) == (job_id, Stage.STAGE_ANALYSIS, 1)
        assert letter.error.message == "cannot do 'twot'"
        assert (letter.attempts, letter.error.reason) == (3, "ENGINE_FAILED")
        assert "house.py" in letter.stack, "the stack names the line that failed"
        assert letter.payload == stage_record(record, Stage.STAGE_ANALYSIS).plan
        house.faults.clear()
        runs = await asyncio.gather(*(letters.redrive(buried.number) for _ in range(3)), return_exceptions=True)
        assert any(not isinstance(run, BaseException) for run in runs)
        assert all(isinstance(run, NotFoundError) for run in runs if isinstance(run, BaseException)), runs
        record = await house.ended(job_id)
    assert (record.job.state, record.epoch) == (JobState.JOB_STATE_SUCCEEDED, 2)
    assert await house.text(record) == expected("one two")
    assert sorted(house.relays[Stage.STAGE_TRANSCRIPTION].runs) == ["one", "two"], "what was done is not done again"
    assert house.relays[Stage.STAGE_ANALYSIS].runs.count("onet") == 1
    assert [one async for one in letters.list()] == []
    assert "reopened.pb" in await house.objects(job_id), "S3 knows of the second run"


async def test_what_ended_for_good_is_not_redriven(house: House) -> None:
    letters = DeadLetters(house.bus, house.jobs)
    house.faults.add("one")
    async with house.working():
        job_id = await house.submit("one")
        await house.ended(job_id)
    (buried,) = [one async for one in letters.list()]

    def cancelled(record):
        record.job.state = JobState.JOB_STATE_CANCELLED
        return True

    await house.jobs.update(house.tenant, job_id, cancelled)
    with pytest.raises(PreconditionError, match=f"{job_id} has cancelled"):
        await letters.redrive(buried.number)
    assert (await letters.get(buried.number)).number == buried.number
    with pytest.raises(NotFoundError, match="dead letter 987654"):
        await letters.get(987654)
    assert not await letters.is_over(buried), "it is this run that has ended"

    def later(record):
        record.epoch += 1
        return True

    await house.jobs.update(house.tenant, job_id, later)
    assert await letters.is_over(buried)
    await house.jobs.records.mark_whole()
    await house.jobs.remove(house.tenant, job_id)
    assert await letters.is_over(buried)
    for _ in range(2):
        await letters.drop(buried.number)
    assert [one async for one in letters.list()] == []
