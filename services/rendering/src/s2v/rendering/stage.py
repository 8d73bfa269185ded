"""Rendering as a stage of the pipeline: a part for each scene."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import version

from s2v.rendering import encoder, engine
from s2v.rendering.clip import DEFAULT_RATE, describe_clip, make_clip, plan_clips
from s2v.rendering.production import CAPTIONS, ENGINE, FILM, POSTER, Material, engine_version, finish_video, report_video
from s2v.runtime.stage import File, Output, Part, StageTask, digest
from s2v.typeset.fonts import font_digests
from s2v.v1.artifact_pb2 import ArtifactKind, ObjectRef
from s2v.v1.composition_pb2 import Composition
from s2v.v1.job_pb2 import JobOptions
from s2v.v1.report_pb2 import Stage
from s2v.v1.video_pb2 import Clip, Video
from s2v.v1.work_pb2 import RenderingPart

REVISION = 1
"""Raised by hand when this service changes in a way that changes its results."""


class RenderingStage:
    """Composition to video."""

    stage = Stage.STAGE_RENDERING

    def identity(self, options: JobOptions) -> bytes:
        """Returns engine, encoder, fonts, frame rate and strictness: all that a video depends on besides its inputs."""
        fonts = [f"{name}={sha256}" for name, sha256 in sorted(font_digests().items())]
        encoding = (encoder.PRESET, encoder.QUALITY, encoder.X264, version("av"))
        rate = options.frame_rate or DEFAULT_RATE
        return digest(ENGINE, engine_version(), *encoding, *fonts, str(rate), str(options.strict), str(REVISION))

    async def plan(self, task: StageTask) -> Sequence[Part]:
        """Returns a part for each scene. Errors: InvalidInputError."""
        composition = Composition.FromString(await task.read(task.input(Stage.STAGE_LAYOUT)))
        return [Part(clip) for clip in plan_clips(composition, task.options.frame_rate or DEFAULT_RATE)]

    async def run(self, task: StageTask, part: bytes) -> Output:
        """Draws one scene's clip. Errors: InvalidInputError, DegradedError, EngineTimeoutError."""
        scene = RenderingPart.FromString(part)
        path = task.workspace / "clip.mp4"
        facts = await task.compute(make_clip, part, path, task.options.strict, timeout=engine.CLIP_SECONDS)
        clip = describe_clip(scene, facts)
        name = f"clip-{re.sub(r'[^A-Za-z0-9_-]', '_', scene.scene.scene_id)}.mp4"
        file = File(ArtifactKind.ARTIFACT_KIND_CLIP, name, "video/mp4", path=path)
        clip.object.CopyFrom(await task.store(file))
        return Output(clip, files=[file])

    async def join(self, task: StageTask, parts: Sequence[ObjectRef]) -> Output:
        """Puts the film together, with captions and poster.

        Errors: InvalidInputError when the sound does not open or has another length, EngineTimeoutError.
        """
        composition = await task.read(task.input(Stage.STAGE_LAYOUT))
        transcript = await task.read(task.input(Stage.STAGE_TRANSCRIPTION))
        clips = [await self._read_clip(task, part) for part in parts]
        files = [task.workspace / f"{number:04d}.mp4" for number in range(len(clips))]
        for clip, file in zip(clips, files, strict=True):
            await task.download(clip.object, file)
        sound = task.workspace / "sound"
        await task.download(task.source, sound)
        rate = task.options.frame_rate or DEFAULT_RATE
        material = Material(composition, transcript, rate, [clip.SerializeToString() for clip in clips], files, sound)
        made = await task.compute(finish_video, material, timeout=engine.FILM_SECONDS)
        video = Video.FromString(made)
        exports = [
            File(ArtifactKind.ARTIFACT_KIND_MP4, FILM, "video/mp4", path=task.workspace / FILM),
            File(ArtifactKind.ARTIFACT_KIND_VTT, CAPTIONS, "text/vtt; charset=utf-8", path=task.workspace / CAPTIONS),
            File(ArtifactKind.ARTIFACT_KIND_POSTER, POSTER, "image/png", path=task.workspace / POSTER),
        ]
        for ref, export in zip((video.mp4, video.captions, video.poster), exports, strict=True):
            ref.CopyFrom(await task.store(export))
        return Output(video, report_video(video), exports)

    async def _read_clip(self, task: StageTask, part: ObjectRef) -> Clip:
        clip = Clip.FromString(await task.read(part))
        # A part that was answered from the cache has been copied to this job's folder, and its clip with it.
        folder, name = part.key.rsplit("/", 1)[0], clip.object.key.rsplit("/", 1)[-1]
        clip.object.key = f"{folder}/{name}"
        return clip
