"""Captions drawn into the picture: text on a plate in the strip that pictures leave free, clear of a brand's logo."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from s2v.rendering import outlines
from s2v.rendering.choreography import CUT_SECONDS, Action, Cue
from s2v.rendering.elements import Element, Ink, Key, Kind, scale_of
from s2v.rendering.pixels import Region
from s2v.typeset.shaping import width as measure
from s2v.typeset.themes import Theme
from s2v.v1.composition_pb2 import ColorRole, FontWeight, Rect
from s2v.v1.rendering_service_pb2 import DrawnCaption

SIZE = 32.0
"""Of the text, in pixels of a canvas of 1080."""
LEAD = 40.0
"""From baseline to baseline, likewise."""
BASELINE = 31.0
"""From the top of a line to its baseline, likewise."""
BOTTOM = 16.0
"""From the plate to the lower edge, likewise."""
TALL_BOTTOM = 170.0
"""The same on a tall canvas: just below the picture, above where telephones lay their controls."""
PAD_X, PAD_Y, RADIUS = 20.0, 6.0, 10.0
"""Of the plate, likewise."""
WIDEST = 0.9
"""Share of the canvas's width that a line may have; longer ones are set smaller."""
LOGO_GAP = 12.0
"""From the plate to a logo, likewise."""
PLATE_OPACITY = 0.88
WEIGHT = FontWeight.FONT_WEIGHT_MEDIUM


@dataclass(frozen=True)
class _Place:
    """Where a caption stands, in pixels."""

    middle: float
    bottom: float
    """Of its plate."""
    size: float
    """Of its text."""


def draw_captions(
    captions: Sequence[DrawnCaption], theme: Theme, width: int, height: int, logo: Region | None = None
) -> list[Element]:
    """Returns an element a caption, named by its number; `logo` is what a brand's logo covers."""
    return [
        Element(Key(Kind.CAPTION, str(number)), tuple(_draw(list(caption.lines), theme, width, height, logo)))
        for number, caption in enumerate(captions)
    ]


def cue_captions(captions: Sequence[DrawnCaption]) -> list[Cue]:
    """Returns the cues by which each caption is there from its start to its end, without a fade."""
    cues = []
    for number, caption in enumerate(captions):
        key = Key(Kind.CAPTION, str(number))
        for action, seconds in ((Action.ENTER, caption.start_seconds), (Action.LEAVE, caption.end_seconds)):
            cues.append(Cue(key, action, seconds, seconds + CUT_SECONDS))
    return cues


def _draw(lines: Sequence[str], theme: Theme, width: int, height: int, logo: Region | None) -> Iterable[Ink]:
    scale = scale_of(width, height)
    place = _find_place(max((measure(line, WEIGHT, SIZE * scale) for line in lines), default=0.0), width, height, logo)
    widths = [measure(line, WEIGHT, place.size) for line in lines]
    plate_width = max(widths, default=0.0) + 2 * PAD_X * scale
    plate_height = (len(lines) * LEAD + 2 * PAD_Y) * scale
    top = place.bottom - plate_height
    plate = Rect(x=place.middle - plate_width / 2, y=top, width=plate_width, height=plate_height)
    yield Ink(outlines.rounded_box(plate, RADIUS * scale), fill=theme.background, opacity=PLATE_OPACITY)
    for number, (line, length) in enumerate(zip(lines, widths, strict=True)):
        baseline = round(top + (PAD_Y + number * LEAD + BASELINE) * scale)
        curves = outlines.text(line, WEIGHT, place.size, place.middle - length / 2, baseline)
        if len(curves):
            yield Ink(curves, fill=theme.color(ColorRole.COLOR_ROLE_TEXT))


def _find_place(longest: float, width: int, height: int, logo: Region | None) -> _Place:
    """Returns where a caption stands whose longest line is `longest` pixels wide at full size.

    On a tall canvas that is the middle below the picture, far above a logo. On others it is the middle of the lower edge, or left
    of a logo that is in the way, as large as there is room.
    """
    scale = scale_of(width, height)
    fitted = min(longest, WIDEST * width)
    bottom = (TALL_BOTTOM if height > width else BOTTOM) * scale
    place = _Place(width / 2, height - bottom, SIZE * scale * (fitted / longest if longest else 1.0))
    half = fitted / 2 + PAD_X * scale
    if height > width or logo is None or place.middle + half <= logo.left - LOGO_GAP * scale:
        return place
    left, right = BOTTOM * scale, logo.left - LOGO_GAP * scale
    kept = min(half, (right - left) / 2)
    return replace(place, middle=right - kept, size=place.size * (kept - PAD_X * scale) / (half - PAD_X * scale))
