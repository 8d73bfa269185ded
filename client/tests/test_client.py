"""The client against a real gateway, which is killed where it hurts."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import pickle
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import grpc
import pytest

from s2v.cli.servers import free_ports
from s2v.client import Client, JobServiceError
from s2v.client.download import Download
from s2v.client.post import post_file
from s2v.v1.artifact_pb2 import Artifact, ObjectRef
from s2v.v1.event_pb2 import JobEvent
from s2v.v1.job_pb2 import JobOptions, JobState
from s2v.v1.job_service_pb2 import StartUploadRequest

CHUNK_BYTES = 8 * 1024 * 1024  # what the gateway collects before it stores it

pytestmark = pytest.mark.integration


async def test_a_talk_goes_in_and_its_job_can_be_read_listed_watched_cancelled_and_fetched(gateway, talk, tmp_path):
    async with Client(gateway.target) as client:
        told: list[tuple[int, int]] = []
        upload_id = await client.upload(talk, lambda sent, total: told.append((sent, total)))
        assert told[-1] == (talk.stat().st_size,) * 2
        assert told == sorted(told)
        job = await client.create_job(upload_id, JobOptions(theme="light"))
        assert (job.source_name, job.options.theme) == ("talk.wav", "light")
        assert job.source_seconds == pytest.approx(20)
        assert (await client.get_job(job.id)).id == job.id
        assert [listed.id async for listed in client.list_jobs()] == [job.id]
        assert [listed.id async for listed in client.list_jobs(JobState.JOB_STATE_FAILED)] == []
        artifact = await client.download(job.id, "source", tmp_path / "copy.wav")
        assert (tmp_path / "copy.wav").read_bytes() == talk.read_bytes()
        assert artifact.object.sha256 == hashlib.sha256(talk.read_bytes()).hexdigest()
        assert (await client.cancel(job.id)).state == JobState.JOB_STATE_CANCELLED
        states = [event.state_changed.state async for event in client.watch(job.id)]
        assert states == [JobState.JOB_STATE_QUEUED, JobState.JOB_STATE_CANCELLED]
    assert gateway.terminate() == 0


async def test_the_same_request_id_is_the_same_job_after_another_upload(gateway, talk):
    async with Client(gateway.target) as client:
        first = await client.create_job(await client.upload(talk), request_id="mine")
        second = await client.create_job(await client.upload(talk), request_id="mine")
        assert first.id == second.id


class Elsewhere(BaseHTTPRequestHandler):
    """S3 that answers for another region."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(307)
        self.send_header("Location", "https://bucket.s3.eu-central-1.example/")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_a_form_that_s3_sends_elsewhere_is_not_taken_for_sent(talk):
    with HTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(JobServiceError, match=r"307: it is at https://bucket\.s3\.eu-central-1"):
            post_file(f"http://127.0.0.1:{server.server_port}/bucket", {"key": "talk"}, talk)
        server.shutdown()


async def test_a_file_can_be_posted_past_the_gateway_and_is_refused_where_the_form_is_not_for_it(gateway, talk, tmp_path):
    async with Client(gateway.target) as client:
        upload_id = await client.upload_by_post(talk)
        job = await client.create_job(upload_id)
        copy = await client.download(job.id, "source", tmp_path / "copy.wav")
        assert copy.object.sha256 == hashlib.sha256(talk.read_bytes()).hexdigest()
        announced = StartUploadRequest(name="talk.wav", size_bytes=7, by_post=True)
        form = (await client._stub.StartUpload(announced)).post
        with pytest.raises(JobServiceError, match=r"refused talk\.wav") as refused:
            await asyncio.to_thread(post_file, form.url, form.fields, talk)
        assert refused.value.reason == "POST_REFUSED"
        with pytest.raises(JobServiceError) as away:
            await asyncio.to_thread(post_file, f"http://127.0.0.1:{free_ports(1)[0]}/bucket", form.fields, talk)
        assert (away.value.code, away.value.reason) == (grpc.StatusCode.UNAVAILABLE, "POST_FAILED")


async def test_an_upload_goes_on_where_it_was_when_the_gateway_is_killed(gateway, long_talk):
    size = long_talk.stat().st_size
    sent: list[int] = []
    killed = False

    def progress(offset: int, total: int) -> None:
        nonlocal killed
        sent.append(offset)
        if not killed and offset > 0.8 * total:
            killed = True
            gateway.kill()
            gateway.start()

    async with Client(gateway.target) as client:
        job = await client.create_job(await client.upload(long_talk, progress))
        steps_back = [after for before, after in itertools.pairwise(sent) if after < before]
        assert steps_back
        assert min(steps_back) > CHUNK_BYTES, "the upload started again from its first chunk"
        source = next(artifact for artifact in (await client.get_job(job.id)).artifacts if artifact.name == "source")
        assert source.object.size_bytes == size
        assert source.object.sha256 == hashlib.sha256(long_talk.read_bytes()).hexdigest()


@pytest.mark.parametrize("end", ["kill", "terminate"])
async def test_a_watch_goes_on_after_its_last_event_when_the_gateway_ends(end, gateway, talk):
    async with Client(gateway.target) as client:
        job = await client.create_job(await client.upload(talk))
        seen: list[JobEvent] = []
        async for event in client.watch(job.id):
            seen.append(event)
            if len(seen) == 1:
                await asyncio.to_thread(getattr(gateway, end))
                gateway.start()
                await client.cancel(job.id)
        states = [event.state_changed.state for event in seen]
        assert states == [JobState.JOB_STATE_QUEUED, JobState.JOB_STATE_CANCELLED]


async def test_a_refusal_comes_as_one_error_with_code_reason_message_and_field(gateway, tmp_path):
    letter = tmp_path / "letter.wav"
    letter.write_text("Dear reader\n" * 1000)
    async with Client(gateway.target) as client:
        with pytest.raises(JobServiceError) as caught:
            await client.create_job(await client.upload(letter))
        error = caught.value
        assert (error.code, error.reason, error.field) == (grpc.StatusCode.INVALID_ARGUMENT, "NOT_MEDIA", "source")
        assert "letter.wav" in error.message
        assert str(error) == error.message
        copied = pickle.loads(pickle.dumps(error))
        assert (copied.code, copied.reason, copied.message, copied.field) == (
            error.code,
            error.reason,
            error.message,
            error.field,
        )
        with pytest.raises(JobServiceError) as caught:
            [event async for event in client.watch("01ARZ3NDEKTSV4RRFFQ69G5FAV")]
        assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.NOT_FOUND, "JOB_NOT_FOUND")
        empty = tmp_path / "empty.wav"
        empty.touch()
        with pytest.raises(JobServiceError, match=r"empty\.wav is empty"):
            await client.upload(empty)


async def test_a_damaged_artifact_is_never_taken_for_whole(gateway, talk, store, tmp_path):
    async with Client(gateway.target) as client:
        job = await client.create_job(await client.upload(talk))
        source = next(artifact for artifact in (await client.get_job(job.id)).artifacts if artifact.name == "source")
        await store.put(source.object.key, bytes(source.object.size_bytes))
        copy = tmp_path / "folder" / "copy.wav"
        copy.parent.mkdir()
        copy.write_text("an older file")
        with pytest.raises(JobServiceError) as caught:
            await client.download(job.id, "source", copy)
        assert caught.value.code == grpc.StatusCode.DATA_LOSS
        with pytest.raises(JobServiceError, match="it has source"):
            await client.download(job.id, "video.mp4", copy)
        assert [path.name for path in copy.parent.iterdir()] == ["copy.wav"]
        assert copy.read_text() == "an older file"


async def test_a_download_goes_on_where_it_was_when_the_gateway_is_killed(gateway, long_talk, tmp_path):
    pieces = 0

    def arrived() -> None:
        nonlocal pieces
        pieces += 1
        if pieces == 100:
            gateway.kill()
            gateway.start()

    async with Client(gateway.target) as client:
        job = await client.create_job(await client.upload(long_talk))
        download = Download(job.id, "source", tmp_path / "copy.wav", arrived)
        await client._call(lambda: download.run(client._stub))
        assert (tmp_path / "copy.wav").read_bytes() == long_talk.read_bytes()
        assert 100 < pieces < 200, "it began again"  # 162 are the whole


async def test_a_download_of_what_was_made_anew_meanwhile_begins_again(gateway, talk, tmp_path):
    async with Client(gateway.target) as client:
        job = await client.create_job(await client.upload(talk))
        (tmp_path / "copy.wav").write_bytes(bytes(1000))
        download = Download(job.id, "source", tmp_path / "copy.wav", lambda: None)
        download._begin(Artifact(object=ObjectRef(sha256="0" * 64)))
        download._received = 1000
        await download.run(client._stub)
        assert (tmp_path / "copy.wav").read_bytes() == talk.read_bytes()


async def test_a_gateway_with_as_many_calls_as_it_takes_is_asked_again(gateway, talk):
    async with Client(gateway.target) as client:
        job = await client.create_job(await client.upload(talk))
    gateway.kill()
    gateway.restrict(S2V_MAX_CONCURRENT_CALLS="1")
    gateway.start()
    async with Client(gateway.target) as client, Client(gateway.target, patience_seconds=0.5) as hasty:
        events = client.watch(job.id)
        await anext(events)
        with pytest.raises(JobServiceError) as refused:
            await hasty.get_job(job.id)
        assert (refused.value.code, refused.value.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "BUSY")
        assert refused.value.retry_seconds == 2
        asking = asyncio.create_task(client.get_job(job.id))
        await asyncio.wait({asking}, timeout=0.5)
        await events.aclose()
        async with asyncio.timeout(20):
            assert (await asking).id == job.id


async def test_nobody_there_is_said_when_patience_is_at_an_end():
    target = f"127.0.0.1:{free_ports(1)[0]}"
    async with Client(target, patience_seconds=0.6) as client:
        async with asyncio.timeout(10):
            with pytest.raises(JobServiceError) as caught:
                await client.get_job("01ARZ3NDEKTSV4RRFFQ69G5FAV")
        assert caught.value.code == grpc.StatusCode.UNAVAILABLE
        assert target in caught.value.message
