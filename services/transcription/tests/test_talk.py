"""Protects what is said of a talk: a voice without words is named, another engine is asked whatever the first one raises."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from s2v.runtime import limits
from s2v.runtime.errors import EngineError, EngineTimeoutError, S2VError, UnavailableError
from s2v.transcription import talk as talks
from s2v.transcription.devices import CPU, Device
from s2v.transcription.engine import FASTER_WHISPER, HeardSegment, HeardWord, Request, Search
from s2v.transcription.models import Model
from s2v.transcription.remote import CODE
from s2v.transcription.stage import ENGINE_SECONDS
from s2v.transcription.talk import Listener
from s2v.transcription.voice_activity import SAMPLE_RATE
from s2v.v1.diagram_pb2 import TimeSpan
from s2v.v1.transcript_pb2 import Segment, TranscriptWindow, Word
from s2v.v1.work_pb2 import TranscriptionPart

PART = TranscriptionPart(end_seconds=2, speech=[TimeSpan(end_seconds=2)], language="en", sound_seconds=2, gain=1)
SOUND = np.zeros(2 * SAMPLE_RATE, np.int16).tobytes()


class StandIn:
    """Hears one word in whatever it is sent, or fails."""

    url = "http://stand-in"

    def __init__(self, error: S2VError | None = None, seconds: float = 1.0, takes: float = 0.0) -> None:
        self.error, self.seconds, self.takes = error, seconds, takes

    async def transcribe(self, request: Request) -> list[HeardSegment]:
        await asyncio.sleep(self.takes)
        if self.error is not None:
            raise self.error
        return [HeardSegment((HeardWord(" heard", 0.5, 1.0, 0.9),), 0.0, low_confidence=False)]


def listener(remote: StandIn | None = None) -> Listener:
    return Listener(FASTER_WHISPER, Model("base", Path("none"), "00"), Device(CPU, "int8", 1), Search(), remote)


def hear(error: BaseException, *, strict: bool = False) -> TranscriptWindow:
    async def compute(*_: object, timeout: float) -> TranscriptWindow:
        raise error

    return asyncio.run(listener(StandIn()).hear(SOUND, PART, compute, strict=strict))


@pytest.mark.parametrize("error", [RuntimeError("CUDA failed"), ValueError("NaN"), RuntimeError()])
def test_another_engine_is_asked_whatever_the_engine_raises(error: Exception) -> None:
    window = hear(error)
    assert window.segments[0].text == "heard"
    assert [fallback.code for fallback in window.degradations] == [CODE]
    assert (str(error) or "RuntimeError") in window.degradations[0].reason
    with pytest.raises(type(error)):
        hear(error, strict=True)


@pytest.mark.parametrize("error", [asyncio.CancelledError(), UnavailableError("NATS is away"), S2VError("ours")])
def test_no_other_engine_is_asked_for_what_is_no_failure_of_the_engine(error: BaseException) -> None:
    with pytest.raises(type(error)):
        hear(error)


@pytest.mark.parametrize("error", [UnavailableError("no answer"), EngineError("no answer")])
def test_when_both_engines_fail_the_attempt_has_failed_and_both_are_named(error: S2VError) -> None:
    """An UnavailableError is for NATS and S3: the task would come again for ever."""

    async def compute(*_: object, timeout: float) -> TranscriptWindow:
        raise RuntimeError("CUDA failed")

    with pytest.raises(EngineError, match=r"CUDA failed.*no answer") as caught:
        asyncio.run(listener(StandIn(error)).hear(SOUND, PART, compute, strict=False))
    assert caught.value.__cause__ is error


def test_an_engine_that_hangs_leaves_a_part_the_time_to_ask_another() -> None:
    assert ENGINE_SECONDS <= 0.8 * limits.WINDOW_SECONDS

    async def compute(*_: object, timeout: float) -> TranscriptWindow:
        await asyncio.sleep(timeout)
        raise EngineTimeoutError("it hangs")

    async def run(seconds: float) -> TranscriptWindow:
        stand_in = StandIn(seconds=seconds, takes=1.2)
        async with limits.within(1.0, "part 0"):
            return await listener(stand_in).hear(SOUND, PART, compute, strict=False, seconds=0.1)

    assert asyncio.run(run(5.0)).segments[0].text == "heard"
    with pytest.raises(EngineTimeoutError, match="part 0"):
        asyncio.run(run(0.01))


def window(start: float, *words: str) -> TranscriptWindow:
    said = [Word(text=text, start_seconds=start, end_seconds=start + 0.5, probability=0.9) for text in words]
    segments = [Segment(start_seconds=start, end_seconds=start + 0.5, words=said)] if said else []
    return TranscriptWindow(start_seconds=start, end_seconds=start + 20, segments=segments, language="en", sound_seconds=200)


def test_windows_with_a_voice_but_no_word_are_named_by_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talks, "engine_version", lambda _: "1")
    _, report = listener().finish([window(0, "so"), window(65), window(90, "then")], "talk", "")
    assert [note for note in report.notes if "no word was made out, at 1:05." in note and "in 1 of 3 windows" in note]
    _, report = listener().finish([window(0, "so"), window(90, "then")], "talk", "")
    assert not [note for note in report.notes if "no word" in note]
