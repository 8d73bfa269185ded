"""A scene as PNG, for slides and mail: the SVG of the scene, drawn by resvg with the bundled fonts alone."""

from __future__ import annotations

import resvg_py

from s2v.layout import svg
from s2v.typeset.fonts import FAMILY, font_paths
from s2v.v1.composition_pb2 import Composition, SceneLayout
from s2v.v1.job_pb2 import Brand

CONTENT_TYPE = "image/png"


def draw(composition: Composition, scene: SceneLayout, brand: Brand | None = None) -> bytes:
    """Returns a scene as a PNG file, as many pixels wide as its SVG. Errors: as `svg.draw`."""
    picture: bytes = resvg_py.svg_to_bytes(
        svg_string=svg.draw(composition, scene, brand).decode(),
        font_files=[str(path) for path in font_paths()],
        font_family=FAMILY,
        sans_serif_family=FAMILY,
        skip_system_fonts=True,
    )
    return picture
