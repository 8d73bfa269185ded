"""Protects line breaking: nothing is wider than asked, nothing is lost unless an ellipsis says so, lines are alike."""

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from s2v.typeset.lines import ELLIPSIS, LEFT_TO_RIGHT_MARK, RIGHT_TO_LEFT_MARK, is_abbreviated, is_whole, wrap
from s2v.typeset.runs import cut_runs, is_right_to_left
from s2v.typeset.shaping import clean, width
from s2v.v1.composition_pb2 import FontWeight

WEIGHT = FontWeight.FONT_WEIGHT_MEDIUM
SIZE = 30.0

letters = st.characters(codec="latin-1", exclude_categories=["Cc"]) | st.sampled_from("缓存カナ、。（）한국어سلام")
words = st.text(letters, min_size=1, max_size=14)
texts = st.lists(words, max_size=12).map(" ".join)


@settings(deadline=None)
@given(texts, st.floats(60, 800), st.integers(1, 5))
def test_lines_fit_and_hold_the_text_or_say_that_they_do_not(text: str, room: float, most: int) -> None:
    marked = wrap(text, WEIGHT, SIZE, room, most)
    assert all(is_right_to_left(line) == is_right_to_left(clean(text)) for line in marked)
    lines = tuple(line.strip(LEFT_TO_RIGHT_MARK + RIGHT_TO_LEFT_MARK) for line in marked)
    assert len(lines) <= most
    for line in lines:
        assert width(line, WEIGHT, SIZE) <= room + 0.01 or len(line.rstrip(ELLIPSIS)) <= 2
    if is_abbreviated(text, lines):
        assert lines[-1].endswith(ELLIPSIS)
    else:
        assert "".join(lines).replace(" ", "") == clean(text).replace(" ", "")


def test_lines_are_balanced() -> None:
    lines = wrap("Application checks cache", WEIGHT, SIZE, 330, 3)
    assert lines == ("Application", "checks cache")


def test_a_shortened_text_does_not_end_in_a_small_word_or_a_comma() -> None:
    assert wrap("The cost of the first, of the second and of all", WEIGHT, SIZE, 300, 1) == ("The cost…",)


def test_a_word_wider_than_the_line_breaks_after_a_mark() -> None:
    assert wrap("services/layout/composition", WEIGHT, SIZE, 260, 3)[0].endswith("/")
    assert wrap("", WEIGHT, SIZE, 100, 2) == ()


def test_chinese_breaks_between_characters_but_not_before_a_full_stop() -> None:
    lines = wrap("缓存先被查询，如果没有命中，就去读数据库。", WEIGHT, SIZE, 330, 3)
    assert "".join(lines) == "缓存先被查询，如果没有命中，就去读数据库。"
    assert len(lines) == 2
    assert not any(line.startswith(("，", "。")) for line in lines)


def test_korean_breaks_between_words() -> None:
    assert wrap("캐시를 먼저 확인합니다", WEIGHT, SIZE, 200, 3) == ("캐시를 먼저", "확인합니다")


@pytest.mark.parametrize(
    "text",
    [
        "การเรียนรู้ของเครื่องเป็นส่วนหนึ่งของปัญญาประดิษฐ์",
        "हिन्दीभाषाविज्ञानक्षेत्रीय",
        "👨‍👩‍👧‍👦👩🏽‍💻🇩🇪👨‍👩‍👧‍👦👩🏽‍💻🇩🇪👨‍👩‍👧‍👦",
        "q\u0323\u0302" * 20,
    ],
    ids=["thai", "devanagari", "emoji", "accents"],
)
@pytest.mark.parametrize("most", [2, 40])
def test_what_is_read_as_one_character_is_never_cut(text: str, most: int) -> None:
    lines = wrap(text, WEIGHT, SIZE, 70, most)
    assert len(lines) > 1 or most == 2
    letters = regex.findall(r"\X", text)
    shown = [letter for line in lines for letter in regex.findall(r"\X", line.rstrip(ELLIPSIS))]
    assert shown == letters[: len(shown)]
    assert not any(line.endswith(tuple("เแโใไ")) for line in lines)


def test_all_lines_have_the_direction_of_their_paragraph() -> None:
    """By itself, a line that begins with the other script would be read from its wrong end."""
    hebrew = wrap("המערכת שולחת API REST לכל שרת", WEIGHT, SIZE, 260, 3)
    assert hebrew == ("המערכת שולחת", "\u200fAPI REST לכל שרת")
    assert [run.text for run in cut_runs(hebrew[1], WEIGHT)] == ["לכל שרת", " ", "API REST", "\u200f"]
    english = wrap("The greeting שלום means peace", WEIGHT, SIZE, 210, 3)
    assert english == ("The greeting", "\u200eשלום means", "peace")
    assert is_whole("The greeting שלום means peace", english)
    assert not is_abbreviated("The greeting שלום means peace", english)


@pytest.mark.parametrize(
    ("text", "lines", "whole"),
    [
        ("two words", ("two", "words"), True),
        ("Elasticsearch", ("Elasticsearc", "h"), False),
        ("two words", ("two…",), False),
        ("缓存先被查询，如果", ("缓存先被", "查询，如果"), True),
        ("", (), True),
    ],
)
def test_whole_is_what_has_no_word_on_two_lines(text: str, lines: tuple[str, ...], whole: bool) -> None:
    assert is_whole(text, lines) == whole
