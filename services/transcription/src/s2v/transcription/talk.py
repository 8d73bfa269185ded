"""A talk from file to transcript: the steps that the stage, the gRPC service and the command line share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from s2v.runtime import decisions, limits, sandbox
from s2v.runtime.errors import EngineError, InvalidInputError, S2VError, SetupError, UnavailableError
from s2v.runtime.vocabulary import check_vocabulary
from s2v.transcription import recognition
from s2v.transcription.devices import Device
from s2v.transcription.engine import FASTER_WHISPER, Search, engine_version
from s2v.transcription.joining import join_windows
from s2v.transcription.languages import whisper_language
from s2v.transcription.models import Model
from s2v.transcription.remote import CODE as REMOTE_FALLBACK
from s2v.transcription.remote import RemoteTranscriber
from s2v.v1.job_pb2 import JobOptions
from s2v.v1.report_pb2 import Degradation, ModelUse, Stage, StageReport
from s2v.v1.transcript_pb2 import Segment, Transcript, TranscriptWindow
from s2v.v1.transcription_service_pb2 import TranscribeOptions
from s2v.v1.work_pb2 import TranscriptionPart

T = TypeVar("T")

EXAMINATION_SECONDS = 900.0  # wall time in which four hours must be searched for speech
WINDOW_SECONDS = 300.0  # wall time in which a window must be heard, in a direct call


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


@dataclass(frozen=True)
class TalkOptions:
    """What a user may choose about the words of a talk, checked."""

    language: str
    """Whisper's code; empty: it is to be detected."""
    vocabulary: tuple[str, ...]
    reduce_noise: bool
    strict: bool


def check_options(options: JobOptions | TranscribeOptions) -> TalkOptions:
    """Checks the options of a job or a call. Errors: InvalidInputError."""
    return TalkOptions(
        whisper_language(options.language), check_vocabulary(options.vocabulary), options.reduce_noise, options.strict
    )


async def plan_talk(source: Path, pcm: Path, name: str, options: TalkOptions, compute: Compute, *, in_chains: bool) -> Plan:
    """Decodes a source to `pcm`, finds its speech, its language unless it is given, and its windows.

    `name` is what people call the source; `in_chains` is `Listener.hears_in_chains`.
    Errors: InvalidInputError (of the sandbox; NO_SPEECH when nobody speaks), LimitError.
    """
    await sandbox.decode(source, pcm, name, reduce_noise=options.reduce_noise)
    examination = await compute(recognition.examine, pcm, options.language, timeout=EXAMINATION_SECONDS)
    if not examination.windows:
        raise no_speech(name, examination.sound_seconds)
    return Plan(examination, recognition.parts(examination, options.vocabulary, in_chains=in_chains))


def no_speech(name: str, seconds: float) -> InvalidInputError:
    """Returns the error for a sound in which no word is heard."""
    return InvalidInputError(
        f"in the {seconds:.0f} s of {name} nobody is heard speaking; check that the microphone was on, and record it again",
        reason="NO_SPEECH",
        field="source",
    )


@dataclass(frozen=True)
class Listener:
    """What hears the windows: the engine in the worker processes, and the server that stands in for it, if there is one."""

    engine: str
    model: Model
    device: Device
    search: Search
    remote: RemoteTranscriber | None = None

    @property
    def hears_in_chains(self) -> bool:
        """Whether a window can go on from what was heard before it: not if several are heard at once, nor with OpenAI's code."""
        return self.engine == FASTER_WHISPER and self.device.batch_size == 1

    def identity(self) -> tuple[str, ...]:
        """Returns all that the words of a window depend on besides their sound."""
        chained = "chained" if self.hears_in_chains else ""
        search = (str(self.search.beam), str(self.search.passes))
        return (engine_version(self.engine), self.model.sha256, self.device.compute_type, *search, chained)

    async def hear(
        self,
        sound: bytes | Path,
        part: TranscriptionPart,
        compute: Compute,
        *,
        strict: bool,
        seconds: float = WINDOW_SECONDS,
    ) -> TranscriptWindow:
        """Transcribes a window, given its own sound or the file of the whole. The engine must hear it in `seconds`.

        When the engine fails, the remote server is asked, and the window says so; a limit of the caller's is extended by the
        time that the server may take.
        Errors: EngineError, which names both failures if the server fails too; without a server whatever the engine raises.
        """
        try:
            heard = await compute(recognition.recognize, sound, part, timeout=seconds)
        except Exception as error:
            if self.remote is None or strict or not _is_engine_failure(error):
                raise
            said = str(error) or type(error).__name__
            reason = f"the engine failed ({said}); {self.remote.url} has heard the window at {clock(part.start_seconds)}"
        else:
            if heard.passes > 1:
                _note(heard)
            return heard
        limits.extend(self.remote.seconds)
        request = await asyncio.to_thread(recognition.make_request, sound, part)
        try:
            answer = await self.remote.transcribe(request)
        except (EngineError, UnavailableError) as error:
            # Not UnavailableError, which is for NATS and S3: a task that waits for them costs no attempt, and so never ends.
            raise EngineError(f"the engine failed ({said}), and so did its stand-in: {error.message}") from error
        return await asyncio.to_thread(recognition.make_window, answer, part, [Degradation(code=REMOTE_FALLBACK, reason=reason)])

    def finish(self, windows: Sequence[TranscriptWindow], name: str, sha256: str) -> tuple[Transcript, StageReport]:
        """Puts the windows together, in order, and says how they were made.

        Errors: InvalidInputError (NO_SPEECH) when no window has a word.
        """
        transcript = join_windows(windows, sha256)
        if not transcript.segments:
            raise no_speech(name, transcript.duration_seconds)
        return transcript, self._describe(transcript, windows)

    def _describe(self, transcript: Transcript, windows: Sequence[TranscriptWindow]) -> StageReport:
        """Returns the report: engine, models, confidence (mean probability of the words), measures, what is uncertain."""
        words = [word for segment in transcript.segments for word in segment.words]
        unsure = [segment for segment in transcript.segments if segment.low_confidence]
        wordless = [window for window in windows if not window.segments]
        repeated = sum(window.repeated_words for window in windows)
        fallbacks = {fallback.code: fallback for window in windows for fallback in window.degradations}
        report = StageReport(
            stage=Stage.STAGE_TRANSCRIPTION,
            engine=self.engine,
            engine_version=f"{engine_version(self.engine)}, {self.device.compute_type} on {self.device.kind}",
            models=[ModelUse(name=self.model.name, sha256=self.model.sha256), ModelUse(name="silero-vad-v6")],
            parts=len(windows),
            degradations=fallbacks.values(),
            confidence=sum(word.probability for word in words) / len(words),
            measures={
                "words": len(words),
                "sentences": len(transcript.segments),
                "uncertain_sentences": len(unsure),
                "repeated_words_removed": repeated,
                "windows_heard_again": sum(window.passes > 1 for window in windows),
                "windows_cleaned": sum(window.cleaned for window in windows),
                "language_probability": transcript.language_probability,
                "heard_seconds": sum(window.end_seconds - window.start_seconds for window in windows),
            },
            notes=[f"The language is {transcript.language} (probability {transcript.language_probability:.2f})."],
        )
        if unsure:
            times = _clocks(unsure)
            report.notes.append(f"Listen again: {len(unsure)} of {len(transcript.segments)} sentences are uncertain, at {times}.")
        if wordless:
            report.notes.append(
                f"Listen again: in {len(wordless)} of {len(windows)} windows there seems to be a voice, "
                f"but no word was made out, at {_clocks(wordless)}."
            )
        if repeated:
            report.notes.append(f"The engine repeated itself: {repeated} words were taken out.")
        return report


def _note(window: TranscriptWindow) -> None:
    words = [word.probability for segment in window.segments for word in segment.words]
    confidence = sum(words) / len(words) if words else 0.0
    reason = "cleaned" if window.cleaned else "unsure"
    decisions.note(decisions.Decision("transcription", "decode", reason, 1, window.passes, confidence))


def _is_engine_failure(error: Exception) -> bool:
    """Says whether another engine may do better. Engines raise RuntimeError, ValueError and others besides our own."""
    return isinstance(error, EngineError | SetupError) or not isinstance(error, S2VError)


def _clocks(spoken: Sequence[Segment | TranscriptWindow]) -> str:
    """Returns the times of the first five."""
    return ", ".join(clock(one.start_seconds) for one in spoken[:5]) + (" …" if len(spoken) > 5 else "")


def clock(seconds: float) -> str:
    """Returns a time as minutes and seconds, e.g. "61:05"."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
