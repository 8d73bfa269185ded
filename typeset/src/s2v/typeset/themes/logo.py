"""A brand's logo: a PNG or SVG file of a stranger, checked before it is opened."""

from __future__ import annotations

import re
import struct

LARGEST_BYTES = 64 * 1024
"""It travels in the job's record."""
LARGEST_SIDE = 2048
"""Of a PNG, in pixels."""
LARGEST_RATIO = 50.0
"""Of the sides: of what is longer, nothing would be seen."""
PNG = b"\x89PNG\r\n\x1a\n"
FORBIDDEN = re.compile(
    r"<!DOCTYPE|<!ENTITY|<(?:[^\s<>:/]+:)?(?:image|use|foreignObject|script)\b"
    r"|@import|url\(\s*['\"]?(?!#)|href\s*=\s*['\"](?!#)",
    re.I,
)
"""What an SVG could reach other files with, or grow without end; elements whatever the prefix of their namespace."""
VIEW_BOX = re.compile(r"\bviewBox\s*=\s*['\"]\s*(?:[-+.\de]+[\s,]+){2}([+.\de]+)[\s,]+([+.\de]+)\s*['\"]", re.I)
"""Width and height of an SVG's first viewBox."""


def check_logo(data: bytes) -> None:
    """Checks a logo without opening it. Errors: ValueError that says what to give instead."""
    if len(data) > LARGEST_BYTES:
        raise ValueError(f"brand.logo has {len(data)} bytes: give a PNG or SVG file of at most {LARGEST_BYTES}")
    if data.startswith(PNG):
        width, height = struct.unpack(">II", data[16:24]) if len(data) >= 24 else (0, 0)
        if not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE):
            raise ValueError(f"brand.logo is {width} × {height} pixels: give a PNG of at most {LARGEST_SIDE} a side")
        _check_ratio(width, height)
        return
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    if "<svg" not in text[:2000]:
        raise ValueError("brand.logo is neither PNG nor SVG: give one of them")
    if found := FORBIDDEN.search(text):
        raise ValueError(f"brand.logo holds {found.group()!r}: give an SVG of plain shapes, which names no other file")
    if sides := VIEW_BOX.search(text):
        _check_ratio(*_read_sides(sides))


def _read_sides(sides: re.Match[str]) -> tuple[float, float]:
    try:
        return float(sides[1]), float(sides[2])
    except ValueError:
        return 1.0, 1.0  # it has none: resvg says what is wrong


def _check_ratio(width: float, height: float) -> None:
    if max(width, height) > LARGEST_RATIO * min(width, height):
        raise ValueError(
            f"brand.logo is {width:g} wide and {height:g} high: give one whose longer side is at most {LARGEST_RATIO:g} times"
            " the shorter"
        )
