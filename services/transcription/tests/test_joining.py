"""Protects the transcript: every word once and in order, times that never overlap, segments that are sentences."""

import itertools
import sys
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from s2v.transcription.joining import PAUSE_SECONDS, ends_sentence, join_windows
from s2v.v1.transcript_pb2 import Segment, TranscriptWindow, Word

sys.path.insert(0, str(Path(__file__).parent))
from transcripts import windows


@given(windows())
@settings(max_examples=150, deadline=None)
def test_every_word_once_in_order_without_overlap(parts: list[TranscriptWindow]) -> None:
    transcript = join_windows(parts, "ab" * 32)
    joined = [word for segment in transcript.segments for word in segment.words]
    heard = [word for part in parts for segment in part.segments for word in segment.words]
    assert [word.text for word in joined] == [word.text for word in heard]
    for word in joined:
        assert word.end_seconds > word.start_seconds
    for before, after in itertools.pairwise(joined):
        assert before.end_seconds <= after.start_seconds
    assert all(word.end_seconds <= parts[0].sound_seconds + 1e-6 for word in joined)


def test_words_heard_after_the_end_of_the_sound_share_what_is_left_of_it() -> None:
    """A talk that stops in the middle of a word: the engine hears words at its end and beyond."""
    heard = [Word(text=text, start_seconds=at, end_seconds=at + 0.3) for text, at in (("and", 9.5), ("then", 9.9), ("it", 10.06))]
    part = TranscriptWindow(segments=[Segment(words=heard)], language="en", sound_seconds=10)
    (segment,) = join_windows([part], "").segments
    assert [word.start_seconds for word in segment.words] == [9.5, 9.9, 9.98]
    assert segment.words[-1].end_seconds == 10


@given(windows())
@settings(max_examples=100, deadline=None)
def test_segments_span_their_words_and_end_at_sentences_or_pauses(parts: list[TranscriptWindow]) -> None:
    transcript = join_windows(parts, "")
    for segment in transcript.segments:
        assert segment.words
        assert (segment.start_seconds, segment.end_seconds) == (segment.words[0].start_seconds, segment.words[-1].end_seconds)
        assert segment.text == " ".join(word.text for word in segment.words)
        assert not any(ends_sentence(word.text) for word in segment.words[:-1])
    for before, after in itertools.pairwise(transcript.segments):
        last, first = before.words[-1], after.words[0]
        assert ends_sentence(last.text) or first.start_seconds - last.end_seconds >= PAUSE_SECONDS


def test_a_sentence_goes_on_over_the_cut_between_two_windows() -> None:
    before = Segment(words=[Word(text="Keep", start_seconds=1, end_seconds=2)])
    after = Segment(words=[Word(text="going.", start_seconds=2.2, end_seconds=3)], low_confidence=True)
    parts = [TranscriptWindow(segments=[segment], language="en", sound_seconds=4) for segment in (before, after)]
    (segment,) = join_windows(parts, "").segments
    assert segment.text == "Keep going."
    assert segment.low_confidence


def test_abbreviations_and_initials_end_no_sentence() -> None:
    assert not any(map(ends_sentence, ["Dr.", "e.g.", "J.", "3.5", "word"]))
    assert all(map(ends_sentence, ["end.", "really?", 'so."', "好。", "well…"]))


@given(st.sampled_from(["zh", "ja"]))
def test_languages_without_spaces_are_written_without(language: str) -> None:
    part = TranscriptWindow(
        segments=[
            Segment(words=[Word(text="你", start_seconds=0, end_seconds=1), Word(text="好", start_seconds=1, end_seconds=2)])
        ],
        language=language,
        sound_seconds=2,
    )
    assert join_windows([part], "").segments[0].text == "你好"
