"""Protects the captions: readable by the rules, nothing lost, files that players accept."""

import itertools
import re
import sys
from pathlib import Path

from hypothesis import given, settings

from s2v.runtime import captions
from s2v.runtime.captions import LINE_CHARACTERS, MAX_SECONDS, make_captions, to_srt, to_text, to_vtt
from s2v.transcription.joining import join_windows
from s2v.v1.transcript_pb2 import Segment, Transcript, TranscriptWindow, Word

sys.path.insert(0, str(Path(__file__).parent))
from transcripts import windows


def spoken(text: str, seconds_per_word: float = 0.3, start: float = 0.0) -> Transcript:
    words = [
        Word(text=word, start_seconds=start + number * seconds_per_word, end_seconds=start + (number + 1) * seconds_per_word)
        for number, word in enumerate(text.split())
    ]
    part = TranscriptWindow(segments=[Segment(words=words)], language="en", sound_seconds=start + len(words) * seconds_per_word)
    return join_windows([part], "")


@given(windows())
@settings(max_examples=150, deadline=None)
def test_captions_obey_the_rules_and_lose_nothing(parts: list[TranscriptWindow]) -> None:
    transcript = join_windows(parts, "")
    made = make_captions(transcript)
    written = "".join(line for caption in made for line in caption.lines).replace(" ", "")
    assert written == "".join(segment.text for segment in transcript.segments).replace(" ", "")
    for caption in made:
        assert all(0 < len(line) <= LINE_CHARACTERS for line in caption.lines)
        assert len(caption.lines) <= 2
        assert caption.end > caption.start
    for before, after in itertools.pairwise(made):
        assert before.end <= after.start


def test_a_caption_stays_long_enough_to_be_read_where_there_is_room() -> None:
    talk = spoken("Nobody remembers numbers.", seconds_per_word=0.2)
    talk.duration_seconds = 10
    (caption,) = make_captions(talk)
    assert caption.end - caption.start >= len("Nobody remembers numbers.") / captions.CHARACTERS_PER_SECOND


def test_no_caption_stands_longer_than_seven_seconds() -> None:
    made = make_captions(spoken("one two three four five six seven eight nine ten eleven twelve", seconds_per_word=1.5))
    assert max(caption.end - caption.start for caption in made) <= MAX_SECONDS


def test_lines_are_broken_after_a_clause() -> None:
    (caption,) = make_captions(spoken("That rule works for people, and it works for machines."))
    assert caption.lines == ("That rule works for people,", "and it works for machines.")


def test_vtt_escapes_what_players_take_for_markup() -> None:
    text = to_vtt(spoken("if a<b --> c & d"))
    assert text.startswith("WEBVTT\n\n00:00:00.000 --> ")
    assert "a&lt;b --&gt; c &amp; d" in text


def test_srt_is_numbered_with_commas_in_its_times() -> None:
    text = to_srt(spoken("One here. Two here.", start=3661.5))
    assert re.fullmatch(r"(\d+\n\d\d:\d\d:\d\d,\d{3} --> \d\d:\d\d:\d\d,\d{3}\n[^\n]+\n\n)+", text)
    assert text.startswith("1\n01:01:01,500 --> 01:01:0")
    assert "\n2\n" in text


def test_text_starts_a_paragraph_after_a_long_pause() -> None:
    first, second = spoken("One. Two."), spoken("Three.", start=10)
    joined = Transcript(language="en", segments=[*first.segments, *second.segments])
    assert to_text(joined) == "One. Two.\n\nThree.\n"
