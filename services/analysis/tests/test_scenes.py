"""Where a talk is cut: every word in one scene, never inside a sentence, neither flashes nor bores while sentences allow it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2v.analysis.boundaries import MAX_WORDS
from s2v.analysis.content import Content
from s2v.analysis.flowchart import extract_flowchart
from s2v.analysis.language import Parser, PlainParser, Talk
from s2v.analysis.scenes import MAX_SECONDS, MIN_SECONDS, cut_scenes, goes_on, scene_start
from s2v.analysis.sentences import UNPUNCTUATED_WORDS
from s2v.analysis.speech import Speech, read_speech
from s2v.analysis.text import make_transcript
from s2v.v1.diagram_pb2 import DiagramType

PARSER = PlainParser()
OPENINGS = ("Now", "Then", "It", "Next,", "Gardens", "However", "Why", "Because")
ALLOWED = 1e-9

TALK = """The heart is a pump with four chambers. Blood comes in from the body and fills the right side. The right side sends it
to the lungs. There it takes up oxygen. Then it flows back to the left side. The left side pushes it through the
largest artery. Most people never think about it. A doctor listens to the valves with a stethoscope. If a valve leaks,
she hears a murmur. She may order a scan. The scan shows how much blood flows back. In many cases nothing has to be
done."""


def speak(sentences: list[tuple[int, float]]) -> Talk:
    """Makes a talk of sentences of so many words of 0.4 s, each after a pause of so many seconds."""
    texts: list[str] = []
    starts: list[float] = []
    clock = 0.0
    for number, (words, pause) in enumerate(sentences):
        clock += pause
        for place in range(words):
            opening = OPENINGS[number % len(OPENINGS)] if place == 0 else "word"
            texts.append(opening if place < words - 1 else "word.")
            starts.append(clock)
            clock += 0.4
    ends = tuple(start + 0.4 for start in starts)
    return PARSER.parse(Speech(tuple(texts), tuple(starts), ends, clock + 0.5, "xx"))


def fewest_outside(times: list[float]) -> int:
    """Returns the fewest scenes outside 8 to 45 s that a talk with these sentence starts (and end) can be cut into."""
    best = [0] + [len(times)] * (len(times) - 1)
    for end in range(1, len(times)):
        for begin in range(end):
            seconds = times[end] - times[begin]
            outside = not MIN_SECONDS - ALLOWED <= seconds <= MAX_SECONDS + ALLOWED
            best[end] = min(best[end], best[begin] + outside)
    return best[-1]


_talks = st.lists(
    st.tuples(st.integers(1, UNPUNCTUATED_WORDS), st.sampled_from([0.0, 0.1, 0.4, 1.0, 3.0, 12.0])), min_size=1, max_size=30
)


@settings(max_examples=150, deadline=None)
@given(_talks, st.integers(0, 2**16))
def test_scenes_hold_every_word_and_are_as_long_as_sentences_allow(sentences: list[tuple[int, float]], seed: int) -> None:
    talk = speak(sentences)
    vectors = np.random.default_rng(seed).normal(size=(len(talk.sentences), 8)).astype(np.float32)
    scenes = cut_scenes(talk, vectors)
    words = [talk.words(sentence) for begin, end in scenes for sentence in talk.sentences[begin:end]]
    assert [word for begin, end in words for word in range(begin, end)] == list(range(len(talk.speech)))
    assert all(talk.speech.texts[talk.words(talk.sentences[end - 1])[1] - 1].endswith(".") for _, end in scenes)
    times = [0.0, *(scene_start(talk, talk.words(sentence)[0]) for sentence in talk.sentences[1:]), talk.speech.duration]
    lengths = [times[end] - times[begin] for begin, end in scenes]
    outside = sum(not MIN_SECONDS - ALLOWED <= seconds <= MAX_SECONDS + ALLOWED for seconds in lengths)
    assert outside == fewest_outside(times)


def unpunctuate(text: str, pause: float) -> tuple[Speech, set[int]]:
    """Returns a text without marks and capitals, spoken with a pause after each sentence, and the words that start one."""
    words = text.split()
    starts, clock, true = [], 0.0, set()
    for number in range(len(words)):
        if number and words[number - 1].endswith("."):
            clock += pause
            true.add(number)
        elif number and words[number - 1].endswith(","):
            clock += pause / 2
        starts.append(clock)
        clock += 0.35
    bare = tuple(re.sub(r"[.,]", "", word.lower()) for word in words)
    return Speech(bare, tuple(starts), tuple(start + 0.35 for start in starts), clock, "en"), true


@pytest.mark.integration
def test_speech_without_punctuation_is_cut_between_its_sentences(parser: Parser) -> None:
    speech, true = unpunctuate(TALK, 0.5)
    talk = parser.parse(speech)
    found = {talk.words(sentence)[0] for sentence in talk.sentences} - {0}
    assert len(found & true) >= 0.8 * len(found), "cuts inside sentences"
    assert len(found & true) >= 0.8 * len(true), "sentences run together"


@pytest.mark.integration
def test_text_without_punctuation_or_pauses_still_ends_somewhere(parser: Parser) -> None:
    speech, _ = unpunctuate(f"{TALK} {TALK}", 0.0)
    talk = parser.parse(speech)
    lengths = [end - begin for begin, end in map(talk.words, talk.sentences)]
    assert sum(lengths) == len(speech)
    assert 1 < max(lengths) <= MAX_WORDS
    assert len(lengths) >= 4


@pytest.mark.integration
def test_a_long_sentence_with_its_marks_stays_whole(parser: Parser) -> None:
    clause = "and the baker, who had known the miller since both were boys, sent him a loaf of bread, "
    text = f"It was a hard winter, {clause * 4}and nobody went hungry."
    assert len(text.split()) > MAX_WORDS
    assert len(parser.parse(read_speech(make_transcript(text))).sentences) == 1


@pytest.mark.integration
def test_marks_that_are_there_are_believed(parser: Parser) -> None:
    speech = read_speech(make_transcript(TALK))
    louder = replace(speech, ends=tuple(end - 0.1 for end in speech.ends))
    for spoken in (speech, louder):
        assert len(parser.parse(spoken).sentences) == TALK.count(".")


@pytest.mark.integration
@pytest.mark.parametrize(
    ("opening", "onward"), [("Then pack the crate.", True), ("The pilot packs the crate.", False), ("Finally, paint it.", True)]
)
def test_a_process_that_goes_on_says_so(parse: Callable[[str], Talk], opening: str, onward: bool) -> None:
    first = parse("First, open the valve. Then lift the lid. After that, turn the wheel.")
    second = parse(f"{opening} Then load the truck. Then close the door.")
    before, after = extract_flowchart(first, first.sentences), extract_flowchart(second, second.sentences)
    assert goes_on(before, after, second.sentences[0]) is onward
    assert not goes_on(Content(DiagramType.DIAGRAM_TYPE_CYCLE), after, second.sentences[0]), "another kind of picture"
