"""The film's sound against the source: lag, likeness, drift and length. Both are streamed in blocks; memory stays flat."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

RATE = 48_000  # samples a second; a rounded lag is then right to 0.01 ms
BLOCK_SECONDS = 10.0
LONGEST_LAG_SECONDS = 1.0  # greater lags are not looked for
QUIET = 1e-3  # root mean square of a block that is too quiet to show a lag


@dataclass(frozen=True)
class SoundMatch:
    """How the film's sound stands against the source."""

    correlation: float
    """Normalised cross-correlation at the lag, 1 for equal sound."""
    lag_seconds: float
    """Positive when the film's sound is late."""
    drift_seconds: float
    """Greatest lag of a block less the smallest."""
    end_lag_seconds: float
    """Lag of the last block that is loud enough to show one."""
    source_seconds: float
    soundtrack_seconds: float
    picture_seconds: float
    """End of the film's last frame."""
    soundtrack_difference_seconds: float
    """Soundtrack less source."""
    picture_difference_seconds: float
    """Pictures less source."""


def match_sound(film: Path, source: Path) -> SoundMatch:
    """Compares the film's sound with the source in two passes: the first finds the lag, the second measures at it."""
    total = np.zeros(2 * round(LONGEST_LAG_SECONDS * RATE) + 1)
    lags: list[int] = []
    source_length = track_length = 0
    for ours, theirs in zip_longest(read_blocks(source), read_blocks(film, in_film=True)):
        source_length += 0 if ours is None else len(ours)
        track_length += 0 if theirs is None else len(theirs)
        if ours is None or theirs is None:
            continue
        here = correlate(ours, theirs)
        total += here
        if min(loudness(ours), loudness(theirs)) > QUIET:
            lags.append(int(here.argmax()) - len(here) // 2)
    lag = int(total.argmax()) - len(total) // 2
    source_seconds, track_seconds, picture_seconds = source_length / RATE, track_length / RATE, picture_end(film)
    return SoundMatch(
        correlation=round(correlate_at(film, source, lag), 5),
        lag_seconds=round(lag / RATE, 5),
        drift_seconds=round((max(lags) - min(lags)) / RATE, 5) if lags else 0.0,
        end_lag_seconds=round(lags[-1] / RATE, 5) if lags else 0.0,
        source_seconds=round(source_seconds, 4),
        soundtrack_seconds=round(track_seconds, 4),
        picture_seconds=round(picture_seconds, 4),
        soundtrack_difference_seconds=round(track_seconds - source_seconds, 4),
        picture_difference_seconds=round(picture_seconds - source_seconds, 4),
    )


def correlate(ours: Samples, theirs: Samples) -> npt.NDArray[np.float64]:
    """Cross-correlation for each lag from -LONGEST_LAG_SECONDS to +LONGEST_LAG_SECONDS, in samples."""
    reach = round(LONGEST_LAG_SECONDS * RATE)
    size = 1 << (max(len(ours), len(theirs)) + reach).bit_length()
    spectrum = np.fft.rfft(theirs, size) * np.conj(np.fft.rfft(ours, size))
    circular = np.fft.irfft(spectrum, size)
    return np.concatenate((circular[-reach:], circular[: reach + 1]))


def correlate_at(film: Path, source: Path, lag: int) -> float:
    """Normalised correlation of the whole sounds, the film's taken as `lag` samples late."""
    product = ours_square = theirs_square = 0.0
    pairs = zip_longest(
        read_blocks(source, skip=max(-lag, 0)),
        read_blocks(film, skip=max(lag, 0), in_film=True),
        fillvalue=np.zeros(0, np.float32),
    )
    for ours, theirs in pairs:
        common = min(len(ours), len(theirs))
        product += float(np.dot(ours[:common], theirs[:common]))
        ours_square += float(np.dot(ours, ours))
        theirs_square += float(np.dot(theirs, theirs))
    return product / np.sqrt(ours_square * theirs_square) if ours_square and theirs_square else 0.0


def loudness(samples: Samples) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(samples)))) if len(samples) else 0.0


def picture_end(film: Path) -> float:
    """When the last frame of the film ends, in seconds."""
    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        if stream.time_base is None:
            raise SystemExit(f"{film}: its pictures have no clock")
        packets = ((p.pts + (p.duration or 0)) * stream.time_base for p in container.demux(stream) if p.pts is not None)
        return float(max(packets, default=0))


def read_blocks(path: Path, skip: int = 0, in_film: bool = False) -> Iterator[Samples]:
    """Decodes the first sound track to mono blocks of BLOCK_SECONDS; the last is shorter.

    `skip` samples are left out at the start. In a film the sound is placed on the film's clock; a sound file starts with its
    first sample, whatever its container calls it.
    """
    length = round(BLOCK_SECONDS * RATE)
    held: list[Samples] = []
    have = 0
    for piece in read_pieces(path, in_film):
        part = piece[min(skip, len(piece)) :]
        skip -= len(piece) - len(part)
        held.append(part)
        have += len(part)
        while have >= length:
            joined = np.concatenate(held)
            yield joined[:length]
            held, have = [joined[length:]], have - length
    if have:
        yield np.concatenate(held)


def read_pieces(path: Path, in_film: bool) -> Iterator[Samples]:
    """Decodes and resamples, a frame at a time."""
    with av.open(str(path)) as container:
        if not container.streams.audio:
            raise SystemExit(f"{path}: has no sound")
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        early = 0
        for number, frame in enumerate(container.decode(container.streams.audio[0])):
            if number == 0 and in_film:
                offset = round(float(frame.time or 0.0) * RATE)
                yield np.zeros(max(offset, 0), np.float32)
                early = max(-offset, 0)
            frame.pts = None
            for resampled in resampler.resample(frame):
                samples: Samples = resampled.to_ndarray()[0].astype(np.float32)
                yield samples[min(early, len(samples)) :]
                early -= min(early, len(samples))
        for resampled in resampler.resample(None):
            yield resampled.to_ndarray()[0].astype(np.float32)
