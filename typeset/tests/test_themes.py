"""Protects the palettes: each theme has every colour, and every accent can be told from the surface."""

import pytest

from s2v.typeset.themes import THEMES, Theme, theme
from s2v.v1.composition_pb2 import ColorRole

ACCENTS = ("BLUE", "AMBER", "GREEN", "ROSE", "VIOLET", "CYAN")


def luminance(color: str) -> float:
    """Relative luminance of WCAG 2.2."""
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("each", THEMES.values(), ids=lambda each: each.name)
def test_every_role_has_a_colour_and_accents_and_texts_can_be_read(each: Theme) -> None:
    for role in ColorRole.values():
        if role != ColorRole.COLOR_ROLE_UNSPECIFIED:
            assert each.color(role).startswith("#")
    surface = each.color(ColorRole.COLOR_ROLE_SURFACE)
    for name in (*ACCENTS, "TEXT", "MUTED"):
        assert contrast(each.color(ColorRole.Value(f"COLOR_ROLE_{name}")), surface) >= 4.5, name


def test_an_unknown_theme_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="dark, light"):
        theme("sepia")
