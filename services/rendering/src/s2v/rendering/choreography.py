"""What happens when: from the times of a scene to cues, and from cues to the frames that differ from the one before.

All times are seconds of the film. Frame n of the film is shown from n / rate.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from s2v.rendering.continuity import find_carried, find_lasting, shape_kinds
from s2v.rendering.easing import ease_both, ease_out, slow_down
from s2v.rendering.elements import Key, Kind, name_rules
from s2v.v1.composition_pb2 import SceneLayout, Shape, ShapeKind

LEAD_SECONDS = 0.12
"""A reveal starts so long before its word."""
SHAPE_SECONDS = 0.35
"""A node fades in."""
ROUTE_SECONDS = 0.40
"""An edge draws itself."""
LABEL_LAG_SECONDS = 0.10
"""An edge's label follows its line."""
TEXT_SECONDS = 0.25
"""A label or quantity fades in."""
HALO_SECONDS = 0.20
"""A halo comes or goes."""
HALO_HOLD_SECONDS = 0.90
"""A halo stays at least so long, unless the next thing is spoken of: a ring for a single short word would flicker."""
TRANSITION_SECONDS = 0.40
"""Cross-fade from one scene to the next; it belongs to the incoming scene."""
LEAVE_SECONDS = 0.22
"""What goes is gone when what comes begins to be seen, so that two texts are never read on top of each other."""
APPEAR_SECONDS = 0.24
"""Title and axes come in the last part of the transition."""
CUT_SECONDS = 1e-4
"""Length of a cue that cuts: less than a frame."""
EPSILON = 1e-6
"""Frames; times that are meant to fall on a frame do, whatever the rounding."""
PROGRESS_DIGITS = 5
"""Digits of a motion's progress: coarser than EPSILON is in the shortest fade."""


class Action(Enum):
    """What a cue does."""

    ENTER = "enter"
    """Fades in; a shape grows, an edge draws itself."""
    APPEAR = "appear"
    """Comes with its scene: a title, an axis."""
    GLOW = "glow"
    """The halo comes."""
    DIM = "dim"
    """The halo goes."""
    LEAVE = "leave"
    """Fades out with the scene before."""
    MOVE = "move"
    """Goes from its place in the scene before to its place in this one."""
    PAN = "pan"
    """Goes past as the camera moves."""


@dataclass(frozen=True)
class Cue:
    """Something that an element does."""

    key: Key
    action: Action
    start: float
    """In seconds."""
    end: float
    """In seconds; later than the start."""

    def progress(self, seconds: float) -> float:
        """Returns how far it is, 0 to 1; rounded, so that a frame that falls on its start or end by `frames` does so here too."""
        return round(min(1.0, max(0.0, (seconds - self.start) / (self.end - self.start))), PROGRESS_DIGITS)

    def frames(self, rate: int) -> range:
        """Returns the frames that this cue makes differ from the frame before."""
        return range(math.floor(self.start * rate + EPSILON) + 1, math.ceil(self.end * rate - EPSILON) + 1)


@dataclass(frozen=True)
class Pose:
    """How an element looks at a moment."""

    opacity: float
    scale: float = 1.0
    """About its centre."""
    drawn: float = 1.0
    """Share of an edge's line."""
    glow: float = 0.0
    """How far the halo is there."""
    moved: float = 1.0
    """Share of the way from the scene before."""


@dataclass(frozen=True)
class Stretch:
    """Frames that are drawn, and the time for which the last of them stays."""

    first_frame: int
    """Counted from the start of the film."""
    drawn: int
    """Frames that are drawn, one after another; at least 1."""
    held: int
    """Frames for which the last one stays unchanged."""


GROWTH = 0.06
"""By which a shape grows while it fades in."""
SWELLING = 0.25
"""By which a dot is larger while it is spoken of."""


class Score:
    """The cues of a clip, asked by moment and by frame."""

    def __init__(self, cues: Iterable[Cue], carried: Iterable[str] = ()) -> None:
        self.cues = tuple(cues)
        self.carried = frozenset(carried)
        """Ids of the nodes that stay from the scene before."""
        self._by_key: dict[Key, list[Cue]] = {}
        for cue in self.cues:
            self._by_key.setdefault(cue.key, []).append(cue)

    def pose(self, key: Key, seconds: float) -> Pose:
        """Returns how an element looks. One without cues is there all the time, a halo without cues never.

        A halo of the scene before is as bright as it was there: all that it does is to fade.
        """
        opacity, scale, drawn, moved = 1.0, 1.0, 1.0, 1.0
        glow = self._glow(key, seconds)
        if key.kind == Kind.HALO and not key.outgoing:
            opacity = glow
        for cue in self._by_key.get(key, ()):
            progress = cue.progress(seconds)
            if cue.action == Action.ENTER and key.kind == Kind.ROUTE:
                drawn = slow_down(progress)
                opacity *= 1.0 if progress > 0 else 0.0
            elif cue.action == Action.ENTER:
                opacity *= ease_out(progress)
                if key.kind == Kind.SHAPE:
                    scale = 1.0 - GROWTH * (1.0 - ease_out(progress))
            elif cue.action == Action.APPEAR:
                opacity *= ease_both(progress)
            elif cue.action == Action.LEAVE:
                opacity *= 1.0 - ease_both(progress)
            elif cue.action == Action.MOVE:
                moved = ease_both(progress)
        return Pose(opacity, scale, drawn, glow, moved)

    def changing(self, frame: int, rate: int) -> set[Key]:
        """Returns the elements that differ from the frame before."""
        keys = set()
        for cue in self.cues:
            if frame in cue.frames(rate):
                keys.add(cue.key)
                if cue.action in (Action.GLOW, Action.DIM):
                    keys.add(Key(Kind.SHAPE, cue.key.id))
        return keys

    def stretches(self, first_frame: int, frame_count: int, rate: int) -> list[Stretch]:
        """Cuts `frame_count` frames into stretches; the first frame is always drawn."""
        end = first_frame + frame_count
        drawn = {first_frame}
        for cue in self.cues:
            frames = cue.frames(rate)
            drawn.update(range(max(frames.start, first_frame), min(frames.stop, end)))
        order = sorted(drawn)
        starts = [frame for frame in order if frame - 1 not in drawn]
        found = []
        for start, following in zip(starts, [*starts[1:], end], strict=True):
            stop = start
            while stop in drawn:
                stop += 1
            found.append(Stretch(start, stop - start, following - stop))
        return found

    def _glow(self, key: Key, seconds: float) -> float:
        level = 0.0
        for cue in self._by_key.get(Key(Kind.HALO, key.id, key.outgoing), ()):
            if cue.action == Action.GLOW and seconds >= cue.start:
                level = ease_both(cue.progress(seconds))
            elif cue.action == Action.DIM and seconds >= cue.start:
                level *= 1.0 - ease_both(cue.progress(seconds))
        return level


class PlainScore(Score):
    """The same cues as fades alone: nothing grows and no line draws itself."""

    def pose(self, key: Key, seconds: float) -> Pose:
        """Returns how an element looks; an edge is there with its whole line."""
        pose = super().pose(key, seconds)
        faded = pose.opacity * pose.drawn if key.kind == Kind.ROUTE else pose.opacity
        return replace(pose, opacity=faded, scale=1.0, drawn=1.0)


def direct(scene: SceneLayout, previous: SceneLayout | None) -> Score:
    """Returns the cues of a scene's clip: its reveals and halos, and the transition from `previous` (None: the film's first).

    A key phrase that opens the film has none.
    """
    start, end = scene.start_seconds, scene.end_seconds
    before = direct(previous, None) if previous else Score(())
    carried = find_carried(scene, previous, before) if previous else frozenset[str]()
    kinds = shape_kinds(scene)
    lasting: Mapping[Key, Key] = {}
    settled = start
    cues: list[Cue] = []

    def enter(key: Key, reveal: float, seconds: float, lag: float = 0.0) -> None:
        if key in lasting:
            return
        begin = max(start, reveal - LEAD_SECONDS) + lag
        cues.append(Cue(key, Action.ENTER, begin, begin + seconds))

    if previous:
        begin = find_transition(scene, carried)
        settled = begin + TRANSITION_SECONDS
        lasting = find_lasting(scene, previous, carried, before)
        cues += leave(scene, previous, carried, lasting, begin)
        coming = [Key(Kind.TITLE, "")] if scene.title.lines and scene.title != previous.title else []
        for key, rule in name_rules(scene):
            if key not in lasting and (rule.node_id in carried or not rule.node_id):
                coming.append(key)
        cues += [Cue(key, Action.APPEAR, settled - APPEAR_SECONDS, settled) for key in coming]
    if previous is None and is_key_phrase(scene):
        return Score(cues)  # it is there all the time: the film's first frame, which players show before they play, is not empty
    reveals = {shape.node_id: shape.reveal_seconds for shape in scene.shapes}
    for key, rule in name_rules(scene):
        if rule.node_id in reveals and rule.node_id not in carried:
            enter(key, reveals[rule.node_id], SHAPE_SECONDS)
    for shape in scene.shapes:
        key = Key(kinds[shape.node_id], shape.node_id)
        if shape.node_id in carried:
            cues.append(Cue(key, Action.MOVE, start, start + TRANSITION_SECONDS))
        else:
            enter(key, shape.reveal_seconds, SHAPE_SECONDS)
        for number, annotation in enumerate(shape.annotations):
            enter(Key(Kind.ANNOTATION, f"{shape.node_id}/{number}"), annotation.reveal_seconds, TEXT_SECONDS)
    for route in scene.routes:
        enter(Key(Kind.ROUTE, route.edge_id), route.reveal_seconds, ROUTE_SECONDS)
        enter(Key(Kind.LABEL, route.edge_id), route.reveal_seconds, TEXT_SECONDS, LABEL_LAG_SECONDS)
    cues += halos(scene.shapes, settled, end)
    return Score(cues, carried)


def is_key_phrase(scene: SceneLayout) -> bool:
    """Says whether a scene shows words alone, without a title."""
    return not scene.title.lines and all(shape.kind == ShapeKind.SHAPE_KIND_TEXT for shape in scene.shapes)


def find_transition(scene: SceneLayout, carried: frozenset[str]) -> float:
    """Returns when the transition to a scene starts.

    That is the scene's start, but for one that has nothing to show there: the picture before it stays until the first word that
    shows something, as an empty canvas would look broken.
    """
    reveals = [shape.reveal_seconds for shape in scene.shapes] + [route.reveal_seconds for route in scene.routes]
    if scene.title.lines or carried or not reveals or any(not rule.node_id for rule in scene.rules):
        return scene.start_seconds
    return max(scene.start_seconds, min(min(reveals) - LEAD_SECONDS - LEAVE_SECONDS, scene.end_seconds - TRANSITION_SECONDS))


def leave(
    scene: SceneLayout, previous: SceneLayout, carried: frozenset[str], lasting: Mapping[Key, Key], begin: float
) -> list[Cue]:
    """Returns the cues by which everything of `previous` that does not stay fades out from `begin` on; halos go at once.

    `lasting`: what stays besides nodes, as `find_lasting`.
    """
    keys = [Key(Kind.ANNOTATION, f"{shape.node_id}/{n}") for shape in previous.shapes for n in range(len(shape.annotations))]
    keys += [Key(kind, route.edge_id) for route in previous.routes for kind in (Kind.ROUTE, Kind.LABEL)]
    keys += [key for key, _ in name_rules(previous)]
    keys = [key for key in keys if key not in lasting.values()]
    keys += [Key(kind, node_id) for node_id, kind in shape_kinds(previous).items() if node_id not in carried]
    if previous.title.lines and previous.title != scene.title:
        keys.append(Key(Kind.TITLE, ""))
    gone = begin + LEAVE_SECONDS
    cues = [Cue(Key(key.kind, key.id, outgoing=True), Action.LEAVE, begin, gone) for key in keys]
    if previous.camera:
        # What hides the rest of the picture hides it to the end, and until then the title's bar of a scene without a camera.
        bars = [before for key, before in lasting.items() if before.kind == Kind.TITLE and key.kind == Kind.RULE]
        keys = [Key(Kind.MASK, ""), *bars]
        cues += [Cue(Key(key.kind, key.id, outgoing=True), Action.LEAVE, gone, gone + CUT_SECONDS) for key in keys]
    start = scene.start_seconds
    for shape in previous.shapes:
        cues.append(Cue(Key(Kind.HALO, shape.node_id, outgoing=True), Action.LEAVE, start, start + HALO_SECONDS))
    return cues


def halos(shapes: Sequence[Shape], earliest: float, end: float) -> list[Cue]:
    """Returns the cues of the halos: on while a node is spoken of, and a little longer while nothing else is.

    No halo before `earliest` (the picture is still changing) or after `end`, in seconds.
    """
    spans = sorted(
        (max(earliest, shape.reveal_seconds - LEAD_SECONDS, span.start_seconds - LEAD_SECONDS), span.end_seconds, shape.node_id)
        for shape in shapes
        for span in shape.spoken
        if shape.kind != ShapeKind.SHAPE_KIND_TEXT and span.end_seconds > earliest and span.start_seconds < end
    )
    cues: list[Cue] = []
    lit: dict[str, tuple[float, float]] = {}

    def light(node_id: str) -> None:
        on, off = lit.pop(node_id)
        off = max(off, on + HALO_SECONDS)
        key = Key(Kind.HALO, node_id)
        cues.append(Cue(key, Action.GLOW, on, on + HALO_SECONDS))
        cues.append(Cue(key, Action.DIM, off, off + HALO_SECONDS))

    for number, (on, spoken_end, node_id) in enumerate(spans):
        others = [begin for begin, _, other in spans[number + 1 :] if other != node_id]
        off = max(spoken_end, min(on + HALO_HOLD_SECONDS, others[0] if others else end))
        if node_id in lit and on - lit[node_id][1] < 2 * HALO_SECONDS:
            # Spoken of again while its halo still goes: it stays.
            lit[node_id] = (lit[node_id][0], max(off, lit[node_id][1]))
            continue
        if node_id in lit:
            light(node_id)
        lit[node_id] = (on, off)
    for node_id in list(lit):
        light(node_id)
    return cues
