"""The examples' true word times belong to their texts and sounds."""

from itertools import pairwise
from pathlib import Path

import av
import pytest

from evals.words import read_timed_words

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.txt"))


def test_there_are_three() -> None:
    assert len(NAMES) == 3


@pytest.mark.parametrize("name", NAMES)
def test_times_belong_to_text_and_sound(name: str) -> None:
    words = read_timed_words(EXAMPLES / f"{name}.words.json")
    assert [word.text for word in words] == (EXAMPLES / f"{name}.txt").read_text(encoding="utf-8").split()
    assert all(word.start_seconds < word.end_seconds for word in words)
    assert all(word.end_seconds <= after.start_seconds for word, after in pairwise(words))
    with av.open(str(EXAMPLES / f"{name}.opus")) as container:
        seconds = (container.duration or 0) / av.time_base
    assert 60 <= seconds <= 180
    assert 0.5 < seconds - words[-1].end_seconds < 3.0
    assert (EXAMPLES / f"{name}.opus").stat().st_size < 3_000_000
