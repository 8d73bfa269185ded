"""Outlines as cubic Bézier curves in pixels of the canvas, y down: boxes, diamonds, routes with rounded corners, text.

An outline is an array of shape (4n, 2): start, first control, second control and end of each of n curves. Curves that follow one
another join; where they do not, a new contour starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from s2v.typeset.shaping import outline as glyph_outline
from s2v.typeset.shaping import shape as shape_text
from s2v.v1.composition_pb2 import FontWeight, Rect, RouteKind

Curves = npt.NDArray[np.float64]
"""Shape (4n, 2), in pixels."""

ARC = 0.5522847498307936
"""Length of the controls of a quarter circle of radius 1: 4/3 · (√2 − 1)."""
SAMPLES = 16
"""Chords by which the length of a curve is measured; the error is below 0.1 % for a quarter circle."""
NOTHING: Curves = np.empty((0, 2))
"""No curve."""


def straight(points: Sequence[tuple[float, float]], *, closed: bool = False) -> Curves:
    """Returns the straight lines through `points`."""
    corners = np.asarray([*points, points[0]] if closed else points, dtype=np.float64)
    start, end = corners[:-1], corners[1:]
    return np.stack([start, start + (end - start) / 3, start + (end - start) * 2 / 3, end], axis=1).reshape(-1, 2)


def quarter(start: tuple[float, float], corner: tuple[float, float], end: tuple[float, float]) -> Curves:
    """Returns the rounding of a corner: from `start` to `end`, tangent to the lines to `corner`."""
    a, b, c = np.asarray(start), np.asarray(corner), np.asarray(end)
    return np.stack([a, a + (b - a) * ARC, c + (b - c) * ARC, c])


def rounded_box(rect: Rect, radius: float) -> Curves:
    """Returns a box with rounded corners, clockwise from the left end of its top side: eight curves, whatever the radius."""
    r = max(0.0, min(radius, rect.width / 2, rect.height / 2))
    left, top, right, bottom = rect.x, rect.y, rect.x + rect.width, rect.y + rect.height
    return np.concatenate(
        [
            straight([(left + r, top), (right - r, top)]),
            quarter((right - r, top), (right, top), (right, top + r)),
            straight([(right, top + r), (right, bottom - r)]),
            quarter((right, bottom - r), (right, bottom), (right - r, bottom)),
            straight([(right - r, bottom), (left + r, bottom)]),
            quarter((left + r, bottom), (left, bottom), (left, bottom - r)),
            straight([(left, bottom - r), (left, top + r)]),
            quarter((left, top + r), (left, top), (left + r, top)),
        ]
    )


def left_bar(rect: Rect, radius: float, width: float) -> Curves:
    """Returns the filled outline of a bar `width` pixels wide along the left side of a box with rounded corners."""
    left, top, bottom, inner = rect.x, rect.y, rect.y + rect.height, rect.x + width
    end = left + radius
    return np.concatenate(
        [
            quarter((end, top), (left, top), (left, top + radius)),
            straight([(left, top + radius), (left, bottom - radius)]),
            quarter((left, bottom - radius), (left, bottom), (end, bottom)),
            quarter((end, bottom), (inner, bottom), (inner, bottom - radius)),
            straight([(inner, bottom - radius), (inner, top + radius)]),
            quarter((inner, top + radius), (inner, top), (end, top)),
        ]
    )


def diamond(rect: Rect) -> Curves:
    """Returns the diamond that touches the middle of the rectangle's sides, clockwise from the top."""
    x, y = rect.x + rect.width / 2, rect.y + rect.height / 2
    return straight([(x, rect.y), (rect.x + rect.width, y), (x, rect.y + rect.height), (rect.x, y)], closed=True)


def text(words: str, weight: FontWeight.ValueType, size_px: float, x: float, baseline_y: float) -> Curves:
    """Returns the filled outlines of a line of text; fill them with the non-zero rule."""
    pieces = []
    for glyph in shape_text(words, weight, size_px).glyphs:
        for contour in glyph_outline(glyph.file, glyph.glyph_id):
            points = np.asarray(contour.points) * (size_px, -size_px) + (x + glyph.x_px, baseline_y - glyph.y_px)
            pieces.append(np.stack([points[:-1:3], points[1::3], points[2::3], points[3::3]], axis=1).reshape(-1, 2))
    return np.concatenate(pieces) if pieces else NOTHING


def polyline(points: Sequence[tuple[float, float]], radius: float) -> Curves:
    """Returns straight segments with corners rounded by `radius`, or by half of the shorter segment where that is less."""
    kept = [points[0]]
    for point in points[1:]:
        if np.hypot(point[0] - kept[-1][0], point[1] - kept[-1][1]) > 1e-6:
            kept.append(point)
    if len(kept) < 2:
        return NOTHING
    pieces = []
    pen = np.asarray(kept[0])
    for before, corner, after in zip(kept, kept[1:], kept[2:], strict=False):
        here = np.asarray(corner)
        back, ahead = np.asarray(before) - here, np.asarray(after) - here
        room = min(np.linalg.norm(back), np.linalg.norm(ahead)) / 2
        cut = min(radius, float(room))
        start, end = here + back / np.linalg.norm(back) * cut, here + ahead / np.linalg.norm(ahead) * cut
        pieces += [straight([tuple(pen), tuple(start)]), quarter(tuple(start), corner, tuple(end))]
        pen = end
    pieces.append(straight([tuple(pen), kept[-1]]))
    return np.concatenate(pieces)


def bezier(points: Sequence[tuple[float, float]]) -> Curves:
    """Returns the curves through a start and, for each piece, two controls and an end (3n + 1 points)."""
    all_points = np.asarray(points, dtype=np.float64)
    pieces = [all_points[3 * n : 3 * n + 4] for n in range((len(all_points) - 1) // 3)]
    return np.concatenate(pieces) if pieces else NOTHING


def route(points: Sequence[tuple[float, float]], kind: RouteKind.ValueType, radius: float) -> Curves:
    """Returns the line of an edge."""
    if kind == RouteKind.ROUTE_KIND_CURVED:
        return bezier(points)
    return polyline(points, radius if kind == RouteKind.ROUTE_KIND_ORTHOGONAL else 0.0)


def arrowhead(tip: npt.NDArray[np.float64], base: npt.NDArray[np.float64], width: float) -> Curves:
    """Returns the filled triangle from `base` (the middle of its back) to `tip`."""
    along = tip - base
    length = float(np.linalg.norm(along))
    if length < 1e-6:
        return NOTHING
    across = np.asarray([-along[1], along[0]]) / length * width / 2
    return straight([tuple(tip), tuple(base + across), tuple(base - across)], closed=True)


@dataclass(frozen=True)
class Track:
    """A line that can be followed by its length."""

    curves: Curves
    ends: npt.NDArray[np.float64]
    """Length of the line up to the end of each curve, in pixels."""

    @property
    def length(self) -> float:
        """Length of the whole line, in pixels."""
        return float(self.ends[-1]) if len(self.ends) else 0.0

    def until(self, distance: float) -> Curves:
        """Returns the line from its start to `distance` pixels along it."""
        if distance <= 0 or not len(self.ends):
            return NOTHING
        if distance >= self.length:
            return self.curves
        index, share = self._locate(distance)
        return np.concatenate([self.curves[: 4 * index], _split(self.curves[4 * index : 4 * index + 4], share)])

    def at(self, distance: float) -> npt.NDArray[np.float64]:
        """Returns the point at `distance` pixels from the start, held to the line's ends."""
        if distance <= 0:
            return np.asarray(self.curves[0])
        if distance >= self.length:
            return np.asarray(self.curves[-1])
        index, share = self._locate(distance)
        return np.asarray(_split(self.curves[4 * index : 4 * index + 4], share)[3])

    def _locate(self, distance: float) -> tuple[int, float]:
        index = int(np.searchsorted(self.ends, distance))
        start = float(self.ends[index - 1]) if index else 0.0
        return index, (distance - start) / (float(self.ends[index]) - start)


def measure(curves: Curves) -> Track:
    """Returns the line with its lengths."""
    shares = np.linspace(0.0, 1.0, SAMPLES + 1)[None, :, None]
    start, first, second, end = (curves.reshape(-1, 4, 2)[:, n, None, :] for n in range(4))
    points = (
        start * (1 - shares) ** 3
        + 3 * first * shares * (1 - shares) ** 2
        + 3 * second * shares**2 * (1 - shares)
        + end * shares**3
    )
    lengths = np.linalg.norm(np.diff(points, axis=1), axis=2).sum(axis=1)
    return Track(curves, np.cumsum(lengths))


def _split(curve: Curves, share: float) -> Curves:
    """Returns the first part of one curve, by de Casteljau's construction."""
    a, b, c, d = curve
    ab, bc, cd = a + (b - a) * share, b + (c - b) * share, c + (d - c) * share
    abc, bcd = ab + (bc - ab) * share, bc + (cd - bc) * share
    return np.stack([a, ab, abc, abc + (bcd - abc) * share])
