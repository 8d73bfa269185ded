"""How true and how fast the transcription is, beside plain faster-whisper on the same recordings.

    python -m evals.transcription --manifest FILE.tsv [--engine E] [--beam N] [--reduce-noise] [--vocabulary A,B,…]

Prints one JSON object. The engine is loaded before the clock starts, for both; no cache is at work. Each recording is sent by
itself, as many at a time as there are workers, as a service gets them.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from evals.processes import TreeMeter
from evals.recordings import (
    Recording,
    StartErrors,
    count_word_errors,
    find_start_errors,
    read_manifest,
    sum_start_errors,
)
from evals.whisper_baseline import Heard, Run
from evals.words import TimedWord
from s2v.runtime import sandbox
from s2v.runtime.errors import InvalidInputError
from s2v.transcription.direct import DirectTranscriber, engine_pool, preload_engine
from s2v.transcription.settings import TranscriptionSettings
from s2v.v1.transcription_service_pb2 import TranscribeOptions


@dataclass(frozen=True)
class FileScore:
    """One recording."""

    file: str
    audio_s: float
    wer: float | None
    """Word errors a word said; None where what is said is not known, or nobody speaks."""
    word_starts: StartErrors | None
    text: str


@dataclass(frozen=True)
class Score:
    """All recordings."""

    engine: str
    wer: float | None
    realtime: float
    """Seconds of sound a second of wall time."""
    cpu_per_audio_second: float
    peak_mb: float
    """Most memory of all processes together, in MB; of the service with its two workers, or of the baseline."""
    false_words: int
    """Words heard where nobody speaks."""
    word_starts: StartErrors | None
    wall_s: float
    audio_s: float
    files: list[FileScore]


@dataclass(frozen=True)
class Report(Score):
    """What is printed."""

    baseline: Score | None = None
    speed_ratio: float | None = None
    """The baseline's wall time for ours."""
    cpu_ratio: float | None = None
    """The baseline's processor time for ours."""
    load: tuple[float, float] = (0.0, 0.0)
    """Processes ready to run, a minute's mean, before and after; more than a few tenths before: others were at work."""
    cores: int = 0


def main() -> None:
    """Transcribes the recordings of a manifest."""
    parser = argparse.ArgumentParser(prog="python -m evals.transcription", description="Measure transcription.")
    parser.add_argument("--manifest", type=Path, required=True, help="TSV with columns file, reference (empty: no speech)")
    parser.add_argument("--engine", default="faster-whisper", help="faster-whisper (default) or openai-whisper")
    parser.add_argument("--beam", type=int, default=1, help="width of the first search (default 1)")
    parser.add_argument("--reduce-noise", action="store_true", help="take out steady noise first")
    parser.add_argument("--vocabulary", default="", metavar="A,B,…", help="names and jargon, with commas in between")
    parser.add_argument("--no-baseline", action="store_true", help="leave plain faster-whisper out")
    arguments = parser.parse_args()
    recordings = read_manifest(arguments.manifest)
    settings = TranscriptionSettings(whisper_engine=arguments.engine, whisper_beam=arguments.beam)
    terms = [term.strip() for term in arguments.vocabulary.split(",") if term.strip()]
    options = TranscribeOptions(language="en", vocabulary=terms, reduce_noise=arguments.reduce_noise)
    preload_engine(settings)
    before = os.getloadavg()[0]
    ours, model = asyncio.run(score_ours(recordings, settings, options))
    baseline = None if arguments.no_baseline else score_baseline(recordings, model, [file.audio_s for file in ours.files])
    report = Report(
        **vars(ours),
        baseline=baseline,
        speed_ratio=None if baseline is None else round(baseline.wall_s / ours.wall_s, 2),
        cpu_ratio=None if baseline is None else round(baseline.cpu_per_audio_second / ours.cpu_per_audio_second, 2),
        load=(round(before, 2), round(os.getloadavg()[0], 2)),
        cores=len(os.sched_getaffinity(0)),
    )
    print(json.dumps(asdict(report), indent=2, ensure_ascii=False))


async def score_ours(
    recordings: Sequence[Recording], settings: TranscriptionSettings, options: TranscribeOptions
) -> tuple[Score, Path]:
    """Transcribes with the service's own way; returns the model's folder, too."""
    seconds = [(await sandbox.probe(recording.path, recording.path.name)).duration_seconds for recording in recordings]
    async with engine_pool(settings) as (pool, listener):
        transcriber = DirectTranscriber(settings, pool, listener)
        slots = asyncio.Semaphore(settings.whisper_workers)

        async def hear(recording: Recording) -> Heard:
            async with slots:
                found = await transcribe(transcriber, recording.path, options)
                print(f"ours: {recording.path.name}", file=sys.stderr)
                return found

        with TreeMeter() as meter:
            started = time.monotonic()
            heard = await asyncio.gather(*map(hear, recordings))
            wall = time.monotonic() - started
    run = Run(wall, meter.cpu_seconds, meter.peak_mb, list(heard))
    return score(settings.whisper_engine, recordings, seconds, run), listener.model.path


async def transcribe(transcriber: DirectTranscriber, path: Path, options: TranscribeOptions) -> Heard:
    """Transcribes a recording; where nobody speaks, nothing is heard."""
    try:
        async for response in transcriber.transcribe(path, path.name, "", options):
            if response.HasField("result"):
                segments = response.result.transcript.segments
                words = [(word.text, word.start_seconds) for segment in segments for word in segment.words]
                return Heard(" ".join(segment.text for segment in segments), words)
    except InvalidInputError as error:
        if error.reason != "NO_SPEECH":
            raise
    return Heard("", [])


def score_baseline(recordings: Sequence[Recording], model: Path, seconds: Sequence[float]) -> Score:
    """Runs plain faster-whisper in a process of its own. Errors: SystemExit when it fails."""
    command = [sys.executable, "-m", "evals.whisper_baseline", str(model), *(str(recording.path) for recording in recordings)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if answer.returncode:
        raise SystemExit("the baseline failed")
    found = json.loads(answer.stdout)
    heard = [Heard(one["text"], [(word, start) for word, start in one["starts"]]) for one in found["heard"]]
    return score("plain faster-whisper", recordings, seconds, Run(found["wall_s"], found["cpu_s"], found["peak_mb"], heard))


def score(engine: str, recordings: Sequence[Recording], seconds: Sequence[float], run: Run) -> Score:
    """Compares what was heard with what was said."""
    files: list[FileScore] = []
    edits = words = false_words = 0
    starts: list[float] = []
    for recording, length, heard in zip(recordings, seconds, run.heard, strict=True):
        wer = None
        if recording.reference:
            errors = count_word_errors(recording.reference, heard.text)
            edits, words = edits + errors.edits, words + errors.words
            wer = round(errors.edits / errors.words, 4)
        elif recording.reference == "":
            false_words += len(heard.text.split())
        found = find_start_errors(recording.path, [TimedWord(word, start, start) for word, start in heard.starts])
        starts += found or []
        files.append(FileScore(recording.path.name, round(length, 2), wer, sum_start_errors(found or []), heard.text.strip()))
    audio = sum(seconds)
    return Score(
        engine=engine,
        wer=round(edits / words, 4) if words else None,
        realtime=round(audio / run.wall_s, 2),
        cpu_per_audio_second=round(run.cpu_s / audio, 4),
        peak_mb=round(run.peak_mb),
        false_words=false_words,
        word_starts=sum_start_errors(starts),
        wall_s=round(run.wall_s, 2),
        audio_s=round(audio, 2),
        files=files,
    )


if __name__ == "__main__":
    main()
