"""What a minute of video costs, by our rendering and by manim as it comes: the same pictures and sound, in one run.

    python -m evals.rendering [--height 2160] [--seconds S] [--workers N] [--only-ours]

Prints one JSON object. Both are warm: their modules are imported, and our workers have drawn before the clock starts.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import psutil

from evals.likeness import measure_likeness
from evals.showcase import make_showcase
from evals.soundtrack import SoundMatch, match_sound
from evals.stock_manim import film_stock
from s2v.layout.composition import compose
from s2v.rendering import direct
from s2v.rendering.clip import make_clip, plan_clips
from s2v.rendering.engine import make_pool, preload_engine
from s2v.rendering.production import FILM
from s2v.runtime.engine import EnginePool
from s2v.v1.composition_pb2 import Composition
from s2v.v1.rendering_service_pb2 import ClipOrder
from s2v.v1.work_pb2 import RenderingPart

RATE = 30
SOUND_RATE = 44_100
ROUND_SECONDS, TYPES = 60.0, 9
"""A scene of each type is shown in each minute."""


@dataclass(frozen=True)
class Cost:
    """What one of the two took."""

    wall_s_per_minute: float
    cpu_s_per_minute: float
    """Of all its processes."""
    peak_mb: float
    """Of its largest process: memory in RAM at its highest."""
    bytes: int
    """Of the film."""
    ssim: float
    """Of its frames, against the pictures before they were encoded."""


@dataclass(frozen=True)
class RenderingReport:
    """What is printed."""

    stock: Cost | None
    ours: Cost
    wall_ratio: float | None
    """Times that ours is faster."""
    cpu_ratio: float | None
    ssim: float
    """Of ours."""
    sound: SoundMatch
    """Of ours, against the sound it was made from."""
    width: int
    height: int
    seconds: float
    frames: int
    distinct_frames: int
    """Frames that differ from the one before."""
    workers: int
    load: tuple[float, float]
    """Processes ready to run, a minute's mean, before and after; more than the cores before means that others were at work."""
    cores: int


def main() -> None:
    """Measures both."""
    parser = argparse.ArgumentParser(prog="python -m evals.rendering", description="Time our rendering and stock manim.")
    parser.add_argument("--height", type=int, default=1080, choices=(720, 1080, 2160), help="of the film, in pixels")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the film")
    parser.add_argument("--workers", type=int, default=2, help="worker processes of ours")
    parser.add_argument("--only-ours", action="store_true", help="leave stock manim out")
    arguments = parser.parse_args()
    preload_engine()
    rounds = max(1, round(arguments.seconds / ROUND_SECONDS))
    board = make_showcase(arguments.seconds / rounds / TYPES, rounds)
    composition, _ = compose(board, arguments.height, "dark", strict=True)
    with tempfile.TemporaryDirectory(prefix="s2v-eval-") as folder:
        report = asyncio.run(measure(composition, Path(folder), arguments.workers, with_stock=not arguments.only_ours))
    print(json.dumps(asdict(report), indent=2))


async def measure(composition: Composition, folder: Path, workers: int, *, with_stock: bool) -> RenderingReport:
    """Renders the composition by both, one after the other, and compares."""
    before = os.getloadavg()[0]
    sound = write_sound(folder / "sound.wav", composition.duration_seconds)
    parts = plan_clips(composition, RATE)
    distinct, ours = await render_ours(composition, parts, sound, folder, workers)
    stock = await asyncio.to_thread(render_stock, parts, sound, folder) if with_stock else None
    return RenderingReport(
        stock=stock,
        ours=ours,
        wall_ratio=round(stock.wall_s_per_minute / ours.wall_s_per_minute, 2) if stock else None,
        cpu_ratio=round(stock.cpu_s_per_minute / ours.cpu_s_per_minute, 2) if stock else None,
        ssim=ours.ssim,
        sound=match_sound(folder / "ours" / FILM, sound),
        width=composition.width,
        height=composition.height,
        seconds=composition.duration_seconds,
        frames=sum(part.frame_count for part in parts),
        distinct_frames=distinct,
        workers=workers,
        load=(round(before, 2), round(os.getloadavg()[0], 2)),
        cores=len(os.sched_getaffinity(0)),
    )


async def render_ours(
    composition: Composition, parts: Sequence[RenderingPart], sound: Path, folder: Path, workers: int
) -> tuple[int, Cost]:
    """Renders by warm workers; returns the number of distinct frames and the cost."""
    pool = make_pool(workers)
    try:
        await warm(pool, parts[-1], folder)
        say("ours: drawing")
        (folder / "ours").mkdir()
        started, used = time.monotonic(), time.process_time()
        made = await direct.render(
            pool, composition, sound, None, folder / "ours", frame_rate=RATE, strict=True, progress=direct.ignore_progress
        )
        wall, own = time.monotonic() - started, time.process_time() - used
        peak = highest_memory(psutil.Process().children(recursive=True))
    finally:
        await asyncio.to_thread(pool.close)
    say(f"ours: {wall:.1f} s of wall, {made.report.cpu_seconds + own:.1f} s of processor")
    distinct = sum(clip.distinct_frames for clip in made.video.clips)
    return distinct, price(wall, made.report.cpu_seconds + own, peak, made.film, parts)


async def warm(pool: EnginePool, part: RenderingPart, folder: Path) -> None:
    """Lets each worker draw a second of a clip."""
    short = ClipOrder(part=part)
    short.part.frame_count = RATE
    data = short.SerializeToString()
    files = [folder / f"warm-{number}.mp4" for number in range(pool.workers)]
    await asyncio.gather(*(pool.run(make_clip, data, file, True, timeout=60.0) for file in files))


def render_stock(parts: Sequence[RenderingPart], sound: Path, folder: Path) -> Cost:
    """Renders by manim as it comes, in a process of its own."""
    say("stock manim: drawing")
    path = folder / "stock.mp4"
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        cost = pool.submit(film_stock, [part.SerializeToString() for part in parts], sound, path).result()
    say(f"stock manim: {cost.wall_seconds:.1f} s of wall, {cost.cpu_seconds:.1f} s of processor")
    return price(cost.wall_seconds, cost.cpu_seconds, cost.peak_mb, path, parts)


def price(wall: float, cpu: float, peak_mb: float, film: Path, parts: Sequence[RenderingPart]) -> Cost:
    """Returns what a film has cost for each of its minutes, and how well it came out."""
    minutes = sum(part.frame_count for part in parts) / RATE / 60
    size = film.stat().st_size
    return Cost(round(wall / minutes, 2), round(cpu / minutes, 2), round(peak_mb, 1), size, measure_likeness(film, parts))


def highest_memory(processes: Iterable[psutil.Process]) -> float:
    """Returns the most memory that one of the processes ever had in RAM, in MB."""
    peak = 0.0
    for process in processes:
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        peak = max(peak, *(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0.0)
    return peak


def write_sound(path: Path, seconds: float) -> Path:
    """Writes noise that swells and fades like syllables, as WAV."""
    random = np.random.default_rng(1)
    samples = round(seconds * SOUND_RATE)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("pcm_s16le", rate=SOUND_RATE, layout="mono")
        for place in range(0, samples, SOUND_RATE):
            times = np.arange(place, min(place + SOUND_RATE, samples))
            envelope = 0.5 + 0.5 * np.sin(times * 2 * np.pi * 4 / SOUND_RATE)
            noise = (random.normal(0, 3000, len(times)) * envelope).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(noise[None], format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, place, Fraction(1, SOUND_RATE)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def say(line: str) -> None:
    """Progress, for people."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
