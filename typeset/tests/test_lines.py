"""Protects line breaking: nothing is wider than asked, nothing is lost unless an ellipsis says so, lines are alike."""

from hypothesis import given, settings
from hypothesis import strategies as st

from s2v.typeset.lines import ELLIPSIS, is_abbreviated, wrap
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
    lines = wrap(text, WEIGHT, SIZE, room, most)
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
