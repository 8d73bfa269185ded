"""From clips to everything that belongs to a video: film, captions, poster, and what is said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from s2v.rendering.clip import count_frames, fullest, plan_clips
from s2v.rendering.film import Footage, Reel, join_film
from s2v.rendering.hls import make_stream
from s2v.rendering.limits import DEFAULT_LIMITS, Room, within_limits
from s2v.rendering.poster import make_poster
from s2v.rendering.sync import sync_error
from s2v.runtime.captions import make_captions, to_vtt
from s2v.v1.composition_pb2 import Composition
from s2v.v1.job_pb2 import Brand
from s2v.v1.report_pb2 import Degradation, StageReport
from s2v.v1.transcript_pb2 import Transcript
from s2v.v1.video_pb2 import Chapter, Clip, Video

ENGINE = "manim"
DEGRADED_CODE = "RENDERING_STILL"
FILM, CAPTIONS, POSTER = "video.mp4", "captions.vtt", "poster.png"
"""Names of the files that `finish_video` writes."""


def engine_version() -> str:
    """Returns the version of manim."""
    return version("manim")


def make_chapters(composition: Composition) -> list[Chapter]:
    """Returns the chapters: a title that goes on from scene to scene is one; they fill the film without gaps."""
    chapters: list[Chapter] = []
    for number, scene in enumerate(composition.scenes):
        last = number + 1 == len(composition.scenes)
        end = composition.duration_seconds if last else composition.scenes[number + 1].start_seconds
        if chapters and scene.chapter in ("", chapters[-1].title):
            chapters[-1].end_seconds = end
        elif end > scene.start_seconds or not chapters:
            start = scene.start_seconds if chapters else 0.0
            chapters.append(Chapter(start_seconds=start, end_seconds=end, title=scene.chapter))
    return chapters


@dataclass(frozen=True)
class Material:
    """All that a video is put together from. Crosses process borders, so messages are serialised."""

    composition: bytes
    transcript: bytes
    """Empty: no captions."""
    frame_rate: int
    clips: Sequence[bytes]
    """A Clip for each scene that was drawn, in order."""
    files: Sequence[Path]
    """Where the clips are; the results are written beside the first."""
    sound: Path
    brand: bytes = b""
    """A Brand; empty: none."""
    hls: bool = False
    """Whether the fragments for HTTP Live Streaming are made too."""
    encoded: bool = False
    """Whether the sound has been encoded for the film already."""
    room_bytes: int = DEFAULT_LIMITS.job_bytes
    """What the film, its stream, captions and poster may take together."""


def finish_video(material: Material) -> bytes:
    """Writes film, captions and poster, and returns the serialised Video; its object references are unset.

    Errors: as `join_film`; LimitError (memory, disk).
    """
    with within_limits("the film", material.room_bytes):
        return _finish(material, Room(material.room_bytes))


def _finish(material: Material, room: Room) -> bytes:
    pictures, words = Composition.FromString(material.composition), Transcript.FromString(material.transcript)
    made = [Clip.FromString(clip) for clip in material.clips]
    folder, rate = material.files[0].parent, material.frame_rate
    captions = make_captions(words)
    reel = Reel(
        footage=[Footage(file, clip.first_frame) for clip, file in zip(made, material.files, strict=True)],
        frame_rate=rate,
        frame_count=count_frames(pictures, rate),
        captions=captions,
        chapters=make_chapters(pictures),
        language=pictures.language,
    )
    soundtrack = join_film(reel, material.sound, folder / FILM, material.encoded)
    size = (folder / FILM).stat().st_size
    room.take(size, "the film")
    if material.hls:
        room.take(size, "its stream")  # the same packets once more
    (folder / CAPTIONS).write_text(to_vtt(words), encoding="utf-8")
    brand = Brand.FromString(material.brand) if material.brand else None
    make_poster(fullest(plan_clips(pictures, rate)), brand, folder / POSTER)
    room.take(sum((folder / name).stat().st_size for name in (CAPTIONS, POSTER)), "captions and poster")
    video = Video(
        width=pictures.width,
        height=pictures.height,
        frame_rate=rate,
        frame_count=reel.frame_count,
        duration_seconds=reel.frame_count / rate,
        clips=made,
        chapters=reel.chapters,
        soundtrack=soundtrack,
        sync_error_p95_seconds=sync_error(pictures, rate),
    )
    if material.hls:
        video.hls.segment_seconds.extend(make_stream(folder / FILM, folder))
    return video.SerializeToString()


def report_clip(clip: Clip) -> StageReport:
    """Returns what is said of a clip: whether a fallback made it."""
    degraded = [Degradation(code=DEGRADED_CODE, reason=clip.degraded)] if clip.degraded else []
    return StageReport(degradations=degraded)


def report_video(video: Video) -> StageReport:
    """Returns what is said of a video: engine, fallbacks, counts."""
    report = StageReport(engine=ENGINE, engine_version=engine_version())
    for clip in video.clips:
        report.degradations.extend(report_clip(clip).degradations)
    report.measures["frames"] = float(video.frame_count)
    report.measures["distinct_frames"] = float(sum(clip.distinct_frames for clip in video.clips))
    report.measures["sync_error_p95_seconds"] = video.sync_error_p95_seconds
    if not video.soundtrack.copied:
        report.notes.append("The sound was encoded as AAC once, because MP4 does not hold its own codec.")
    return report
