"""What texts and colours look like depends on, for the keys of caches."""

from __future__ import annotations

from importlib.metadata import version

from s2v.typeset.families import set_in
from s2v.typeset.fonts import font_digests
from s2v.typeset.themes import DEFAULT, theme

SHAPERS = ("uharfbuzz", "python-bidi", "regex")
"""Distributions that say how wide a text is, in which order it stands and where it may be cut."""


def look_parts(theme_name: str, font: str) -> list[str]:
    """Returns the fonts of a brand's font, what shapes texts, and the colours of a theme, each as "name=value".

    Empty names are those of the defaults.
    Errors: as `families.find_family` and `themes.theme`.
    """
    with set_in(font):
        fonts = [f"{name}={sha256}" for name, sha256 in sorted(font_digests().items())]
    shapers = [f"{name}={version(name)}" for name in SHAPERS]
    look = theme(theme_name or DEFAULT)
    return [
        *fonts,
        *shapers,
        f"background={look.background}",
        *(f"{role}={color}" for role, color in sorted(look.colors.items())),
    ]
