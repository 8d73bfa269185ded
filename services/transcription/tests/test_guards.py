"""Protects against loops that the engine makes up, and protects what a speaker really repeats."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2v.transcription import guards
from s2v.transcription.engine import HeardSegment, HeardWord
from s2v.transcription.guards import remove_loops


def segment(texts: list[str], probability: float, seconds: float = 0.3) -> HeardSegment:
    words = tuple(HeardWord(f" {text}", place * seconds, (place + 1) * seconds, probability) for place, text in enumerate(texts))
    return HeardSegment(words, 0.0, low_confidence=False)


def plain(segments: list[HeardSegment]) -> list[str]:
    return [word.text.strip() for one in segments for word in one.words]


def test_an_unsure_loop_keeps_its_first_round_and_is_marked() -> None:
    said, removed = remove_loops([segment(["So"], 0.9), segment(["it", "is,"] * 9, 0.2), segment(["Good."], 0.9)])
    assert plain(said) == ["So", "it", "is,", "Good."]
    assert removed == 16
    assert [one.low_confidence for one in said] == [False, True, False]


def test_words_faster_than_anybody_speaks_are_a_loop_however_sure_the_engine_is() -> None:
    said, removed = remove_loops([segment(["nd"] * 60, 0.9, seconds=0.02)])
    assert (plain(said), removed) == (["nd"], 59)


def test_what_a_speaker_repeats_stays() -> None:
    spoken = [segment(["No,", "no,", "no,", "no,", "no!"], 0.9), segment(["very"] * 3, 0.3)]
    assert remove_loops(spoken) == (spoken, 0)


def test_a_loop_that_fills_a_segment_leaves_no_empty_one() -> None:
    said, removed = remove_loops([segment(["a", "b"] * 2, 0.1), segment(["a", "b"] * 2, 0.1)])
    assert plain(said) == ["a", "b"]
    assert removed == 6
    assert len(said) == 1


@given(st.lists(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=12), max_size=4), st.sampled_from([0.1, 0.9]))
def test_nothing_is_invented_and_all_words_are_counted(texts: list[list[str]], probability: float) -> None:
    heard = [segment(words, probability) for words in texts]
    said, removed = remove_loops(heard)
    before, after = plain(heard), plain(said)
    assert len(before) == len(after) + removed
    remaining = iter(before)
    assert all(word in remaining for word in after), "what stays is in the order in which it was heard"


def test_each_word_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a long window, as a remote engine may send it, would take the square of its length."""
    looked: list[HeardWord] = []
    plain_of = guards._plain
    monkeypatch.setattr(guards, "_plain", lambda word: looked.append(word) or plain_of(word))
    remove_loops([segment([f"word{number}" for number in range(300)], 0.9)])
    assert len(looked) == 300
