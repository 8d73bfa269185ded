"""An hour of film by our rendering: whether memory stays flat, and whether sound and pictures end together.

    python -m evals.long_video [--minutes M] [--height H] [--workers N]

Scenes of each type follow one another, with the example talks over and over for sound. Prints one JSON object.
"""

import argparse
import asyncio
import json
import os
import tempfile
import time
import wave
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
import psutil

from evals.rendering import RATE, ROUND_SECONDS, TYPES, highest_memory, say, warm
from evals.showcase import make_showcase
from evals.soundtrack import RATE as SOUND_RATE
from evals.soundtrack import SoundMatch, match_sound, read_pieces
from s2v.layout.composition import compose
from s2v.rendering import direct
from s2v.rendering.clip import plan_clips
from s2v.rendering.engine import make_pool, preload_engine
from s2v.v1.composition_pb2 import Composition

QUARTERS = 4
EXAMPLES = Path(__file__).parent.parent / "examples"


@dataclass(frozen=True)
class LongVideoReport:
    """What is printed."""

    minutes: float
    scenes: int
    width: int
    height: int
    wall_s_per_minute: float
    cpu_s_per_minute: float
    worker_mb: list[float]
    """Most memory in RAM that a worker had until the end of each quarter of the clips: flat if it does not grow."""
    film_mb: float
    """The same, after the film was put together by one of the workers."""
    parent_mb: list[float]
    """Memory in RAM of the process that hands out the scenes, at the same moments."""
    bytes: int
    """Of the film."""
    sound: SoundMatch
    """The film's sound against its source, to the end."""
    workers: int
    load: tuple[float, float]
    """Processes ready to run, a minute's mean, before and after."""


def main() -> None:
    """Renders and measures."""
    parser = argparse.ArgumentParser(
        prog="python -m evals.long_video", description="Render an hour; watch memory and the sound's end."
    )
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--height", type=int, default=720, choices=(720, 1080, 2160), help="of the film, in pixels")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    preload_engine()
    board = make_showcase(ROUND_SECONDS / TYPES, arguments.minutes)
    composition, _ = compose(board, arguments.height, "dark", strict=True)
    with tempfile.TemporaryDirectory(prefix="s2v-eval-") as folder:
        report = asyncio.run(measure(composition, Path(folder), arguments.workers))
    print(json.dumps(asdict(report), indent=2))


async def measure(composition: Composition, folder: Path, workers: int) -> LongVideoReport:
    """Renders the composition, and looks at memory as clips are done."""
    before, minutes = os.getloadavg()[0], composition.duration_seconds / 60
    sound = await asyncio.to_thread(write_talks, folder / "sound.wav", composition.duration_seconds)
    pool, this = make_pool(workers), psutil.Process()
    worker_mb: list[float] = []
    parent_mb: list[float] = []

    async def look(done: int, total: int) -> None:
        if done * QUARTERS // total > len(worker_mb):
            worker_mb.append(round(highest_memory(this.children(recursive=True)), 1))
            parent_mb.append(round(this.memory_info().rss / 2**20, 1))
            say(f"{done} of {total} clips after {time.monotonic() - started:.0f} s; a worker has had {worker_mb[-1]} MB")

    try:
        await warm(pool, plan_clips(composition, RATE)[-1], folder)
        (folder / "film").mkdir()
        started, used = time.monotonic(), time.process_time()
        made = await direct.render(pool, composition, sound, None, folder / "film", frame_rate=RATE, strict=True, progress=look)
        wall, own = time.monotonic() - started, time.process_time() - used
        film_mb = round(highest_memory(this.children(recursive=True)), 1)
    finally:
        await asyncio.to_thread(pool.close)
    say("comparing the sound")
    match = await asyncio.to_thread(match_sound, made.film, sound)
    return LongVideoReport(
        minutes=round(minutes, 2),
        scenes=len(composition.scenes),
        width=composition.width,
        height=composition.height,
        wall_s_per_minute=round(wall / minutes, 2),
        cpu_s_per_minute=round((made.report.cpu_seconds + own) / minutes, 2),
        worker_mb=worker_mb,
        film_mb=film_mb,
        parent_mb=parent_mb,
        bytes=(await asyncio.to_thread(made.film.stat)).st_size,
        sound=match,
        workers=workers,
        load=(round(before, 2), round(os.getloadavg()[0], 2)),
    )


def write_talks(path: Path, seconds: float) -> Path:
    """Writes the example talks, one after another, again and again, as WAV of exactly `seconds`."""
    left = round(seconds * SOUND_RATE)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SOUND_RATE, 0, "NONE", ""))
        for talk in cycle(sorted(EXAMPLES.glob("*.opus"))):
            for piece in read_pieces(talk, in_film=False):
                file.writeframes((np.clip(piece[:left], -1, 1) * 32_767).astype("<i2").tobytes())
                left -= min(left, len(piece))
            if left <= 0:
                return path
    raise SystemExit(f"{EXAMPLES} holds no talks")


if __name__ == "__main__":
    main()
