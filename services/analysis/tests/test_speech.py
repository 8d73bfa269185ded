import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2v.analysis.sentences import cut_sentences
from s2v.analysis.speech import Speech, read_speech
from s2v.analysis.text import LEAD_SECONDS, WORD_SECONDS, make_transcript
from s2v.runtime.errors import InvalidInputError
from s2v.v1.transcript_pb2 import Segment, Transcript, Word


def test_plain_text_gets_even_word_times() -> None:
    transcript = make_transcript("First, boil the water. Then add the tea.\n\nDrink it.")
    speech = read_speech(transcript)
    assert [segment.text for segment in transcript.segments] == ["First, boil the water.", "Then add the tea.", "Drink it."]
    assert speech.starts[0] == LEAD_SECONDS
    assert speech.ends[0] - speech.starts[0] == pytest.approx(WORD_SECONDS)
    assert speech.pause_before(8) > speech.pause_before(4) > speech.pause_before(1)


@pytest.mark.parametrize("text", ["", "  \n\n "])
def test_text_without_words_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        make_transcript(text)
    assert caught.value.reason == "NO_WORDS"


def _transcript(*words: tuple[str, float, float], duration: float = 10.0) -> Transcript:
    segment = Segment(words=[Word(text=text, start_seconds=start, end_seconds=end) for text, start, end in words])
    return Transcript(language="en", duration_seconds=duration, segments=[segment])


@pytest.mark.parametrize(
    ("transcript", "field"),
    [
        (_transcript(("b", 2, 3), ("a", 1, 2)), "transcript.segments[0].words[1].start_seconds"),
        (_transcript(("a", 1, 0.5)), "transcript.segments[0].words[0].end_seconds"),
        (_transcript((" ", 1, 2)), "transcript.segments[0].words[0].text"),
        (_transcript(("a", 11, 12)), "transcript.duration_seconds"),
        (_transcript(), "transcript.segments"),
        (_transcript(("a", 1, 2), duration=math.inf), "transcript.duration_seconds"),
        (_transcript(("a", 1, 2), ("b", math.nan, 3)), "transcript.segments[0].words[1].start_seconds"),
        (
            Transcript(
                language="en", duration_seconds=9, segments=[*_transcript(("a", 1, 2)).segments, Segment(text="And more.")]
            ),
            "transcript.segments[1].words",
        ),
    ],
)
def test_broken_transcripts_are_refused_by_field(transcript: Transcript, field: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read_speech(transcript)
    assert caught.value.field == field


def _speech(text: str, pauses: dict[int, float] | None = None) -> Speech:
    words = text.split()
    starts, clock = [], 0.0
    for number in range(len(words)):
        clock += (pauses or {}).get(number, 0.05)
        starts.append(clock)
        clock += 0.3
    return Speech(tuple(words), tuple(starts), tuple(start + 0.3 for start in starts), clock, "en")


def test_abbreviations_do_not_end_sentences() -> None:
    assert cut_sentences(_speech("Dr. Smith works here. He rests, e.g. on Sundays.")) == [(0, 4), (4, 9)]


@pytest.mark.parametrize("end", ["。", "؟", "।", "！", "？", "۔", "。」"])
def test_sentences_end_in_every_script(end: str) -> None:
    assert cut_sentences(_speech(f"aaa bbb{end} ccc ddd{end}")) == [(0, 2), (2, 4)]


def test_before_christ_ends_no_french_sentence() -> None:
    assert cut_sentences(_speech("Vers 44 av. J.-C. le chef meurt.")) == [(0, 7)]


def test_speech_without_full_stops_is_cut_at_its_pauses() -> None:
    speech = _speech(" ".join(["word"] * 100), {40: 0.9, 70: 0.9})
    assert cut_sentences(speech) == [(0, 40), (40, 70), (70, 100)]


def test_a_name_after_a_pause_is_no_sentence() -> None:
    assert cut_sentences(_speech("Long may the rivers feed Bohemia.", {5: 2.0})) == [(0, 6)]
    assert cut_sentences(_speech("So we went Then it rained.", {3: 2.0})) == [(0, 3), (3, 6)]


@given(st.lists(st.sampled_from(["a", "Bob", "end.", "why?", "3.5", "so,", "Mr."]), min_size=1, max_size=200), st.data())
def test_sentences_hold_every_word_once(words: list[str], data: st.DataObject) -> None:
    pauses = data.draw(st.dictionaries(st.integers(0, len(words) - 1), st.floats(0, 2), max_size=10))
    sentences = cut_sentences(_speech(" ".join(words), pauses))
    assert [number for begin, end in sentences for number in range(begin, end)] == list(range(len(words)))
