"""The sound of a window without its steady noise, for another listening."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from av.audio.frame import AudioFrame

from s2v.runtime.media import Denoiser
from s2v.transcription.voice_activity import SAMPLE_RATE, Samples

_Pcm = np.ndarray[tuple[int, ...], np.dtype[np.int16]]
_FULL_SCALE = 32_768
_FRAME_SAMPLES = 1024
"""The filter follows the noise from frame to frame."""


def clean(samples: Samples) -> Samples:
    """Returns as many samples, 16 kHz mono, without the noise that FFmpeg's afftdn finds in them. The same each time."""
    sound = (samples * _FULL_SCALE).clip(-_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)
    denoiser = Denoiser()
    cleaned: list[_Pcm] = []
    for start in range(0, len(sound), _FRAME_SAMPLES):
        frame = AudioFrame.from_ndarray(sound[None, start : start + _FRAME_SAMPLES], "s16", "mono")
        frame.sample_rate = SAMPLE_RATE
        cleaned += _samples(denoiser.add(frame))
    cleaned += _samples(denoiser.finish())
    return np.concatenate(cleaned)[: len(samples)].astype(np.float32) / np.float32(_FULL_SCALE)


def _samples(frames: Iterable[AudioFrame]) -> Iterable[_Pcm]:
    return (frame.to_ndarray()[0] for frame in frames)
