"""The camera over a picture that is larger than the canvas: where it stands when, and what hides what leaves the diagram area."""

from __future__ import annotations

from collections.abc import Iterator

from s2v.rendering import outlines
from s2v.rendering.choreography import ease_both
from s2v.rendering.elements import Element, Ink, Key, Kind, scale_of
from s2v.typeset.themes import Theme
from s2v.v1.composition_pb2 import Rect, SceneLayout

TOP = 156.0
"""From the top edge down to the picture, in pixels of a canvas of 1080."""
BAR_DROP = 16.0
"""From the title's bar down to the picture, likewise."""
BOTTOM = 118.0
"""From the picture to the bottom edge, likewise."""


class Camera:
    """Where the camera of a scene stands."""

    def __init__(self, scene: SceneLayout) -> None:
        self._keyframes = list(scene.camera)

    @property
    def moves(self) -> bool:
        """Whether the scene has a camera at all."""
        return bool(self._keyframes)

    def at(self, seconds: float) -> tuple[float, float]:
        """Returns by how far the picture is moved to the left and up, in pixels."""
        x = y = 0.0
        for number, keyframe in enumerate(self._keyframes):
            if number == 0:
                x, y = keyframe.x, keyframe.y
            elif seconds > keyframe.start_seconds:
                share = 1.0
                if seconds < keyframe.end_seconds:
                    share = ease_both((seconds - keyframe.start_seconds) / (keyframe.end_seconds - keyframe.start_seconds))
                x, y = x + (keyframe.x - x) * share, y + (keyframe.y - y) * share
        return x, y

    def spans(self) -> Iterator[tuple[float, float]]:
        """Yields start and end of each move, in seconds of the film."""
        for keyframe in self._keyframes[1:]:
            yield keyframe.start_seconds, keyframe.end_seconds


def frame_picture(scene: SceneLayout, theme: Theme, width: int, height: int) -> list[Element]:
    """Returns what covers the picture above and below the diagram area, in the canvas's colour, with the title's bar on it."""
    scale = scale_of(width, height)
    top = TOP * scale
    bar: tuple[Ink, ...] = ()
    if scene.title.lines and scene.rules:
        rule = scene.rules[-1]
        start = getattr(rule, "from")
        line = outlines.straight([(start.x, start.y), (rule.to.x, rule.to.y)])
        bar = (Ink(line, stroke=theme.color(rule.color), width_px=rule.width_px, round_caps=rule.round_caps),)
        top = max(top, rule.to.y + BAR_DROP * scale)
    bands = (Rect(x=0, y=0, width=width, height=top), Rect(x=0, y=height - BOTTOM * scale, width=width, height=BOTTOM * scale))
    covers = tuple(Ink(outlines.rounded_box(band, 0.0), fill=theme.background) for band in bands)
    return [Element(Key(Kind.MASK, ""), (*covers, *bar))]
