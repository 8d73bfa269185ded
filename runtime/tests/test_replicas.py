"""A server of a NATS cluster that is a moment behind answers a worker: no job fails of it, and no task is lost."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from s2v.runtime import worker
from s2v.runtime.errors import PreconditionError, UnavailableError
from s2v.runtime.settings import RuntimeSettings
from s2v.v1.job_pb2 import JobState, Priority
from s2v.v1.work_pb2 import JobRecord, Plan, Task, TaskKind

sys.path.insert(0, str(Path(__file__).parent))
from house import ORDER, House, expected, until_true

pytestmark = pytest.mark.integration


def lag(house: House) -> None:
    """Answers each reading of a record with its first state, but for one of the leader."""
    first: dict[str, JobRecord] = {}
    get = house.jobs.get

    async def lagging(tenant: str, job_id: str, **how: bool) -> JobRecord:
        record = await get(tenant, job_id, **how)
        answer = JobRecord()
        answer.CopyFrom(record if how else first.setdefault(job_id, record))
        return answer

    house.jobs.get = lagging  # type: ignore[method-assign]


async def test_a_stage_that_reads_an_old_record_asks_the_leader(own: RuntimeSettings, tenant: str) -> None:
    async with House(own, tenant) as house, House(own, tenant) as behind:
        lag(behind)
        job_id = await house.submit("one two", wake=False)
        await behind.jobs.get(tenant, job_id)
        async with behind.working():
            await house.bus.publish_task(plan(tenant, job_id, 1), Priority.PRIORITY_NORMAL)
            record = await house.ended(job_id)
        assert record.job.state == JobState.JOB_STATE_SUCCEEDED, record.job.error
        assert await house.text(record) == expected("one two")
        assert not any(entry.failed_attempts for entry in record.stages)


async def test_what_was_seen_a_moment_ago_is_no_reason_to_refuse(own: RuntimeSettings, tenant: str) -> None:
    async with House(own, tenant) as house, House(own, tenant) as other:
        job_id = await house.submit("one two", wake=False)
        await house.jobs.get(tenant, job_id)
        await other.jobs.cancel(tenant, job_id)

        def rate(record: JobRecord) -> bool:
            if record.job.state != JobState.JOB_STATE_CANCELLED:
                raise PreconditionError("it is at work")
            record.job.rating.stars = 5
            return True

        assert (await house.jobs.update(tenant, job_id, rate)).job.rating.stars == 5
        await house.jobs.reopen(tenant, await house.submit("other", wake=False), ORDER[0], 1)
        with pytest.raises(PreconditionError):
            await house.jobs.update(tenant, await house.submit("at work", wake=False), rate)


async def test_a_task_of_a_newer_run_waits_for_its_record(
    own: RuntimeSettings, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "OUTAGE_SECONDS", 0.2)
    async with House(own, tenant) as house, House(own, tenant) as behind:
        lag(behind)
        job_id = await house.submit("one two", wake=False)
        await house.bus.publish_task(plan(tenant, job_id, 2), Priority.PRIORITY_NORMAL)
        async with behind.working():
            await until_true(lambda: _delivered(house))
            assert await house.tasks() == 1

            def rerun(record: JobRecord) -> bool:
                record.epoch = 2
                return True

            await house.jobs.update(tenant, job_id, rerun)
            record = await house.ended(job_id)
        assert record.job.state == JobState.JOB_STATE_SUCCEEDED, record.job.error
        assert await house.text(record) == expected("one two")


async def test_a_chained_part_is_not_done_without_the_one_before_it(own: RuntimeSettings, tenant: str) -> None:
    async with House(own, tenant) as house:
        record = await house.jobs.get(tenant, await house.submit("one two", wake=False))
        parts = [StringValue(value=word).SerializeToString() for word in ("one", "two")]
        with pytest.raises(UnavailableError, match="has no part 0"):
            await house.worker(ORDER[0]).execution._run(record, Plan(parts=parts, chained=[1]), 1)
        assert not house.relays[ORDER[0]].runs


async def _delivered(house: House) -> bool:
    info = await house.bus.jetstream.consumer_info("S2V_WORK", "transcription-normal")
    return (info.num_redelivered or 0) > 0


def plan(tenant: str, job_id: str, epoch: int) -> Task:
    return Task(tenant=tenant, job_id=job_id, stage=ORDER[0], kind=TaskKind.TASK_KIND_PLAN, epoch=epoch)
