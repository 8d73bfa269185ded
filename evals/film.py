"""Frames of a film as small grey pictures, one after the other, so that memory stays flat however long the film is."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import Interpolation

Grey = npt.NDArray[np.uint8]

CELL_PX = 8  # side of the square of a 1080p picture that becomes one grey value
ROWS, COLUMNS = 1080 // CELL_PX, 1920 // CELL_PX


@dataclass(frozen=True)
class Thumbnail:
    """A frame of the film."""

    seconds: float
    """When it is shown, from the start of the film."""
    grey: Grey
    """Mean brightness of each cell, ROWS × COLUMNS."""


def read_thumbnails(path: Path) -> Iterator[Thumbnail]:
    """Decodes the film's stored frames in the order of showing; a repeat that is stored as a longer frame comes once."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            small = frame.reformat(width=COLUMNS, height=ROWS, format="gray", interpolation=Interpolation.AREA)
            yield Thumbnail(float(frame.time), small.to_ndarray().astype(np.uint8, copy=False))
