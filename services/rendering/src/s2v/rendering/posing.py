"""How an element looks in a pose: outlines moved, grown, drawn in part, more or less opaque."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from s2v.rendering.choreography import SWELLING, Pose
from s2v.rendering.elements import Element, Ink, trace
from s2v.rendering.outlines import NOTHING, Curves

HEAD_SHARE = 0.15
"""Share of an edge's way in which its arrowhead becomes opaque."""


def pose_inks(element: Element, pose: Pose, origin: Element | None = None) -> tuple[Ink, ...]:
    """Returns the inks of an element in a pose; always as many as it has at rest (and the origin's texts, where it has one).

    `origin` is the same node in the scene before, for one that moves.
    """
    if element.track is not None:
        return _pose_route(element, pose)
    inks = element.inks if origin is None else _between(origin, element, pose.moved)
    scale = (pose.scale if element.grows else 1.0) * (1.0 + SWELLING * pose.glow if element.swells else 1.0)
    visible = pose.opacity > 0
    center = np.asarray(element.center)
    return tuple(
        replace(
            ink,
            curves=NOTHING if not visible else _scaled(ink, scale, center, element, number),
            opacity=ink.opacity * pose.opacity,
        )
        for number, ink in enumerate(inks)
    )


def _scaled(ink: Ink, scale: float, center: Curves, element: Element, number: int) -> Curves:
    # Of what swells only the dot does, not its text.
    if scale == 1.0 or (element.swells and number > 0):
        return ink.curves
    return (ink.curves - center) * scale + center


def _pose_route(element: Element, pose: Pose) -> tuple[Ink, ...]:
    if element.track is None or pose.opacity <= 0 or pose.drawn <= 0:
        return tuple(replace(ink, curves=NOTHING) for ink in element.inks)
    line = element.inks[0]
    inks = trace(element.track, element.head_px, line.stroke, line.width_px, pose.drawn)
    faded = pose.opacity * min(1.0, pose.drawn / HEAD_SHARE)
    return replace(inks[0], opacity=pose.opacity), replace(inks[1], opacity=faded)


def _between(origin: Element, element: Element, moved: float) -> tuple[Ink, ...]:
    """Returns the node on its way: its outline changes from the one to the other; its text moves.

    Where the text differs, the old one is gone before the new one comes, so that two are never read on top of each other.
    """
    shift = (np.asarray(element.center) - np.asarray(origin.center)) * (1.0 - moved)
    inks: list[Ink] = []
    old_texts, new_texts = list(origin.inks), list(element.inks)
    # Carried nodes are of one kind: their outlines have as many pieces.
    for _ in range(min(origin.outlines, element.outlines)):
        start, end = old_texts.pop(0), new_texts.pop(0)
        inks.append(replace(end, curves=start.curves + (end.curves - start.curves) * moved))
    same = [_is_same_text(a, b) for a, b in zip(old_texts, new_texts, strict=False)]
    alike = len(old_texts) == len(new_texts) and all(same)
    for ink in new_texts:
        inks.append(
            replace(ink, curves=ink.curves - shift, opacity=ink.opacity * (1.0 if alike else max(0.0, 2.0 * moved - 1.0)))
        )
    for ink in old_texts:
        away = NOTHING if alike or moved >= 0.5 else ink.curves - shift + np.asarray(element.center) - np.asarray(origin.center)
        inks.append(replace(ink, curves=away, opacity=ink.opacity * max(0.0, 1.0 - 2.0 * moved)))
    return tuple(inks)


def _is_same_text(first: Ink, second: Ink) -> bool:
    if first.curves.shape != second.curves.shape or not len(first.curves):
        return False
    shapes = first.curves - first.curves[0], second.curves - second.curves[0]
    return first.fill == second.fill and bool(np.allclose(*shapes, atol=0.01))
