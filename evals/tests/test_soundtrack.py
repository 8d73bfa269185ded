"""The ear of the evaluation: lag, drift, other sound and missing ends must all show."""

import numpy as np
import pytest

from evals.soundtrack import match_sound

SECONDS = 6.0
FRAME = 1 / 30


def match(film, tmp_path, write_sound, source, track):
    film.sound = track
    return match_sound(film.write(tmp_path / "film.mp4"), write_sound(tmp_path / "source.flac", source))


def test_the_same_sound_matches(film, tmp_path, speech, write_sound) -> None:
    sound = speech(SECONDS)
    found = match(film, tmp_path, write_sound, sound, sound)
    assert found.correlation > 0.99
    assert abs(found.lag_seconds) < 0.002
    assert abs(found.drift_seconds) < 0.002
    assert abs(found.soundtrack_difference_seconds) < FRAME
    assert abs(found.picture_difference_seconds) < FRAME


@pytest.mark.parametrize("late", [0.1, -0.1])
def test_a_shifted_soundtrack_shows_its_lag(film, tmp_path, speech, write_sound, late: float) -> None:
    sound = speech(SECONDS)
    shift = round(abs(late) * 48_000)
    moved = np.concatenate((np.zeros(shift, np.float32), sound[:-shift])) if late > 0 else sound[shift:]
    found = match(film, tmp_path, write_sound, sound, moved)
    assert found.lag_seconds == pytest.approx(late, abs=0.002)
    assert found.correlation > 0.97


def test_a_slow_soundtrack_shows_its_drift(film, tmp_path, speech, write_sound) -> None:
    sound = speech(40.0)
    slow = np.interp(np.arange(len(sound)) / 1.001, np.arange(len(sound)), sound).astype(np.float32)
    found = match(film, tmp_path, write_sound, sound, slow)
    assert found.drift_seconds == pytest.approx(0.03, abs=0.008)  # from the middle of the first block to that of the last
    assert found.correlation < 0.99


def test_another_sound_does_not_match(film, tmp_path, speech, write_sound) -> None:
    assert match(film, tmp_path, write_sound, speech(SECONDS), speech(SECONDS, seed=4)).correlation < 0.3


def test_a_cut_soundtrack_shows_its_length(film, tmp_path, speech, write_sound) -> None:
    sound = speech(SECONDS)
    found = match(film, tmp_path, write_sound, sound, sound[: -48_000 // 2])
    assert found.soundtrack_difference_seconds == pytest.approx(-0.5, abs=FRAME)
