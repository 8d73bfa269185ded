"""Uploads arrive whole, in order and once, whatever happens to the streams that bring them."""

from __future__ import annotations

import asyncio
import hashlib
import random

import grpc
import pytest

from s2v.gateway import uploads
from s2v.gateway.uploads import CHUNK_BYTES
from s2v.v1.job_service_pb2 import QueryUploadRequest, WriteUploadRequest

pytestmark = pytest.mark.integration


def noise(size_bytes: int) -> bytes:
    return random.Random(7).randbytes(size_bytes)


async def test_an_upload_goes_on_after_a_broken_stream_at_another_gateway(open_door, tmp_path):
    data = noise(2 * CHUNK_BYTES + 12_345)
    async with open_door() as first, open_door() as second:
        upload_id = await first.start("noise.bin", len(data))

        async def broken():
            for start in range(0, CHUNK_BYTES + 300_000, 100_000):
                yield WriteUploadRequest(upload_id=upload_id, write_offset=start, data=data[start : start + 100_000])
            await asyncio.Event().wait()

        call = first.stub.WriteUpload(broken())
        async with asyncio.timeout(20):
            while not (arrived := (await second.stub.QueryUpload(QueryUploadRequest(upload_id=upload_id))).committed_size):
                await asyncio.sleep(0.05)
        call.cancel()
        assert 0 < arrived < len(data)
        assert await second.write(upload_id, data[arrived:], arrived) == len(data)
        upload = await second.uploads.open(second.settings.tenant, upload_id)
        assert upload.complete
        assert all(chunk.size_bytes <= CHUNK_BYTES for chunk in upload.chunks)
        sha256 = await second.uploads.assemble(upload, tmp_path / "noise")
        assert sha256 == hashlib.sha256(data).hexdigest() == hashlib.sha256((tmp_path / "noise").read_bytes()).hexdigest()


async def test_a_stream_that_brings_nothing_gives_its_place_back_and_says_where_to_go_on(open_door, monkeypatch):
    monkeypatch.setattr(uploads, "IDLE_SECONDS", 0.3)
    async with open_door(upload_streams=1) as door:
        upload_id = await door.start("noise.bin", 3000)

        async def silent(*first):
            for request in first:
                yield request
            await asyncio.Event().wait()

        async with asyncio.timeout(10), door.refusing() as refused:
            await door.stub.WriteUpload(silent(WriteUploadRequest(upload_id=upload_id, data=noise(1000))))
        assert (refused[0].code, refused[0].reason) == (grpc.StatusCode.UNAVAILABLE, "UPLOAD_IDLE")
        assert "write_offset 1000" in refused[0].message
        async with asyncio.timeout(10), door.refusing() as refused:
            await door.stub.WriteUpload(silent())
        assert refused[0].reason == "UPLOAD_IDLE"
        assert await door.write(upload_id, noise(2000), 1000) == 3000


@pytest.mark.parametrize("offset", [0, 999, 1001, 5000])
async def test_a_write_that_does_not_start_where_the_data_ends_names_the_right_offset(offset, open_door):
    async with open_door() as door:
        upload_id = await door.start("noise.bin", 10_000)
        await door.write(upload_id, noise(1000))
        async with door.refusing() as refused:
            await door.write(upload_id, noise(1000), offset)
        assert refused[0].code == grpc.StatusCode.OUT_OF_RANGE
        assert "write_offset 1000" in refused[0].message
        assert await door.write(upload_id, noise(9000), 1000) == 10_000


async def test_of_two_streams_at_once_only_one_writes_each_byte(open_door, tmp_path):
    data = noise(300_000)
    async with open_door() as door:
        upload_id = await door.start("noise.bin", len(data))
        answers = await asyncio.gather(*(door.write(upload_id, data) for _ in range(4)), return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
        assert len(refused) == 3
        assert all(answer.code() == grpc.StatusCode.OUT_OF_RANGE for answer in refused)
        upload = await door.uploads.open(door.settings.tenant, upload_id)
        assert await door.uploads.assemble(upload, tmp_path / "noise") == hashlib.sha256(data).hexdigest()


async def test_an_unknown_upload_is_not_found(open_door):
    async with open_door() as door:
        for upload_id in ("", "../secrets", "f" * 32):
            async with door.refusing() as refused:
                await door.stub.QueryUpload(QueryUploadRequest(upload_id=upload_id))
            assert (refused[0].code, refused[0].field) == (grpc.StatusCode.NOT_FOUND, "upload_id")
            async with door.refusing() as refused:
                await door.create(upload_id, "unknown")
            assert (refused[0].code, refused[0].field) == (grpc.StatusCode.NOT_FOUND, "upload_id")
        assert await door.left() == []


async def test_a_message_over_1_mib_is_refused(open_door):
    async with open_door() as door:
        upload_id = await door.start("noise.bin", 3_000_000)
        async with door.refusing() as refused:
            await door.write(upload_id, noise(2_000_000), step=2_000_000)
        assert (refused[0].reason, refused[0].field) == ("DATA_TOO_LONG", "data")


async def test_no_more_uploads_are_begun_than_allowed(open_door):
    async with open_door(max_open_uploads=2) as door:
        await door.start("a.wav", 10)
        await door.start("b.wav", 10)
        async with door.refusing() as refused:
            await door.start("c.wav", 10)
        assert (refused[0].code, refused[0].reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_UPLOADS")


async def test_an_upload_that_was_left_alone_makes_room_unless_a_job_is_made_of_it(open_door, monkeypatch):
    monkeypatch.setattr(uploads, "UNTOUCHED_SECONDS", 1.5)
    async with open_door(max_open_uploads=3) as door:
        tenant = door.settings.tenant
        claimed = await door.start("a.wav", 10)
        await door.uploads.claim(await door.uploads.open(tenant, claimed), "01ARZ3NDEKTSV4RRFFQ69G5FAV")
        left = await door.start("b.wav", 10)
        await asyncio.sleep(3)  # S3 gives times in whole seconds
        fresh = await door.start("c.wav", 10)
        new = await door.start("d.wav", 10)
        kept = {item.key.split("/")[2] for item in await door.store.list(f"{tenant}/uploads/")}
        assert kept == {claimed, fresh, new}
        async with door.refusing() as refused:
            await door.write(left, noise(10))
        assert refused[0].reason == "UPLOAD_NOT_FOUND"
        async with door.refusing() as refused:
            await door.start("e.wav", 10)
        assert refused[0].reason == "TOO_MANY_UPLOADS"


async def test_a_tenant_has_half_of_the_upload_streams_and_others_the_rest(open_door):
    async with open_door(upload_streams=2) as door:
        tenant, other = door.settings.tenant, f"{door.settings.tenant}-other"
        upload_id = await door.start("noise.bin", 3000)
        going, written = asyncio.Event(), asyncio.Event()

        async def slow():
            yield WriteUploadRequest(upload_id=upload_id, data=noise(1000))
            going.set()
            await written.wait()
            yield WriteUploadRequest(upload_id=upload_id, write_offset=1000, data=noise(2000))

        async def whole(of):
            yield WriteUploadRequest(upload_id=of, data=noise(10))

        writing = asyncio.create_task(door.uploads.write(tenant, slow()))
        await going.wait()
        async with door.refusing() as refused:
            await door.write(await door.start("more.bin", 10), noise(10))
        assert (refused[0].code, refused[0].reason) == (grpc.StatusCode.UNAVAILABLE, "BUSY")
        assert await door.uploads.write(other, whole(await door.uploads.start(other, "more.bin", 10, ""))) == 10
        written.set()
        assert await writing == 3000
        assert await door.write(await door.start("more.bin", 10), noise(10)) == 10


async def test_a_job_of_half_an_upload_is_refused_and_the_upload_goes_on(open_door, media):
    async with open_door() as door:
        data = media.wav(6)
        upload_id = await door.start("talk.wav", len(data))
        await door.write(upload_id, data[:50_000])
        async with door.refusing() as refused:
            await door.create(upload_id, "half")
        assert (refused[0].code, refused[0].reason) == (grpc.StatusCode.FAILED_PRECONDITION, "UPLOAD_INCOMPLETE")
        await door.write(upload_id, data[50_000:], 50_000)
        assert (await door.create(upload_id, "half")).source_seconds == pytest.approx(6)
