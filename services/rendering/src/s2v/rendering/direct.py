"""A video rendered without a queue: in a gRPC call, or in the process of the command line."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from s2v.rendering import engine
from s2v.rendering.clip import DEFAULT_RATE, count_frames, describe_clip, make_clip
from s2v.rendering.encoder import DEFAULT_ENCODING, Encoding
from s2v.rendering.hls import MEDIA, PLAYLIST
from s2v.rendering.limits import DEFAULT_LIMITS, Room
from s2v.rendering.orders import order_clips
from s2v.rendering.production import CAPTIONS, FILM, POSTER, Material, finish_video, report_video
from s2v.rendering.settings import RenderingSettings
from s2v.rendering.soundtrack import encode_sound
from s2v.runtime.engine import EnginePool
from s2v.runtime.errors import InvalidInputError
from s2v.runtime.stage import Progress
from s2v.v1.composition_pb2 import Composition
from s2v.v1.job_pb2 import Brand
from s2v.v1.rendering_service_pb2 import ClipOrder
from s2v.v1.report_pb2 import Stage, StageReport
from s2v.v1.transcript_pb2 import Transcript
from s2v.v1.video_pb2 import Clip, Video


@dataclass(frozen=True)
class Extras:
    """What a video may have besides."""

    brand: Brand | None = None
    burn_captions: bool = False
    """Draw the captions into the picture; there must be a transcript."""
    hls: bool = False
    encoding: Encoding = DEFAULT_ENCODING
    job_bytes: int = DEFAULT_LIMITS.job_bytes
    """What all files may take together."""


SOUND = "sound.m4a"
"""Name of the sound track where it is encoded, while the clips are drawn."""
NO_EXTRAS = Extras()


@dataclass(frozen=True)
class Rendered:
    """A finished video and its files."""

    video: Video
    report: StageReport
    film: Path
    captions: Path
    poster: Path


async def render(
    pool: EnginePool,
    composition: Composition,
    sound: Path,
    transcript: Transcript | None,
    folder: Path,
    *,
    frame_rate: int,
    strict: bool,
    progress: Progress,
    extras: Extras = NO_EXTRAS,
) -> Rendered:
    """Renders a video into `folder`, a scene on each free worker. `frame_rate` 0 means 30. `progress` is told of clips.

    Errors: InvalidInputError, LimitError, DegradedError, EngineError. When it is cancelled, the workers at work are killed.
    """
    started = time.time()
    rate = frame_rate or DEFAULT_RATE
    if extras.burn_captions and transcript is None:
        raise InvalidInputError("there is no transcript to take captions from; give one", field="options.burn_captions")
    orders = order_clips(composition, rate, transcript if extras.burn_captions else None, extras.brand)
    parts = [order.part for order in orders]
    files = [folder / f"clip-{number:04d}.mp4" for number in range(len(parts))]
    clips: list[Clip] = [Clip()] * len(parts)
    room = Room(extras.job_bytes)
    room.take((await asyncio.to_thread(sound.stat)).st_size, "the sound")
    cpu_seconds, done = 0.0, 0

    async def draw(number: int, order: ClipOrder) -> None:
        nonlocal cpu_seconds, done
        data = order.SerializeToString()
        choices = (strict, extras.encoding, room.left)
        measured = await pool.run(make_clip, data, files[number], *choices, timeout=engine.CLIP_SECONDS)
        room.take(measured.value.size_bytes, f"the clip of scene {order.part.scene.scene_id}")
        clips[number] = describe_clip(order.part, measured.value)
        cpu_seconds += measured.cpu_seconds
        done += 1
        await progress(done, len(parts))

    async def encode() -> Path:
        nonlocal cpu_seconds
        path = folder / SOUND
        seconds = count_frames(composition, rate) / rate
        measured = await pool.run(encode_sound, sound, path, seconds, room.left, timeout=engine.FILM_SECONDS)
        cpu_seconds += measured.cpu_seconds
        room.take(measured.value, "the encoded sound")
        return path if measured.value else sound

    try:
        async with asyncio.TaskGroup() as group:
            # The sound first, as it takes longest in a long film, and is refused early where it does not
            # open or has another length.
            encoding = group.create_task(encode())
            # Long scenes first: no worker is left with a long one at the end.
            for number, order in sorted(enumerate(orders), key=lambda pair: -pair[1].part.frame_count):
                group.create_task(draw(number, order))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    material = Material(
        composition.SerializeToString(),
        transcript.SerializeToString() if transcript else b"",
        rate,
        [clip.SerializeToString() for clip in clips],
        files,
        encoding.result(),
        extras.brand.SerializeToString() if extras.brand else b"",
        extras.hls,
        encoding.result() != sound,
        room.left,
    )
    measured = await pool.run(finish_video, material, timeout=engine.FILM_SECONDS)
    video = Video.FromString(measured.value)
    report = report_video(video)
    report.stage = Stage.STAGE_RENDERING
    report.started_at.FromNanoseconds(int(started * 1e9))
    report.finished_at.GetCurrentTime()
    report.wall_seconds = time.time() - started
    report.cpu_seconds = cpu_seconds + measured.cpu_seconds
    report.parts = len(parts)
    return Rendered(video, report, folder / FILM, folder / CAPTIONS, folder / POSTER)


@asynccontextmanager
async def engine_pool(settings: RenderingSettings) -> AsyncIterator[EnginePool]:
    """Starts the worker processes, and stops them at the end."""
    pool = engine.make_pool(settings.rendering_workers, settings.limits)
    try:
        yield pool
    finally:
        await asyncio.to_thread(pool.close)


async def ignore_progress(_done: int, _total: int) -> None:
    """Told of progress, does nothing."""


async def render_file(  # noqa: PLR0917 - a file or a choice each
    composition: Composition,
    audio_path: Path,
    transcript: Transcript | None,
    out_path: Path,
    frame_rate: int = DEFAULT_RATE,
    strict: bool = False,
    progress: Progress = ignore_progress,
    extras: Extras = NO_EXTRAS,
) -> tuple[Video, StageReport]:
    """Renders a video to `out_path` with workers of its own; its captions and poster stand beside it, as .vtt and .png.

    The stream, if it is asked for, goes into a folder beside it, named as the video with .hls.

    Errors: InvalidInputError, DegradedError, EngineError; OSError when `out_path` cannot be written.
    """
    engine.preload_engine()
    settings = RenderingSettings()
    extras = replace(extras, encoding=settings.encoding, job_bytes=settings.limits.job_bytes)
    with tempfile.TemporaryDirectory(prefix="s2v-render-") as name:
        async with engine_pool(settings) as pool:
            made = await render(
                pool,
                composition,
                audio_path,
                transcript,
                Path(name),
                frame_rate=frame_rate,
                strict=strict,
                progress=progress,
                extras=extras,
            )
        shutil.move(made.film, out_path)
        shutil.move(made.poster, out_path.with_suffix(".png"))
        if extras.hls:
            stream = out_path.with_suffix(".hls")
            stream.mkdir(exist_ok=True)
            for file in (PLAYLIST, MEDIA):
                shutil.move(Path(name) / file, stream / file)
        if transcript:
            shutil.move(made.captions, out_path.with_suffix(".vtt"))
    return made.video, made.report
