"""How like two pictures are to the eye."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from s2v.rendering.figures import assemble
from s2v.rendering.still import paint_still
from s2v.v1.rendering_service_pb2 import ClipOrder
from s2v.v1.work_pb2 import RenderingPart

Grey = npt.NDArray[np.float32]
"""Luma, shape (height, width), 0 to 255."""

EVERY_FRAMES = 37
"""A frame of so many is compared: no multiple of a second's, so that moving ones are among them."""
SIGMA, SIDE = 1.5, 11
"""Of the window, in pixels. Source: Wang et al., Image quality assessment: from error visibility to similarity, 2004."""
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
BT709, BT601 = "ITU709", "ITU601"


def ssim_map(first: Grey, second: Grey) -> Grey:
    """Returns the structural similarity about each pixel of two pictures of one size; 1 is the same. Source: as `SIGMA`."""

    def blur(picture: Grey) -> Grey:
        return np.asarray(cv2.GaussianBlur(picture, (SIDE, SIDE), SIGMA), dtype=np.float32)

    mean_a, mean_b = blur(first), blur(second)
    spread_a, spread_b = blur(first * first) - mean_a * mean_a, blur(second * second) - mean_b * mean_b
    both = blur(first * second) - mean_a * mean_b
    shape = (2 * mean_a * mean_b + C1) * (2 * both + C2)
    return np.asarray(shape / ((mean_a * mean_a + mean_b * mean_b + C1) * (spread_a + spread_b + C2)), dtype=np.float32)


def measure_likeness(film: Path, parts: Sequence[RenderingPart]) -> float:
    """Returns the mean SSIM of a film's frames against the pictures that they show before encoding."""
    values = []
    for frame, shown in sample_frames(film, parts[0].frame_rate):
        part = next(part for part in reversed(parts) if part.first_frame <= frame)
        exact = paint_still(assemble(ClipOrder(part=part)), frame / part.frame_rate, part.width, part.height)
        values.append(float(ssim_map(grey(shown), grey(exact[..., :3])).mean()))
    return round(float(np.mean(values)), 6)


def sample_frames(film: Path, rate: int) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
    """Yields number and picture (RGB) of some frames, by the matrix that the film names; BT.601 if it names none."""
    wanted, last = 0, None
    with av.open(str(film)) as container:
        for picture in container.decode(video=0):
            if picture.pts is None or picture.time_base is None:
                continue
            while last is not None and wanted < round(picture.pts * picture.time_base * rate):
                yield wanted, to_rgb(last)
                wanted += EVERY_FRAMES
            last = picture


def to_rgb(frame: av.VideoFrame) -> npt.NDArray[np.uint8]:
    """Returns a decoded frame as RGB of full range."""
    matrix = BT709 if frame.colorspace == 1 else BT601
    return np.asarray(frame.to_ndarray(format="rgb24", src_colorspace=matrix, dst_color_range="JPEG"), dtype=np.uint8)


def grey(picture: npt.NDArray[np.uint8]) -> Grey:
    """Returns the luma of an RGB picture."""
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY), dtype=np.float32)
