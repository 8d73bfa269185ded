"""What is to be drawn: a scene of the composition with all that its clip depends on."""

from __future__ import annotations

from collections.abc import Sequence

from s2v.rendering.clip import plan_clips
from s2v.runtime.captions import Caption, make_captions
from s2v.runtime.errors import InvalidInputError
from s2v.typeset.families import find_family
from s2v.typeset.themes import apply_brand, check_logo, theme
from s2v.v1.composition_pb2 import Composition
from s2v.v1.job_pb2 import Brand
from s2v.v1.rendering_service_pb2 import ClipOrder, DrawnCaption
from s2v.v1.transcript_pb2 import Transcript
from s2v.v1.work_pb2 import RenderingPart


def order_clips(composition: Composition, rate: int, transcript: Transcript | None, brand: Brand | None) -> list[ClipOrder]:
    """Returns an order for each clip; `transcript` is given where its captions are to be drawn into the picture.

    Errors: InvalidInputError, as `plan_clips`; for a brand that cannot be read or a logo that cannot be used.
    """
    parts = plan_clips(composition, rate)
    if brand is not None:
        check_brand(composition, brand)
    captions = make_captions(transcript) if transcript is not None else []
    return [ClipOrder(part=part, captions=_find_captions(part, captions), brand=brand) for part in parts]


def check_brand(composition: Composition, brand: Brand) -> None:
    """Errors: InvalidInputError that names the field and says what to give instead."""
    try:
        apply_brand(theme(composition.theme), brand)
        measured, asked = find_family(composition.font).name, find_family(brand.font).name
        if brand.font and asked != measured:
            raise ValueError(
                f"brand.font is {asked}, and the composition was measured in {measured}: make the layout with the brand"
            )
        if brand.logo:
            check_logo(brand.logo)
    except ValueError as error:
        raise InvalidInputError(str(error), reason="INVALID_OPTION", field="options.brand") from error


def _find_captions(part: RenderingPart, captions: Sequence[Caption]) -> list[DrawnCaption]:
    start, end = part.first_frame / part.frame_rate, (part.first_frame + part.frame_count) / part.frame_rate
    return [
        DrawnCaption(start_seconds=caption.start, end_seconds=caption.end, lines=caption.lines)
        for caption in captions
        if caption.start < end and caption.end > start
    ]
