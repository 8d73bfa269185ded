"""manim's renderer, drawing only the parts of the canvas that change: inks as its vector objects, its camera as the painter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import cairo
import numpy as np
import numpy.typing as npt
from manim import Camera, CapStyleType, LineJointType, Scene, VMobject
from manim.renderer.cairo_renderer import CairoRenderer

from s2v.rendering.elements import Ink
from s2v.rendering.pixels import Pixels, Region, merge


def rgba(color: str, opacity: float) -> npt.NDArray[np.float64]:
    """Returns a colour as manim keeps it: an array of shape (1, 4), 0 to 1."""
    channels = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    return np.asarray([[*channels, opacity]])


class Drawing(VMobject):  # type: ignore[misc]
    """One ink as a manim object. A unit of manim's space is a pixel; the origin is the middle of the canvas, y up."""

    def __init__(self, middle: tuple[float, float]) -> None:
        super().__init__(fill_opacity=0.0, stroke_width=0.0)
        self.joint_type = LineJointType.ROUND
        self.region: Region | None = None
        """What it covers, in whole pixels; None: nothing."""
        self._middle = np.asarray(middle)
        self._ink: Ink | None = None

    def show(self, ink: Ink) -> list[Region]:
        """Takes the form of an ink; returns the regions that must be painted again."""
        stale = [] if self.region is None else [self.region]
        visible = len(ink.curves) > 0 and ink.opacity > 0
        self.points = np.zeros((len(ink.curves) if visible else 0, 3))
        self.region = None
        if visible:
            self.points[:, :2] = (ink.curves - self._middle) * (1, -1)
            self.fill_rgbas = rgba(ink.fill or "#000000", ink.opacity if ink.fill else 0.0)
            self.stroke_rgbas = rgba(ink.stroke or "#000000", ink.opacity if ink.stroke else 0.0)
            self.stroke_width = ink.width_px if ink.stroke else 0.0
            self.cap_style = CapStyleType.ROUND if ink.round_caps else CapStyleType.BUTT
            self.region = Region.around(ink.curves, self.stroke_width / 2 + 1)
            stale.append(self.region)
        return stale


class PixelCamera(Camera):  # type: ignore[misc]
    """A camera whose line widths are pixels, and which keeps to the regions it is given."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(cairo_line_width_multiple=1.0, **kwargs)

    def paint(self, regions: Sequence[Region], mobjects: Iterable[VMobject]) -> None:
        """Paints the regions anew: background, then those of the objects that touch them, in order."""
        context = self.get_cairo_context(self.pixel_array)
        context.save()
        matrix = context.get_matrix()
        context.identity_matrix()
        context.new_path()  # manim leaves the last object's path behind
        context.set_antialias(cairo.Antialias.BEST)
        for region in regions:
            context.rectangle(region.left, region.top, region.width, region.height)
            self.pixel_array[region.rows, region.columns] = self.background[0, 0]
        context.clip()
        context.set_matrix(matrix)
        touched = [each for each in mobjects if each.region and any(each.region.touches(region) for region in regions)]
        self.capture_mobjects(touched)
        context.restore()


@dataclass
class Stage:
    """What stands on the canvas."""

    drawings: list[Drawing]
    """The lowest first."""
    stale: list[Region]
    """Regions that have changed since they were painted."""


class RegionRenderer(CairoRenderer):  # type: ignore[misc]
    """manim's Cairo renderer that paints only what has changed, into one picture that lives as long as the scene."""

    def __init__(self, file_writer_class: Callable[[Any], Any], stage: Stage) -> None:
        super().__init__(file_writer_class=file_writer_class, camera_class=PixelCamera)
        self._stage = stage
        self._painted: list[Region] = []

    def update_frame(self, scene: Scene, mobjects: Iterable[VMobject] | None = None, **_: Any) -> None:
        """Paints what is stale. manim's own choice of `mobjects` does not matter: the regions decide."""
        whole = Region(0, 0, self.camera.pixel_width, self.camera.pixel_height)
        self._painted = merge(region.within(whole) for region in self._stage.stale)
        self._stage.stale = []
        if self._painted:
            self.camera.paint(self._painted, self._stage.drawings)

    def save_static_frame_data(self, scene: Scene, static_mobjects: Iterable[VMobject]) -> None:
        """Nothing to keep: the picture itself is what stands still."""
        self.static_image = None

    def get_frame(self) -> Pixels:
        """Returns the picture itself, not a copy: the writer is done with it before it changes."""
        return self.camera.pixel_array  # type: ignore[no-any-return]

    def add_frame(self, frame: Pixels, num_frames: int = 1) -> None:
        """Hands the picture to the writer, with the regions that were painted."""
        self.time += num_frames / self.camera.frame_rate
        self.file_writer.write_regions(frame, self._painted, num_frames)
        self._painted = []

    def freeze_current_frame(self, duration: float) -> None:
        """Holds the picture. The number of frames is rounded: manim cuts it off, and 0.1 s at 30 frames a second would lose one."""
        self.add_frame(self.get_frame(), round(duration * self.camera.frame_rate))
