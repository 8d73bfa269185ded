"""Real speech for the tests: the project's own first narration, and an engine that is loaded once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from s2v.runtime import sandbox
from s2v.transcription.direct import DirectTranscriber, engine_pool, preload_engine
from s2v.transcription.settings import TranscriptionSettings

TALK = Path(__file__).parents[3] / "examples" / "01-how-a-web-page-reaches-you.opus"


@pytest.fixture(scope="session")
def talk() -> Path:
    return TALK


@pytest.fixture(scope="session")
def talk_pcm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pcm = tmp_path_factory.mktemp("talk") / "talk.pcm"
    asyncio.run(sandbox.decode(TALK, pcm, TALK.name))
    return pcm


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def transcriber() -> AsyncIterator[DirectTranscriber]:
    settings = TranscriptionSettings()
    preload_engine(settings)
    async with engine_pool(settings) as (pool, listener):
        yield DirectTranscriber(settings, pool, listener)
