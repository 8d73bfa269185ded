"""Untrusted media is probed and decoded in a child process with limits on processor and wall time, memory, output and open files.

The child is `s2v.runtime.media`; it is started with an empty environment and without inherited descriptors, answers with one JSON
object, and is killed when its caller is cancelled.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from s2v.runtime.errors import DISK_FULL, EngineError, InvalidInputError, LimitError, S2VError, SetupError

FORMATS = "WAV, MP3, M4A, MP4, Ogg, Opus, WebM or FLAC"
TRUNCATION_SECONDS = 1.0  # a file may lack that much of what its header declares
ANSWER_BYTES = 64 * 1024  # longest answer of the child
ENVIRONMENT = {"LC_ALL": "C.UTF-8"}


@dataclass(frozen=True)
class Limits:
    """What a child may use."""

    cpu_seconds: int
    wall_seconds: float
    memory_bytes: int = 1 << 30
    """Address space."""
    output_bytes: int = 0
    """Size of the file that it writes."""


PROBE = Limits(cpu_seconds=60, wall_seconds=120.0)
"""Limits of `probe`: four hours of MP3 take 2 s."""
DECODE = Limits(cpu_seconds=600, wall_seconds=1200.0, output_bytes=1 << 30)
"""Limits of `decode`: four hours take a minute and 461 MB."""


@dataclass(frozen=True)
class MediaInfo:
    """What a media file holds."""

    format: str
    """Container as FFmpeg calls it, e.g. "wav", "mp3", "mov", "ogg", "matroska", "flac"."""
    codec: str
    """Decoder of the sound, e.g. "opus"."""
    duration_seconds: float
    """Length of the sound, counted from its packets."""
    declared_seconds: float | None
    """Length as the header has it; None where the format says none."""
    sample_rate: int
    """Samples a second."""
    channels: int
    has_video: bool
    """Whether there are moving pictures beside the sound."""


async def probe(path: Path, name: str) -> MediaInfo:
    """Says what the file at `path` holds, without decoding it. `name` is what people call it, for messages.

    Errors: InvalidInputError with reason EMPTY_FILE, NOT_MEDIA, NO_AUDIO, TRUNCATED or DAMAGED; LimitError (SANDBOX_LIMIT).
    """
    answer = await _ask("probe", PROBE, name, path)
    found = answer.get("found")
    if not isinstance(found, dict):
        raise EngineError(f"{name} could not be examined: the child process gave no answer")
    info = MediaInfo(
        format=str(found["format"]),
        codec=str(found["codec"]),
        duration_seconds=float(found["duration_seconds"]),
        declared_seconds=None if found["declared_seconds"] is None else float(found["declared_seconds"]),
        sample_rate=int(found["sample_rate"]),
        channels=int(found["channels"]),
        has_video=bool(found["has_video"]),
    )
    if info.declared_seconds is not None and info.declared_seconds - info.duration_seconds > TRUNCATION_SECONDS:
        raise _rejection("TRUNCATED", f"it breaks off after {info.duration_seconds:.1f} s of sound", name)
    if info.duration_seconds <= 0:
        raise _rejection("EMPTY_FILE", "", name)
    return info


async def decode(path: Path, output: Path, name: str, *, reduce_noise: bool = False) -> float:
    """Writes the sound at `path` to `output` as 16 kHz mono s16le PCM without a header. Returns its length in seconds.

    Time 0 is the first sample of the sound. Memory is flat in the length. `reduce_noise` takes out steady noise.
    Errors: InvalidInputError with reason EMPTY_FILE, NOT_MEDIA, NO_AUDIO, TRUNCATED or DAMAGED; LimitError (SANDBOX_LIMIT);
    OSError (the disk is full).
    """
    answer = await _ask("denoise" if reduce_noise else "decode", DECODE, name, path, output)
    seconds = answer.get("seconds")
    if not isinstance(seconds, float):
        raise EngineError(f"{name} could not be decoded: the child process gave no answer")
    return seconds


async def _ask(verb: str, limits: Limits, name: str, *paths: Path) -> dict[str, object]:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-m", "s2v.runtime.media", verb),
        *(str(limits.cpu_seconds), str(limits.memory_bytes), str(limits.output_bytes)),
        *(str(path.resolve()) for path in paths),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=ENVIRONMENT,
    )
    assert child.stdout is not None  # noqa: S101 - it is a pipe, above
    try:
        async with asyncio.timeout(limits.wall_seconds):
            text = await child.stdout.read(ANSWER_BYTES)
            code = await child.wait()
    except TimeoutError as error:
        raise _overrun(name) from error
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if code in (-signal.SIGXCPU, -signal.SIGXFSZ):
        raise _overrun(name)
    if code in (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGFPE, -signal.SIGILL):
        raise _rejection("DAMAGED", "the decoder broke down on it", name)
    return _answer(text, code, name)


def _answer(text: bytes, code: int, name: str) -> dict[str, object]:
    try:
        answer = json.loads(text)
    except ValueError as error:
        raise EngineError(f"{name} could not be read: the child process ended with code {code} and no answer") from error
    if not isinstance(answer, dict):
        raise EngineError(f"{name} could not be read: the child process gave no object")
    if "missing" in answer:
        raise SetupError(f"media cannot be read: module {answer['missing']} is missing; install s2v-runtime[media]")
    if "exhausted" in answer:
        raise _overrun(name)
    if answer.get("errno") in DISK_FULL:
        raise OSError(answer["errno"], answer["failed"], name)
    if "failed" in answer:
        raise EngineError(f"{name} could not be read: {answer['failed']}")
    if "rejected" in answer:
        raise _rejection(str(answer["rejected"]), str(answer.get("detail", "")), name)
    return answer


def _overrun(name: str) -> LimitError:
    return LimitError(
        f"{name} needs more time, memory or space to decode than is allowed; convert it to {FORMATS} and send it again",
        reason="SANDBOX_LIMIT",
        field="source",
    )


def _rejection(reason: str, detail: str, name: str) -> S2VError:
    because = f" ({detail})" if detail else ""
    message = {
        "EMPTY_FILE": f"{name} is empty: it holds no sound; record or export it again",
        "NOT_MEDIA": f"{name} is not a sound or video file that can be read{because}; send {FORMATS}",
        "NO_AUDIO": f"{name} has no sound track; send a file in which someone speaks",
        "TRUNCATED": f"{name} is incomplete{because}; upload the whole file again",
        "DAMAGED": f"{name} is damaged{because}; export it again, or convert it to WAV",
    }[reason]
    return InvalidInputError(message, reason=reason, field="source")
