"""A brand may choose any colours in which text can be read, and is told what would do where it cannot."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s2v.typeset.themes import THEMES, apply_brand, check_logo, theme
from s2v.typeset.themes.brand import ACCENTS, contrast, set_tints
from s2v.typeset.themes.logo import LARGEST_BYTES, PNG
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
    for tint in set_tints(made):
        assert contrast(made.color(ColorRole.COLOR_ROLE_TEXT), tint) >= 4.5


@settings(deadline=None)
@given(colors, st.sampled_from(sorted(THEMES)))
def test_the_colour_that_is_proposed_is_taken(color: str, name: str) -> None:
    try:
        apply_brand(theme(name), Brand(accents=[color]))
    except ValueError as refused:
        proposed = re.search(r"set brand\.accents\[0\] to (#\w{6})", str(refused))
        assert proposed
        apply_brand(theme(name), Brand(accents=[proposed.group(1)]))


def test_text_that_could_not_be_read_on_a_set_is_refused_with_a_colour_that_can() -> None:
    accents = ["#0A5F3F", "#0A5F3F", "#0A5F3F"]
    with pytest.raises(ValueError, match=r"brand\.text #6A6A6A .* on the tint #\w{6}") as refused:
        apply_brand(theme("light"), Brand(text="#6A6A6A", accents=accents))
    proposed = re.search(r"set brand\.text to (#\w{6})", str(refused.value))
    assert proposed
    apply_brand(theme("light"), Brand(text=proposed.group(1), accents=accents))


@pytest.mark.parametrize("color", ["red", "#12345", "#GGGGGG", "#123456;"])
def test_what_is_no_colour_is_refused_by_its_field(color: str) -> None:
    with pytest.raises(ValueError, match=r"brand\.text"):
        apply_brand(theme("dark"), Brand(text=color))


@pytest.mark.parametrize("each", THEMES.values(), ids=lambda each: each.name)
def test_a_brand_without_colours_is_the_theme(each: object) -> None:
    assert apply_brand(each, Brand()) == each  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("logo", "said"),
    [
        (bytes(LARGEST_BYTES + 1), "PNG or SVG file of at most 65536"),
        (PNG + b"\0\0\0\rIHDR" + (22_000).to_bytes(4, "big") * 2, "22000 × 22000"),
        (PNG, "0 × 0"),
        (b"GIF89a", "neither PNG nor SVG"),
        (b'<svg><image href="/etc/passwd"/></svg>', "<image"),
        (b'<svg viewBox="0 0 4000000 1"/>', "50 times"),
        (b"<svg viewBox='0,0 .1 1e2'/>", "50 times"),
        (PNG + b"\0\0\0\rIHDR" + (8).to_bytes(4, "big") + (2_000).to_bytes(4, "big"), "50 times"),
    ],
)
def test_a_logo_that_may_not_be_opened_is_refused(logo: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=rf"brand\.logo .*{said}"):
        check_logo(logo)
    check_logo(b'<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>')
    check_logo(b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 500 10"><rect width="9" height="9"/></svg>')
