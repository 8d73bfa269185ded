"""A talk from file to transcript: the steps that the stage, the gRPC service and the command line share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from s2v.runtime import sandbox
from s2v.runtime.errors import InvalidInputError
from s2v.transcription import engine, recognition
from s2v.transcription.joining import join_windows
from s2v.transcription.languages import whisper_language
from s2v.transcription.models import Model
from s2v.v1.report_pb2 import ModelUse, Stage, StageReport
from s2v.v1.transcript_pb2 import Transcript, TranscriptWindow
from s2v.v1.work_pb2 import TranscriptionPart

T = TypeVar("T")

EXAMINATION_SECONDS = 900.0  # wall time in which four hours must be searched for speech
WINDOW_SECONDS = 300.0  # wall time in which a window must be heard


class Compute(Protocol):
    """Runs a function in a worker process that has loaded the engine; `StageTask.compute` is one."""

    async def __call__(self, function: Callable[..., T], *args: object, timeout: float) -> T:
        """Returns what the function returns."""
        ...


@dataclass(frozen=True)
class Plan:
    """What is to be done for a talk."""

    examination: recognition.Examination
    parts: Sequence[TranscriptionPart]
    """In order of time; without the reference to their sound."""


async def plan_talk(source: Path, pcm: Path, name: str, language: str, compute: Compute) -> Plan:
    """Decodes a source to `pcm`, finds its speech, its language unless it is given, and its windows.

    `name` is what people call the source; `language` a BCP 47 tag, or empty.
    Errors: InvalidInputError (of the sandbox; `language` unknown; NO_SPEECH when nobody speaks), LimitError.
    """
    code = whisper_language(language)
    await sandbox.decode(source, pcm, name)
    examination = await compute(recognition.examine, pcm, code, timeout=EXAMINATION_SECONDS)
    if not examination.windows:
        raise no_speech(name, examination.sound_seconds)
    return Plan(examination, recognition.parts(examination))


def no_speech(name: str, seconds: float) -> InvalidInputError:
    """Returns the error for a sound in which no word is heard."""
    return InvalidInputError(
        f"in the {seconds:.0f} s of {name} nobody is heard speaking; check that the microphone was on, and record it again",
        reason="NO_SPEECH",
        field="source",
    )


async def hear_window(pcm: bytes, part: TranscriptionPart, compute: Compute) -> TranscriptWindow:
    """Transcribes a window, given its PCM."""
    return await compute(recognition.recognize, pcm, part, timeout=WINDOW_SECONDS)


def finish_talk(windows: Sequence[TranscriptWindow], name: str, sha256: str, model: Model) -> tuple[Transcript, StageReport]:
    """Puts the windows together, in order, and says how they were made.

    Errors: InvalidInputError (NO_SPEECH) when no window has a word.
    """
    transcript = join_windows(windows, sha256)
    if not transcript.segments:
        raise no_speech(name, transcript.duration_seconds)
    return transcript, describe(transcript, windows, model)


def describe(transcript: Transcript, windows: Sequence[TranscriptWindow], model: Model) -> StageReport:
    """Returns the report: engine, models, confidence (mean probability of the words), measures, what is uncertain."""
    words = [word for segment in transcript.segments for word in segment.words]
    unsure = [segment for segment in transcript.segments if segment.low_confidence]
    report = StageReport(
        stage=Stage.STAGE_TRANSCRIPTION,
        engine=engine.ENGINE,
        engine_version=engine.engine_version(),
        models=[ModelUse(name=model.name, sha256=model.sha256), ModelUse(name="silero-vad-v6")],
        parts=len(windows),
        confidence=sum(word.probability for word in words) / len(words),
        measures={
            "words": len(words),
            "sentences": len(transcript.segments),
            "uncertain_sentences": len(unsure),
            "language_probability": transcript.language_probability,
            "heard_seconds": sum(window.end_seconds - window.start_seconds for window in windows),
        },
        notes=[f"The language is {transcript.language} (probability {transcript.language_probability:.2f})."],
    )
    if unsure:
        times = ", ".join(_clock(segment.start_seconds) for segment in unsure[:5]) + (" …" if len(unsure) > 5 else "")
        report.notes.append(f"Listen again: {len(unsure)} of {len(transcript.segments)} sentences are uncertain, at {times}.")
    return report


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
