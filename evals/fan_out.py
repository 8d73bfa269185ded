"""What a second worker brings: eight scenes drawn by one worker of one core, then by two, each with a core of its own.

    python -m evals.fan_out [--seconds S] [--height H] [--rounds N]

Prints one JSON object: the best of the rounds for each, as others on the machine only ever add time.
"""

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from evals.rendering import RATE, say, warm, write_sound
from evals.showcase import make_showcase
from s2v.layout.composition import compose
from s2v.rendering import direct
from s2v.rendering.clip import plan_clips
from s2v.rendering.engine import make_pool, preload_engine
from s2v.v1.composition_pb2 import Composition

SCENES = 8


@dataclass(frozen=True)
class Time:
    """Wall time of one rendering, in seconds."""

    clips_s: float
    """Until the last clip was there: what is fanned out."""
    film_s: float
    """Until the film was there, too: sound, captions and poster are put together by one worker."""


@dataclass(frozen=True)
class FanOutReport:
    """What is printed."""

    one: Time
    two: Time
    clips_ratio: float
    """Times that two workers are faster than one."""
    film_ratio: float
    scenes: int
    seconds: float
    """Length of the film."""
    width: int
    height: int
    load: tuple[float, float]
    """Processes ready to run, a minute's mean, before and after."""


def main() -> None:
    """Measures both."""
    parser = argparse.ArgumentParser(prog="python -m evals.fan_out", description="Time eight scenes on one worker and on two.")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the film")
    parser.add_argument("--height", type=int, default=1080, choices=(720, 1080, 2160), help="of the film, in pixels")
    parser.add_argument("--rounds", type=int, default=2, help="times that each is done, by turns")
    arguments = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        raise SystemExit("there is one core only: two workers need a core each")
    preload_engine()
    board = make_showcase(arguments.seconds / SCENES)
    del board.scenes[SCENES:]
    board.duration_seconds = arguments.seconds
    composition, _ = compose(board, arguments.height, "dark", strict=True)
    report = asyncio.run(measure(composition, cores, arguments.rounds))
    print(json.dumps(asdict(report), indent=2))


async def measure(composition: Composition, cores: Sequence[int], rounds: int) -> FanOutReport:
    """Renders by one worker and by two, by turns."""
    before = os.getloadavg()[0]
    times: dict[int, list[Time]] = {1: [], 2: []}
    for _ in range(rounds):
        for workers, taken in times.items():
            with tempfile.TemporaryDirectory(prefix="s2v-eval-") as folder:
                taken.append(await render(composition, Path(folder), cores[:workers]))
            say(f"{workers} at work: clips {taken[-1].clips_s} s, film {taken[-1].film_s} s")
    one, two = (min(taken, key=lambda each: each.film_s) for taken in times.values())
    return FanOutReport(
        one=one,
        two=two,
        clips_ratio=round(one.clips_s / two.clips_s, 2),
        film_ratio=round(one.film_s / two.film_s, 2),
        scenes=len(composition.scenes),
        seconds=composition.duration_seconds,
        width=composition.width,
        height=composition.height,
        load=(round(before, 2), round(os.getloadavg()[0], 2)),
    )


async def render(composition: Composition, folder: Path, cores: Sequence[int]) -> Time:
    """Renders by a warm worker on each of the cores."""
    sound = await asyncio.to_thread(write_sound, folder / "sound.wav", composition.duration_seconds)
    (folder / "film").mkdir()
    clips_s = 0.0

    async def look(done: int, total: int) -> None:
        nonlocal clips_s
        if done == total:
            clips_s = time.monotonic() - started

    pool = make_pool(len(cores))
    try:
        await warm(pool, plan_clips(composition, RATE)[-1], folder)
        # Workers are the children of the fork server, which is a child of this process.
        workers = [worker for child in psutil.Process().children() for worker in child.children()]
        for worker, core in zip(workers, cores, strict=True):
            worker.cpu_affinity([core])
        started = time.monotonic()
        await direct.render(pool, composition, sound, None, folder / "film", frame_rate=RATE, strict=True, progress=look)
        return Time(round(clips_s, 2), round(time.monotonic() - started, 2))
    finally:
        await asyncio.to_thread(pool.close)


if __name__ == "__main__":
    main()
