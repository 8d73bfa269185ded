"""Protects measuring and drawing from parting: widths scale with the size, kerning is in them, outlines are closed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2v.typeset.runs import cut_runs
from s2v.typeset.shaping import clean, metrics, outline, shape, width
from s2v.v1.composition_pb2 import FontWeight

MEDIUM = FontWeight.FONT_WEIGHT_MEDIUM


@settings(deadline=None)
@given(st.text(max_size=60), st.floats(10, 200))
def test_the_width_is_proportional_to_the_size_for_any_text(text: str, size: float) -> None:
    assert width(text, MEDIUM, size) == pytest.approx(width(text, MEDIUM, 1000.0) * size / 1000, rel=1e-6, abs=1e-6)


def test_kerning_is_applied() -> None:
    apart = width("A", MEDIUM, 100) + width("V", MEDIUM, 100)
    assert width("AV", MEDIUM, 100) < apart - 1


def test_a_heavier_weight_is_wider() -> None:
    assert width("Query", FontWeight.FONT_WEIGHT_SEMI_BOLD, 30) > width("Query", FontWeight.FONT_WEIGHT_REGULAR, 30)


def test_outlines_are_closed_cubic_curves_as_high_as_the_metrics_say() -> None:
    contours = outline("Inter-Medium.otf", shape("H", MEDIUM, 30).glyphs[0].glyph_id)
    assert contours
    for contour in contours:
        assert len(contour.points) % 3 == 1
        assert contour.points[0] == pytest.approx(contour.points[-1])
    top = max(y for contour in contours for _, y in contour.points)
    assert top == pytest.approx(metrics(MEDIUM).cap_height, abs=0.01)
    assert not outline("Inter-Medium.otf", shape("a b", MEDIUM, 30).glyphs[1].glyph_id)


def test_accents_come_composed_and_white_space_as_one_space() -> None:
    assert clean(" cafe\u0301 \n\t au\x00 lait ") == "café au lait"
    assert shape("cafe\u0301", MEDIUM, 30) == shape("café", MEDIUM, 30)


def test_arabic_runs_from_right_to_left_joined_and_numbers_in_it_from_left_to_right() -> None:
    """Else letters stand alone, words in the wrong order, and 2024 reads 4202."""
    joined = shape("سلام", MEDIUM, 30)
    alone = sum(shape(letter, MEDIUM, 30).width_px for letter in "سلام")
    assert joined.width_px < alone - 5
    runs = cut_runs("عام 2024 API", MEDIUM)
    assert "|".join(run.text for run in runs) == "API| |2024|عام "
    assert [run.direction for run in runs] == ["ltr", "rtl", "ltr", "rtl"]


def test_a_line_of_several_scripts_takes_each_glyph_from_a_font_that_has_it() -> None:
    line = shape("Cache 缓存 캐시 🚀", MEDIUM, 30)
    assert {glyph.file for glyph in line.glyphs} == {
        "Inter-Medium.otf",
        "DroidSansFallbackFull.ttf",
        "NotoSansKR-Hangul-Medium.ttf",
        "NotoEmoji-Medium.ttf",
    }
    assert all(glyph.glyph_id for glyph in line.glyphs)
    assert [glyph.x_px for glyph in line.glyphs] == sorted(glyph.x_px for glyph in line.glyphs)


@settings(deadline=None)
@given(st.text(st.sampled_from("abc 12 שלום سلام(日本)\u200f\u202e🚀"), max_size=30))
def test_runs_hold_every_character_once(text: str) -> None:
    """Whatever directions are mixed, nothing of a label is lost or doubled."""
    assert sorted("".join(run.text for run in cut_runs(text, MEDIUM))) == sorted(text)
