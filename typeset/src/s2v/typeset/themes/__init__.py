"""The themes: what colour stands for each role. One file a theme."""

from __future__ import annotations

from collections.abc import Mapping

from s2v.typeset.themes.brand import apply_brand
from s2v.typeset.themes.dark import DARK
from s2v.typeset.themes.light import LIGHT
from s2v.typeset.themes.logo import check_logo
from s2v.typeset.themes.palette import Theme

THEMES: Mapping[str, Theme] = {each.name: each for each in (DARK, LIGHT)}
"""All themes by name."""
DEFAULT = DARK.name
"""Name of the theme that is used when none is asked for."""


def theme(name: str) -> Theme:
    """Returns the theme of that name.

    Errors: ValueError when there is none.
    """
    if name not in THEMES:
        raise ValueError(f"there is no theme {name!r}: use one of {', '.join(sorted(THEMES))}")
    return THEMES[name]


__all__ = ["DEFAULT", "THEMES", "Theme", "apply_brand", "check_logo", "theme"]
