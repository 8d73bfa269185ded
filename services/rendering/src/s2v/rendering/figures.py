"""A scene's elements put together with its score: what is on the canvas at a frame, independent of what paints it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from s2v.rendering.choreography import Pose, Score, direct
from s2v.rendering.elements import Element, Ink, Key, Kind, draw_elements, scale_of
from s2v.rendering.posing import pose_inks
from s2v.typeset.themes import theme
from s2v.v1.work_pb2 import RenderingPart


@dataclass(frozen=True)
class Figure:
    """An element of the clip."""

    element: Element
    origin: Element | None = None
    """The same node in the scene before, for one that moves."""


@dataclass(frozen=True)
class Cast:
    """All that a clip shows."""

    figures: tuple[Figure, ...]
    """The lowest first."""
    score: Score
    background: str
    """Colour "#RRGGBB"."""

    def inks(self, figure: Figure, seconds: float) -> tuple[Ink, ...]:
        """Returns how a figure looks at a moment of the film, in seconds."""
        return pose_inks(figure.element, self.score.pose(figure.element.key, seconds), figure.origin)


def assemble(part: RenderingPart) -> Cast:
    """Returns what the clip of a part shows.

    Errors: ValueError for an unknown theme, colour or font weight.
    """
    colors = theme(part.theme)
    scale = scale_of(part.width, part.height)
    elements = draw_elements(part.scene, colors, scale)
    previous = part.previous if part.HasField("previous") else None
    score = direct(part.scene, previous)
    if previous is None:
        return Cast(tuple(Figure(each) for each in elements), score, colors.background)
    before = direct(previous, None)
    old = {each.key: each for each in draw_elements(previous, colors, scale)}
    leaving = {cue.key for cue in score.cues if cue.key.outgoing}
    outgoing = []
    for key, element in old.items():
        if Key(key.kind, key.id, outgoing=True) in leaving:
            pose = before.pose(key, part.scene.start_seconds)
            outgoing.append(Figure(freeze(element, pose)))
    incoming = [
        Figure(each, old.get(each.key) if each.key.kind in (Kind.SHAPE, Kind.PANEL) and each.key.id in score.carried else None)
        for each in elements
    ]
    figures = sorted([*outgoing, *incoming], key=lambda each: each.element.key.kind.value)
    return Cast(tuple(figures), score, colors.background)


def freeze(element: Element, pose: Pose) -> Element:
    """Returns an element of the scene before as it stands at that scene's end; all that it does from now on is to fade."""
    key = Key(element.key.kind, element.key.id, outgoing=True)
    return replace(element, key=key, inks=pose_inks(element, pose), track=None, swells=False)
