"""Plain faster-whisper as its users call it: int8, five beams, its own voice detector, word times.

    python -m evals.whisper_baseline MODEL_DIRECTORY AUDIO…

Prints one JSON object; `evals.transcription` runs it in a process of its own.
"""

import argparse
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import faster_whisper

from evals.processes import TreeMeter


@dataclass(frozen=True)
class Heard:
    """A recording as it was heard."""

    text: str
    starts: list[tuple[str, float]]
    """Words with their starts, in seconds."""


@dataclass(frozen=True)
class Run:
    """All recordings, one after the other."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    heard: list[Heard]


def main() -> None:
    """Transcribes the recordings named on the command line, which are in English."""
    parser = argparse.ArgumentParser(prog="python -m evals.whisper_baseline", description="Time plain faster-whisper.")
    parser.add_argument("model", type=Path)
    parser.add_argument("recordings", nargs="+", type=Path, metavar="AUDIO")
    arguments = parser.parse_args()
    # The threads that it takes by itself where nobody has set OMP_NUM_THREADS, as `evals` does.
    threads = min(4, os.cpu_count() or 1)
    model = faster_whisper.WhisperModel(
        str(arguments.model), device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True
    )
    heard = []
    with TreeMeter() as meter:
        started = time.monotonic()
        for recording in arguments.recordings:
            segments, _ = model.transcribe(str(recording), beam_size=5, vad_filter=True, word_timestamps=True, language="en")
            found = list(segments)
            words = [(word.word.strip(), round(word.start, 3)) for segment in found for word in segment.words or ()]
            heard.append(Heard("".join(segment.text for segment in found), words))
            print(f"baseline: {recording.name}", file=sys.stderr)
        wall = time.monotonic() - started
    print(json.dumps(asdict(Run(wall, meter.cpu_seconds, meter.peak_mb, heard))))


if __name__ == "__main__":
    main()
