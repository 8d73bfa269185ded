"""The sound of a window without its steady noise, for another listening: spectral subtraction.

Source: S. F. Boll, "Suppression of acoustic noise in speech using spectral subtraction", IEEE ASSP 27 (1979); the noise is what a
frequency has in its quietest moments. FFmpeg's afftdn, which the option `reduce_noise` uses for whole talks, needs longer than a
window to learn the noise.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from s2v.transcription.voice_activity import Samples

FRAME = 512
"""Samples of a frame, 32 ms: speech is steady for so long."""
HOP = 128
QUIETEST = 15.0
"""Percentile of a frequency's power over the frames that is taken for noise."""
SUBTRACTED = 2.4
"""That power is taken away so many times: two fifths of the mean power of white noise, so that soft speech stays."""
LEAST_GAIN = 0.15
"""What is left of a frequency at least: silence between words sounds unlike anything that the engine has learnt from."""


def clean(samples: Samples) -> Samples:
    """Returns as many samples, 16 kHz mono, without the noise that goes on through all of them. The same each time."""
    window = np.hanning(FRAME + 1)[:-1].astype(np.float32)
    padded = np.pad(samples, (FRAME, FRAME + HOP))
    spectra = np.fft.rfft(sliding_window_view(padded, FRAME)[::HOP] * window, axis=1)
    frames = np.fft.irfft(spectra * _gains(np.abs(spectra) ** 2), n=FRAME, axis=1) * window
    sound, weights = np.zeros(len(padded)), np.zeros(len(padded))
    for number, frame in enumerate(frames):
        start = number * HOP
        sound[start : start + FRAME] += frame
        weights[start : start + FRAME] += window**2
    return (sound / np.maximum(weights, 1e-6))[FRAME : FRAME + len(samples)].astype(np.float32)


def _gains(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns what each frequency of each frame is multiplied with, shape (frames, frequencies), as is `power`."""
    noise = SUBTRACTED * np.percentile(power, QUIETEST, axis=0)
    gains = np.sqrt(np.maximum(1 - noise / np.maximum(power, 1e-12), LEAST_GAIN**2))
    around = np.pad(gains, ((0, 0), (1, 1)), mode="edge")
    mean: NDArray[np.float64] = (around[:, :-2] + around[:, 1:-1] + around[:, 2:]) / 3
    return mean
