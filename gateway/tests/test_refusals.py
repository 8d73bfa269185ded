"""What cannot become a video is refused at the door, with a clear error, and leaves nothing in S3 or NATS."""

from __future__ import annotations

from collections.abc import Callable

import grpc
import pytest

pytestmark = pytest.mark.integration

TEXT = b"Dear reader, this is a letter and not a recording of anybody.\n" * 2000


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


FILES: dict[str, tuple[str, Callable, str]] = {
    "text renamed": ("letter.wav", lambda media: TEXT, "NOT_MEDIA"),
    "one byte": ("byte.mp3", lambda media: b"\0", "NOT_MEDIA"),
    "wav header only": ("silent.wav", lambda media: media.wav(0), "EMPTY_FILE"),
    "video without sound": ("pictures.mp4", lambda media: media.pictures(8), "NO_AUDIO"),
    "half a wav": ("half.wav", lambda media: half(media.wav(20)), "TRUNCATED"),
    "half a flac": ("half.flac", lambda media: half(media.flac(20)), "TRUNCATED"),
    "half an mp4": ("half.mp4", lambda media: half(media.mp4(20)), "TRUNCATED"),
    "too short": ("short.wav", lambda media: media.wav(4.9), "TOO_SHORT"),
    "too long": ("long.wav", lambda media: media.wav(61), "TOO_LONG"),
}


@pytest.mark.parametrize("case", FILES)
async def test_a_file_that_will_not_do_is_refused_and_leaves_nothing(case, open_door, media):
    name, make, reason = FILES[case]
    async with open_door(max_source_seconds=60) as door:
        upload_id = await door.upload(name, make(media))
        async with door.refusing() as refused:
            await door.create(upload_id, f"request {case}")
        error = refused[0]
        assert (error.code, error.reason, error.field) == (grpc.StatusCode.INVALID_ARGUMENT, reason, "source")
        assert name in error.message
        assert await door.left() == []


async def test_an_empty_file_is_refused_before_anything_is_stored(open_door):
    async with open_door() as door:
        async with door.refusing() as refused:
            await door.start("nothing.wav", 0)
        assert (refused[0].code, refused[0].reason) == (grpc.StatusCode.INVALID_ARGUMENT, "EMPTY_FILE")
        assert "nothing.wav" in refused[0].message
        assert await door.left() == []


async def test_more_than_100_mb_is_refused_before_anything_is_stored(open_door):
    async with open_door() as door:
        async with door.refusing() as refused:
            await door.start("opera.wav", 100_000_001)
        assert (refused[0].code, refused[0].reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_LARGE")
        assert "opera.wav" in refused[0].message
        assert "100 MB" in refused[0].message
        assert await door.left() == []


async def test_more_bytes_than_announced_are_refused_and_the_upload_is_gone(open_door, media):
    async with open_door() as door:
        data = media.wav(10)
        upload_id = await door.start("talk.wav", len(data) - 100)
        async with door.refusing() as refused:
            await door.write(upload_id, data)
        assert (refused[0].code, refused[0].reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "MORE_THAN_ANNOUNCED")
        assert await door.left() == []


async def test_a_wrong_checksum_is_data_loss(open_door, media):
    async with open_door() as door:
        upload_id = await door.upload("talk.wav", media.wav(6), sha256="0" * 64)
        async with door.refusing() as refused:
            await door.create(upload_id, "checksum")
        assert (refused[0].code, refused[0].reason) == (grpc.StatusCode.DATA_LOSS, "CHECKSUM_MISMATCH")
        assert await door.left() == []


@pytest.mark.parametrize("name", ["", "..", "talks/", "a\nb.wav", "\u202egnp.wav", "x" * 252 + ".wav", "é" * 126 + ".wav"])
async def test_a_name_that_is_none_is_refused(name, open_door):
    async with open_door() as door:
        async with door.refusing() as refused:
            await door.start(name, 1000)
        assert (refused[0].code, refused[0].reason, refused[0].field) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            "INVALID_NAME",
            "name",
        )
        assert await door.left() == []


async def test_a_path_as_name_is_made_harmless(open_door, media):
    async with open_door() as door:
        upload_id = await door.upload("../../../etc/cron.d/talk.wav", media.wav(6))
        job = await door.create(upload_id, "path")
        assert job.source_name == "talk.wav"
        folder = f"{door.settings.tenant}/jobs/{job.id}/"
        assert all(item.key.startswith(folder) for item in await door.store.list(f"{door.settings.tenant}/"))


@pytest.mark.parametrize(
    ("field", "value"),
    [("theme", "pink"), ("height", 1081), ("frame_rate", 25), ("language", "english!"), ("language", "../x"), ("priority", 9)],
)
async def test_an_unknown_option_is_refused_by_name_and_the_upload_stays(field, value, open_door, media):
    async with open_door() as door:
        upload_id = await door.upload("talk.wav", media.wav(6))
        async with door.refusing() as refused:
            await door.create(upload_id, "options", {field: value})
        assert (refused[0].reason, refused[0].field) == ("INVALID_OPTION", f"options.{field}")
        assert str(value) in refused[0].message
        job = await door.create(upload_id, "options")
        assert (job.options.theme, job.options.height, job.options.frame_rate) == ("dark", 1080, 30)


@pytest.mark.parametrize("request_id", ["", "x" * 65, "a\tb"])
async def test_a_request_id_must_be_printable(request_id, open_door, media):
    async with open_door() as door:
        upload_id = await door.upload("talk.wav", media.wav(6))
        async with door.refusing() as refused:
            await door.create(upload_id, request_id)
        assert (refused[0].reason, refused[0].field) == ("INVALID_REQUEST_ID", "request_id")
