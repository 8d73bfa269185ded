"""Protects measuring and drawing from parting: widths scale with the size, kerning is in them, outlines are closed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2v.typeset.shaping import clean, metrics, outline, shape, width
from s2v.v1.composition_pb2 import FontWeight

MEDIUM = FontWeight.FONT_WEIGHT_MEDIUM


@given(st.text(max_size=60), st.floats(10, 200))
def test_the_width_is_proportional_to_the_size_for_any_text(text: str, size: float) -> None:
    assert width(text, MEDIUM, size) == pytest.approx(width(text, MEDIUM, 1000.0) * size / 1000, rel=1e-6, abs=1e-6)


def test_kerning_is_applied() -> None:
    apart = width("A", MEDIUM, 100) + width("V", MEDIUM, 100)
    assert width("AV", MEDIUM, 100) < apart - 1


def test_a_heavier_weight_is_wider() -> None:
    assert width("Query", FontWeight.FONT_WEIGHT_SEMI_BOLD, 30) > width("Query", FontWeight.FONT_WEIGHT_REGULAR, 30)


def test_outlines_are_closed_cubic_curves_as_high_as_the_metrics_say() -> None:
    contours = outline(MEDIUM, shape("H", MEDIUM, 30).glyphs[0].glyph_id)
    assert contours
    for contour in contours:
        assert len(contour.points) % 3 == 1
        assert contour.points[0] == pytest.approx(contour.points[-1])
    top = max(y for contour in contours for _, y in contour.points)
    assert top == pytest.approx(metrics(MEDIUM).cap_height, abs=0.01)
    assert not outline(MEDIUM, shape("a b", MEDIUM, 30).glyphs[1].glyph_id)


def test_accents_come_composed_and_white_space_as_one_space() -> None:
    assert clean(" cafe\u0301 \n\t au\x00 lait ") == "café au lait"
    assert shape("cafe\u0301", MEDIUM, 30) == shape("café", MEDIUM, 30)
