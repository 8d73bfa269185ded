"""Protects the times of words: in order, within the speech where they are heard, mapped over the silence that was left out."""

import itertools
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2v.runtime.errors import InvalidInputError
from s2v.transcription import recognition
from s2v.transcription.engine import HeardSegment, HeardWord
from s2v.transcription.recognition import (
    ATTENTION_LEAD_SECONDS,
    CHAINED_WINDOWS,
    CONTEXT_TOKENS,
    MAX_WORD_SECONDS,
    Examination,
    examine,
    make_request,
    make_window,
    parts,
    place_words,
)
from s2v.transcription.voice_activity import Span, Window, kept_sound
from s2v.v1.diagram_pb2 import TimeSpan
from s2v.v1.work_pb2 import TranscriptionPart

SPEECH = [Span(1, 5), Span(65, 70)]
KEPT = kept_sound(SPEECH, 0, 80)


def heard(*words: tuple[str, float, float]) -> list[HeardSegment]:
    return [HeardSegment(tuple(HeardWord(text, start, end, 0.9) for text, start, end in words), 0.0, False)]


@given(st.lists(st.floats(0, 10.2), min_size=2, max_size=40))
@settings(max_examples=200, deadline=None)
def test_words_are_in_order_short_and_near_speech(times: list[float]) -> None:
    marks = sorted(times)
    words = [(" word", start, end) for start, end in itertools.pairwise(marks)]
    placed = [word for segment in place_words(heard(*words), KEPT, SPEECH, "en") for word in segment.words]
    assert len(placed) == len(words)
    for word in placed:
        assert 0 < word.end_seconds - word.start_seconds <= MAX_WORD_SECONDS + 1e-6
    for before, after in itertools.pairwise(placed):
        assert before.end_seconds <= after.start_seconds + 1e-9


def test_a_word_after_left_out_silence_gets_its_time_in_the_whole_sound() -> None:
    # The first piece is 4.6 s long: 0.7 to 5.3.
    (segment,) = place_words(heard((" before", 1.0, 1.5), (" after", 5.5, 6.0)), KEPT, SPEECH, "en")
    assert segment.words[0].start_seconds == pytest.approx(1.7 + ATTENTION_LEAD_SECONDS)
    assert segment.words[1].start_seconds == pytest.approx(64.7 + 0.9 + ATTENTION_LEAD_SECONDS)


def test_a_word_that_starts_in_the_pause_before_it_is_held_back() -> None:
    speech = [Span(1, 2), Span(3, 4)]
    (segment,) = place_words(heard((" so", 1.0, 1.9), (" then", 1.9, 3.4)), [Span(0, 5)], speech, "en")
    assert segment.words[1].start_seconds == 3


def test_a_hyphenated_name_is_one_word() -> None:
    (segment,) = place_words(heard((" Berners", 1.0, 1.5), ("-Lee", 1.5, 2.0), (" –", 2.0, 2.1)), KEPT, SPEECH, "en")
    assert [word.text for word in segment.words] == ["Berners-Lee –"]
    assert segment.text == "Berners-Lee –"


@given(st.integers(1, 500))
def test_windows_go_on_from_one_another_in_short_chains_of_like_length(count: int) -> None:
    """An even number of them, so that two workers are done together; the first window goes on from nothing."""
    windows = tuple(Window((Span(20 * n, 20 * n + 15),), 20 * n, 20 * n + 15) for n in range(count))
    made = parts(Examination(20.0 * count, 15.0 * count, windows, "en", 1.0, 1.0), (), in_chains=True)
    starts = [number for number, part in enumerate(made) if not part.goes_on]
    lengths = [after - before for before, after in itertools.pairwise([*starts, count])]
    assert starts[0] == 0
    assert max(lengths) <= CHAINED_WINDOWS
    assert max(lengths) - min(lengths) <= 1
    assert len(lengths) % 2 == 0 or count == 1


def test_what_is_handed_on_ends_with_what_was_heard_last_and_is_nothing_when_the_engine_is_unsure() -> None:
    part = TranscriptionPart(start_seconds=0, end_seconds=10, speech=[TimeSpan(start_seconds=1, end_seconds=9)], language="en")
    part.context_tokens.extend(range(CONTEXT_TOKENS))
    words = (HeardWord(" so", 1.0, 2.0, 0.9),)
    sure, unsure = HeardSegment(words, 0.0, False, (901, 902)), HeardSegment(words, 0.0, True, (903,))
    handed = list(make_window([sure], part, []).context_tokens)
    assert len(handed) == CONTEXT_TOKENS
    assert handed[-3:] == [CONTEXT_TOKENS - 1, 901, 902]
    assert not make_window([sure, unsure], part, []).context_tokens
    assert not make_window([HeardSegment(words, 0.0, False)], part, []).context_tokens, "a remote engine hands nothing on"


def test_a_language_that_the_loaded_model_does_not_know_is_refused_before_anything_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recognition, "_resident", SimpleNamespace(languages=frozenset(("en", "zh"))))
    with pytest.raises(InvalidInputError, match="yue") as caught:
        examine(tmp_path / "not read", "yue")
    assert caught.value.field == "language"


def test_windows_carry_the_tag_of_their_language_and_the_engine_gets_its_own_code() -> None:
    window = Window((Span(0, 1),), 0, 1)
    (part,) = parts(Examination(1.0, 1.0, (window,), "jw", 1.0, 1.0), (), in_chains=False)
    assert part.language == "jv"
    assert make_request(bytes(32_000), part).language == "jw"
    assert make_window([], part, []).language == "jv"
