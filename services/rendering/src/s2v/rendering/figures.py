"""A scene's elements put together with its score: what is on the canvas at a frame, independent of what paints it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from s2v.rendering.camera import Camera, frame_picture
from s2v.rendering.choreography import Action, Cue, Pose, Score, direct
from s2v.rendering.elements import Element, Ink, Key, Kind, draw_elements, scale_of
from s2v.rendering.logo import Logo, open_logo
from s2v.rendering.posing import pose_inks
from s2v.rendering.subtitles import cue_captions, draw_captions
from s2v.typeset.families import set_in
from s2v.typeset.themes import Theme, apply_brand, theme
from s2v.v1.composition_pb2 import SceneLayout
from s2v.v1.rendering_service_pb2 import ClipOrder, DrawnCaption
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
    camera: Camera
    logo: Logo | None = None
    """Lies over everything."""

    def inks(self, figure: Figure, seconds: float) -> tuple[Ink, ...]:
        """Returns how a figure looks at a moment of the film, in seconds."""
        inks = pose_inks(figure.element, self.score.pose(figure.element.key, seconds), figure.origin)
        if not self.camera.moves or is_fixed(figure.element):
            return inks
        return move(inks, self.camera.at(seconds))


def assemble(order: ClipOrder) -> Cast:
    """Returns what a clip shows.

    Errors: ValueError for an unknown theme, colour or font weight, a brand that cannot be read, a logo that does not open.
    """
    with set_in(order.part.font):
        return _assemble_order(order)


def _assemble_order(order: ClipOrder) -> Cast:
    """Assembles in the family in force: the outlines of all text are made here."""
    part, brand = order.part, order.brand
    colors = apply_brand(theme(part.theme), brand) if order.HasField("brand") else theme(part.theme)
    logo = open_logo(brand.logo, part.width, part.height) if brand.logo else None
    cast = replace(_assemble(part, colors), logo=logo)
    return add_captions(cast, order.captions, colors, part) if order.captions else cast


def add_captions(cast: Cast, captions: Sequence[DrawnCaption], colors: Theme, part: RenderingPart) -> Cast:
    """Returns the cast with captions drawn into the picture."""
    logo = cast.logo.region if cast.logo else None
    drawn = draw_captions(captions, colors, part.width, part.height, logo)
    score = Score([*cast.score.cues, *cue_captions(captions)], cast.score.carried)
    return replace(cast, figures=_order([*cast.figures, *(Figure(each) for each in drawn)]), score=score)


def _assemble(part: RenderingPart, colors: Theme) -> Cast:
    camera = Camera(part.scene)
    elements = _draw(part.scene, colors, part)
    previous = part.previous if part.HasField("previous") else None
    score = direct(part.scene, previous)
    pans = [Cue(each.key, Action.PAN, start, end) for each in elements if not is_fixed(each) for start, end in camera.spans()]
    score = Score([*score.cues, *pans], score.carried)
    if previous is None:
        return Cast(_order(Figure(each) for each in elements), score, colors.background, camera)
    before = direct(previous, None)
    # What comes from the scene before stands where its camera left it, seen by this scene's camera where that one starts.
    away = Camera(previous).at(part.scene.start_seconds)
    old = {each.key: _moved(each, away) for each in _draw(previous, colors, part)}
    leaving = {cue.key for cue in score.cues if cue.key.outgoing}
    outgoing = []
    for key, element in old.items():
        if Key(key.kind, key.id, outgoing=True) in leaving:
            pose = before.pose(key, part.scene.start_seconds)
            outgoing.append(Figure(freeze(element, pose)))
    here = camera.at(part.scene.start_seconds)
    incoming = [
        Figure(each, _moved(old[each.key], (-here[0], -here[1])) if _is_carried(each, old, score) else None) for each in elements
    ]
    return Cast(_order([*outgoing, *incoming]), score, colors.background, camera)


def _draw(scene: SceneLayout, colors: Theme, part: RenderingPart) -> list[Element]:
    """Returns the elements of a scene, with what frames its picture where a camera moves."""
    elements = draw_elements(scene, colors, scale_of(part.width, part.height))
    return [*elements, frame_picture(scene, colors, part.width, part.height)] if scene.camera else elements


def is_fixed(element: Element) -> bool:
    """Tells whether the camera leaves an element where it is: title, what frames the picture, what the scene before left."""
    return element.key.outgoing or element.key.kind in (Kind.TITLE, Kind.MASK, Kind.CAPTION)


def move(inks: Iterable[Ink], offset: tuple[float, float]) -> tuple[Ink, ...]:
    """Returns inks moved to the left and up by an offset, in pixels."""
    return tuple(replace(ink, curves=ink.curves - np.asarray(offset)) if len(ink.curves) else ink for ink in inks)


def _moved(element: Element, offset: tuple[float, float]) -> Element:
    if is_fixed(element) or offset == (0.0, 0.0):
        return element
    center = (element.center[0] - offset[0], element.center[1] - offset[1])
    return replace(element, inks=move(element.inks, offset), center=center, track=None)


def _is_carried(element: Element, old: dict[Key, Element], score: Score) -> bool:
    key = element.key
    return key.kind in (Kind.SHAPE, Kind.PANEL) and key.id in score.carried and key in old


def _order(figures: Iterable[Figure]) -> tuple[Figure, ...]:
    return tuple(sorted(figures, key=lambda each: each.element.key.kind.value))


def freeze(element: Element, pose: Pose) -> Element:
    """Returns an element of the scene before as it stands at that scene's end; all that it does from now on is to fade."""
    key = Key(element.key.kind, element.key.id, outgoing=True)
    return replace(element, key=key, inks=pose_inks(element, pose), track=None, swells=False)
