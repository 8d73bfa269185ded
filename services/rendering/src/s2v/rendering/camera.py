"""The camera over a picture that is larger than the canvas: where it stands when, and what hides what leaves the diagram area."""

from __future__ import annotations

from collections.abc import Iterator

from s2v.rendering import outlines
from s2v.rendering.easing import ease_both
from s2v.rendering.elements import Element, Ink, Key, Kind, name_rules, scale_of
from s2v.typeset.themes import Theme
from s2v.v1.composition_pb2 import Rect, SceneLayout

TOP = 156.0
"""From the top edge down to the picture, in pixels of a canvas of 1080."""
BAR_DROP = 16.0
"""From the title's bar down to the picture, likewise."""
BOTTOM = 118.0
"""From the picture to the bottom edge, likewise."""
TALL_BOTTOM = 268.0
"""The same on a tall canvas, of which telephones lay their controls over the lowest part."""


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


def frame_picture(scene: SceneLayout, theme: Theme, width: int, height: int) -> Element:
    """Returns what covers the picture above and below the diagram area, in the canvas's colour."""
    scale = scale_of(width, height)
    bars = [rule.to.y + BAR_DROP * scale for key, rule in name_rules(scene) if key.kind == Kind.TITLE]
    top = max([TOP * scale, *bars])
    bottom = (TALL_BOTTOM if height > width else BOTTOM) * scale
    bands = (Rect(x=0, y=0, width=width, height=top), Rect(x=0, y=height - bottom, width=width, height=bottom))
    return Element(Key(Kind.MASK, ""), tuple(Ink(outlines.rounded_box(band, 0.0), fill=theme.background) for band in bands))
