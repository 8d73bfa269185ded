"""Protects quiet talks from going unheard, and ordinary ones from being changed."""

from pathlib import Path

import numpy as np
import pytest

from s2v.transcription.loudness import MAX_GAIN, find_gain
from s2v.transcription.voice_activity import read_samples, to_samples


def pcm(path: Path, sound: np.ndarray) -> Path:
    path.write_bytes((np.clip(sound, -1, 1) * 32_767).astype("<i2").tobytes())
    return path


def bursts(level: float) -> np.ndarray:
    """A second of sound and a second of silence, by turns."""
    noise = np.random.default_rng(1).normal(0, level, 16_000 * 20)
    return noise * np.repeat([1, 0] * 10, 16_000)


def test_only_faint_and_clipped_sound_is_changed(tmp_path: Path) -> None:
    file = tmp_path / "talk.pcm"
    assert find_gain(pcm(file, bursts(0.1))) == 1
    assert find_gain(pcm(file, bursts(0.005))) == pytest.approx(14, rel=0.05)
    assert find_gain(pcm(file, bursts(0.6))) < 0.3
    assert find_gain(pcm(file, bursts(0.0002))) == MAX_GAIN
    assert find_gain(pcm(file, np.zeros(16_000))) == 1
    assert find_gain(pcm(file, np.zeros(0))) == 1


def test_a_gain_never_leaves_full_scale(tmp_path: Path) -> None:
    file = pcm(tmp_path / "talk.pcm", bursts(0.3))
    assert np.abs(read_samples(file, 0, 320_000, 30.0)).max() == 1
    half = np.array([16_384, -16_384], "<i2").tobytes()
    assert to_samples(half, 0.5).tolist() == [0.25, -0.25]
