"""A brand's logo: a PNG or SVG file of a stranger, checked before it is opened, and laid over each picture at the lower right."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

import cv2
import numpy as np
import resvg_py

from s2v.rendering.elements import scale_of
from s2v.rendering.pixels import Pixels, Region

LARGEST_BYTES = 64 * 1024
LARGEST_SIDE = 2048
"""Of a PNG, in pixels."""
HEIGHT, WIDTH = 48.0, 280.0
"""Largest place of the logo, in pixels of a canvas of 1080."""
RIGHT, BOTTOM = 80.0, 36.0
"""From the edges of the canvas, likewise."""
PNG = b"\x89PNG\r\n\x1a\n"
FORBIDDEN = re.compile(
    r"<!DOCTYPE|<!ENTITY|<image|<use|<foreignObject|<script|@import|url\(\s*['\"]?(?!#)|href\s*=\s*['\"](?!#)", re.I
)
"""What an SVG could reach other files with, or grow without end."""


@dataclass(frozen=True)
class Logo:
    """A logo at its size and place."""

    picture: Pixels
    """RGBA, not premultiplied."""
    region: Region
    """Where it lies on the canvas."""

    def lay(self, canvas: Pixels, painted: Region) -> None:
        """Lays the part of the logo that lies in a freshly painted region over an RGBA canvas."""
        part = self.region.within(painted)
        if not part.width or not part.height:
            return
        rows = slice(part.top - self.region.top, part.bottom - self.region.top)
        columns = slice(part.left - self.region.left, part.right - self.region.left)
        ink = self.picture[rows, columns].astype(np.uint16)
        alpha = ink[..., 3:]
        below = canvas[part.rows, part.columns, :3]
        below[...] = (below * (255 - alpha) + ink[..., :3] * alpha + 127) // 255


def check_logo(data: bytes) -> None:
    """Checks a logo without opening it. Errors: ValueError that says what to give instead."""
    if len(data) > LARGEST_BYTES:
        raise ValueError(f"brand.logo has {len(data)} bytes: give a file of at most {LARGEST_BYTES}")
    if data.startswith(PNG):
        width, height = struct.unpack(">II", data[16:24]) if len(data) >= 24 else (0, 0)
        if not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE):
            raise ValueError(f"brand.logo is {width} × {height} pixels: give a PNG of at most {LARGEST_SIDE} a side")
        return
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    if "<svg" not in text[:2000]:
        raise ValueError("brand.logo is neither PNG nor SVG: give one of them")
    if found := FORBIDDEN.search(text):
        raise ValueError(f"brand.logo holds {found.group()!r}: give an SVG of plain shapes, which names no other file")


def open_logo(data: bytes, width: int, height: int) -> Logo:
    """Returns the logo for a canvas of `width` × `height` pixels.

    Errors: ValueError when it cannot be opened, as `check_logo`.
    """
    check_logo(data)
    if not data.startswith(PNG):
        scale = scale_of(width, height)
        try:
            data = bytes(resvg_py.svg_to_bytes(svg_string=data.decode(), height=round(HEIGHT * scale), skip_system_fonts=True))
        except ValueError as error:
            raise ValueError(f"brand.logo is not an SVG that can be drawn ({error}): give another") from error
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if found is None or found.dtype != np.uint8:
        raise ValueError("brand.logo does not open: give a PNG of 8 bits a channel, or an SVG")
    return _fit(_as_rgba(np.asarray(found)), width, height)


def _as_rgba(found: Pixels) -> Pixels:
    channels = 1 if found.ndim == 2 else found.shape[2]
    code = {1: cv2.COLOR_GRAY2RGBA, 3: cv2.COLOR_BGR2RGBA, 4: cv2.COLOR_BGRA2RGBA}[channels]
    return np.asarray(cv2.cvtColor(found, code), dtype=np.uint8)


def _fit(picture: Pixels, width: int, height: int) -> Logo:
    scale = scale_of(width, height)
    ratio = min(HEIGHT * scale / picture.shape[0], WIDTH * scale / picture.shape[1])
    size = max(2, 2 * round(picture.shape[1] * ratio / 2)), max(2, 2 * round(picture.shape[0] * ratio / 2))
    resized = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    left = 2 * round((width - RIGHT * scale - size[0]) / 2)
    top = 2 * round((height - BOTTOM * scale - size[1]) / 2)
    return Logo(resized, Region(left, top, left + size[0], top + size[1]))
