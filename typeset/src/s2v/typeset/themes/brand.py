"""A brand on top of a theme: its colours in place of the theme's, refused where text in them could not be read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import combinations

from s2v.typeset.families import find_family
from s2v.typeset.themes.palette import SET_OPACITY, SETS, Theme
from s2v.v1.composition_pb2 import ColorRole
from s2v.v1.job_pb2 import Brand

TEXT_CONTRAST = 4.5
"""Least contrast of text. Source: WCAG 2.2, criterion 1.4.3 (AA)."""
LINE_CONTRAST = 3.0
"""Least contrast of lines. Source: WCAG 2.2, criterion 1.4.11."""
ACCENTS = (
    ColorRole.COLOR_ROLE_BLUE,
    ColorRole.COLOR_ROLE_AMBER,
    ColorRole.COLOR_ROLE_GREEN,
    ColorRole.COLOR_ROLE_ROSE,
    ColorRole.COLOR_ROLE_VIOLET,
    ColorRole.COLOR_ROLE_CYAN,
)
"""In the order in which a brand gives them."""
STEPS = 50
"""In which a colour is made lighter or darker until it can be read."""

_COLOR = re.compile(r"#[0-9A-Fa-f]{6}")


def luminance(color: str) -> float:
    """Returns the relative luminance of a colour, 0 to 1. Source: WCAG 2.2, "relative luminance"."""
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Returns the contrast of two colours, 1 to 21. Source: WCAG 2.2, "contrast ratio"."""
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def apply_brand(theme: Theme, brand: Brand) -> Theme:
    """Returns the theme with the brand's colours; its font is checked, and set by who composes.

    Errors: ValueError that names the field and a colour or font that would do.
    """
    try:
        find_family(brand.font)
    except ValueError as error:
        raise ValueError(f"brand.font: {error}") from error
    if len(brand.accents) > len(ACCENTS):
        raise ValueError(f"brand.accents has {len(brand.accents)} colours: give at most {len(ACCENTS)}")
    given = {
        ColorRole.COLOR_ROLE_SURFACE: ("surface", brand.surface),
        ColorRole.COLOR_ROLE_TEXT: ("text", brand.text),
        ColorRole.COLOR_ROLE_MUTED: ("muted", brand.muted),
        ColorRole.COLOR_ROLE_LINE: ("line", brand.line),
        **{role: (f"accents[{n}]", color) for n, (role, color) in enumerate(zip(ACCENTS, brand.accents, strict=False))},
    }
    for name, color in (("background", brand.background), *given.values()):
        if color and not _COLOR.fullmatch(color):
            raise ValueError(f"brand.{name} is {color[:20]!r}: write a colour as #RRGGBB")
    colors = {role: given[role][1] if role in given and given[role][1] else color for role, color in theme.colors.items()}
    made = replace(theme, background=brand.background or theme.background, colors=colors)
    names = {ColorRole.COLOR_ROLE_TEXT: "text", ColorRole.COLOR_ROLE_MUTED: "muted", ColorRole.COLOR_ROLE_LINE: "line"}
    names |= {role: f"accents[{number}]" for number, role in enumerate(ACCENTS)}
    plain = {"background": made.background, "surface": made.color(ColorRole.COLOR_ROLE_SURFACE)}
    for role, name in names.items():
        grounds = plain | {f"tint {tint}": tint for tint in set_tints(made)} if role == ColorRole.COLOR_ROLE_TEXT else plain
        _check(grounds, name, made.color(role), LINE_CONTRAST if role == ColorRole.COLOR_ROLE_LINE else TEXT_CONTRAST)
    return made


def set_tints(theme: Theme) -> Iterator[str]:
    """Yields what lies behind the texts of sets: the background under one of them, and under each number that overlap."""
    for number in range(1, len(SETS) + 1):
        for region in combinations(SETS, number):
            tint = theme.background
            for role in region:
                tint = _mix(tint, theme.color(role), SET_OPACITY)
            yield tint


def _check(grounds: Mapping[str, str], name: str, color: str, least: float) -> None:
    for ground, shade in grounds.items():
        if contrast(color, shade) < least:
            near = _readable(color, tuple(grounds.values()), least)
            remedy = f"set brand.{name} to {near}" if near else "choose a background and a surface that are alike in lightness"
            raise ValueError(
                f"brand.{name} {color} has a contrast of {contrast(color, shade):.1f}:1 on the {ground} {shade}, "
                f"and {least:g}:1 is needed: {remedy}"
            )


def _readable(color: str, grounds: tuple[str, ...], least: float) -> str:
    """Returns the nearest lighter or darker shade that can be read on the grounds; empty if there is none."""
    for step in range(1, STEPS + 1):
        for end in ("#000000", "#FFFFFF"):
            mixed = _mix(color, end, step / STEPS)
            if all(contrast(mixed, ground) >= least for ground in grounds):
                return mixed
    return ""


def _mix(color: str, other: str, share: float) -> str:
    """Returns a colour with a share of another in it."""
    pairs = ((int(color[place : place + 2], 16), int(other[place : place + 2], 16)) for place in (1, 3, 5))
    return "#" + "".join(f"{round(own + (new - own) * share):02X}" for own, new in pairs)
