"""Captions drawn into the picture: text on a plate in the strip that pictures leave free."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from s2v.rendering import outlines
from s2v.rendering.choreography import CUT_SECONDS, Action, Cue
from s2v.rendering.elements import Element, Ink, Key, Kind, scale_of
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
PAD_X, PAD_Y, RADIUS = 20.0, 6.0, 10.0
"""Of the plate, likewise."""
WIDEST = 0.9
"""Share of the canvas's width that a line may have; longer ones are set smaller."""
PLATE_OPACITY = 0.88
WEIGHT = FontWeight.FONT_WEIGHT_MEDIUM


def draw_captions(captions: Sequence[DrawnCaption], theme: Theme, width: int, height: int) -> list[Element]:
    """Returns an element a caption, named by its number."""
    return [
        Element(Key(Kind.CAPTION, str(number)), tuple(_draw(list(caption.lines), theme, width, height)))
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


def _draw(lines: Sequence[str], theme: Theme, width: int, height: int) -> Iterable[Ink]:
    scale = scale_of(width, height)
    longest = max((measure(line, WEIGHT, SIZE * scale) for line in lines), default=0.0)
    size = SIZE * scale * min(1.0, WIDEST * width / longest if longest else 1.0)
    widths = [measure(line, WEIGHT, size) for line in lines]
    plate_width = max(widths, default=0.0) + 2 * PAD_X * scale
    plate_height = (len(lines) * LEAD + 2 * PAD_Y) * scale
    top = height - BOTTOM * scale - plate_height
    plate = Rect(x=(width - plate_width) / 2, y=top, width=plate_width, height=plate_height)
    yield Ink(outlines.rounded_box(plate, RADIUS * scale), fill=theme.background, opacity=PLATE_OPACITY)
    for number, (line, length) in enumerate(zip(lines, widths, strict=True)):
        baseline = round(top + (PAD_Y + number * LEAD + BASELINE) * scale)
        curves = outlines.text(line, WEIGHT, size, (width - length) / 2, baseline)
        if len(curves):
            yield Ink(curves, fill=theme.color(ColorRole.COLOR_ROLE_TEXT))
