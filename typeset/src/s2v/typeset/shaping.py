"""Text to positioned glyphs, and glyphs to outlines, by HarfBuzz."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache

import uharfbuzz

from s2v.typeset.families import Family, family
from s2v.typeset.fonts import face, font_file
from s2v.typeset.runs import cut_runs
from s2v.v1.composition_pb2 import FontWeight

CACHED_LINES = 4096
"""Texts whose shape is remembered in a process; a line takes about 3 KB."""


@dataclass(frozen=True, slots=True)
class Glyph:
    """A glyph at its place on the line."""

    file: str
    """Name of its font file."""
    glyph_id: int
    """Number of the glyph in that file."""
    x_px: float
    """Origin of the glyph, to the right of the line's left end, in pixels."""
    y_px: float
    """Origin of the glyph above the baseline, in pixels; 0 for most."""


@dataclass(frozen=True, slots=True)
class Line:
    """A shaped line of text."""

    glyphs: tuple[Glyph, ...]
    """Glyphs from left to right."""
    width_px: float
    """Advance width, in pixels."""


@dataclass(frozen=True)
class Contour:
    """A closed outline made of cubic Bézier curves."""

    points: tuple[tuple[float, float], ...]
    """The start, then two controls and an end for each curve: 3n + 1 points in em (1.0 is the font size), y up.

    The last equals the first.
    """


@dataclass(frozen=True)
class Metrics:
    """Heights of a font, in em above the baseline."""

    ascent: float
    """Top of the tallest letters and their accents."""
    descent: float
    """Bottom of the deepest letters; negative."""
    cap_height: float
    """Top of a capital letter."""
    x_height: float
    """Top of a small x."""


def clean(text: str) -> str:
    """Returns `text` as it is shaped: composed (NFC), controls removed, every run of white space one space, none at the ends."""
    composed = unicodedata.normalize("NFC", text)
    printable = "".join(each for each in composed if each.isspace() or unicodedata.category(each) != "Cc")
    return " ".join(printable.split())


def shape(text: str, weight: FontWeight.ValueType, size_px: float) -> Line:
    """Shapes one line in the family in force, as a browser would: kerning, substitutions, both directions of writing.

    `size_px` is the size of the font (its em), in pixels. Errors: ValueError for an unknown weight.
    """
    return _shape(family(), text, weight, size_px)


@lru_cache(maxsize=CACHED_LINES)
def _shape(_family: Family, text: str, weight: FontWeight.ValueType, size_px: float) -> Line:
    """The family is in force already: it is a parameter so that the cache knows it."""
    glyphs = []
    pen = 0.0
    for run in cut_runs(clean(text), weight):
        font = _font(run.file)
        buffer = uharfbuzz.Buffer()
        buffer.add_str(run.text)
        buffer.guess_segment_properties()
        buffer.direction = run.direction
        uharfbuzz.shape(font, buffer)
        scale = size_px / font.face.upem
        # HarfBuzz has no positions at all for an empty text.
        for info, position in zip(buffer.glyph_infos, buffer.glyph_positions or (), strict=True):
            place = (pen + position.x_offset * scale, position.y_offset * scale)
            glyphs.append(Glyph(run.file, info.codepoint, *place))
            pen += position.x_advance * scale
    return Line(tuple(glyphs), pen)


def width(text: str, weight: FontWeight.ValueType, size_px: float) -> float:
    """Returns the advance width of one line, in pixels."""
    return shape(text, weight, size_px).width_px


@cache
def outline(file: str, glyph_id: int) -> tuple[Contour, ...]:
    """Returns the closed contours of a glyph in em, y up; empty for a space. Fill them with the non-zero rule."""
    font = _font(file)
    trace = _Trace(font.face.upem)
    font.draw_glyph(glyph_id, _draw_functions(), trace)
    return tuple(trace.contours)


def metrics(weight: FontWeight.ValueType) -> Metrics:
    """Returns the heights of a weight of the family in force, in em."""
    return _metrics(font_file(weight))


@cache
def _metrics(file: str) -> Metrics:
    font = _font(file)
    upem = font.face.upem
    extents = font.get_font_extents("ltr")
    tag = uharfbuzz.OTMetricsTag
    return Metrics(
        ascent=extents.ascender / upem,
        descent=extents.descender / upem,
        cap_height=font.get_metric_position_with_fallback(tag.CAP_HEIGHT) / upem,
        x_height=font.get_metric_position_with_fallback(tag.X_HEIGHT) / upem,
    )


@cache
def _font(file: str) -> uharfbuzz.Font:
    return uharfbuzz.Font(face(file))


class _Trace:
    """Collects what HarfBuzz draws, every piece as a cubic curve."""

    def __init__(self, upem: int) -> None:
        self.contours: list[Contour] = []
        self._upem = upem
        self._points: list[tuple[float, float]] = []

    def move_to(self, x: float, y: float) -> None:
        self._points = [self._em(x, y)]

    def line_to(self, x: float, y: float) -> None:
        (x0, y0), (x3, y3) = self._points[-1], self._em(x, y)
        if (x0, y0) != (x3, y3):
            self._points += [
                (x0 + (x3 - x0) / 3, y0 + (y3 - y0) / 3),
                (x0 + (x3 - x0) * 2 / 3, y0 + (y3 - y0) * 2 / 3),
                (x3, y3),
            ]

    def quadratic_to(self, cx: float, cy: float, x: float, y: float) -> None:
        (x0, y0), (x1, y1), (x3, y3) = self._points[-1], self._em(cx, cy), self._em(x, y)
        self._points += [
            (x0 + (x1 - x0) * 2 / 3, y0 + (y1 - y0) * 2 / 3),
            (x3 + (x1 - x3) * 2 / 3, y3 + (y1 - y3) * 2 / 3),
            (x3, y3),
        ]

    def cubic_to(self, *coordinates: float) -> None:
        c1x, c1y, c2x, c2y, x, y = coordinates
        self._points += [self._em(c1x, c1y), self._em(c2x, c2y), self._em(x, y)]

    def close_path(self) -> None:
        if self._points:
            self.line_to(self._points[0][0] * self._upem, self._points[0][1] * self._upem)
        if len(self._points) > 1:
            self.contours.append(Contour(tuple(self._points)))
        self._points = []

    def _em(self, x: float, y: float) -> tuple[float, float]:
        return x / self._upem, y / self._upem


@cache
def _draw_functions() -> uharfbuzz.DrawFuncs:
    functions = uharfbuzz.DrawFuncs()
    functions.set_move_to_func(lambda x, y, trace: trace.move_to(x, y))
    functions.set_line_to_func(lambda x, y, trace: trace.line_to(x, y))
    functions.set_quadratic_to_func(lambda cx, cy, x, y, trace: trace.quadratic_to(cx, cy, x, y))
    functions.set_cubic_to_func(lambda ax, ay, bx, by, x, y, trace: trace.cubic_to(ax, ay, bx, by, x, y))
    functions.set_close_path_func(lambda trace: trace.close_path())
    return functions
