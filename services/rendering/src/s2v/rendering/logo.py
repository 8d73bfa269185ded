"""A brand's logo: a PNG or SVG file of a stranger, checked before it is opened, and laid over each picture at the lower right."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import resvg_py

from s2v.rendering.elements import scale_of
from s2v.rendering.pixels import Pixels, Region
from s2v.typeset.themes.logo import PNG, check_logo

HEIGHT, WIDTH = 48.0, 280.0
"""Largest place of the logo, in pixels of a canvas of 1080."""
RIGHT, BOTTOM = 80.0, 36.0
"""From the edges of the canvas, likewise."""


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


def open_logo(data: bytes, width: int, height: int) -> Logo:
    """Returns the logo for a canvas of `width` × `height` pixels.

    Errors: ValueError when it cannot be opened, as `check_logo`.
    """
    check_logo(data)
    if not data.startswith(PNG):
        scale = scale_of(width, height)
        wide, high = round(WIDTH * scale), round(HEIGHT * scale)
        try:
            # resvg fits it into both: whatever shape it has, no more is painted.
            data = bytes(resvg_py.svg_to_bytes(svg_string=data.decode(), width=wide, height=high, skip_system_fonts=True))
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
