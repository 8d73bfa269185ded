"""Rendering as a stage of the pipeline: a part for each scene."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import version

from s2v.rendering import engine
from s2v.rendering.clip import DEFAULT_RATE, describe_clip, make_clip
from s2v.rendering.encoder import DEFAULT_ENCODING, Encoding
from s2v.rendering.hls import MEDIA, PLAYLIST
from s2v.rendering.limits import DEFAULT_LIMITS, Limits, Room
from s2v.rendering.orders import order_clips
from s2v.rendering.production import (
    CAPTIONS,
    ENGINE,
    FILM,
    POSTER,
    Material,
    engine_version,
    finish_video,
    report_clip,
    report_video,
)
from s2v.runtime.stage import File, Output, Part, StageTask, digest
from s2v.typeset.identity import look_parts
from s2v.v1.artifact_pb2 import ArtifactKind, ObjectRef
from s2v.v1.composition_pb2 import Composition
from s2v.v1.job_pb2 import JobOptions
from s2v.v1.rendering_service_pb2 import ClipOrder
from s2v.v1.report_pb2 import Stage
from s2v.v1.transcript_pb2 import Transcript
from s2v.v1.video_pb2 import Clip, Video

REVISION = 6
"""Raised by hand when this service changes in a way that changes its results."""
PAINTERS = ("av", "opencv-python-headless", "pycairo", "resvg-py")
"""Distributions, besides manim, that say how a picture looks once it is encoded."""


class RenderingStage:
    """Composition to video."""

    stage = Stage.STAGE_RENDERING

    def __init__(self, encoding: Encoding = DEFAULT_ENCODING, limits: Limits = DEFAULT_LIMITS) -> None:
        self._encoding = encoding
        self._limits = limits

    def identity(self, options: JobOptions) -> bytes:
        """Returns engine, encoder, fonts, look and the options used: all that a video depends on besides its inputs.

        Not whether the job is strict: what a strict one refuses is never answered from the cache.
        """
        painters = [f"{name}={version(name)}" for name in PAINTERS]
        encoding = [f"{name}={value}" for name, value in self._encoding.options.items()]
        look = look_parts(options.theme, options.brand.font)
        rate = options.frame_rate or DEFAULT_RATE
        wishes = (str(rate), str(options.hls), str(options.burn_captions))
        brand = options.brand.SerializeToString(deterministic=True)
        return digest(ENGINE, engine_version(), *painters, *encoding, *look, *wishes, brand, str(REVISION))

    async def plan(self, task: StageTask) -> Sequence[Part]:
        """Returns a part for each scene. Errors: InvalidInputError."""
        composition = Composition.FromString(await task.read(task.input(Stage.STAGE_LAYOUT)))
        options, words = task.options, None
        if options.burn_captions:
            words = Transcript.FromString(await task.read(task.input(Stage.STAGE_TRANSCRIPTION)))
        brand = options.brand if options.HasField("brand") else None
        return [Part(order) for order in order_clips(composition, options.frame_rate or DEFAULT_RATE, words, brand)]

    async def run(self, task: StageTask, part: bytes) -> Output:
        """Draws one scene's clip. Errors: InvalidInputError, LimitError, DegradedError, EngineTimeoutError."""
        scene = ClipOrder.FromString(part).part
        path = task.workspace / "clip.mp4"
        choices = (task.options.strict, self._encoding, self._limits.job_bytes)
        facts = await task.compute(make_clip, part, path, *choices, timeout=engine.CLIP_SECONDS)
        clip = describe_clip(scene, facts)
        name = f"clip-{re.sub(r'[^A-Za-z0-9_-]', '_', scene.scene.scene_id)}.mp4"
        file = File(ArtifactKind.ARTIFACT_KIND_CLIP, name, "video/mp4", path=path)
        clip.object.CopyFrom(await task.store(file))
        # The part's report keeps plain fades out of the cache; the job's is made of all clips by the join.
        return Output(clip, report_clip(clip), [file])

    async def join(self, task: StageTask, parts: Sequence[ObjectRef]) -> Output:
        """Puts the film together, with captions and poster.

        Errors: InvalidInputError when the sound does not open or has another length, LimitError, EngineTimeoutError.
        """
        composition = await task.read(task.input(Stage.STAGE_LAYOUT))
        transcript = await task.read(task.input(Stage.STAGE_TRANSCRIPTION))
        clips = [await self._read_clip(task, part) for part in parts]
        room = Room(self._limits.job_bytes)
        for what, ref in (("the sound", task.source), *((f"the clip of scene {clip.scene_id}", clip.object) for clip in clips)):
            room.take(ref.size_bytes, what)
        files = [task.workspace / f"{number:04d}.mp4" for number in range(len(clips))]
        for clip, file in zip(clips, files, strict=True):
            await task.download(clip.object, file)
        sound = task.workspace / "sound"
        await task.download(task.source, sound)
        rate = task.options.frame_rate or DEFAULT_RATE
        brand = task.options.brand.SerializeToString()
        data = [clip.SerializeToString() for clip in clips]
        material = Material(composition, transcript, rate, data, files, sound, brand, task.options.hls, room_bytes=room.left)
        made = await task.compute(finish_video, material, timeout=engine.FILM_SECONDS)
        video = Video.FromString(made)
        exports = [
            File(ArtifactKind.ARTIFACT_KIND_MP4, FILM, "video/mp4", path=task.workspace / FILM),
            File(ArtifactKind.ARTIFACT_KIND_VTT, CAPTIONS, "text/vtt; charset=utf-8", path=task.workspace / CAPTIONS),
            File(ArtifactKind.ARTIFACT_KIND_POSTER, POSTER, "image/png", path=task.workspace / POSTER),
        ]
        refs = [video.mp4, video.captions, video.poster]
        if task.options.hls:
            playlist = "application/vnd.apple.mpegurl"
            exports.append(File(ArtifactKind.ARTIFACT_KIND_HLS_PLAYLIST, PLAYLIST, playlist, path=task.workspace / PLAYLIST))
            exports.append(File(ArtifactKind.ARTIFACT_KIND_HLS_MEDIA, MEDIA, "video/mp4", path=task.workspace / MEDIA))
            refs += [video.hls.playlist, video.hls.media]
        for ref, export in zip(refs, exports, strict=True):
            ref.CopyFrom(await task.store(export))
        return Output(video, report_video(video), exports)

    async def _read_clip(self, task: StageTask, part: ObjectRef) -> Clip:
        clip = Clip.FromString(await task.read(part))
        # A part that was answered from the cache has been copied to this job's folder, and its clip with it.
        folder, name = part.key.rsplit("/", 1)[0], clip.object.key.rsplit("/", 1)[-1]
        clip.object.key = f"{folder}/{name}"
        return clip
