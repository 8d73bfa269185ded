"""Pictures in memory: regions of a canvas, and the exact way from RGB to the YUV that is encoded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, floor

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""RGBA, shape (height, width, 4)."""
Plane = npt.NDArray[np.uint8]
"""One component, shape (height, width)."""

RED, GREEN, BLUE = 0.2126, 0.7152, 0.0722
"""Luma weights of ITU-R BT.709-6, section 3.2."""
LUMA, CHROMA = 219 / 255, 224 / 255
"""From 8-bit full range to 8-bit limited range, section 3.4."""
MATRIX = np.array(
    [
        [RED * LUMA, GREEN * LUMA, BLUE * LUMA, 16],
        [-RED * CHROMA / (2 - 2 * BLUE), -GREEN * CHROMA / (2 - 2 * BLUE), 0.5 * CHROMA, 128],
        [0.5 * CHROMA, -GREEN * CHROMA / (2 - 2 * RED), -BLUE * CHROMA / (2 - 2 * RED), 128],
    ],
    dtype=np.float32,  # OpenCV's fast path; with float64 it takes six times as long
)
"""Y, Cb, Cr from R, G, B, 1."""
BAND_ROWS = 64
"""Rows that are converted at a time: what lies between the steps stays in the processor's cache and takes little memory."""

cv2.setNumThreads(1)  # a process a scene: more threads would only get in each other's way


@dataclass(frozen=True)
class Region:
    """A rectangle of whole pixels. Its edges are even, so that it covers whole chroma samples."""

    left: int
    top: int
    right: int
    bottom: int

    @staticmethod
    def around(points: npt.NDArray[np.float64], margin: float) -> Region:
        """Returns the region that holds the points (n, 2) and `margin` pixels about them."""
        (left, top), (right, bottom) = points.min(axis=0) - margin, points.max(axis=0) + margin
        return Region(2 * floor(left / 2), 2 * floor(top / 2), 2 * ceil(right / 2), 2 * ceil(bottom / 2))

    @property
    def width(self) -> int:
        """In pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """In pixels."""
        return self.bottom - self.top

    @property
    def rows(self) -> slice:
        """Rows of a picture."""
        return slice(self.top, self.bottom)

    @property
    def columns(self) -> slice:
        """Columns of a picture."""
        return slice(self.left, self.right)

    def touches(self, other: Region) -> bool:
        """Tells whether they have a pixel in common."""
        return self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom

    def within(self, other: Region) -> Region:
        """Returns the part inside `other`; it has no pixels when there is none."""
        left, top = max(self.left, other.left), max(self.top, other.top)
        return Region(left, top, max(left, min(self.right, other.right)), max(top, min(self.bottom, other.bottom)))

    def joined(self, other: Region) -> Region:
        """Returns the smallest region that holds both."""
        left, top = min(self.left, other.left), min(self.top, other.top)
        return Region(left, top, max(self.right, other.right), max(self.bottom, other.bottom))


def merge(regions: Iterable[Region]) -> list[Region]:
    """Returns regions that cover the same pixels (or a few more) and do not touch one another."""
    merged: list[Region] = []
    for region in regions:
        if not region.width or not region.height:
            continue
        joined = region
        while touching := [each for each in merged if each.touches(joined)]:
            for each in touching:
                merged.remove(each)
                joined = joined.joined(each)
        merged.append(joined)
    return merged


class Planes:
    """A picture as YUV 4:2:0, BT.709, limited range; brought up to date region by region."""

    def __init__(self, luma: Plane, blue: Plane, red: Plane) -> None:
        """Takes Y, and Cb and Cr of half its width and height, to write into; width and height are even."""
        self._luma, self._blue, self._red = luma, blue, red

    def update(self, picture: Pixels, region: Region) -> None:
        """Converts a region of an RGBA picture of the same size. Chroma is the mean of its four pixels."""
        for top in range(region.top, region.bottom, BAND_ROWS):
            self._convert(picture, Region(region.left, top, region.right, min(top + BAND_ROWS, region.bottom)))

    def _convert(self, picture: Pixels, region: Region) -> None:
        rgb = cv2.cvtColor(picture[region.rows, region.columns], cv2.COLOR_RGBA2RGB)
        luma, blue, red = cv2.split(cv2.transform(rgb, MATRIX))
        half = (region.width // 2, region.height // 2)
        rows, columns = slice(region.top // 2, region.bottom // 2), slice(region.left // 2, region.right // 2)
        self._luma[region.rows, region.columns] = luma
        self._blue[rows, columns] = cv2.resize(blue, half, interpolation=cv2.INTER_AREA)
        self._red[rows, columns] = cv2.resize(red, half, interpolation=cv2.INTER_AREA)
