"""Small films with known faults, drawn and encoded here."""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from s2v.v1.composition_pb2 import Composition, Rect, RouteKind, SceneLayout, Shape, ShapeKind

WIDTH, HEIGHT, FPS = 960, 540, 30
SCALE = 2  # pixels of the canvas for one of the film
BACKGROUND, FILL, LINE = 20, 130, 200
CROSS_FADE, FADE = 0.4, 0.35  # seconds
ASS_HEADER = b"[V4+ Styles]\nFormat: Name, Fontname, Fontsize\nStyle: Default,Arial,16\n[Events]\nFormat: Text\n"
LEAD = 0.12  # seconds by which a drawing starts before its word


@dataclass
class Film:
    """A composition and how it is drawn: a node's box fades in around `drawn[id]`, which is its reveal unless said otherwise."""

    composition: Composition
    drawn: dict[str, float] = field(default_factory=dict)
    sound: npt.NDArray[np.float32] | None = None
    rate: int = 48_000
    cues: list[tuple[float, float, str]] = field(default_factory=list)
    sparse: bool = False
    """Leave out frames that are equal to the one before."""

    def draw_scene(self, scene: SceneLayout, seconds: float) -> npt.NDArray[np.float32]:
        picture = np.full((HEIGHT, WIDTH), BACKGROUND, np.float32)
        for shape in scene.shapes:
            start = self.drawn.get(shape.node_id, shape.reveal_seconds) - LEAD
            alpha = min(max((seconds - start) / FADE, 0.0), 1.0)
            r = shape.rect
            area = picture[
                int(r.y) // SCALE : int(r.y + r.height) // SCALE,
                int(r.x) // SCALE : int(r.x + r.width) // SCALE,
            ]
            area += (FILL - area) * alpha
        for route in scene.routes:
            start = self.drawn.get(route.edge_id, route.reveal_seconds) - LEAD
            part = min(max((seconds - start) / 0.4, 0.0), 1.0)
            a, b = route.points
            end = a.x + (b.x - a.x) * part
            picture[int(a.y) // SCALE - 1 : int(a.y) // SCALE + 1, int(a.x) // SCALE : int(end) // SCALE] = LINE
        return picture

    def draw(self, seconds: float) -> npt.NDArray[np.uint8]:
        scenes = self.composition.scenes
        number = max(n for n, scene in enumerate(scenes) if seconds >= scene.start_seconds or n == 0)
        picture = self.draw_scene(scenes[number], seconds)
        into = seconds - scenes[number].start_seconds
        if number and into < CROSS_FADE:
            before = self.draw_scene(scenes[number - 1], scenes[number].start_seconds)
            picture = before + (picture - before) * (into / CROSS_FADE)
        return picture.astype(np.uint8)

    def write(self, path: Path) -> Path:
        with av.open(str(path), "w") as container:
            video = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "18"})
            video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            audio = None if self.sound is None else container.add_stream("aac", rate=self.rate, layout="mono")
            if audio is not None:
                audio.bit_rate = 192_000
            captions = container.add_stream("mov_text") if self.cues else None
            if captions is not None:
                captions.time_base = Fraction(1, 1000)
                captions.codec_context.subtitle_header = ASS_HEADER
            last = None
            for number in range(round(self.composition.duration_seconds * FPS)):
                picture = self.draw(number / FPS)
                if self.sparse and last is not None and number % FPS and np.array_equal(picture, last):
                    continue
                frame = av.VideoFrame.from_ndarray(picture, format="gray8").reformat(format="yuv420p")
                frame.pts, frame.time_base = number, Fraction(1, FPS)
                container.mux(video.encode(frame))
                last = picture
            container.mux(video.encode(None))
            if audio is not None and self.sound is not None:
                frame = av.AudioFrame.from_ndarray(self.sound[np.newaxis, :], format="flt", layout="mono")
                frame.sample_rate, frame.pts = self.rate, 0
                resampler = av.AudioResampler(format="fltp", layout="mono", rate=self.rate)
                for resampled in (*resampler.resample(frame), *resampler.resample(None)):
                    container.mux(audio.encode(resampled))
                container.mux(audio.encode(None))
            for start, end, text in self.cues:
                packet = av.Packet(len(text.encode()).to_bytes(2, "big") + text.encode())
                packet.stream, packet.time_base = captions, Fraction(1, 1000)
                packet.pts = packet.dts = round(start * 1000)
                packet.duration = round((end - start) * 1000)
                container.mux(packet)
        return path


def box(name: str, x: float, y: float, reveal: float) -> Shape:
    return Shape(node_id=name, kind=ShapeKind.SHAPE_KIND_BOX, rect=Rect(x=x, y=y, width=320, height=160), reveal_seconds=reveal)


@pytest.fixture
def composition() -> Composition:
    """Two scenes; in the second a box stands where one stood before, and one stays."""
    made = Composition(width=1920, height=1080, duration_seconds=6.0)
    first = made.scenes.add(scene_id="s1", start_seconds=0.0, end_seconds=3.0)
    first.shapes.extend([box("a", 200, 400, 1.0), box("b", 1000, 400, 2.0)])
    edge = first.routes.add(
        edge_id="ab", source="a", target="b", kind=RouteKind.ROUTE_KIND_STRAIGHT, arrowhead=True, reveal_seconds=2.0
    )
    edge.points.add(x=530, y=480)
    edge.points.add(x=990, y=480)
    second = made.scenes.add(scene_id="s2", start_seconds=3.0, end_seconds=6.0)
    second.shapes.extend([box("c", 200, 400, 3.25), box("b", 1000, 400, 3.0), box("d", 1000, 700, 4.5), box("e", 200, 700, 3.1)])
    return made


@pytest.fixture
def film(composition: Composition) -> Film:
    return Film(composition)


@pytest.fixture
def speech() -> Callable[[float], npt.NDArray[np.float32]]:
    """Noise in syllables, so that it has one best lag; seconds in, samples at 48 kHz out."""

    def make(seconds: float, seed: int = 3) -> npt.NDArray[np.float32]:
        rng = np.random.default_rng(seed)
        count = round(seconds * 48_000)
        noise = np.convolve(rng.normal(size=count), np.ones(96) / 96, "same")
        loud = np.repeat(rng.uniform(0, 1, count // 4800 + 1) > 0.4, 4800)[:count]
        return (noise * loud).astype(np.float32)

    return make


@pytest.fixture
def write_sound() -> Callable[[Path, npt.NDArray[np.float32]], Path]:
    def write(path: Path, samples: npt.NDArray[np.float32]) -> Path:
        with av.open(str(path), "w") as container:
            stream = container.add_stream("flac", rate=48_000, layout="mono")
            frame = av.AudioFrame.from_ndarray(samples[np.newaxis, :], format="flt", layout="mono")
            frame.sample_rate = 48_000
            resampler = av.AudioResampler(format="s16", layout="mono", rate=48_000)
            for resampled in (*resampler.resample(frame), *resampler.resample(None)):
                container.mux(stream.encode(resampled))
            container.mux(stream.encode(None))
        return path

    return write
