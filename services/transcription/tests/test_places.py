"""Protects jobs from direct calls and each other: none fills the worker processes, and no clock runs while they are full."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from s2v.runtime import limits
from s2v.runtime.engine import EnginePool, Measured
from s2v.runtime.errors import EngineTimeoutError
from s2v.transcription import recognition
from s2v.transcription.batching import BatchingPool
from s2v.transcription.direct import DirectTranscriber
from s2v.transcription.settings import TranscriptionSettings
from s2v.transcription.talk import Plan
from s2v.v1.report_pb2 import Degradation
from s2v.v1.transcript_pb2 import TranscriptWindow
from s2v.v1.work_pb2 import TranscriptionPart

RUN_SECONDS = 0.3


class Instead:
    """In the place of worker processes: each run takes its time."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.passes: list[int] = []
        self.lost = ""

    async def _run_in_place(self, function: Callable[..., object], *args: object, timeout: float) -> Measured[object]:
        await asyncio.sleep(RUN_SECONDS)
        if function is not recognition.recognize_batch:
            return Measured(TranscriptWindow(), 0.0)
        self.passes.append(len(args[0]))
        lost = [Degradation(code=recognition.CPU_FALLBACK, reason=self.lost)] if self.lost else []
        return Measured([TranscriptWindow(degradations=lost) for _ in args[0]], 0.0)


class Pool(Instead, EnginePool):
    pass


class Batches(Instead, BatchingPool):
    pass


@pytest.fixture
def batches() -> Iterator[Batches]:
    pool = Batches(1, 4, recognition.load)
    yield pool
    pool.close()


async def hear(pool: EnginePool, seconds: float) -> None:
    async with limits.within(seconds, "part"):
        await pool.run(recognition.recognize, b"", TranscriptionPart(), timeout=60)


@pytest.mark.parametrize("kind", [Pool, Batches])
async def test_the_time_of_a_part_runs_once_it_has_its_place(kind: type[Pool] | type[Batches]) -> None:
    """Others' work before it, such as the search for speech in four hours, is not its own."""
    pool = Pool(1) if kind is Pool else Batches(1, 1, recognition.load)
    try:
        async with asyncio.timeout(30):
            others = [asyncio.create_task(pool.run(recognition.examine, timeout=60)) for _ in range(4)]
            await asyncio.sleep(0)
            await hear(pool, 3 * RUN_SECONDS)
            await asyncio.gather(*others)
            with pytest.raises(EngineTimeoutError, match="part"):
                await hear(pool, RUN_SECONDS / 3)
            await hear(pool, 3 * RUN_SECONDS)
            assert pool._places.taken == 0
    finally:
        pool.close()


async def test_a_part_that_waits_is_cancelled_at_once() -> None:
    pool = Pool(1)
    try:
        other = asyncio.create_task(pool.run(recognition.examine, timeout=60))
        await asyncio.sleep(0)
        waits = asyncio.create_task(hear(pool, 60))
        await asyncio.sleep(0)
        waits.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waits
        assert not other.done()
        await other
    finally:
        pool.close()


async def test_windows_go_one_by_one_while_the_processor_stands_in(batches: Batches) -> None:
    async def hear_eight() -> list[int]:
        batches.passes.clear()
        await asyncio.gather(*(hear(batches, 60) for _ in range(8)))
        return list(batches.passes)

    assert await hear_eight() == [4, 4]
    batches.lost = "the GPU's memory does not hold one window"
    assert await hear_eight() == [4, 1, 1, 1, 1]
    batches.lost = ""
    assert await hear_eight() == [1, 4, 3]


@pytest.mark.parametrize("chained", [False, True])
async def test_a_direct_call_hears_as_many_windows_at_once_as_there_are_workers(chained: bool) -> None:
    at_once, most = 0, 0

    class Listener:
        async def hear(self, sound: Path, part: TranscriptionPart, compute: object, *, strict: bool) -> TranscriptWindow:
            nonlocal at_once, most
            at_once += 1
            most = max(most, at_once)
            await asyncio.sleep(0.005)
            at_once -= 1
            return TranscriptWindow(start_seconds=part.start_seconds)

    parts = [TranscriptionPart(start_seconds=number, goes_on=chained and number % 4 > 0) for number in range(40)]
    direct = DirectTranscriber(TranscriptionSettings(), SimpleNamespace(workers=3), Listener())
    plan = Plan(None, parts)
    heard = [window.start_seconds async for window in direct._hear(plan, Path("talk.pcm"), None, strict=False)]
    assert heard == list(range(40))
    assert most == 3
