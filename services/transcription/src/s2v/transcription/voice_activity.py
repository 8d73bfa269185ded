"""Where someone speaks, and how the speech is cut into windows for Whisper.

The voice detector is Silero VAD (MIT; the ONNX model that comes with faster-whisper): one probability for each 32 ms. A
window is at most 29 s of sound, cut at long pauses and without most of their silence: Whisper pads whatever it gets to
30 s, and writes text that nobody said where nobody speaks.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

SAMPLE_RATE = 16_000  # samples a second of all sound here
BYTES_PER_SAMPLE = 2  # s16le
FRAME_SAMPLES = 512  # samples for each probability
FRAME_SECONDS = FRAME_SAMPLES / SAMPLE_RATE
BLOCK_SECONDS = 256  # sound in memory at once; a whole number of frames
WARM_UP_SECONDS = 2  # heard before each block, so that the detector knows the voice

ON_PROBABILITY = 0.5  # speech starts at a frame of at least that
OFF_PROBABILITY = 0.35  # and ends at the first of less
MIN_PAUSE_SECONDS = 0.16  # a shorter pause is part of the speech
MIN_SPEECH_SECONDS = 0.2  # a shorter sound is none
PAD_SECONDS = 0.3  # sound kept on both sides of speech, so that no consonant is lost

MAX_WINDOW_SECONDS = 29.0  # sound in a window, pads included
MAX_EXTENT_SECONDS = 120.0  # from its start to its end, silence included
FEW_WINDOWS = 8  # up to so many are made even in number, so that two workers finish together
LONG_PAUSE_SECONDS = 1.0  # a pause of that length is as good a place to cut as any

Samples = npt.NDArray[np.float32]
"""Mono sound at 16 kHz, −1 to 1, shape (samples,)."""


@dataclass(frozen=True)
class Span:
    """A stretch of time in the sound, in seconds."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """Length."""
        return self.end - self.start


@dataclass(frozen=True)
class Window:
    """Speech that is transcribed in one piece."""

    speech: tuple[Span, ...]
    """Speech between pauses, in order; at least one span."""
    start: float
    """Where its sound starts; before the speech by the pad."""
    end: float
    """Where its sound ends; not after the start of the next window's."""


def speech_probabilities(pcm: Path, gain: float = 1.0) -> npt.NDArray[np.float32]:
    """Returns the probability of speech in each 32 ms of a file of 16 kHz mono s16le, shape (frames,). Memory is flat.

    The sound is heard multiplied with `gain`.
    """
    from faster_whisper.vad import get_vad_model

    detector = get_vad_model()
    total = pcm.stat().st_size // BYTES_PER_SAMPLE
    warm_up = WARM_UP_SECONDS * SAMPLE_RATE // FRAME_SAMPLES
    blocks = []
    for start in range(0, total, BLOCK_SECONDS * SAMPLE_RATE):
        before = warm_up if start else 0
        samples = read_samples(pcm, start - before * FRAME_SAMPLES, BLOCK_SECONDS * SAMPLE_RATE + before * FRAME_SAMPLES, gain)
        padded = np.pad(samples, (0, -len(samples) % FRAME_SAMPLES))
        blocks.append(np.asarray(detector(padded), np.float32).reshape(-1)[before:])
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


def read_samples(pcm: Path, start: int, count: int, gain: float = 1.0) -> Samples:
    """Reads up to `count` samples from sample `start` of a file of s16le, multiplied with `gain`."""
    return to_samples(np.fromfile(pcm, np.dtype("<i2"), count, offset=start * BYTES_PER_SAMPLE).tobytes(), gain)


def to_samples(pcm: bytes, gain: float = 1.0) -> Samples:
    """Converts s16le to samples, multiplied with `gain` and held to full scale."""
    samples = np.frombuffer(pcm, np.dtype("<i2")).astype(np.float32) * np.float32(gain / 32_768)
    return samples if gain == 1.0 else np.clip(samples, -1, 1)


def find_speech(probabilities: npt.NDArray[np.float32]) -> list[Span]:
    """Returns where someone speaks, in order, each span at most a window long."""
    spans: list[tuple[int, int]] = []
    start: int | None = None
    for frame, probability in enumerate(probabilities):
        if start is None and probability >= ON_PROBABILITY:
            start = frame
        elif start is not None and probability < OFF_PROBABILITY:
            spans.append((start, frame))
            start = None
    if start is not None:
        spans.append((start, len(probabilities)))
    joined: list[tuple[int, int]] = []
    for begin, end in spans:
        if joined and (begin - joined[-1][1]) * FRAME_SECONDS < MIN_PAUSE_SECONDS:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((begin, end))
    return [
        Span(begin * FRAME_SECONDS, end * FRAME_SECONDS)
        for span in joined
        if (span[1] - span[0]) * FRAME_SECONDS >= MIN_SPEECH_SECONDS
        for begin, end in _divide(*span, probabilities)
    ]


def _divide(start: int, end: int, probabilities: npt.NDArray[np.float32]) -> list[tuple[int, int]]:
    """Cuts speech without any pause where it is least like speech, in the second half of what fits into a window."""
    most = int((MAX_WINDOW_SECONDS - 2 * PAD_SECONDS) / FRAME_SECONDS)
    if end - start <= most:
        return [(start, end)]
    cut = start + most // 2 + int(np.argmin(probabilities[start + most // 2 : start + most]))
    return [(start, cut), *_divide(cut, end, probabilities)]


def cut_windows(speech: Sequence[Span], duration: float) -> list[Window]:
    """Puts spans of speech, in order, into as few windows as may be, of similar length, cut at long pauses.

    `duration` is the length of the whole sound, in seconds.
    """
    if not speech:
        return []
    total = sound_seconds(speech)
    count = math.ceil(total / MAX_WINDOW_SECONDS)
    if 1 < count < FEW_WINDOWS and count % 2:
        count += 1
    target = total / count
    # Least cost of windows that hold the first `last` spans, by dynamic programming, and where the last of them begins.
    costs = [0.0] + [math.inf] * len(speech)
    begins = [0] * (len(speech) + 1)
    for last in range(1, len(speech) + 1):
        pause = speech[last].start - speech[last - 1].end if last < len(speech) else LONG_PAUSE_SECONDS
        held = 2 * PAD_SECONDS
        for first in range(last - 1, -1, -1):
            held += speech[first].seconds
            if first < last - 1:
                held += min(speech[first + 1].start - speech[first].end, 2 * PAD_SECONDS)
                if held > MAX_WINDOW_SECONDS or speech[last - 1].end - speech[first].start > MAX_EXTENT_SECONDS:
                    break
            cost = costs[first] + 2 * ((held - target) / target) ** 2 + 1 - min(pause, LONG_PAUSE_SECONDS) / LONG_PAUSE_SECONDS
            if cost < costs[last]:
                costs[last], begins[last] = cost, first
    groups: list[Sequence[Span]] = []
    last = len(speech)
    while last:
        groups.append(speech[begins[last] : last])
        last = begins[last]
    groups.reverse()
    edges = [0.0, *((before[-1].end + after[0].start) / 2 for before, after in itertools.pairwise(groups)), duration]
    return [
        Window(
            tuple(group),
            max(edges[number], group[0].start - PAD_SECONDS),
            min(edges[number + 1], group[-1].end + PAD_SECONDS),
        )
        for number, group in enumerate(groups)
    ]


def kept_sound(speech: Sequence[Span], start: float, end: float) -> list[Span]:
    """Returns what is heard of a window from `start` to `end`: its speech with pads, without the rest of longer pauses."""
    kept: list[Span] = []
    for span in speech:
        begin, finish = max(start, span.start - PAD_SECONDS), min(end, span.end + PAD_SECONDS)
        if kept and begin <= kept[-1].end:
            kept[-1] = Span(kept[-1].start, finish)
        else:
            kept.append(Span(begin, finish))
    return kept


def sound_seconds(speech: Sequence[Span]) -> float:
    """Returns the length of the sound of a window with that speech, in seconds."""
    return sum(span.seconds for span in kept_sound(speech, -math.inf, math.inf))
