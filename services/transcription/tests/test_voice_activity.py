"""Protects the windows: all speech is in exactly one, none is longer than Whisper hears, and silence is in none."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2v.transcription import voice_activity
from s2v.transcription.voice_activity import MAX_EXTENT_SECONDS, MAX_WINDOW_SECONDS, Span, cut_windows, find_speech, kept_sound

LEVELS = st.lists(st.tuples(st.floats(0, 1), st.integers(1, 1500)), max_size=30)


def probabilities(runs: list[tuple[float, int]]) -> np.ndarray:
    return np.repeat(np.array([level for level, _ in runs], np.float32), [frames for _, frames in runs])


@given(LEVELS)
@settings(max_examples=150, deadline=None)
def test_windows_hold_all_speech_once_and_fit(runs: list[tuple[float, int]]) -> None:
    levels = probabilities(runs)
    duration = len(levels) * voice_activity.FRAME_SECONDS
    speech = find_speech(levels)
    windows = cut_windows(speech, duration)
    assert [span for window in windows for span in window.speech] == speech
    for window in windows:
        assert 0 <= window.start <= window.speech[0].start < window.speech[-1].end <= window.end <= duration + 1e-6
        kept = kept_sound(window.speech, window.start, window.end)
        assert sum(span.seconds for span in kept) <= MAX_WINDOW_SECONDS + 1e-6
        assert window.speech[-1].end - window.speech[0].start <= MAX_EXTENT_SECONDS + 1e-6
    for before, after in itertools.pairwise(windows):
        assert before.end <= after.start + 1e-6


@given(LEVELS)
@settings(max_examples=100, deadline=None)
def test_speech_is_in_order_and_only_where_the_detector_says_so(runs: list[tuple[float, int]]) -> None:
    levels = probabilities(runs)
    speech = find_speech(levels)
    for before, after in itertools.pairwise(speech):
        assert before.end <= after.start
    for span in speech:
        first, last = round(span.start / voice_activity.FRAME_SECONDS), round(span.end / voice_activity.FRAME_SECONDS)
        assert levels[first:last].max() >= voice_activity.OFF_PROBABILITY
    loud = sum(frames for level, frames in runs if level >= voice_activity.ON_PROBABILITY and frames > 10)
    assert sum(span.seconds for span in speech) >= loud * voice_activity.FRAME_SECONDS - 1e-6


def test_two_workers_finish_together() -> None:
    """A talk of 80 s in three windows would keep one of two workers waiting."""
    speech = [Span(start, start + 4.0) for start in np.arange(0, 90, 4.5)]
    windows = cut_windows(speech, 90.0)
    lengths = [voice_activity.sound_seconds(window.speech) for window in windows]
    assert len(windows) == 4
    assert max(lengths) / min(lengths) < 1.5


def test_cuts_are_made_at_the_longest_pauses() -> None:
    spans = [Span(0, 8), Span(8.3, 16), Span(18, 24), Span(24.3, 34)]
    windows = cut_windows(spans, 34)
    assert [window.speech for window in windows] == [tuple(spans[:2]), tuple(spans[2:])]


def test_long_silence_is_not_heard() -> None:
    speech = [Span(1, 5), Span(65, 70)]
    (window,) = cut_windows(speech, 80)
    assert kept_sound(window.speech, window.start, window.end) == [Span(0.7, 5.3), Span(64.7, 70.3)]


@pytest.mark.integration
def test_the_detector_hears_nothing_in_silence_noise_and_tones(tmp_path) -> None:
    random = np.random.default_rng(3)
    time = np.arange(20 * 16_000) / 16_000
    sounds = {
        "silence": np.zeros_like(time),
        "white noise": random.normal(0, 0.1, len(time)),
        "soft noise": random.normal(0, 0.01, len(time)),
        "hum": 0.1 * np.sin(2 * np.pi * 50 * time) + 0.03 * np.sin(2 * np.pi * 150 * time),
        "tone": 0.3 * np.sin(2 * np.pi * 1000 * time),
    }
    for name, sound in sounds.items():
        path = tmp_path / "sound.pcm"
        path.write_bytes((np.clip(sound, -1, 1) * 32_767).astype("<i2").tobytes())
        assert find_speech(voice_activity.speech_probabilities(path)) == [], name


@pytest.mark.integration
def test_the_detector_gives_the_same_answer_in_blocks(tmp_path, monkeypatch, talk_pcm) -> None:
    """Four hours must not be in memory at once, and the seams must not be heard."""
    whole = voice_activity.speech_probabilities(talk_pcm)
    monkeypatch.setattr(voice_activity, "BLOCK_SECONDS", 16)
    blocks = voice_activity.speech_probabilities(talk_pcm)
    assert len(blocks) == len(whole)
    assert np.mean((blocks > 0.5) != (whole > 0.5)) < 0.01
