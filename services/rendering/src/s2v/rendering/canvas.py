"""manim's renderer, drawing only the parts of the canvas that change: inks as its vector objects, its camera as the painter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import cairo
import numpy as np
import numpy.typing as npt
from manim import Camera, CapStyleType, LineJointType, Mobject, Scene, VMobject
from manim.renderer.cairo_renderer import CairoRenderer
from manim.scene.scene_file_writer import SceneFileWriter
from manim.typing import PixelArray
from manim.utils.color import color_to_int_rgba

from s2v.rendering.elements import Ink
from s2v.rendering.logo import Logo
from s2v.rendering.pixels import Region, merge


def rgba(color: str, opacity: float) -> npt.NDArray[np.float64]:
    """Returns a colour as manim keeps it: an array of shape (1, 4), 0 to 1."""
    channels = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    return np.asarray([[*channels, opacity]])


class Drawing(VMobject):
    """One ink as a manim object. A unit of manim's space is a pixel; the origin is the middle of the canvas, y up."""

    def __init__(self, middle: tuple[float, float]) -> None:
        super().__init__(fill_opacity=0.0, stroke_width=0.0)
        self.joint_type = LineJointType.ROUND
        self.region: Region | None = None
        """What it covers, in whole pixels; None: nothing."""
        self._middle = np.asarray(middle)
        self._ink: Ink | None = None

    def take(self, ink: Ink) -> list[Region]:
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

    def covers(self, regions: Iterable[Region]) -> bool:
        """Tells whether anything of it lies in one of the regions."""
        return self.region is not None and any(self.region.touches(region) for region in regions)


class PixelCamera(Camera):
    """A camera whose line widths are pixels, and which keeps to the regions it is given."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(cairo_line_width_multiple=1.0, **kwargs)

    def init_background(self) -> None:
        """Makes the background one pixel that is seen everywhere, instead of a second picture in memory."""
        color = np.asarray(color_to_int_rgba(self.background_color, self.background_opacity), dtype=np.uint8)
        self.background = np.broadcast_to(color, (self.pixel_height, self.pixel_width, self.n_channels))

    def release(self) -> None:
        """Lets go of the picture: scene, renderer and camera hold one another, and would keep it until they are collected."""
        self.pixel_array_to_cairo_context.clear()
        self.pixel_array = np.empty((0, 0, self.n_channels), dtype=np.uint8)

    def paint(self, regions: Sequence[Region], drawings: Iterable[Drawing]) -> None:
        """Paints the regions anew: background, then the drawings that touch them, in order."""
        background = np.asarray(self.background)[0, 0]
        context = self.get_cairo_context(self.pixel_array)
        context.save()
        matrix = context.get_matrix()
        context.identity_matrix()
        context.new_path()  # manim leaves the last object's path behind
        context.set_antialias(cairo.Antialias.BEST)
        for region in regions:
            context.rectangle(region.left, region.top, region.width, region.height)
            self.pixel_array[region.rows, region.columns] = background
        context.clip()
        context.set_matrix(matrix)
        self.capture_mobjects([each for each in drawings if each.covers(regions)])
        context.restore()


@dataclass
class Stage:
    """What stands on the canvas."""

    drawings: list[Drawing]
    """The lowest first."""
    stale: list[Region]
    """Regions that have changed since they were painted."""
    logo: Logo | None = None
    """Lies over the drawings."""


class RegionRenderer(CairoRenderer):
    """manim's Cairo renderer that paints only what has changed, into one picture that lives as long as the scene."""

    camera: PixelCamera

    def __init__(self, file_writer_class: Callable[[Any], SceneFileWriter], stage: Stage) -> None:
        # manim only calls it: a function that makes a writer is as good as its class.
        super().__init__(file_writer_class=cast(type[SceneFileWriter], file_writer_class), camera_class=PixelCamera)
        self._stage = stage
        self._painted: list[Region] = []

    def update_frame(self, scene: Scene, mobjects: Iterable[Mobject] | None = None, *_: bool, **__: Any) -> None:
        """Paints what is stale. manim's own choice of `mobjects` does not matter: the regions decide."""
        whole = Region(0, 0, self.camera.pixel_width, self.camera.pixel_height)
        self._painted = merge(region.within(whole) for region in self._stage.stale)
        self._stage.stale = []
        if self._painted:
            self.camera.paint(self._painted, self._stage.drawings)
            if self._stage.logo:
                for region in self._painted:
                    self._stage.logo.lay(np.asarray(self.camera.pixel_array, dtype=np.uint8), region)

    def save_static_frame_data(self, scene: Scene, static_mobjects: Iterable[Mobject]) -> None:
        """Nothing to keep: the picture itself is what stands still."""
        self.static_image = None

    def get_frame(self) -> PixelArray:
        """Returns the picture itself, not a copy: the writer is done with it before it changes."""
        return self.camera.pixel_array

    def add_frame(self, frame: PixelArray, num_frames: int = 1) -> None:
        """Hands the picture to the writer, with the regions that were painted."""
        self.time += num_frames / self.camera.frame_rate
        self.file_writer.write_regions(frame, self._painted, num_frames)
        self._painted = []

    def freeze_current_frame(self, duration: float) -> None:
        """Holds the picture. The number of frames is rounded: manim cuts it off, and would lose one of the 3 in 0.1 s."""
        self.add_frame(self.get_frame(), round(duration * self.camera.frame_rate))
