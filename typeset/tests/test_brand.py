"""A brand may choose any colours in which text can be read, and is told what would do where it cannot."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2v.typeset.themes import THEMES, apply_brand, theme
from s2v.typeset.themes.brand import ACCENTS, contrast
from s2v.v1.composition_pb2 import ColorRole
from s2v.v1.job_pb2 import Brand

colors = st.integers(0, 0xFFFFFF).map(lambda value: f"#{value:06X}")
maybe = st.one_of(st.just(""), colors)
brands = st.builds(Brand, background=maybe, surface=maybe, text=maybe, muted=maybe, accents=st.lists(colors, max_size=6))


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#FFFFFF", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


@settings(deadline=None)
@given(brands, st.sampled_from(sorted(THEMES)))
def test_what_is_taken_can_be_read(brand: Brand, name: str) -> None:
    try:
        made = apply_brand(theme(name), brand)
    except ValueError:
        return
    for role in (*ACCENTS, ColorRole.COLOR_ROLE_TEXT, ColorRole.COLOR_ROLE_MUTED):
        for ground in (made.background, made.color(ColorRole.COLOR_ROLE_SURFACE)):
            assert contrast(made.color(role), ground) >= 4.5


@settings(deadline=None)
@given(colors, st.sampled_from(sorted(THEMES)))
def test_the_colour_that_is_proposed_is_taken(color: str, name: str) -> None:
    try:
        apply_brand(theme(name), Brand(accents=[color]))
    except ValueError as refused:
        proposed = re.search(r"set brand\.accents\[0\] to (#\w{6})", str(refused))
        assert proposed
        apply_brand(theme(name), Brand(accents=[proposed.group(1)]))


@pytest.mark.parametrize("color", ["red", "#12345", "#GGGGGG", "#123456;"])
def test_what_is_no_colour_is_refused_by_its_field(color: str) -> None:
    with pytest.raises(ValueError, match=r"brand\.text"):
        apply_brand(theme("dark"), Brand(text=color))


@pytest.mark.parametrize("each", THEMES.values(), ids=lambda each: each.name)
def test_a_brand_without_colours_is_the_theme(each: object) -> None:
    assert apply_brand(each, Brand()) == each  # type: ignore[arg-type]
