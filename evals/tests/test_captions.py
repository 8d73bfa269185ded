"""Captions are followed word by word; a shifted or cut track must show."""

from pathlib import Path

import pytest

from evals.captions import check_captions, check_chapters
from s2v.v1.transcript_pb2 import Transcript


@pytest.fixture
def transcript() -> Transcript:
    made = Transcript(duration_seconds=6.0)
    segment = made.segments.add()
    for number, text in enumerate(["The", "browser", "checks", "its", "cache,", "then", "it", "draws", "the", "page."]):
        segment.words.add(text=text, start_seconds=number * 0.5, end_seconds=number * 0.5 + 0.4)
    return made


CUES = [(0.0, 2.45, "The browser checks its cache,"), (2.5, 5.0, "then it draws the page.")]


def test_captions_at_their_words_pass(film, tmp_path: Path, transcript: Transcript) -> None:
    film.cues = CUES
    found = check_captions(film.write(tmp_path / "film.mp4"), transcript)
    assert (found.cues, found.overlaps, found.outside) == (2, 0, 0)
    assert found.words_shown == found.words_in_time == 1.0


def test_captions_a_second_late_are_caught(film, tmp_path: Path, transcript: Transcript) -> None:
    film.cues = [(start + 1.0, end + 1.0, text) for start, end, text in CUES]
    found = check_captions(film.write(tmp_path / "film.mp4"), transcript)
    assert found.words_shown == 1.0
    assert found.words_in_time < 0.8


def test_missing_captions_are_caught(film, tmp_path: Path, transcript: Transcript) -> None:
    found = check_captions(film.write(tmp_path / "film.mp4"), transcript)
    assert (found.cues, found.words_shown) == (0, 0.0)


def test_missing_chapters_are_caught(film, tmp_path: Path) -> None:
    found = check_chapters(film.write(tmp_path / "film.mp4"), film.composition)
    assert (found.chapters, found.scenes, found.start_error_seconds) == (0, 2, None)
