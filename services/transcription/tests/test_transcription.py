"""Protects the whole way of a real talk: its words, their times, the stage's parts, and what is said of bad sound."""

import difflib
import hashlib
import json
import re
import tempfile
from collections.abc import AsyncIterator, Callable
from functools import cached_property
from pathlib import Path

import grpc
import numpy as np
import pytest

from s2v.runtime.errors import InvalidInputError, LimitError
from s2v.runtime.stage import File, StageTask
from s2v.transcription import recognition
from s2v.transcription.direct import DirectTranscriber, PoolCompute
from s2v.transcription.servicer import TranscriptionServicer
from s2v.transcription.stage import ENGINE_SECONDS, TranscriptionStage
from s2v.v1.artifact_pb2 import ObjectRef
from s2v.v1.job_pb2 import JobOptions
from s2v.v1.report_pb2 import StageReport
from s2v.v1.transcript_pb2 import Transcript
from s2v.v1.transcription_service_pb2 import TranscribeOptions, TranscribeRequest, TranscribeResponse

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="session")]

CHUNK_BYTES = 256 * 1024


async def requests(data: bytes, language: str = "") -> AsyncIterator[TranscribeRequest]:
    yield TranscribeRequest(options=TranscribeOptions(language=language))
    for start in range(0, len(data), CHUNK_BYTES):
        yield TranscribeRequest(data=data[start : start + CHUNK_BYTES])


async def call(transcriber: DirectTranscriber, data: bytes) -> list[TranscribeResponse]:
    servicer = TranscriptionServicer(transcriber)
    return [response async for response in servicer.Transcribe(requests(data), None)]


def plain(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


@pytest.fixture(scope="session")
def answers() -> dict[str, list[TranscribeResponse]]:
    return {}


async def transcribed(
    talk: Path, transcriber: DirectTranscriber, answers: dict[str, list[TranscribeResponse]]
) -> list[TranscribeResponse]:
    if "talk" not in answers:
        answers["talk"] = await call(transcriber, talk.read_bytes())
    return answers["talk"]


async def test_the_words_of_a_real_talk_are_heard(talk, transcriber, answers) -> None:
    responses = await transcribed(talk, transcriber, answers)
    *windows, last = responses
    result = last.result
    starts = [response.window.start_seconds for response in windows]
    assert len(windows) >= 4
    assert starts == sorted(starts)
    assert result.transcript.language == "en"
    assert result.transcript.source_sha256 == hashlib.sha256(talk.read_bytes()).hexdigest()
    assert result.transcript.duration_seconds == pytest.approx(92.2, abs=0.2)
    heard = plain(" ".join(segment.text for segment in result.transcript.segments))
    said = plain(talk.with_suffix(".txt").read_text())
    assert difflib.SequenceMatcher(None, said, heard, autojunk=False).ratio() > 0.97
    assert result.report.engine == "faster-whisper"
    assert len(result.report.models[0].sha256) == 64
    assert 0.9 < result.report.confidence <= 1
    assert not result.report.degradations


async def test_words_start_when_they_are_said(talk, transcriber, answers) -> None:
    """The voice that speaks the example knows when each word starts."""
    transcript = (await transcribed(talk, transcriber, answers))[-1].result.transcript
    said = [(plain(word["word"])[:1], word["start"]) for word in json.loads(talk.with_suffix(".words.json").read_text())]
    heard = [(plain(word.text)[:1], word.start_seconds) for segment in transcript.segments for word in segment.words]
    matcher = difflib.SequenceMatcher(None, [str(word) for word, _ in said], [str(word) for word, _ in heard], autojunk=False)
    errors = np.array(
        [
            heard[block.b + place][1] - said[block.a + place][1]
            for block in matcher.get_matching_blocks()
            for place in range(block.size)
        ]
    )
    assert len(errors) > 0.95 * len(said)
    assert np.mean(np.abs(errors) < 0.2) > 0.9
    assert abs(np.mean(errors)) < 0.06


async def test_the_stage_gives_the_same_transcript_as_a_direct_call(talk, transcriber, answers, tmp_path) -> None:
    direct = (await transcribed(talk, transcriber, answers))[-1].result.transcript
    task = LocalTask(transcriber, talk, tmp_path)
    stage = TranscriptionStage(transcriber.listener)
    parts = await stage.plan(task)
    assert any(part.chained for part in parts)
    kept: list[ObjectRef] = []
    for part in parts:
        task.before = kept[-1] if part.chained else None
        output = await stage.run(task, part.message.SerializeToString())
        kept.append(await task.store(File(0, "part", "", data=output.artifact.SerializeToString())))
    output = await stage.join(task, kept)
    assert isinstance(output.artifact, Transcript)
    assert output.artifact == direct
    assert [file.name for file in output.files] == ["transcript.vtt", "transcript.srt", "transcript.txt", "transcript.json"]
    assert isinstance(output.report, StageReport)
    longest = max(length for _, length in task.ranges)
    assert longest <= 31 * 32_000, "a part must read its own window only"
    assert task.timeouts[recognition.recognize] == ENGINE_SECONDS


async def test_sound_without_speech_is_refused_by_name(transcriber, tmp_path) -> None:
    for name, sound in (("silence", np.zeros(160_000)), ("noise", np.random.default_rng(1).normal(0, 0.1, 160_000))):
        path = tmp_path / f"{name}.wav"
        path.write_bytes(wav(sound))
        with pytest.raises(InvalidInputError, match=name) as caught:
            [response async for response in transcriber.transcribe(path, path.name, "", TranscribeOptions())]
        assert caught.value.reason == "NO_SPEECH"


async def test_a_call_needs_its_options_first_and_is_bounded(transcriber, monkeypatch) -> None:
    servicer = TranscriptionServicer(transcriber)

    async def data_only() -> AsyncIterator[TranscribeRequest]:
        yield TranscribeRequest(data=b"RIFF")

    with pytest.raises(InvalidInputError, match="options"):
        [response async for response in servicer.Transcribe(data_only(), None)]
    servicer._max_bytes = 1000
    with pytest.raises(LimitError) as caught:
        [response async for response in servicer.Transcribe(requests(bytes(2000)), None)]
    assert caught.value.code == grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("tag", ["tlh", "yue"])
async def test_a_language_that_whisper_or_the_model_does_not_know_is_named(talk, transcriber, tag: str) -> None:
    options = TranscribeOptions(language=tag)
    with pytest.raises(InvalidInputError, match=tag) as caught:
        [response async for response in transcriber.transcribe(talk, talk.name, "", options)]
    assert caught.value.field == "language"


def wav(sound: np.ndarray) -> bytes:
    import io
    import wave

    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes((np.clip(sound, -1, 1) * 32_767).astype("<i2").tobytes())
    return buffer.getvalue()


class LocalTask(StageTask):
    """A task whose store is a folder; the loop's own is tested in the runtime."""

    def __init__(self, transcriber: DirectTranscriber, source: Path, folder: Path) -> None:
        self.job_id = "job"
        self.source_name = source.name
        self.options = JobOptions()
        self.source = ObjectRef(key=str(source), sha256=hashlib.sha256(source.read_bytes()).hexdigest())
        self.before: ObjectRef | None = None
        self.ranges: list[tuple[int, int]] = []
        self.timeouts: dict[Callable, float] = {}
        self._folder = folder
        self._compute = PoolCompute(transcriber.pool)

    @cached_property
    def workspace(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self._folder))

    async def read(self, ref: ObjectRef, offset: int = 0, length: int = 0) -> bytes:
        self.ranges.append((offset, length))
        data = Path(ref.key).read_bytes()
        return data[offset : offset + length] if length else data

    async def download(self, ref: ObjectRef, path: Path) -> None:
        path.write_bytes(Path(ref.key).read_bytes())

    async def store(self, file: File) -> ObjectRef:
        data = file.data if file.data is not None else file.path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        path = self._folder / digest
        path.write_bytes(data)
        return ObjectRef(key=str(path), sha256=digest, size_bytes=len(data))

    async def compute(self, function: Callable, *args: object, timeout: float) -> object:
        self.timeouts[function] = timeout
        return await self._compute(function, *args, timeout=timeout)
