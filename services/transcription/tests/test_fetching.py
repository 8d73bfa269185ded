"""Protects the copy of a model from S3: a cache that cannot take it is named with its setting."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from s2v.runtime.errors import SetupError
from s2v.runtime.store import StoredObject
from s2v.transcription import fetching
from s2v.transcription.settings import TranscriptionSettings
from s2v.v1.artifact_pb2 import ObjectRef


class FullDisk:
    """A store whose object does not fit on the disk."""

    def __init__(self, _: TranscriptionSettings) -> None:
        pass

    async def list(self, prefix: str) -> list[StoredObject]:
        return [StoredObject(f"{prefix}model.bin", 1, datetime.now(UTC))]

    async def download(self, ref: ObjectRef, path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        pass


@pytest.mark.parametrize("is_file", [False, True])
async def test_a_cache_that_does_not_take_the_model_is_named(
    is_file: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "ObjectStore", FullDisk)
    cache = tmp_path / "cache"
    if is_file:
        cache.touch()
    settings = TranscriptionSettings(whisper_model="s3://models/base", model_cache=cache)
    with pytest.raises(SetupError, match=f"S2V_MODEL_CACHE: {cache} does not take .*{'exists' if is_file else 'No space left'}"):
        await fetching.locate_model(settings)
    assert is_file or not list(cache.iterdir())
