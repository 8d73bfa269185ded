"""Jobs come to be once, can be read, listed, watched and cancelled, and their artifacts fetched."""

from __future__ import annotations

import asyncio
import hashlib

import grpc
import pytest

from s2v.runtime.bus import PRIORITIES
from s2v.runtime.errors import EngineError
from s2v.runtime.jobs import describe, end, prefix
from s2v.runtime.mover import Mover
from s2v.v1.artifact_pb2 import Artifact
from s2v.v1.job_pb2 import JobOptions, JobState, Priority
from s2v.v1.job_service_pb2 import (
    CancelJobRequest,
    DeleteJobRequest,
    GetArtifactRequest,
    GetJobRequest,
    ListJobsRequest,
    WatchJobRequest,
)
from s2v.v1.report_pb2 import Stage
from s2v.v1.work_pb2 import JobRecord, Tier

pytestmark = pytest.mark.integration


async def make_job(door, media, request_id="request", options=None):
    return await door.create(await door.upload("talk.wav", media.wav(6)), request_id, options)


async def test_a_whole_upload_becomes_a_job_with_its_source_request_record_and_first_task(open_door, media):
    async with open_door() as door:
        data = media.wav(6)
        upload_id = await door.upload("talk.wav", data, hashlib.sha256(data).hexdigest())
        job = await door.create(upload_id, "first", JobOptions(language="en", priority=Priority.PRIORITY_HIGH))
        assert (job.state, job.source_name) == (JobState.JOB_STATE_QUEUED, "talk.wav")
        assert job.source_seconds == pytest.approx(6)
        folder = prefix(door.settings.tenant, job.id)
        source = f"{folder}source/{hashlib.sha256(data).hexdigest()[:16]}"
        assert {item.key for item in await door.store.list(f"{door.settings.tenant}/")} == {source, f"{folder}request.pb"}
        record = await door.jobs.get(door.settings.tenant, job.id)
        assert (record.epoch, record.source.key, len(record.stages)) == (1, source, 4)
        assert JobRecord.FromString(await door.store.read(f"{folder}request.pb")).job.options == job.options
        assert await door.tasks() == 1


async def test_the_same_request_twice_is_the_same_job_even_at_once_and_with_another_upload(open_door, media):
    async with open_door() as door:
        data = media.wav(6)
        first, second = await door.upload("talk.wav", data), await door.upload("talk.wav", data)
        made = await asyncio.gather(*(door.create(first, "twice") for _ in range(3)))
        again = await door.create(second, "twice")
        assert {job.id for job in [*made, again]} == {again.id}
        assert await door.jobs.records.list(door.settings.tenant) == [again.id]
        assert await door.tasks() == 1


async def test_the_same_file_with_another_request_is_another_job(open_door, media):
    async with open_door() as door:
        assert (await make_job(door, media, "one")).id != (await make_job(door, media, "two")).id


async def test_jobs_are_listed_newest_first_by_pages_and_state(open_door, media):
    async with open_door() as door:
        made = [(await make_job(door, media, f"job {number}")).id for number in range(5)]
        await door.stub.CancelJob(CancelJobRequest(job_id=made[2]))
        seen, token = [], ""
        while True:
            page = await door.stub.ListJobs(ListJobsRequest(page_size=2, page_token=token))
            seen += [job.id for job in page.jobs]
            assert not any(job.artifacts for job in page.jobs)
            if not (token := page.next_page_token):
                break
        assert seen == sorted(made, reverse=True)
        cancelled = await door.stub.ListJobs(ListJobsRequest(state=JobState.JOB_STATE_CANCELLED))
        assert [job.id for job in cancelled.jobs] == [made[2]]
        assert not (await door.stub.ListJobs(ListJobsRequest(page_token="0" * 26))).jobs  # older than all
        for request in (
            ListJobsRequest(page_token="x"),
            ListJobsRequest(page_token="7" + "Z" * 25),  # of the year 10889
            ListJobsRequest(page_size=201),
            ListJobsRequest(page_size=-1),
        ):
            async with door.refusing() as refused:
                await door.stub.ListJobs(request)
            assert refused[0].code == grpc.StatusCode.INVALID_ARGUMENT


async def test_cancelling_ends_a_job_once_and_its_watch(open_door, media):
    async with open_door() as door:
        job = await make_job(door, media)
        events = aiter(door.stub.WatchJob(WatchJobRequest(job_id=job.id)))
        first = await anext(events)
        assert first.event.state_changed.state == JobState.JOB_STATE_QUEUED
        for _ in range(2):
            answer = await door.stub.CancelJob(CancelJobRequest(job_id=job.id))
            assert answer.job.state == JobState.JOB_STATE_CANCELLED
        async with asyncio.timeout(5):
            rest = [message.event async for message in events]
        assert [event.state_changed.state for event in rest] == [JobState.JOB_STATE_CANCELLED]


async def test_a_finished_job_can_be_watched_from_the_start_and_from_its_end(open_door, media):
    async with open_door() as door:
        job = await make_job(door, media)
        await door.stub.CancelJob(CancelJobRequest(job_id=job.id))
        async with asyncio.timeout(10):
            whole = [message.event async for message in door.stub.WatchJob(WatchJobRequest(job_id=job.id))]
            last = whole[-1]
            after = WatchJobRequest(job_id=job.id, after_sequence=last.sequence)
            tail = [message.event async for message in door.stub.WatchJob(after)]
        assert [event.state_changed.state for event in whole] == [JobState.JOB_STATE_QUEUED, JobState.JOB_STATE_CANCELLED]
        assert whole[0].sequence < last.sequence
        assert [event.state_changed.state for event in tail] == [JobState.JOB_STATE_CANCELLED]


async def test_a_tenant_watches_a_quarter_of_all_calls_at_most_and_again_when_a_watch_is_over(open_door, media):
    async with open_door(max_concurrent_calls=8) as door:
        job = await make_job(door, media)
        watches = [door.stub.WatchJob(WatchJobRequest(job_id=job.id)) for _ in range(2)]
        for watch in watches:
            await watch.read()
        async with door.refusing() as refused:
            await door.stub.WatchJob(WatchJobRequest(job_id=job.id)).read()
        assert (refused[0].code, refused[0].reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_WATCHES")
        assert refused[0].retry_seconds == 30
        watches[0].cancel()
        async with asyncio.timeout(10):
            while True:
                try:
                    again = door.stub.WatchJob(WatchJobRequest(job_id=job.id))
                    await again.read()
                    break
                except grpc.aio.AioRpcError:
                    await asyncio.sleep(0.05)
        async with door.refusing() as refused:
            await door.stub.WatchJob(WatchJobRequest(job_id=job.id)).read()
        assert refused[0].reason == "TOO_MANY_WATCHES"
        again.cancel()
        watches[1].cancel()


async def test_a_watch_ends_when_a_killed_worker_recorded_the_end_without_an_event(open_door, media):
    async with open_door() as door:
        job = await make_job(door, media)
        error = EngineError("talk.wav: the engine died", reason="ENGINE_DIED")

        def fail(record: JobRecord) -> bool:
            end(record, JobState.JOB_STATE_FAILED, describe(error, Stage.STAGE_TRANSCRIPTION))
            return True

        await door.jobs.update(door.settings.tenant, job.id, fail)
        async with asyncio.timeout(10):
            events = [message.event async for message in door.stub.WatchJob(WatchJobRequest(job_id=job.id))]
        assert events[-1].state_changed.error.reason == "ENGINE_DIED"


async def test_a_stopping_gateway_sends_its_watchers_to_another_one(open_door, media):
    async with open_door() as door:
        job = await make_job(door, media)
        events = aiter(door.stub.WatchJob(WatchJobRequest(job_id=job.id)))
        await anext(events)
        door.stop.set()
        async with asyncio.timeout(2), door.refusing() as refused:
            await anext(events)
        assert (refused[0].code, refused[0].reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")


async def test_an_artifact_comes_whole_and_an_unknown_one_names_those_that_are_there(open_door, media):
    async with open_door() as door:
        data = media.wav(20)
        job = await door.create(await door.upload("talk.wav", data), "artifact")
        messages = [one async for one in door.stub.GetArtifact(GetArtifactRequest(job_id=job.id, name="source"))]
        assert messages[0].artifact.object.sha256 == hashlib.sha256(data).hexdigest()
        assert messages[0].artifact.object.content_type == "audio/wav"
        assert all(one.artifact == Artifact() and len(one.data) <= 256 * 1024 for one in messages[1:])
        assert b"".join(one.data for one in messages) == data
        size = len(data)
        for offset, length, wanted in (
            (300_000, 0, data[300_000:]),
            (44, 300_000, data[44:300_044]),
            (-100, 0, data[-100:]),
            (-size - 7, 0, data),
            (size - 1, 99, data[-1:]),
            (size, 0, b""),
            (size + 1, 5, b""),
        ):
            request = GetArtifactRequest(job_id=job.id, name="source", offset=offset, length=length)
            part = [one async for one in door.stub.GetArtifact(request)]
            assert part[0].artifact == messages[0].artifact
            assert b"".join(one.data for one in part) == wanted, (offset, length)
        async with door.refusing() as refused:
            [one async for one in door.stub.GetArtifact(GetArtifactRequest(job_id=job.id, name="source", length=-1))]
        assert (refused[0].code, refused[0].field) == (grpc.StatusCode.INVALID_ARGUMENT, "length")
        async with door.refusing() as refused:
            [one async for one in door.stub.GetArtifact(GetArtifactRequest(job_id=job.id, name="video.mp4"))]
        assert (refused[0].code, refused[0].reason) == (grpc.StatusCode.NOT_FOUND, "ARTIFACT_NOT_FOUND")
        assert "source" in refused[0].message


async def test_a_tenant_has_a_quarter_of_all_calls_for_downloads_and_again_when_one_is_over(open_door, media):
    async with open_door(max_concurrent_calls=8) as door:
        job = await door.create(await door.upload("talk.wav", media.wav(600)), "artifact")
        wanted = GetArtifactRequest(job_id=job.id, name="source")
        unread = [door.stub.GetArtifact(wanted) for _ in range(2)]
        for download in unread:
            await download.read()
        async with door.refusing() as refused:
            await door.stub.GetArtifact(wanted).read()
        assert (refused[0].code, refused[0].reason) == (grpc.StatusCode.UNAVAILABLE, "BUSY")
        assert (await door.stub.GetJob(GetJobRequest(job_id=job.id))).job.id == job.id
        unread[0].cancel()
        async with asyncio.timeout(10):
            while True:
                try:
                    again = door.stub.GetArtifact(wanted)
                    await again.read()
                    break
                except grpc.aio.AioRpcError:
                    await asyncio.sleep(0.05)
        again.cancel()
        unread[1].cancel()


@pytest.mark.parametrize("job_id", ["", "*", "../x", "01ARZ3NDEKTSV4RRFFQ69G5FAV"])
async def test_an_unknown_job_is_not_found_by_any_call(job_id, open_door):
    async with open_door() as door:
        async with door.refusing() as refused:
            await door.stub.GetJob(GetJobRequest(job_id=job_id))
        assert (refused[0].code, refused[0].reason) == (grpc.StatusCode.NOT_FOUND, "JOB_NOT_FOUND")
        async with door.refusing() as refused:
            await door.stub.CancelJob(CancelJobRequest(job_id=job_id))
        assert refused[0].code == grpc.StatusCode.NOT_FOUND
        async with door.refusing() as refused:
            [one async for one in door.stub.WatchJob(WatchJobRequest(job_id=job_id))]
        assert refused[0].code == grpc.StatusCode.NOT_FOUND
        async with door.refusing() as refused:
            [one async for one in door.stub.GetArtifact(GetArtifactRequest(job_id=job_id, name="source"))]
        assert refused[0].code == grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("priority", PRIORITIES)
async def test_the_first_task_waits_in_the_queue_of_its_priority(priority, open_door, media):
    async with open_door() as door:
        consumer = f"transcription-{PRIORITIES[priority]}"
        before = (await door.bus.jetstream.consumer_info("S2V_WORK", consumer)).num_pending
        await make_job(door, media, f"priority {priority}", JobOptions(priority=priority))
        assert (await door.bus.jetstream.consumer_info("S2V_WORK", consumer)).num_pending == before + 1


@pytest.mark.parametrize("tier", [Tier.TIER_WARM, Tier.TIER_COLD])
async def test_a_deleted_job_is_gone_from_every_tier(open_door, media, tier):
    async with open_door(s3_warm_bucket="s2v-warm", s3_cold_bucket="s2v-cold", move_bytes_per_second=1e9) as door:
        tenant = door.settings.tenant
        job = await make_job(door, media)
        other = await make_job(door, media, "other")
        await door.stub.CancelJob(CancelJobRequest(job_id=job.id))
        mover = Mover(door.store, door.jobs, door.settings)
        assert await mover.move(tenant, job.id, tier) == 1
        folder = prefix(tenant, job.id)
        assert await door.store.tiers[tier].list(folder), "its source is there"
        answer = await door.stub.DeleteJob(DeleteJobRequest(job_id=job.id))
        assert answer.objects == 3, "source, request and end"
        for store in door.store.tiers.values():
            assert not await store.list(folder)
        assert await door.store.list(prefix(tenant, other.id)), "another job stays"
        assert await door.jobs.catalogue.ids(tenant) == []
        assert list(await door.jobs.records.live(tenant)) == [other.id]
        door.store.close()
