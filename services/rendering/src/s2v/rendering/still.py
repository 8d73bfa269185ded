"""A clip without manim: the same elements painted by Cairo alone, with plain fades. Used when manim fails."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import cairo
import numpy as np
import numpy.typing as npt

from s2v.rendering.choreography import PlainScore
from s2v.rendering.elements import Ink
from s2v.rendering.encoder import DEFAULT_ENCODING, ClipEncoder, Encoding
from s2v.rendering.figures import Cast
from s2v.rendering.pixels import Pixels, Region
from s2v.v1.work_pb2 import RenderingPart

Point = npt.NDArray[np.float64]
"""x and y, in pixels."""


def paint_still(cast: Cast, seconds: float, width: int, height: int) -> Pixels:
    """Returns the picture at a moment of the film: RGBA of shape (height, width, 4)."""
    picture = np.zeros((height, width, 4), dtype=np.uint8)
    surface = cairo.ImageSurface.create_for_data(picture.data, cairo.FORMAT_ARGB32, width, height)
    context = cairo.Context(surface)
    context.set_antialias(cairo.Antialias.BEST)
    context.set_line_join(cairo.LineJoin.ROUND)
    _choose(context, cast.background, 1.0)
    context.paint()
    for figure in cast.figures:
        _paint(context, cast.inks(figure, seconds))
    surface.flush()
    if cast.logo:
        cast.logo.lay(picture, Region(0, 0, width, height))
    return picture


def _paint(context: cairo.Context[cairo.ImageSurface], inks: Iterable[Ink]) -> None:
    for ink in inks:
        if not len(ink.curves) or ink.opacity <= 0:
            continue
        context.new_path()
        pen = origin = None
        for start, first, second, end in ink.curves.reshape(-1, 4, 2):
            if pen is None or abs(start - pen).max() > 1e-6:
                _close(context, ink, origin, pen)
                context.move_to(*start)
                origin = start
            context.curve_to(*first, *second, *end)
            pen = end
        _close(context, ink, origin, pen)
        if ink.fill:
            _choose(context, ink.fill, ink.opacity)
            context.fill_preserve()
        if ink.stroke:
            _choose(context, ink.stroke, ink.opacity)
            context.set_line_width(ink.width_px)
            context.set_line_cap(cairo.LineCap.ROUND if ink.round_caps else cairo.LineCap.BUTT)
            context.stroke()


def _close(context: cairo.Context[cairo.ImageSurface], ink: Ink, origin: Point | None, pen: Point | None) -> None:
    """Closes a contour that is filled, or that ends where it began: its corner there is then joined like the others."""
    if origin is not None and pen is not None and (ink.fill or np.allclose(origin, pen)):
        context.close_path()


def _choose(context: cairo.Context[cairo.ImageSurface], color: str, opacity: float) -> None:
    red, green, blue = (int(color[place : place + 2], 16) / 255 for place in (1, 3, 5))
    # Cairo keeps blue, green, red, alpha in memory; with the ends exchanged the bytes are RGBA.
    context.set_source_rgba(blue, green, red, opacity)


def film_still(part: RenderingPart, cast: Cast, path: Path, encoding: Encoding = DEFAULT_ENCODING) -> ClipEncoder:
    """Writes the clip of a part with plain fades; returns the encoder, for its counts."""
    plain = replace(cast, score=PlainScore(cast.score.cues, cast.score.carried))
    whole = Region(0, 0, part.width, part.height)
    with ClipEncoder(path, part.width, part.height, part.frame_rate, part.first_frame, encoding) as encoder:
        for stretch in plain.score.stretches(part.first_frame, part.frame_count, part.frame_rate):
            for frame in range(stretch.first_frame, stretch.first_frame + stretch.drawn):
                encoder.write(paint_still(plain, frame / part.frame_rate, part.width, part.height), [whole])
            encoder.hold(stretch.held)
        encoder.finish()
    return encoder
