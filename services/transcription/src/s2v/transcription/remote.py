"""A remote engine that stands in when the local one fails: any server with OpenAI's `/v1/audio/transcriptions`."""

from __future__ import annotations

import io
import math
import wave

import httpx
from pydantic import BaseModel, ValidationError

from s2v.runtime.errors import EngineError, UnavailableError
from s2v.transcription.engine import HeardSegment, HeardWord, Request, is_unsure, make_prompt
from s2v.transcription.settings import TranscriptionSettings
from s2v.transcription.voice_activity import SAMPLE_RATE, Samples

CODE = "TRANSCRIPTION_REMOTE"
UNSAID_PROBABILITY = 0.5
"""Stands for a word's probability where the server says nothing of it."""


class _Word(BaseModel):
    word: str
    start: float
    end: float


class _Segment(BaseModel):
    start: float
    end: float
    avg_logprob: float | None = None
    compression_ratio: float = 1.0
    no_speech_prob: float = 0.0


class _Answer(BaseModel):
    """What `response_format=verbose_json` answers. Source: OpenAI API reference, "The transcription object (Verbose JSON)"."""

    text: str | None = None
    words: list[_Word] = []
    segments: list[_Segment] = []


class RemoteTranscriber:
    """Sends the speech of a window, and nothing else of the talk."""

    def __init__(self, settings: TranscriptionSettings) -> None:
        self.url = settings.remote_url.rstrip("/") + "/v1/audio/transcriptions"
        self._model = settings.remote_model
        self._key = settings.remote_key.get_secret_value()
        self._seconds = settings.remote_seconds

    async def transcribe(self, request: Request) -> list[HeardSegment]:
        """Returns the segments of a window, times from the start of its samples.

        Errors: UnavailableError when the server does not answer or is busy; EngineError when its answer cannot be used.
        """
        form: dict[str, str] = {
            "model": self._model,
            "language": request.language,
            "response_format": "verbose_json",
            "temperature": "0",
            "timestamp_granularities[]": "word",
        }
        if prompt := make_prompt(request.vocabulary):
            form["prompt"] = prompt
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        try:
            async with httpx.AsyncClient(timeout=self._seconds) as client:
                answer = await client.post(
                    self.url, data=form, files={"file": ("window.wav", to_wav(request.samples), "audio/wav")}, headers=headers
                )
        except httpx.HTTPError as error:
            raise UnavailableError(f"the remote engine at {self.url} does not answer: {error or type(error).__name__}") from error
        if answer.status_code in (408, 429) or answer.status_code >= 500:
            raise UnavailableError(f"the remote engine at {self.url} is not ready: HTTP {answer.status_code}")
        if answer.status_code != 200:
            raise EngineError(f"the remote engine at {self.url} refused the sound: HTTP {answer.status_code} {answer.text[:200]}")
        try:
            told = _Answer.model_validate_json(answer.content)
        except ValidationError as error:
            raise EngineError(f"the remote engine at {self.url} gave no transcript in verbose_json: {error}") from error
        heard = _heard(told, len(request.samples) / SAMPLE_RATE)
        if told.text and told.text.strip() and not heard:
            raise EngineError(
                f"the remote engine at {self.url} gave a text without the times of its words; "
                "S2V_REMOTE_URL needs a server that knows timestamp_granularities"
            )
        return heard


def to_wav(samples: Samples) -> bytes:
    """Returns mono sound at 16 kHz as a WAV file of 16 bits."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes((samples.clip(-1, 1) * 32_767).astype("<i2").tobytes())
    return buffer.getvalue()


def _heard(answer: _Answer, seconds: float) -> list[HeardSegment]:
    """Words go to the segment that holds their middle; an answer without segments is one."""
    segments = answer.segments or [_Segment(start=0.0, end=seconds)]
    groups: list[list[HeardWord]] = [[] for _ in segments]
    for word in answer.words:
        if not (math.isfinite(word.start) and math.isfinite(word.end)) or not word.word.strip():
            continue
        start, end = max(0.0, min(word.start, seconds)), max(0.0, min(word.end, seconds))
        middle = (start + end) / 2
        nearest = min(range(len(segments)), key=lambda place: max(segments[place].start - middle, middle - segments[place].end))
        said = segments[nearest].avg_logprob
        probability = UNSAID_PROBABILITY if said is None else min(1.0, math.exp(min(said, 0.0)))
        groups[nearest].append(HeardWord(f" {word.word.strip()}", start, max(start, end), probability))
    return [
        HeardSegment(tuple(group), segment.no_speech_prob, _is_unsure(segment))
        for segment, group in zip(segments, groups, strict=True)
        if group
    ]


def _is_unsure(segment: _Segment) -> bool:
    return segment.avg_logprob is None or is_unsure(segment.avg_logprob, segment.compression_ratio)
