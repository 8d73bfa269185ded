"""An ellipse on which nodes stand, and the arcs between them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import cos, hypot, pi, sin, tan

from s2v.layout.quality import Box
from s2v.layout.routing import XY

STEPS = 720
"""Points at which the ellipse is looked at to find where it leaves a box."""
PIECE = pi / 4
"""Longest arc that one Bézier curve stands for: the error is below a thousandth of the radius."""


@dataclass(frozen=True)
class Ring:
    """An ellipse about the origin; angles in radians, 0 at the top, clockwise."""

    rx: float
    ry: float

    def at(self, angle: float) -> XY:
        """Returns the point at an angle."""
        return self.rx * sin(angle), -self.ry * cos(angle)

    def split(self, count: int) -> list[float]:
        """Returns the angles of `count` points at equal ways along the ellipse, the first at the top."""
        turn = 2 * pi
        points = [self.at(turn * n / STEPS) for n in range(STEPS + 1)]
        lengths = [0.0]
        for a, b in pairwise(points):
            lengths.append(lengths[-1] + hypot(b[0] - a[0], b[1] - a[1]))
        angles = []
        place = 0
        for number in range(count):
            wanted = lengths[-1] * number / count
            while lengths[place] < wanted:
                place += 1
            angles.append(turn * place / STEPS)
        return angles

    def between(self, start: float, end: float, source: Box, target: Box) -> tuple[float, float] | None:
        """Returns the angles at which the arc from `start` to `end` has left one box and comes to another; None: they touch."""
        angles = [start + (end - start) * n / STEPS for n in range(STEPS + 1)]
        outside = [
            n for n, angle in enumerate(angles) if not (_within(self.at(angle), source) or _within(self.at(angle), target))
        ]
        return (angles[outside[0]], angles[outside[-1]]) if len(outside) > 1 else None

    def arc(self, start: float, end: float) -> list[XY]:
        """Returns the arc as cubic Bézier curves: the start, then two controls and an end for each."""
        pieces = max(1, int((end - start) / PIECE + 0.999))
        step = (end - start) / pieces
        reach = 4 / 3 * tan(step / 4)
        line = [self.at(start)]
        for number in range(pieces):
            a, b = start + step * number, start + step * (number + 1)
            (xa, ya), (xb, yb) = self.at(a), self.at(b)
            line.append((xa + reach * self.rx * cos(a), ya + reach * self.ry * sin(a)))
            line.append((xb - reach * self.rx * cos(b), yb - reach * self.ry * sin(b)))
            line.append((xb, yb))
        return line


def _within(point: XY, box: Box) -> bool:
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]
