"""One clip's H.264 encoder: each picture converted and encoded once, with few repeats while it stands still."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
from av.video.frame import PictureType

from s2v.rendering.pixels import Pixels, Planes, Region

PRESET = "superfast"
QUALITY = "19"
"""x264's constant rate factor."""
X264 = "bframes=0:scenecut=0:open-gop=0:keyint=infinite:rc-lookahead=0:mbtree=0:aq-mode=0:weightp=0"
"""Without B-frames decoding order is showing order, so clips join without gaps; key frames are ours alone. Flat colours and sharp
edges gain nothing from looking ahead or from adaptive quantisation: without them text errs by less, at 60 % of the work."""
REPEAT_SECONDS = 1
"""A picture that stands still is sent again at each full second of the film, so that players can enter there."""
KEY_SECONDS = 4
"""Distance of key frames on the film's clock, besides the first of each clip."""
BT709 = 1
"""Code of BT.709 for primaries, transfer and matrix. Source: ITU-T H.273."""
LIMITED = 1
"""FFmpeg's code of limited range."""


class ClipEncoder:
    """Writes an MP4 without sound. Frames are counted from the start of the film; the file starts at 0."""

    def __init__(self, path: Path, width: int, height: int, rate: int, first_frame: int) -> None:
        """`width`, `height` in pixels, even; `rate` in frames a second."""
        self.frames = 0
        """Frames so far, on the clock of `rate`."""
        self.distinct_frames = 0
        """Pictures that were converted."""
        self._rate = rate
        self._first_frame = first_frame
        self._height, self._width = height, width
        self._planes = Planes(width, height)
        self._last_sent = -1
        self._container = av.open(str(path), "w", format="mp4")
        options = {"preset": PRESET, "crf": QUALITY, "forced-idr": "1", "x264-params": X264}
        self._stream = self._container.add_stream("libx264", rate=rate, options=options)
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        codec = self._stream.codec_context
        codec.time_base = Fraction(1, rate)
        codec.thread_count = 1
        codec.color_primaries, codec.color_trc, codec.colorspace, codec.color_range = BT709, BT709, BT709, LIMITED

    def __enter__(self) -> ClipEncoder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._container.close()

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
        planes = self._planes.data.reshape(self._height * 3 // 2, self._width)
        picture = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        picture.pts, picture.time_base = frame, Fraction(1, self._rate)
        picture.colorspace, picture.color_range = BT709, LIMITED
        is_key = frame == 0 or (self._first_frame + frame) % (KEY_SECONDS * self._rate) == 0
        picture.pict_type = PictureType.I if is_key else PictureType.NONE
        self._container.mux(self._stream.encode(picture))
        self._last_sent = frame
