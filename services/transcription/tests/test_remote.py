"""Protects the fallback: a real engine behind an OpenAI-compatible server stands in for one that fails, and it is said."""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from s2v.runtime.errors import EngineError, UnavailableError
from s2v.transcription import recognition
from s2v.transcription.devices import CPU, Device
from s2v.transcription.engine import FASTER_WHISPER, Request, Search, load_engine
from s2v.transcription.models import find_model
from s2v.transcription.remote import CODE, MAX_ANSWER_BYTES, MAX_WORDS, RemoteTranscriber
from s2v.transcription.settings import TranscriptionSettings
from s2v.transcription.talk import Listener
from s2v.transcription.voice_activity import to_samples
from s2v.v1.diagram_pb2 import TimeSpan
from s2v.v1.work_pb2 import TranscriptionPart

PART = TranscriptionPart(
    start_seconds=0,
    end_seconds=12,
    speech=[TimeSpan(start_seconds=0.3, end_seconds=11.8)],
    language="en",
    sound_seconds=92,
    gain=1,
)


@pytest.fixture(scope="module")
def listener_parts() -> tuple:
    model = find_model("base", TranscriptionSettings().model_cache.expanduser())
    return model, load_engine(FASTER_WHISPER, model, Device(CPU, "int8", 1))


class Server(ThreadingHTTPServer):
    """Answers as OpenAI's API does, with our own engine behind it, or as `answer` says."""

    answer: tuple[int, bytes] | None = None
    pause_seconds = 0.0
    """After each byte of an answer."""

    def __init__(self, engine: object) -> None:
        self.engine = engine
        self.forms: list[dict[str, str]] = []
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        form, sound = read_form(self.headers, self.rfile.read(int(self.headers["Content-Length"])))
        self.server.forms.append({**form, "path": self.path, "key": self.headers.get("Authorization", "")})
        self.server.forms[-1]["encoding"] = self.headers.get("Accept-Encoding", "")
        status, body = self.server.answer or (200, self._hear(sound))
        self.send_response(status)
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # who has heard enough hangs up
            step = 1 if self.server.pause_seconds else len(body) + 1
            for start in range(0, len(body), step):
                self.wfile.write(body[start : start + step])
                time.sleep(self.server.pause_seconds)

    def _hear(self, sound: bytes) -> bytes:
        (segments,) = self.server.engine.transcribe([Request(to_samples(sound[44:]), "en")], 1)
        words = [word for segment in segments for word in segment.words]
        return json.dumps(
            {
                "words": [{"word": word.text.strip(), "start": word.start, "end": word.end} for word in words],
                "segments": [
                    {"start": one.words[0].start, "end": one.words[-1].end, "avg_logprob": -0.2, "compression_ratio": 1.4}
                    for one in segments
                ],
            }
        ).encode()

    def log_message(self, *_: object) -> None:
        pass


def read_form(headers: Message, body: bytes) -> tuple[dict[str, str], bytes]:
    boundary = headers["Content-Type"].split("boundary=")[1].encode()
    form, sound = {}, b""
    for part in body.split(b"--" + boundary)[1:-1]:
        head, _, content = part.strip(b"\r\n").partition(b"\r\n\r\n")
        name = head.split(b'name="')[1].split(b'"')[0].decode()
        if b"filename=" in head:
            sound = content
        else:
            form[name] = content.decode()
    return form, sound


@pytest.fixture
def server(listener_parts: tuple) -> Iterator[Server]:
    server = Server(listener_parts[1])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


def remote(server: Server, seconds: float = 120.0) -> RemoteTranscriber:
    url = f"http://127.0.0.1:{server.server_port}"
    return RemoteTranscriber(TranscriptionSettings(remote_url=url, remote_key="secret", remote_model="w", remote_seconds=seconds))


async def fail(*_: object, timeout: float) -> None:
    raise EngineError("the worker process died")


def listener(listener_parts: tuple, stand_in: RemoteTranscriber | None) -> Listener:
    return Listener(FASTER_WHISPER, listener_parts[0], Device(CPU, "int8", 1), Search(), stand_in)


@pytest.mark.integration
def test_the_remote_engine_stands_in_and_the_window_says_so(listener_parts, server, talk_pcm: Path) -> None:
    window = asyncio.run(listener(listener_parts, remote(server)).hear(talk_pcm, PART, fail, strict=False))
    text = " ".join(segment.text for segment in window.segments)
    assert "every day you open dozens of web pages" in text.lower()
    assert [fallback.code for fallback in window.degradations] == [CODE]
    assert "worker process died" in window.degradations[0].reason
    recognition_starts = [word.start_seconds for segment in window.segments for word in segment.words]
    assert recognition_starts == sorted(recognition_starts)
    assert server.forms[0]["path"] == "/v1/audio/transcriptions"
    assert server.forms[0]["key"] == "Bearer secret"
    assert (server.forms[0]["model"], server.forms[0]["response_format"]) == ("w", "verbose_json")


@pytest.mark.integration
def test_without_a_server_or_in_a_strict_job_the_failure_stays(listener_parts, server, talk_pcm: Path) -> None:
    for stand_in, strict in ((None, False), (remote(server), True)):
        with pytest.raises(EngineError, match="died"):
            asyncio.run(listener(listener_parts, stand_in).hear(talk_pcm, PART, fail, strict=strict))
    assert not server.forms


@pytest.mark.integration
@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        ((503, b""), UnavailableError, "HTTP 503"),
        ((401, b"no such key"), EngineError, "no such key"),
        ((200, b"<html>"), EngineError, "verbose_json"),
        ((200, b'{"words": [{"word": "a", "start": "soon", "end": 1}]}'), EngineError, "verbose_json"),
    ],
)
def test_a_server_that_misbehaves_is_named(server, talk_pcm: Path, answer, error, said) -> None:
    server.answer = answer
    with pytest.raises(error, match=said):
        asyncio.run(remote(server).transcribe(recognition.make_request(talk_pcm, PART)))


@pytest.mark.parametrize(
    ("answer", "ok"),
    [
        (b'{"text": "said, but not when"}', False),
        (b'{"text": "said", "words": [{"word": " ", "start": 0, "end": 1}]}', False),
        (b'{"text": " ", "words": []}', True),
        (b'{"text": null}', True),
    ],
)
def test_a_text_without_the_times_of_its_words_is_no_empty_window(answer: bytes, ok: bool) -> None:
    server = Server(None)
    server.answer = (200, answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    work = remote(server).transcribe(Request(np.zeros(16_000, np.float32), "en"))
    try:
        if ok:
            assert asyncio.run(work) == []
        else:
            with pytest.raises(EngineError, match="timestamp_granularities"):
                asyncio.run(work)
    finally:
        server.shutdown()


@pytest.fixture
def plain_server() -> Iterator[Server]:
    """One without an engine, for answers that are set."""
    server = Server(None)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


SECOND = Request(np.zeros(16_000, np.float32), "en")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b" " * (MAX_ANSWER_BYTES + 1), "more than 1048576 bytes"),
        (json.dumps({"words": [{"word": "a", "start": 0, "end": 1}] * (MAX_WORDS + 1)}).encode(), "words .*1000"),
        (json.dumps({"segments": [{"start": 0, "end": 1}] * (MAX_WORDS + 1)}).encode(), "segments .*1000"),
    ],
)
def test_an_answer_is_bounded(plain_server: Server, answer: bytes, said: str) -> None:
    plain_server.answer = (200, answer)
    with pytest.raises(EngineError, match=said):
        asyncio.run(remote(plain_server).transcribe(SECOND))


def test_an_answer_that_drips_ends_with_its_time(plain_server: Server) -> None:
    plain_server.answer = (200, b" " * 100)
    plain_server.pause_seconds = 0.1
    start = time.monotonic()
    with pytest.raises(UnavailableError, match=r"longer than 0\.5 s"):
        asyncio.run(remote(plain_server, seconds=0.5).transcribe(SECOND))
    assert time.monotonic() - start < 5


def test_no_compression_is_asked_for_and_a_password_in_the_address_is_not_told(plain_server: Server) -> None:
    plain_server.answer = (200, b"{}")
    asyncio.run(remote(plain_server).transcribe(SECOND))
    assert plain_server.forms[0]["encoding"] == "identity"
    known = RemoteTranscriber(TranscriptionSettings(remote_url="http://name:word@host/"))
    assert known.url == "http://host/v1/audio/transcriptions"


@pytest.mark.integration
def test_words_with_impossible_times_are_held_within_the_window(server, talk_pcm: Path) -> None:
    words = [
        {"word": "far", "start": -5, "end": 99},
        {"word": " ", "start": 0, "end": 1},
        {"word": "late", "start": 70, "end": 80},
    ]
    server.answer = (200, json.dumps({"words": words}).encode())
    (segment,) = asyncio.run(remote(server).transcribe(recognition.make_request(talk_pcm, PART)))
    assert [word.text.strip() for word in segment.words] == ["far", "late"]
    assert all(0 <= word.start <= word.end <= 12.1 for word in segment.words)
    assert segment.low_confidence
