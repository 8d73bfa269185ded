"""The talks of a load test: pieces of real narrations, each from another place, as the same sound is answered from the cache."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.audio.frame import AudioFrame

EXAMPLES = Path(__file__).parents[1] / "examples"
SUFFIXES = frozenset({".opus", ".ogg", ".wav", ".flac", ".mp3", ".m4a", ".aac"})
RATE = 48_000  # samples a second of what is written
BIT_RATE = 32_000  # bits a second
PAUSE_SECONDS = 0.8
"""Silence between narrations that are put together."""


@dataclass(frozen=True)
class Source:
    """A narration to cut from."""

    path: Path
    seconds: float


def find_sources(folder: Path) -> list[Source]:
    """Returns the narrations of a folder by name. Errors: SystemExit when there is none."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES:
            with av.open(str(path)) as container:
                found.append(Source(path, (container.duration or 0) / av.time_base))
    if not found:
        raise SystemExit(f"{folder}: there is no talk; files that end in {', '.join(sorted(SUFFIXES))} are looked for")
    return found


def cut_talks(sources: Sequence[Source], folder: Path, count: int, seconds: float, seed: int) -> list[Path]:
    """Writes `count` pieces of `seconds` each, no two from the same place. Errors: SystemExit if none is long enough."""
    long_enough = [source for source in sources if source.seconds > seconds + 1]
    if not long_enough:
        raise SystemExit(f"no talk is longer than {seconds + 1:.0f} s; choose longer ones with --talks")
    chance = random.Random(seed)  # noqa: S311 - the same places each time
    folder.mkdir(parents=True, exist_ok=True)
    talks = []
    for number in range(count):
        source = long_enough[number % len(long_enough)]
        start = chance.uniform(0, source.seconds - seconds)
        talks.append(write_opus(folder / f"{number:03d}-{source.path.stem}.opus", _between(source.path, start, start + seconds)))
    return talks


def join_talk(sources: Sequence[Source], path: Path, seconds: float) -> Path:
    """Writes a talk of `seconds`: the narrations one after the other, with pauses, again from the first if need be."""

    def frames() -> Iterator[AudioFrame]:
        left = seconds
        while left > 0:
            for source in sources:
                for frame in _between(source.path, 0.0, source.seconds):
                    if left <= 0:
                        return
                    left -= frame.samples / frame.sample_rate
                    yield frame
                yield _silence(PAUSE_SECONDS)
                left -= PAUSE_SECONDS

    return write_opus(path, frames())


def write_opus(path: Path, frames: Iterator[AudioFrame]) -> Path:
    """Encodes frames, one after the other whatever their times and forms, as mono Opus."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libopus", rate=RATE, layout="mono", bit_rate=BIT_RATE)
        written = 0
        for frame in _resampled(frames):
            frame.pts, frame.time_base = written, Fraction(1, RATE)
            written += frame.samples
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _resampled(frames: Iterator[AudioFrame]) -> Iterator[AudioFrame]:
    # A resampler takes frames of one form only, and keeps some sound until it is told that nothing follows.
    for _, alike in itertools.groupby(frames, lambda frame: (frame.format.name, frame.layout.name, frame.sample_rate)):
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        for frame in alike:
            frame.pts = None
            yield from resampler.resample(frame)
        yield from resampler.resample(None)


def _between(path: Path, start: float, end: float) -> Iterator[AudioFrame]:
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            if start <= (frame.time or 0.0) < end:
                frame.time_base = Fraction(1, frame.sample_rate)
                yield frame


def _silence(seconds: float) -> AudioFrame:
    frame = AudioFrame(format="s16", layout="mono", samples=round(seconds * RATE))
    frame.sample_rate = RATE
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    return frame
