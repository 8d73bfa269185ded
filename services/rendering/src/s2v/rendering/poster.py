"""The poster: the fullest picture of the film, as PNG."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2

from s2v.rendering.choreography import Score
from s2v.rendering.figures import assemble
from s2v.rendering.still import paint_still
from s2v.v1.job_pb2 import Brand
from s2v.v1.rendering_service_pb2 import ClipOrder
from s2v.v1.work_pb2 import RenderingPart


def make_poster(part: RenderingPart, brand: Brand | None, path: Path) -> None:
    """Writes the scene of a part, everything there and nothing lit, to `path`. Errors: ValueError as `assemble`."""
    alone = ClipOrder(part=part, brand=brand)
    alone.part.ClearField("previous")
    cast = replace(assemble(alone), score=Score(()))
    picture = paint_still(cast, part.scene.end_seconds, part.width, part.height)
    _, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGBA2BGR))
    path.write_bytes(data.tobytes())  # imwrite would say nothing of a full disk
