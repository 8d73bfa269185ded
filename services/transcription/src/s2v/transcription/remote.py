"""A remote engine that stands in when the local one fails: any server with OpenAI's `/v1/audio/transcriptions`."""

from __future__ import annotations

import asyncio
import io
import math
import wave
from typing import Annotated

import httpx
from pydantic import BaseModel, Field, ValidationError

from s2v.runtime.errors import EngineError, UnavailableError
from s2v.transcription.engine import HeardSegment, HeardWord, Request, is_unsure, make_prompt
from s2v.transcription.settings import TranscriptionSettings
from s2v.transcription.voice_activity import SAMPLE_RATE, Samples

CODE = "TRANSCRIPTION_REMOTE"
UNSAID_PROBABILITY = 0.5
"""Stands for a word's probability where the server says nothing of it."""
MAX_ANSWER_BYTES = 1 << 20
MAX_WORDS = 1000
"""Words of a window, and segments: nobody says more than about 150 in 30 s."""
REFUSAL_BYTES = 200
"""What is told of a refusal."""


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
    words: Annotated[list[_Word], Field(max_length=MAX_WORDS)] = []
    segments: Annotated[list[_Segment], Field(max_length=MAX_WORDS)] = []


class RemoteTranscriber:
    """Sends the speech of a window, and nothing else of the talk."""

    def __init__(self, settings: TranscriptionSettings) -> None:
        self._url = settings.remote_url.rstrip("/") + "/v1/audio/transcriptions"
        self.url = str(httpx.URL(self._url).copy_with(userinfo=b""))
        """The address as it may be told: without name and password."""
        self._model = settings.remote_model
        self._key = settings.remote_key.get_secret_value()
        self.seconds = settings.remote_seconds
        """Time that it may take for a window."""

    async def transcribe(self, request: Request) -> list[HeardSegment]:
        """Returns the segments of a window, times from the start of its samples.

        Errors: UnavailableError when the server does not answer in time or is busy; EngineError when its answer cannot be used.
        """
        answer = await self._ask(request)
        return await asyncio.to_thread(self._read, answer, len(request.samples) / SAMPLE_RATE)

    async def _ask(self, request: Request) -> bytes:
        form: dict[str, str] = {
            "model": self._model,
            "language": request.language,
            "response_format": "verbose_json",
            "temperature": "0",
            "timestamp_granularities[]": "word",
        }
        if prompt := make_prompt(request.vocabulary):
            form["prompt"] = prompt
        # No compression: a small answer could hide a large one. No redirects: the sound goes to one server only.
        headers = {"Accept-Encoding": "identity"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        files = {"file": ("window.wav", to_wav(request.samples), "audio/wav")}
        try:
            async with (
                asyncio.timeout(self.seconds),
                httpx.AsyncClient(timeout=self.seconds) as client,
                client.stream("POST", self._url, data=form, files=files, headers=headers) as response,
            ):
                return await self._receive(response)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise UnavailableError(f"the remote engine at {self.url} took longer than {self.seconds:g} s") from error
        except httpx.HTTPError as error:
            raise UnavailableError(f"the remote engine at {self.url} does not answer: {error or type(error).__name__}") from error

    async def _receive(self, response: httpx.Response) -> bytes:
        """Returns the answer. Errors: UnavailableError, EngineError."""
        if response.status_code in (408, 429) or response.status_code >= 500:
            raise UnavailableError(f"the remote engine at {self.url} is not ready: HTTP {response.status_code}")
        answer = bytearray()
        async for piece in response.aiter_raw():
            answer += piece
            if response.status_code != 200 and len(answer) >= REFUSAL_BYTES:
                break
            if len(answer) > MAX_ANSWER_BYTES:
                raise EngineError(f"the remote engine at {self.url} answered more than {MAX_ANSWER_BYTES} bytes")
        if response.status_code != 200:
            said = answer[:REFUSAL_BYTES].decode(errors="replace")
            raise EngineError(f"the remote engine at {self.url} refused the sound: HTTP {response.status_code} {said}")
        return bytes(answer)

    def _read(self, answer: bytes, seconds: float) -> list[HeardSegment]:
        """Returns what was heard in a window of that length. Errors: EngineError."""
        try:
            told = _Answer.model_validate_json(answer)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise EngineError(
                f"the remote engine at {self.url} gave no transcript in verbose_json: {where} {first['msg']}".replace("  ", " ")
            ) from None
        heard = _heard(told, seconds)
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
