"""One clip's H.264 encoder: each picture converted and encoded once, with few repeats while it stands still."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.video.frame import PictureType
from av.video.plane import VideoPlane

from s2v.rendering.pixels import Pixels, Plane, Planes, Region

X264 = "bframes=0:scenecut=0:open-gop=0:keyint=infinite:rc-lookahead=0:mbtree=0:aq-mode=0:weightp=0"
"""Without B-frames decoding order is showing order, so clips join without gaps; key frames are ours alone. Flat colours and sharp
edges gain nothing from looking ahead, from adaptive quantisation or from weighted prediction: without them text errs by less."""
FLAT = "ipratio=2.0:deblock=-2,-2"
"""With a constant quantiser. What stands is as good as the key frame that it stands on, so key frames are worth their bits; a
weaker deblocking filter leaves sharp edges sharp."""
SEARCH = "subme=0:no-chroma-me=1"
"""With the preset superfast: nothing moves but by whole pictures, so finer search for motion finds nothing."""
QUANTISER = 22
"""Of frames between key frames. A rate factor looks at the complexity of each frame, which is a third of its work."""
REPEAT_SECONDS = 1
"""A picture that stands still is sent again at each full second of the film, so that players can enter there."""
KEY_SECONDS = 4
"""Distance of key frames on the film's clock, besides the first of each clip."""
BT709 = 1
"""Code of BT.709 for primaries, transfer and matrix. Source: ITU-T H.273."""
LIMITED = 1
"""FFmpeg's code of limited range."""


@dataclass(frozen=True)
class Encoding:
    """How hard the encoder works, and for what quality."""

    preset: str = "superfast"
    """x264's preset. For flat pictures slower ones cost more than they save: fast takes twice the time of superfast."""
    crf: int | None = None
    """x264's constant rate factor, 0 to 51; None: a constant quantiser of `QUANTISER`."""

    @property
    def options(self) -> dict[str, str]:
        """The encoder's options, as FFmpeg names them."""
        rate = {"qp": str(QUANTISER)} if self.crf is None else {"crf": str(self.crf)}
        params = [X264, *([FLAT] if self.crf is None else []), *([SEARCH] if self.preset == "superfast" else [])]
        return {"preset": self.preset, **rate, "forced-idr": "1", "x264-params": ":".join(params)}


DEFAULT_ENCODING = Encoding()


class ClipEncoder:
    """Writes an MP4 without sound. Frames are counted from the start of the film; the file starts at 0."""

    def __init__(  # noqa: PLR0917 - place, size, clock, effort
        self, path: Path, width: int, height: int, rate: int, first_frame: int, encoding: Encoding = DEFAULT_ENCODING
    ) -> None:
        """`width`, `height` in pixels, even; `rate` in frames a second."""
        self.frames = 0
        """Frames so far, on the clock of `rate`."""
        self.distinct_frames = 0
        """Pictures that were converted."""
        self._rate = rate
        self._first_frame = first_frame
        self._frame = av.VideoFrame(width, height, "yuv420p")
        self._frame.time_base = Fraction(1, rate)
        self._frame.colorspace, self._frame.color_range = BT709, LIMITED
        self._planes = Planes(*(_view(plane) for plane in self._frame.planes))
        self._last_sent = -1
        self._container = av.open(str(path), "w", format="mp4")
        self._stream = self._container.add_stream("libx264", rate=rate, options=encoding.options)
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        codec = self._stream.codec_context
        codec.time_base = Fraction(1, rate)
        codec.thread_count = 1
        codec.color_primaries, codec.color_trc, codec.colorspace, codec.color_range = BT709, BT709, BT709, LIMITED

    def __enter__(self) -> ClipEncoder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._container.close()
        # Whoever reads the counts must not keep x264's pictures: at 4K they are 150 MB.
        del self._stream, self._container, self._frame, self._planes

    def write(self, picture: Pixels, regions: Sequence[Region]) -> None:
        """Adds a frame; only `regions` of the picture differ from the one before."""
        for region in regions:
            self._planes.update(picture, region)
        self.distinct_frames += 1
        self._send(self.frames)
        self.frames += 1

    def hold(self, frames: int) -> None:
        """Lets the picture stand for `frames` more frames."""
        for frame in range(self.frames, self.frames + frames):
            if (self._first_frame + frame) % (REPEAT_SECONDS * self._rate) == 0:
                self._send(frame)
        self.frames += frames

    def finish(self) -> None:
        """Ends the clip. Its last frame is sent, so that the length of the file is exact."""
        if self._last_sent < self.frames - 1:
            self._send(self.frames - 1)
        self._container.mux(self._stream.encode())

    def _send(self, frame: int) -> None:
        # The same frame each time: x264 has taken what it needs of it when `encode` returns, as it neither waits nor looks ahead.
        self._frame.pts = frame
        is_key = frame == 0 or (self._first_frame + frame) % (KEY_SECONDS * self._rate) == 0
        self._frame.pict_type = PictureType.I if is_key else PictureType.NONE
        self._container.mux(self._stream.encode(self._frame))
        self._last_sent = frame


def _view(plane: VideoPlane) -> Plane:
    """Returns the samples of a plane of a frame, to write into."""
    rows: Plane = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]
