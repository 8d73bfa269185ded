"""How loud a talk is, and what brings it to the level that the detector and Whisper are used to."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from s2v.transcription.voice_activity import BYTES_PER_SAMPLE, SAMPLE_RATE, read_samples

FRAME_SAMPLES = SAMPLE_RATE // 10
BLOCK_SECONDS = 256  # sound in memory at once
LOUD_SHARE = 0.1  # part of the frames that is louder than what is taken for the level of the voice
TARGET_LEVEL = 0.07  # root mean square of the voice, full scale 1: −23 dB, as EBU R 128 asks for
EASY_LEVELS = (0.02, 0.3)  # a voice between these is heard as it is
MAX_GAIN = 100.0


def find_gain(pcm: Path) -> float:
    """Returns what the sound of a file of 16 kHz mono s16le is to be multiplied with; 1 if it is neither faint nor clipped."""
    total = pcm.stat().st_size // BYTES_PER_SAMPLE
    levels = []
    for start in range(0, total, BLOCK_SECONDS * SAMPLE_RATE):
        samples = read_samples(pcm, start, BLOCK_SECONDS * SAMPLE_RATE)
        whole = samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
        levels.append(np.sqrt(np.mean(np.square(whole), axis=1)))
    found = np.concatenate(levels) if levels else np.zeros(0, np.float32)
    # Digital silence says nothing about the voice.
    found = found[found > 0]
    if not len(found):
        return 1.0
    level = float(np.quantile(found, 1 - LOUD_SHARE))
    if EASY_LEVELS[0] <= level <= EASY_LEVELS[1]:
        return 1.0
    return min(TARGET_LEVEL / level, MAX_GAIN)
