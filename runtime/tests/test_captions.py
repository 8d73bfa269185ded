"""Captions can be read: two short lines, long enough, never over the next."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from s2v.runtime.captions import CHARACTERS_PER_SECOND, LINE_CHARACTERS, break_lines, make_captions, measure, to_vtt
from s2v.v1.transcript_pb2 import Segment, Transcript, Word

words = st.lists(st.from_regex(r"[a-zA-Z']{1,12}[.,?]?", fullmatch=True), min_size=1, max_size=80)


def spoken(texts: list[str], pace: float = 0.3) -> Transcript:
    segment = Segment(end_seconds=len(texts) * pace, text=" ".join(texts))
    for number, text in enumerate(texts):
        segment.words.append(Word(text=text, start_seconds=number * pace, end_seconds=(number + 1) * pace))
    return Transcript(duration_seconds=len(texts) * pace + 1, segments=[segment])


@given(words, st.floats(0.1, 1.5))
def test_every_word_is_shown_once_in_lines_that_fit(texts: list[str], pace: float) -> None:
    captions = make_captions(spoken(texts, pace))
    assert " ".join(line for caption in captions for line in caption.lines).split() == texts
    for caption in captions:
        assert len(caption.lines) <= 2
        assert all(len(line) <= LINE_CHARACTERS for line in caption.lines)
        assert caption.end > caption.start
    assert all(a.end <= b.start + 1e-9 for a, b in itertools.pairwise(captions))


def test_a_short_caption_stays_long_enough_to_be_read() -> None:
    transcript = Transcript(duration_seconds=30)
    for start in (1.0, 20.0):
        word = Word(text="Yes.", start_seconds=start, end_seconds=start + 0.2)
        transcript.segments.append(Segment(start_seconds=start, end_seconds=start + 0.2, text="Yes.", words=[word]))
    assert [round(each.end - each.start, 3) for each in make_captions(transcript)] == [1.0, 1.0]


def test_lines_break_after_a_comma_and_in_the_middle() -> None:
    assert break_lines(["The", "cache", "answers", "at", "once,", "and", "the", "database", "is", "spared"], " ") == (
        "The cache answers at once,",
        "and the database is spared",
    )


@given(st.lists(st.text("明日天気予報가나다ＡＢ", min_size=1, max_size=6), min_size=1, max_size=60))
def test_lines_of_full_width_are_half_as_long(texts: list[str]) -> None:
    """42 such characters would be twice as wide as a line may be. An edit leaves sentences without times of words, too."""
    timed = spoken(texts)
    timed.language = "ja"
    timed.segments[0].text = "".join(texts)
    untimed = Transcript()
    untimed.CopyFrom(timed)
    del untimed.segments[0].words[:]
    for transcript in (timed, untimed):
        captions = make_captions(transcript)
        assert "".join(line for caption in captions for line in caption.lines) == "".join(texts)
        assert all(len(caption.lines) <= 2 for caption in captions)
        assert all(measure(line) <= LINE_CHARACTERS for caption in captions for line in caption.lines)
        assert max(len(line) for caption in captions for line in caption.lines) <= LINE_CHARACTERS // 2


def test_characters_of_full_width_stay_twice_as_long() -> None:
    text = "明日は全国的に晴れるでしょう"
    word = Word(text=text, start_seconds=0, end_seconds=1)
    segments = [Segment(end_seconds=1, text=text, words=[word])]
    (caption,) = make_captions(Transcript(language="ja", duration_seconds=30, segments=segments))
    assert caption.end == 2 * len(text) / CHARACTERS_PER_SECOND


def test_latin_words_in_a_chinese_sentence_stay_whole() -> None:
    text = "我们今天在这里一起讨论一下关于怎样使用 Kubernetes 部署服务"
    transcript = Transcript(language="zh", duration_seconds=9, segments=[Segment(end_seconds=6, text=text)])
    (caption,) = make_captions(transcript)
    assert "".join(caption.lines) == text
    assert any("Kubernetes" in line for line in caption.lines)


def test_hostile_text_stays_text() -> None:
    vtt = to_vtt(spoken(["<script>", "a", "-->", "b", "&amp;"]))
    assert "&lt;script&gt; a --&gt; b &amp;amp;" in vtt
    assert vtt.count("-->") == 1
