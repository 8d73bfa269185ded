"""Expired uploads go, with what was written for jobs that never came to be; jobs that nobody works on are woken."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from s2v.gateway import housekeeping as house
from s2v.runtime.errors import UnavailableError
from s2v.runtime.jobs import prefix, progress, stage_record
from s2v.runtime.records import WHOLE_KEY
from s2v.runtime.schema import JOBS_BUCKET
from s2v.v1.artifact_pb2 import ObjectRef
from s2v.v1.job_pb2 import Job, JobState, StageState
from s2v.v1.job_service_pb2 import CancelJobRequest
from s2v.v1.report_pb2 import Stage
from s2v.v1.work_pb2 import JobRecord, Task

pytestmark = pytest.mark.integration


async def test_an_expired_upload_is_gone_for_callers_at_once_and_swept_with_the_source_of_its_job(open_door, media):
    async with open_door() as door:
        upload_id = await door.upload("talk.wav", media.wav(6))
        upload = await door.uploads.open(door.settings.tenant, upload_id)
        job_id = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
        await door.uploads.claim(upload, job_id)
        await door.store.put(f"{prefix(door.settings.tenant, job_id)}source/abc", b"what a killed gateway left")
        await door.housekeeping.sweep()
        assert len(await door.left()) == 3
    async with open_door(upload_lifetime_seconds=0.5) as later:
        await asyncio.sleep(1.6)  # S3 gives times in whole seconds
        async with later.refusing() as refused:
            await later.create(upload_id, "late")
        assert refused[0].reason == "UPLOAD_NOT_FOUND"
        await later.housekeeping.sweep()
        assert await later.left() == []


async def test_sweeping_an_upload_never_touches_a_job_that_came_to_be(open_door, media):
    async with open_door(upload_lifetime_seconds=0.5) as door:
        job = await door.create(await door.upload("talk.wav", media.wav(6)), "kept")
        leftover = await door.start("talk.wav", 10)
        upload = await door.uploads.open(door.settings.tenant, leftover)
        await door.uploads.claim(upload, job.id)
        await asyncio.sleep(1.6)
        before = {item.key for item in await door.store.list(prefix(door.settings.tenant, job.id))}
        await door.housekeeping.sweep()
        assert {item.key for item in await door.store.list(f"{door.settings.tenant}/")} == before


async def test_a_job_whose_record_a_killed_gateway_did_not_write_goes_with_its_upload_unless_nats_lost_it(open_door, media):
    async with open_door() as door:
        tenant, job_id = door.settings.tenant, "01ARZ3NDEKTSV4RRFFQ69G5FAV"
        upload_id = await door.upload("talk.wav", media.wav(6))
        await door.uploads.claim(await door.uploads.open(tenant, upload_id), job_id)
        record = JobRecord(job=Job(id=job_id, tenant=tenant, source_name="talk.wav"), epoch=1)
        await door.store.put(f"{prefix(tenant, job_id)}request.pb", record.SerializeToString())
        await door.store.put(f"{prefix(tenant, job_id)}source/abc", b"a talk")
        await door.jobs.records.mark_live(tenant, job_id, 1)
        await door.jobs.records.mark_whole()
    async with open_door(upload_lifetime_seconds=0.5) as later:
        await asyncio.sleep(1.6)  # S3 gives times in whole seconds
        await later.housekeeping.sweep()
        assert await later.left() == []
        assert not await later.jobs.records.live(tenant)

        upload_id = await later.start("talk.wav", 10)
        await later.uploads.claim(await later.uploads.open(tenant, upload_id), job_id)
        await later.store.put(f"{prefix(tenant, job_id)}request.pb", record.SerializeToString())
        await later.bus.jetstream.purge_stream(f"KV_{JOBS_BUCKET}", subject=f"$KV.{JOBS_BUCKET}.{WHOLE_KEY}")
        await asyncio.sleep(1.6)
        await later.housekeeping.sweep()
        assert await later.store.exists(f"{prefix(tenant, job_id)}request.pb"), "what NATS has lost may be a job"
        await later.store.delete(f"{prefix(tenant, job_id)}request.pb")  # other tests' rebuilding would look at it


async def test_parts_of_what_was_never_written_whole_are_swept(open_door, monkeypatch):
    async with open_door() as door:
        client, bucket, key = door.store._client, door.store._bucket, f"{door.settings.tenant}/jobs/a/film"
        upload = client._create_multipart_upload(bucket, key, {})
        client._upload_part(bucket, key, bytes(5 * 1024 * 1024), {}, upload, 1)
        await door.housekeeping.sweep()
        assert key in [one.object_name for one in client._list_multipart_uploads(bucket).uploads]
        monkeypatch.setattr(house, "BROKEN_OFF", timedelta(seconds=-5))
        await door.housekeeping.sweep()
        assert not client._list_multipart_uploads(bucket).uploads


async def test_an_end_does_not_wait_for_what_takes_long(open_door):
    async with open_door() as door:
        begun = asyncio.Event()

        async def tidy():
            begun.set()
            await asyncio.sleep(3600)

        door.housekeeping.tidy = tidy
        stop = asyncio.Event()
        running = asyncio.create_task(door.housekeeping.run(stop))
        async with asyncio.timeout(20):
            await begun.wait()
            stop.set()
            await running


async def test_expired_uploads_of_each_tenant_are_swept_where_callers_say_who_they_are(open_door):
    async with open_door(upload_lifetime_seconds=0.5) as door:
        other = f"{door.settings.tenant}-other"
        await door.uploads.start(other, "talk.wav", 10, "")
        await asyncio.sleep(1.6)
        await door.housekeeping.sweep()
        assert await door.store.list(f"{other}/"), "without keys there is one tenant"
        settings = door.settings.model_copy(update={"auth": "on"})
        await replace(door.housekeeping, settings=settings).sweep()
        assert await door.store.list(f"{other}/") == []


async def test_what_is_written_for_a_job_after_its_deletion_is_swept_and_nothing_of_other_jobs(open_door, media, monkeypatch):
    async with open_door() as door:
        tenant = door.settings.tenant
        job = await door.create(await door.upload("talk.wav", media.wav(6)), "kept")
        late = prefix(tenant, "01ARZ3NDEKTSV4RRFFQ69G5FAV")
        await door.store.put(f"{late}rendering/clip.mp4", b"what a slow worker wrote")
        lost = prefix(tenant, "01ARZ3NDEKTSV4RRFFQ69G5FAW")
        await door.store.put(f"{lost}request.pb", b"of a job whose record NATS has lost")
        await door.store.delete(f"{prefix(tenant, job.id)}request.pb")
        before = {item.key for item in await door.store.list(f"{tenant}/jobs/")}
        await door.housekeeping.sweep()
        assert {item.key for item in await door.store.list(f"{tenant}/jobs/")} == before, "it may be a job that is being made"
        monkeypatch.setattr(house, "ORPHAN_SECONDS", 0.5)
        await asyncio.sleep(1.6)  # S3 gives times in whole seconds
        await door.housekeeping.sweep()
        assert {item.key for item in await door.store.list(f"{tenant}/jobs/")} == before - {f"{late}rendering/clip.mp4"}
        await door.store.delete(f"{lost}request.pb")  # other tests' rebuilding would look at it


async def test_an_error_that_nobody_expects_ends_neither_its_work_nor_the_process(open_door, caplog):
    async with open_door(sweep_seconds=0.05) as door:
        tidied = 0

        async def tidy():
            nonlocal tidied
            tidied += 1
            raise OSError(28, "No space left on device")

        door.housekeeping.tidy = tidy
        stop = asyncio.Event()
        running = asyncio.create_task(door.housekeeping.run(stop))
        async with asyncio.timeout(20):
            while tidied < 2 and not running.done():
                await asyncio.sleep(0.02)
        stop.set()
        await running
        assert "No space left on device" in caplog.text


async def test_a_cancellation_that_gets_lost_does_not_go_on_for_ever(open_door):
    async with open_door() as door:
        begun, lost = asyncio.Event(), []

        async def tidy():
            begun.set()
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                lost.append(True)  # as asyncio.wait_for does when the answer comes at that moment

        door.housekeeping.tidy = tidy
        stop = asyncio.Event()
        running = asyncio.create_task(door.housekeeping.run(stop))
        await asyncio.wait_for(begun.wait(), 20)
        stop.set()
        await asyncio.wait_for(running, 20)
        assert lost


async def test_what_hinders_one_tenant_or_the_expiry_holds_up_nobody_else(open_door, monkeypatch):
    async with open_door() as door:
        keeper, done = door.housekeeping, []

        async def tenants():
            return ["a", "b"]

        def failing(what, error):
            async def work(tenant, *_):
                done.append((what, tenant))
                if tenant == "a":
                    raise error

            return work

        monkeypatch.setattr(keeper, "_tenants", tenants)
        monkeypatch.setattr(keeper, "_mover", SimpleNamespace(run=failing("move", OSError(28, "No space left on device"))))
        monkeypatch.setattr(keeper._retention, "expire", failing("expire", UnavailableError("S3 answered AccessDenied")))
        monkeypatch.setattr(keeper._reconciler, "reconcile", failing("wake", UnavailableError("S3 answered AccessDenied")))
        monkeypatch.setattr(keeper, "_sweep", failing("sweep", UnavailableError("S3 answered AccessDenied")))
        await keeper.tidy()
        await keeper.reconcile()
        await keeper.sweep()
        assert done == [
            *[(what, tenant) for tenant in "ab" for what in ("expire", "move")],
            *[(what, tenant) for what in ("wake", "sweep") for tenant in "ab"],
        ]


@pytest.fixture
def lost(bus):
    """Empties the queues, as if the tasks in them had been lost."""

    async def empty() -> None:
        await bus.jetstream.purge_stream("S2V_WORK")

    return empty


async def test_a_job_whose_task_was_lost_gets_it_again_once(open_door, media, lost):
    async with open_door(lost_after_seconds=0.2) as door:
        job = await door.create(await door.upload("talk.wav", media.wav(6)), "lost")
        await lost()
        others = replace(door.housekeeping)
        for keeper in (door.housekeeping, others):
            await keeper.reconcile()
        await asyncio.sleep(0.3)
        await asyncio.gather(door.housekeeping.reconcile(), others.reconcile())
        state = (await door.bus.jetstream.stream_info("S2V_WORK")).state
        waiting = [await door.bus.jetstream.get_msg("S2V_WORK", seq) for seq in range(state.first_seq, state.last_seq + 1)]
        assert [Task.FromString(message.data or b"").job_id for message in waiting].count(job.id) == 1
        await door.housekeeping.reconcile()  # it waits in the queue now, so it is not lost
        assert (await door.bus.jetstream.stream_info("S2V_WORK")).state.messages == 1


async def test_the_task_of_the_stage_in_which_the_job_is_comes_again(open_door, media, lost):
    async with open_door(lost_after_seconds=0.1) as door:
        job = await door.create(await door.upload("talk.wav", media.wav(6)), "layout")

        def advance(record: JobRecord) -> bool:
            for stage in (Stage.STAGE_TRANSCRIPTION, Stage.STAGE_ANALYSIS):
                stage_record(record, stage).state = StageState.STAGE_STATE_SUCCEEDED
                stage_record(record, stage).output.CopyFrom(ObjectRef(key="x"))
            record.job.state = JobState.JOB_STATE_RUNNING
            progress(record)
            return True

        await door.jobs.update(door.settings.tenant, job.id, advance)
        await lost()
        await door.housekeeping.reconcile()
        await asyncio.sleep(0.2)
        await door.housekeeping.reconcile()
        assert (await door.bus.jetstream.consumer_info("S2V_WORK", "layout-normal")).num_pending == 1


async def test_an_ended_job_is_left_alone(open_door, media, lost):
    async with open_door(lost_after_seconds=0.1) as door:
        job = await door.create(await door.upload("talk.wav", media.wav(6)), "ended")
        await door.stub.CancelJob(CancelJobRequest(job_id=job.id))
        await lost()
        await door.housekeeping.reconcile()
        await asyncio.sleep(0.2)
        await door.housekeeping.reconcile()
        assert (await door.bus.jetstream.stream_info("S2V_WORK")).state.messages == 0
