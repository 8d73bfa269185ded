"""One scene's clip: by manim, or, when that fails, with plain fades."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from s2v.rendering.encoder import DEFAULT_ENCODING, ClipEncoder, Encoding
from s2v.rendering.figures import Cast, assemble
from s2v.rendering.limits import DEFAULT_LIMITS, OUT_OF_RESOURCES, within_limits
from s2v.rendering.scene import film_scene
from s2v.rendering.still import film_still
from s2v.runtime.errors import DegradedError, EngineError, InvalidInputError
from s2v.typeset.families import set_in
from s2v.typeset.fonts import font_digests
from s2v.typeset.themes import THEMES
from s2v.v1.composition_pb2 import Composition
from s2v.v1.rendering_service_pb2 import ClipOrder
from s2v.v1.video_pb2 import Clip
from s2v.v1.work_pb2 import RenderingPart

log = logging.getLogger(__name__)

RATES = (24, 30, 60)
"""Frames a second that are made."""
DEFAULT_RATE = 30
LARGEST_FRAMES = 24 * 3600 * 60
"""Of a film: a day at 60 frames a second."""
LARGEST_SIDE = 4096
"""Of the canvas, in pixels."""


@dataclass(frozen=True)
class ClipFacts:
    """What was made. Crosses process borders."""

    distinct_frames: int
    degraded: str
    """Why manim did not draw it; empty if it did."""
    size_bytes: int
    """Of the file."""


def plan_clips(composition: Composition, rate: int) -> list[RenderingPart]:
    """Returns a part for each scene that is at least one frame long.

    Scenes start at the frame nearest to their time, so that rounding never adds up, and together they fill
    `count_frames(composition, rate)` frames. Errors: InvalidInputError.
    """
    check_composition(composition, rate)
    total = count_frames(composition, rate)
    starts = [0, *(min(total, round(scene.start_seconds * rate)) for scene in composition.scenes[1:]), total]
    parts: list[RenderingPart] = []
    for number, scene in enumerate(composition.scenes):
        first, count = starts[number], starts[number + 1] - starts[number]
        if count <= 0:
            continue
        part = RenderingPart(
            scene=scene,
            previous=parts[-1].scene if parts else None,
            width=composition.width,
            height=composition.height,
            theme=composition.theme,
            font=composition.font,
            frame_rate=rate,
            first_frame=first,
            frame_count=count,
        )
        # What is measured of a layout is not drawn, nor is the chapter's name: they must not make a clip look new.
        part.scene.ClearField("quality")
        part.scene.ClearField("chapter")
        parts.append(part)
    return parts


def count_frames(composition: Composition, rate: int) -> int:
    """Returns the length of the film in frames: the sound's, to the nearest frame."""
    return max(1, round(composition.duration_seconds * rate))


def check_composition(composition: Composition, rate: int) -> None:
    """Errors: InvalidInputError naming the field."""
    if not composition.scenes:
        raise InvalidInputError("the composition has no scenes: there is nothing to draw", field="composition.scenes")
    if rate not in RATES:
        raise InvalidInputError(f"{rate} frames a second: use one of {', '.join(map(str, RATES))}", field="frame_rate")
    for name, side in (("width", composition.width), ("height", composition.height)):
        if side % 2 or not 2 <= side <= LARGEST_SIDE:
            raise InvalidInputError(
                f"the canvas has a {name} of {side} px: use an even number up to {LARGEST_SIDE}", field=f"composition.{name}"
            )
    for field, seconds in _times(composition):
        if not math.isfinite(seconds):
            raise InvalidInputError(f"{field} is {seconds}: give a time in seconds", field=field)
    if count_frames(composition, rate) > LARGEST_FRAMES:
        raise InvalidInputError(
            f"the film would have {count_frames(composition, rate)} frames: {LARGEST_FRAMES} are drawn at most; cut the sound",
            field="composition.duration_seconds",
        )
    if composition.theme not in THEMES:
        raise InvalidInputError(
            f"there is no theme {composition.theme!r}: use one of {', '.join(sorted(THEMES))}", field="composition.theme"
        )
    ends = [scene.start_seconds for scene in composition.scenes[1:]] + [composition.duration_seconds]
    for scene, end in zip(composition.scenes, ends, strict=True):
        if not 0 <= scene.start_seconds <= end:
            raise InvalidInputError(
                f"scene {scene.scene_id} starts at {scene.start_seconds:.2f} s and ends at {end:.2f} s: "
                "scenes must be in order and end with the sound",
                field="composition.scenes",
            )
    try:
        with set_in(composition.font):
            known = font_digests()
    except ValueError as error:
        raise InvalidInputError(str(error), field="composition.font") from error
    for name, sha256 in composition.font_sha256.items():
        if known.get(name) != sha256:
            raise InvalidInputError(
                f"the composition was measured with another {name} than the one here: make the layout again",
                reason="FONT_MISMATCH",
                field="composition.font_sha256",
            )


def _times(composition: Composition) -> Iterator[tuple[str, float]]:
    """Yields all times of a composition, each with the name of its field."""
    yield "composition.duration_seconds", composition.duration_seconds
    for number, scene in enumerate(composition.scenes):
        place = f"composition.scenes[{number}]"
        yield f"{place}.start_seconds", scene.start_seconds
        yield f"{place}.end_seconds", scene.end_seconds
        for which, shape in enumerate(scene.shapes):
            yield f"{place}.shapes[{which}].reveal_seconds", shape.reveal_seconds
            for annotation in shape.annotations:
                yield f"{place}.shapes[{which}].annotations.reveal_seconds", annotation.reveal_seconds
            for span in shape.spoken:
                yield f"{place}.shapes[{which}].spoken.start_seconds", span.start_seconds
                yield f"{place}.shapes[{which}].spoken.end_seconds", span.end_seconds
        for which, route in enumerate(scene.routes):
            yield f"{place}.routes[{which}].reveal_seconds", route.reveal_seconds
        for which, keyframe in enumerate(scene.camera):
            yield f"{place}.camera[{which}].start_seconds", keyframe.start_seconds
            yield f"{place}.camera[{which}].end_seconds", keyframe.end_seconds


def make_clip(
    data: bytes, path: Path, strict: bool, encoding: Encoding = DEFAULT_ENCODING, room_bytes: int = DEFAULT_LIMITS.job_bytes
) -> ClipFacts:
    """Draws the clip of a serialised ClipOrder and writes it to `path`, at most `room_bytes`.

    Errors: InvalidInputError (colours or weights that are not said), LimitError (memory, disk), DegradedError when manim fails
    and `strict` is set, EngineError when the clip has another length than it should.
    """
    order = ClipOrder.FromString(data)
    with within_limits(f"scene {order.part.scene.scene_id}", room_bytes):
        return _make(order, path, strict, encoding)


def _make(order: ClipOrder, path: Path, strict: bool, encoding: Encoding) -> ClipFacts:
    part = order.part
    try:
        cast = assemble(order)
    except (ValueError, KeyError) as error:
        raise InvalidInputError(f"scene {part.scene.scene_id} cannot be drawn: {error}", field="composition.scenes") from error
    encoder, degraded = _draw(part, cast, path, strict, encoding)
    if encoder.frames != part.frame_count:
        raise EngineError(f"scene {part.scene.scene_id} came out at {encoder.frames} frames instead of {part.frame_count}")
    return ClipFacts(encoder.distinct_frames, degraded, path.stat().st_size)


def _draw(part: RenderingPart, cast: Cast, path: Path, strict: bool, encoding: Encoding) -> tuple[ClipEncoder, str]:
    try:
        return film_scene(part, cast, path, encoding), ""
    except OUT_OF_RESOURCES:
        raise  # plain fades would need as much
    except Exception as error:
        reason = f"manim failed on scene {part.scene.scene_id} ({type(error).__name__}: {error}); it is shown with plain fades"
        if strict:
            raise DegradedError(reason) from error
        log.warning("%s", reason, exc_info=error)
    return film_still(part, cast, path, encoding), reason


def describe_clip(part: RenderingPart, facts: ClipFacts) -> Clip:
    """Returns the message of a clip; its object is still unset."""
    return Clip(
        scene_id=part.scene.scene_id,
        first_frame=part.first_frame,
        frame_count=part.frame_count,
        distinct_frames=facts.distinct_frames,
        degraded=facts.degraded,
    )


def fullest(parts: Sequence[RenderingPart]) -> RenderingPart:
    """Returns the part whose picture holds most: the one for the poster; the first of equals."""
    return max(parts, key=lambda part: len(part.scene.shapes) + len(part.scene.routes))
