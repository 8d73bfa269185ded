"""What a caller streams arrives whole on the disk, and what breaks the order or the limit is refused."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from s2v.runtime.errors import InvalidInputError, LimitError
from s2v.runtime.reception import receive
from s2v.v1.transcription_service_pb2 import TranscribeOptions, TranscribeRequest

OPTIONS = TranscribeRequest(options=TranscribeOptions(language="fr"))


def _payload(request: TranscribeRequest) -> TranscribeOptions | bytes:
    return request.options if request.WhichOneof("payload") == "options" else request.data


async def _receive(requests: Sequence[TranscribeRequest], file: Path) -> tuple[TranscribeOptions, str]:
    async def stream() -> AsyncIterator[TranscribeRequest]:
        for request in requests:
            yield request

    return await receive(stream(), _payload, file, 10, "data")


async def test_keeps_the_bytes_in_order(tmp_path: Path) -> None:
    """Up to the limit itself."""
    file = tmp_path / "sound"
    options, sha256 = await _receive([OPTIONS, TranscribeRequest(data=b"01234"), TranscribeRequest(data=b"56789")], file)
    assert options.language == "fr"
    assert file.read_bytes() == b"0123456789"
    assert sha256 == hashlib.sha256(b"0123456789").hexdigest()


async def test_refuses_a_byte_more_than_allowed(tmp_path: Path) -> None:
    """And does not write it."""
    file = tmp_path / "sound"
    with pytest.raises(LimitError) as refused:
        await _receive([OPTIONS, TranscribeRequest(data=b"0123456789"), TranscribeRequest(data=b"x")], file)
    assert refused.value.field == "data"
    assert file.stat().st_size == 10


@pytest.mark.parametrize(
    "requests", [[], [TranscribeRequest(data=b"0"), OPTIONS], [OPTIONS, OPTIONS]], ids=["none", "late", "twice"]
)
async def test_options_come_first_and_once(requests: Sequence[TranscribeRequest], tmp_path: Path) -> None:
    """Else nobody knows what the bytes are for."""
    with pytest.raises(InvalidInputError) as refused:
        await _receive(requests, tmp_path / "sound")
    assert refused.value.field == "options"
