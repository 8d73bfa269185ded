"""The same pictures through manim as it comes: its scene, its renderer, its writer. Our rendering is measured against it."""

import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from manim import Animation, Camera, Scene, VGroup, linear, tempconfig
from manim.renderer.cairo_renderer import CairoRenderer

from s2v.rendering.canvas import Drawing
from s2v.rendering.choreography import Stretch
from s2v.rendering.figures import Cast, Figure, assemble
from s2v.v1.rendering_service_pb2 import ClipOrder
from s2v.v1.work_pb2 import RenderingPart


@dataclass(frozen=True)
class StockCost:
    """What a film by stock manim has cost. Crosses process borders."""

    wall_seconds: float
    cpu_seconds: float
    """Of all threads of its process."""
    peak_mb: float


class Show(Animation):
    """A stretch of frames in which some figures change: the others stand still, and manim keeps them as its static picture."""

    def __init__(self, film: "StockFilm", stretch: Stretch, figures: Sequence[Figure]) -> None:
        self._film, self._stretch, self._figures = film, stretch, figures
        drawings = [drawing for figure in figures for drawing in film.drawings[id(figure)]]
        # Half a step less than the frames: manim draws one for each step below the run time.
        steps = stretch.drawn - 0.5 if stretch.drawn > 1 else 1
        super().__init__(VGroup(*drawings), run_time=steps / film.rate, rate_func=linear)

    def begin(self) -> None:
        """Shows the first frame, so that what stands still is right."""
        self.interpolate(0.0)

    def finish(self) -> None:
        """The last frame is already the end."""

    def interpolate(self, alpha: float) -> None:
        """Shows the frame at the share `alpha` of the run time."""
        seconds = (self._stretch.first_frame + round(alpha * self.run_time * self._film.rate)) / self._film.rate
        for figure in self._figures:
            self._film.pose(figure, seconds)


class StockFilm(Scene):
    """All scenes, one after another, with the sound."""

    def __init__(self, parts: Sequence[RenderingPart], casts: Sequence[Cast], sound: Path) -> None:
        self.rate = parts[0].frame_rate
        self._parts, self._casts, self._sound = parts, casts, sound
        # Its own default means line widths in hundredths of its unit; the unit is a pixel here.
        super().__init__(renderer=CairoRenderer(camera_class=partial(Camera, cairo_line_width_multiple=1.0)))  # type: ignore[arg-type]

    def construct(self) -> None:
        """Plays part after part."""
        self.add_sound(str(self._sound))
        for part, cast in zip(self._parts, self._casts, strict=True):
            self.clear()
            self._cast = cast
            middle = (part.width / 2, part.height / 2)
            start = part.first_frame / self.rate
            self.drawings = {id(figure): [Drawing(middle) for _ in cast.inks(figure, start)] for figure in cast.figures}
            for figure in cast.figures:
                self.pose(figure, start)
            self.add(*(drawing for drawings in self.drawings.values() for drawing in drawings))
            self._play(part, cast)

    def _play(self, part: RenderingPart, cast: Cast) -> None:
        for stretch in cast.score.stretches(part.first_frame, part.frame_count, self.rate):
            frames = range(stretch.first_frame, stretch.first_frame + stretch.drawn)
            keys = {key for frame in frames for key in cast.score.changing(frame, self.rate)}
            figures = [figure for figure in cast.figures if figure.element.key in keys]
            if figures:
                self.play(Show(self, stretch, figures))
            elif stretch.drawn:
                self.wait(stretch.drawn / self.rate)
            if stretch.held:
                # A thousandth more: manim cuts the number of frames off.
                self.wait((stretch.held + 0.001) / self.rate)

    def pose(self, figure: Figure, seconds: float) -> None:
        """Lets a figure look as it does at a moment of the film."""
        for drawing, ink in zip(self.drawings[id(figure)], self._cast.inks(figure, seconds), strict=True):
            drawing.take(ink)


def film_stock(parts: Sequence[bytes], sound: Path, path: Path) -> StockCost:
    """Writes the film of serialised parts to `path` with manim's defaults, in this process, and returns what it cost."""
    clips = [RenderingPart.FromString(part) for part in parts]
    casts = [assemble(ClipOrder(part=clip)) for clip in clips]
    started, used = time.monotonic(), time.process_time()
    settings: dict[str, Any] = {
        "pixel_width": clips[0].width,
        "pixel_height": clips[0].height,
        "frame_width": clips[0].width,
        "frame_height": clips[0].height,
        "frame_rate": clips[0].frame_rate,
        "background_color": casts[0].background,
        "disable_caching": True,
        "progress_bar": "none",
        "verbosity": "ERROR",
        "media_dir": str(path.parent),
        "output_file": path.name,
    }
    with tempconfig(settings):
        film = StockFilm(clips, casts, sound)
        film.render()
        made = film.renderer.file_writer.movie_file_path
    wall, cpu = time.monotonic() - started, time.process_time() - used
    made.rename(path)
    return StockCost(wall, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
