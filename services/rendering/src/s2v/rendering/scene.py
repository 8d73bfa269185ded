"""A clip drawn by manim: a scene that plays the score, and the writer that takes its frames."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import Any

import tqdm  # type: ignore[import-untyped]
from manim import Animation, Scene, VGroup, linear, tempconfig
from manim.scene.scene_file_writer import SceneFileWriter

from s2v.rendering.canvas import Drawing, RegionRenderer, Stage
from s2v.rendering.choreography import Stretch
from s2v.rendering.encoder import DEFAULT_ENCODING, ClipEncoder, Encoding
from s2v.rendering.figures import Cast, Figure
from s2v.rendering.pixels import Pixels, Region
from s2v.v1.work_pb2 import RenderingPart

# manim counts frames with tqdm, whose default lock is a semaphore between processes: a killed worker would leave it behind.
tqdm.tqdm.set_lock(threading.RLock())


class ClipWriter(SceneFileWriter):
    """Takes manim's frames and gives them to one encoder for the whole scene; writes nothing else."""

    def __init__(self, encoder: ClipEncoder, settings: Any) -> None:
        super().__init__(settings)
        self._encoder = encoder

    def write_regions(self, picture: Pixels, regions: list[Region], repeat: int) -> None:
        """Adds a picture of which `regions` are new, shown for `repeat` frames; none new: the last one stays."""
        if regions:
            self._encoder.write(picture, regions)
            repeat -= 1
        self._encoder.hold(repeat)

    def add_partial_movie_file(self, hash_animation: str | None) -> None:
        """No partial files: the clip is one."""

    def begin_animation(self, allow_write: bool = False, *, animation_index: int, file_path: Any = None) -> None:
        """The encoder runs on from animation to animation."""

    def end_animation(self, allow_write: bool = False) -> None:
        """The encoder runs on from animation to animation."""

    def finish(self) -> None:
        """Ends the clip."""
        self._encoder.finish()


class Play(Animation):
    """The drawn frames of a stretch: puts every element that changes into its pose of the frame."""

    def __init__(self, scene: ClipScene, stretch: Stretch) -> None:
        rate = scene.part.frame_rate
        # manim makes a frame for each step below the run time: half a step less makes the number certain.
        steps = stretch.drawn - 0.5 if stretch.drawn > 1 else 1
        super().__init__(scene.group, run_time=steps / rate, rate_func=linear)
        self._scene = scene
        self._stretch = stretch
        self._rate = rate

    def begin(self) -> None:
        """Nothing to remember: poses are absolute."""

    def finish(self) -> None:
        """The last frame is already the end."""

    def interpolate(self, alpha: float) -> None:
        """Shows the frame at the share `alpha` of the run time."""
        self._scene.show(self._stretch.first_frame + round(alpha * self.run_time * self._rate))


class ClipScene(Scene):
    """Plays the clip of one part."""

    def __init__(self, part: RenderingPart, cast: Cast, encoder: ClipEncoder) -> None:
        self.part = part
        self._cast = cast
        middle = (part.width / 2, part.height / 2)
        self._drawings = {
            each.element.key: [Drawing(middle) for _ in cast.inks(each, part.first_frame / part.frame_rate)]
            for each in cast.figures
        }
        self._stage = Stage(
            [drawing for each in self._drawings.values() for drawing in each],
            [Region(0, 0, part.width, part.height)],
            cast.logo,
        )
        self._painter = RegionRenderer(partial(ClipWriter, encoder), self._stage)
        super().__init__(renderer=self._painter)

    def release(self) -> None:
        """Lets go of the picture."""
        self._painter.camera.release()

    def construct(self) -> None:
        """Plays stretch after stretch."""
        self.group = VGroup(*self._stage.drawings)
        self.add(self.group)
        for stretch in self._cast.score.stretches(self.part.first_frame, self.part.frame_count, self.part.frame_rate):
            self.play(Play(self, stretch))
            if stretch.held:
                self.wait(stretch.held / self.part.frame_rate)

    def show(self, frame: int) -> None:
        """Poses what changes at a frame; at the first one, everything."""
        rate = self.part.frame_rate
        changing = None if frame == self.part.first_frame else self._cast.score.changing(frame, rate)
        for figure in self._cast.figures:
            if changing is None or figure.element.key in changing:
                self._pose(figure, frame / rate)

    def _pose(self, figure: Figure, seconds: float) -> None:
        for drawing, ink in zip(self._drawings[figure.element.key], self._cast.inks(figure, seconds), strict=True):
            self._stage.stale += drawing.take(ink)


def film_scene(part: RenderingPart, cast: Cast, path: Path, encoding: Encoding = DEFAULT_ENCODING) -> ClipEncoder:
    """Draws the clip of a part with manim and writes it to `path`; returns the encoder, for its counts."""
    settings = {
        "pixel_width": part.width,
        "pixel_height": part.height,
        "frame_width": part.width,
        "frame_height": part.height,
        "frame_rate": part.frame_rate,
        "background_color": cast.background,
        "disable_caching": True,
        "progress_bar": "none",
        "verbosity": "ERROR",
        "media_dir": str(path.parent),
        "format": "mp4",
    }
    size = (part.width, part.height)
    with tempconfig(settings), ClipEncoder(path, *size, part.frame_rate, part.first_frame, encoding) as encoder:
        scene = ClipScene(part, cast, encoder)
        try:
            scene.render()
        finally:
            scene.release()
    return encoder
