"""NATS may lose everything: S3 knows each accepted job, and all of them end, once."""

from __future__ import annotations

import asyncio
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from s2v.cli.servers import NatsServer
from s2v.runtime import reconciler as reconciling
from s2v.runtime import recovery
from s2v.runtime.errors import NotFoundError, PreconditionError, UnavailableError
from s2v.runtime.jobs import end
from s2v.runtime.reconciler import Reconciler
from s2v.runtime.recovery import read_record
from s2v.runtime.schema import CONTROL_BUCKET, JOBS_BUCKET, WORK_STREAM, migrate
from s2v.runtime.settings import RuntimeSettings
from s2v.v1.job_pb2 import JobState
from s2v.v1.report_pb2 import Stage
from s2v.v1.work_pb2 import JobRecord, Task

sys.path.insert(0, str(Path(__file__).parent))
from house import ORDER, House, expected, is_done, known_objects, until_true

pytestmark = pytest.mark.integration


def reconciler(house: House) -> Reconciler:
    return Reconciler(house.bus, house.jobs, house.store, lost_after_seconds=0.5, stalled_after_seconds=3600)


def wipe(server: NatsServer) -> None:
    server.stop()
    shutil.rmtree(server.folder / "store")
    server.start()
    server.wait_ready()


async def answering(house: House) -> bool:
    try:
        await house.bus.prepare()
    except UnavailableError:
        return False
    return True


async def test_all_jobs_end_though_nats_has_lost_everything(own: RuntimeSettings, own_nats: NatsServer, tenant: str) -> None:
    async with House(own, tenant) as house:
        mender = reconciler(house)
        assert await mender.heal() is not None, "the first look makes what is missing, and there is nothing"
        assert await mender.heal() is None
        async with house.working():
            finished = await house.submit("done before")
            await house.ended(finished)
            failed_word = "broken"
            house.faults.add(failed_word)
            failed = await house.submit(failed_word)
            await house.ended(failed)
        async with house.working(ORDER[0], ORDER[1]):
            halfway = await house.submit("two stages")
            await house.until(halfway, is_done(ORDER[1]))
        queued = await house.submit("never begun")
        runs = len(house.relays[ORDER[0]].runs)
        ends = {job: (await house.jobs.get(tenant, job)).job for job in (finished, failed)}
        damaged = f"{tenant}/jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV/request.pb"
        await house.store.put(damaged, b"half a rec")  # it keeps no other job away
        await asyncio.to_thread(wipe, own_nats)
        await until_true(lambda: answering(house))
        with pytest.raises(UnavailableError, match="made again"):
            await house.jobs.get(tenant, finished)
        healed = await asyncio.gather(reconciler(house).heal(), mender.heal())  # two gateways at once
        # The store is shared with other tests, whose jobs are found as well.
        mine = {record.job.id for one in healed if one for record in one.resumed if record.job.tenant == tenant}
        assert mine == {halfway, queued}
        await house.store.delete(damaged)
        assert await mender.heal() is None
        with pytest.raises(NotFoundError):
            await house.jobs.get(tenant, "01ARZ3NDEKTSV4RRFFQ69G5FAV")
        assert {job: (await house.jobs.get(tenant, job)).job for job in ends} == ends
        async with house.working():
            records = [await house.ended(job) for job in (halfway, queued)]
        assert [record.job.state for record in records] == [JobState.JOB_STATE_SUCCEEDED] * 2
        assert [await house.text(record) for record in records] == [expected("two stages"), expected("never begun")]
        assert len(house.relays[ORDER[0]].runs) == runs + 2, "finished stages are not done again"
        assert [report.stage for report in records[0].job.report.stages] == list(ORDER)
        for job in (finished, failed, halfway, queued):
            assert await house.objects(job) <= known_objects(await house.jobs.get(tenant, job))
        assert set(await house.jobs.catalogue.ids(tenant)) == {finished, failed, halfway, queued}


async def test_what_is_new_goes_on_before_what_is_old_is_made_again(
    own: RuntimeSettings, own_nats: NatsServer, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "AT_ONCE", 1)
    async with House(own, tenant) as house:
        mender, ids = reconciler(house), []
        await mender.heal()
        for number in range(3):
            ids.append(await house.submit(f"talk{number}", wake=False))
            await asyncio.sleep(0.002)
        await asyncio.to_thread(wipe, own_nats)
        await until_true(lambda: answering(house))
        read, publish, go_on, published = house.store.read, mender._publish, asyncio.Event(), []

        async def slow(ref: str) -> bytes:
            if ids[0] in ref:
                await go_on.wait()
            return await read(ref)

        async def counted(record: JobRecord, again: str = "") -> None:
            await publish(record, again)
            published.append(record.job.id)

        async def oldest_is_left() -> bool:
            return published == ids[:0:-1]

        house.store.read = slow  # type: ignore[method-assign]
        mender._publish = counted  # type: ignore[method-assign]
        healing = asyncio.create_task(mender.heal())
        await until_true(oldest_is_left)
        with pytest.raises(UnavailableError, match="made again"):
            await house.jobs.get(tenant, ids[0])
        assert (await house.jobs.get(tenant, ids[1])).epoch == 2
        go_on.set()
        await healing
        assert published[:3] == ids[::-1], "those of other tests follow, if any"


async def test_a_record_that_nats_does_not_take_keeps_no_other_job_away(
    own: RuntimeSettings, own_nats: NatsServer, tenant: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with House(own, tenant) as house:
        mender = reconciler(house)
        await mender.heal()
        large, small = [await house.submit("talk", wake=False) for _ in range(2)]

        def fill(record: JobRecord) -> bool:
            record.job.source_name = "talk" * 5000
            return True

        await house.jobs.update(tenant, large, fill)
        for job_id in (large, small):
            await house.jobs.cancel(tenant, job_id)
        await asyncio.to_thread(wipe, own_nats)
        await until_true(lambda: answering(house))
        house.bus._client._max_payload = 8000  # what the server announces
        assert await mender.heal() is not None
        assert await mender.heal() is None
        assert f"job {large} is too large" in caplog.text
        assert (await house.jobs.get(tenant, small)).job.state == JobState.JOB_STATE_CANCELLED
        with pytest.raises(NotFoundError):
            await house.jobs.get(tenant, large)
        assert await house.jobs.records.live(tenant) == {}


async def test_a_worker_at_work_through_the_loss_goes_on(own: RuntimeSettings, own_nats: NatsServer, tenant: str) -> None:
    async with House(own, tenant) as house:
        mender = reconciler(house)
        await mender.heal()
        for relay in house.relays.values():
            relay.pause_seconds = 0.5
        async with house.working():
            job_id = await house.submit("one two")
            await house.until(job_id, is_done(Stage.STAGE_TRANSCRIPTION))
            await asyncio.to_thread(wipe, own_nats)
            await until_true(lambda: answering(house))
            await mender.heal()
            record = await house.ended(job_id)
        assert record.job.state == JobState.JOB_STATE_SUCCEEDED
        assert await house.text(record) == expected("one two")
        assert record.epoch == 2, "whoever worked before the loss is fenced"


async def test_a_second_run_is_what_is_rebuilt(own: RuntimeSettings, own_nats: NatsServer, tenant: str) -> None:
    async with House(own, tenant) as house:
        await reconciler(house).heal()
        house.faults.add("wordt")
        async with house.working():
            job_id = await house.submit("word")
            record = await house.ended(job_id)
        await house.jobs.reopen(tenant, job_id, Stage.STAGE_ANALYSIS, record.epoch)
        house.faults.clear()
        await asyncio.to_thread(wipe, own_nats)
        await until_true(lambda: answering(house))
        await reconciler(house).heal()
        async with house.working():
            record = await house.ended(job_id)
        assert record.job.state == JobState.JOB_STATE_SUCCEEDED, "the end of the first run does not count any more"
        assert await house.text(record) == expected("word")


async def test_the_catalogue_gives_ended_jobs_newest_first(own: RuntimeSettings, tenant: str) -> None:
    async with House(own, tenant) as house:
        ids = []
        for number in range(7):
            ids.append(await house.submit(f"talk{number}", wake=False))
            await asyncio.sleep(0.002)
        for job_id in ids[:6]:
            await house.jobs.cancel(tenant, job_id)
        catalogue = house.jobs.catalogue
        assert [job_id async for _, some in catalogue.newest(tenant) for job_id in some] == ids[5::-1], (
            "the one at work is not in it"
        )
        assert [job_id async for _, some in catalogue.newest(tenant, ids[3]) for job_id in some] == ids[2::-1]
        assert [job_id async for _, some in catalogue.newest("other") for job_id in some] == []
        shown = await catalogue.find(tenant, ids[0])
        assert shown is not None
        assert not shown.artifacts
        assert list(await house.jobs.records.live(tenant)) == [ids[6]], "only the one at work is looked at by the reconciler"
        await catalogue.remove(tenant, ids[0])
        assert await catalogue.ids(tenant) == ids[5:0:-1]


async def test_the_reconciler_reads_no_ended_job_and_concludes_one_whose_end_was_not_written(
    own: RuntimeSettings, tenant: str
) -> None:
    async with House(own, tenant) as house:
        mender = reconciler(house)
        ended = [await house.submit("talk", wake=False) for _ in range(3)]
        for job_id in ended:
            await house.jobs.cancel(tenant, job_id)
        cut_off = await house.submit("talk", wake=False)

        def stop(record: JobRecord) -> bool:  # as a worker that is killed before it writes the end
            end(record, JobState.JOB_STATE_CANCELLED)
            record.job.finished_at.FromSeconds(record.job.created_at.seconds - 120)
            return True

        await house.jobs.update(tenant, cut_off, stop)
        read: list[str] = []
        get = house.jobs.get

        async def counted(tenant: str, job_id: str) -> JobRecord:
            read.append(job_id)
            return await get(tenant, job_id)

        house.jobs.get = counted
        await mender.reconcile(tenant)
        assert read == [cut_off]
        assert "terminal.pb" in await house.objects(cut_off)
        assert set(await house.jobs.catalogue.ids(tenant)) == {*ended, cut_off}
        await mender.reconcile(tenant)
        assert read == [cut_off], "it is concluded"


async def test_a_run_that_broke_off_before_its_record_knew_of_it_is_forgotten(
    own: RuntimeSettings, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with House(own, tenant) as house:
        mender, records = reconciler(house), house.jobs.records
        job_id = await house.submit("talk", wake=False)
        await house.jobs.cancel(tenant, job_id)

        def long_ago(record: JobRecord) -> bool:
            record.job.finished_at.FromSeconds(record.job.created_at.seconds - 120)
            return True

        ended = await house.jobs.amend(tenant, job_id, long_ago)
        update = records.update

        async def away(*_: object) -> JobRecord:
            records.update = update  # type: ignore[method-assign]
            raise UnavailableError("NATS is away")

        def again(record: JobRecord) -> bool:
            record.epoch += 1
            record.job.state = JobState.JOB_STATE_RUNNING
            record.job.ClearField("finished_at")
            return True

        records.update = away  # type: ignore[method-assign]
        with pytest.raises(UnavailableError):
            await house.jobs.rerun(tenant, job_id, again)
        await mender.reconcile(tenant)
        assert await records.live(tenant) == {job_id: [2]}, "it may still begin"
        monkeypatch.setattr("s2v.runtime.reconciler.UNMADE_SECONDS", -5.0)  # S3 gives times in whole seconds
        await mender.reconcile(tenant)
        await mender.reconcile(tenant)
        assert await records.live(tenant) == {}
        known = await read_record(house.store, tenant, job_id)
        assert known is not None
        assert (known.epoch, known.job) == (1, ended.job)
        record = await house.jobs.rerun(tenant, job_id, again)
        assert record.epoch == 2, "it can still have another run"


async def test_a_wrong_clock_takes_no_job_for_a_lost_one(
    own: RuntimeSettings, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    age = reconciling._age
    monkeypatch.setattr(reconciling, "_age", lambda nanoseconds: age(nanoseconds) + 3600)  # an hour ahead
    async with House(own, tenant) as house:
        mender = replace(reconciler(house), patient=True)
        job_id = await house.submit("talk", wake=False)
        await mender.reconcile(tenant)
        assert await house.tasks() == 0
        await asyncio.sleep(0.6)
        await house.jobs.update(tenant, job_id, lambda record: True)
        await mender.reconcile(tenant)
        assert await house.tasks() == 0, "it has changed"
        await asyncio.sleep(0.6)
        await mender.reconcile(tenant)
        assert await house.tasks() == 1
        await house.jobs.cancel(tenant, job_id)
        await mender.reconcile(tenant)
        assert mender._seen == {tenant: {}}


async def test_a_task_that_is_published_again_belongs_to_the_trace_of_its_job(own: RuntimeSettings, tenant: str) -> None:
    async with House(own, tenant) as house:
        mender = reconciler(house)
        mender.lost_after_seconds = 0
        job_id, trace_id = await house.submit("talk", wake=False), "0af7651916cd43dd8448eb211c80319c"

        def traced(record: JobRecord) -> bool:
            record.traceparent = f"00-{trace_id}-b7ad6b7169203331-01"
            return True

        await house.jobs.update(tenant, job_id, traced)
        await mender.reconcile(tenant)
        message = await house.bus.jetstream.get_last_msg(WORK_STREAM, "s2v.v1.work.transcription.normal")
        assert Task.FromString(message.data or b"").job_id == job_id
        assert (message.headers or {})["traceparent"].split("-")[1] == trace_id


async def test_jobs_at_work_that_an_earlier_version_left_unmarked_are_marked(own: RuntimeSettings, tenant: str) -> None:
    async with House(own, tenant) as house:
        mender = reconciler(house)
        await mender.heal()
        job_id = await house.submit("talk", wake=False)
        await house.bus.jetstream.purge_stream("KV_s2v-live")
        assert await house.jobs.records.live(tenant) == {}
        assert await mender.heal() is None
        assert await house.jobs.records.live(tenant) == {job_id: [1]}


async def test_migrating_changes_what_differs_and_then_nothing(own: RuntimeSettings, tenant: str) -> None:
    async with House(own, tenant) as house:
        js = house.bus.jetstream
        assert await migrate(js, own) == ["version 1"]
        config = (await js.stream_info("S2V_EVENTS")).config
        await js.update_stream(config.evolve(max_age=600))
        await js.delete_stream(WORK_STREAM)
        job_id = await house.submit("kept", wake=False)
        assert await migrate(js, own) == ["S2V_EVENTS"]
        assert await migrate(js, own) == []
        assert (await js.stream_info("S2V_EVENTS")).config.max_age == 86400
        assert (await js.stream_info(WORK_STREAM)).state.consumer_count == 12
        assert (await house.jobs.get(tenant, job_id)).job.id == job_id, f"{JOBS_BUCKET} keeps what it has"
        await (await js.key_value(CONTROL_BUCKET)).put("schema", b"999")
        with pytest.raises(PreconditionError, match="version 999"):
            await migrate(js, own)
