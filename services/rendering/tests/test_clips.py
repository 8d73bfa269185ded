"""Clips drawn by manim and encoded: every pixel, every frame."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import av
import compositions
import numpy as np
import pytest

from s2v.rendering import clip as clips
from s2v.rendering import stage as stages
from s2v.rendering.clip import ClipFacts, count_frames, make_clip, plan_clips
from s2v.rendering.encoder import KEY_SECONDS, ClipEncoder
from s2v.rendering.figures import assemble
from s2v.rendering.orders import order_clips
from s2v.rendering.pixels import Pixels, Region
from s2v.rendering.production import report_video
from s2v.rendering.scene import film_scene
from s2v.rendering.stage import RenderingStage
from s2v.rendering.still import paint_still
from s2v.runtime.errors import DegradedError, InvalidInputError
from s2v.runtime.stage import File
from s2v.typeset import identity
from s2v.typeset.themes import THEMES, theme
from s2v.v1.artifact_pb2 import ObjectRef
from s2v.v1.composition_pb2 import ColorRole, Composition
from s2v.v1.job_pb2 import JobOptions
from s2v.v1.rendering_service_pb2 import ClipOrder
from s2v.v1.video_pb2 import Clip, Video
from s2v.v1.work_pb2 import RenderingPart


def part_of(composition: Composition, number: int, rate: int = 30) -> RenderingPart:
    return plan_clips(composition, rate)[number]


def order(part: RenderingPart) -> bytes:
    return ClipOrder(part=part).SerializeToString()


def small(*scenes, theme: str = "dark") -> Composition:
    """A composition of a third of the size: quick to encode."""
    made = compositions.composition(*scenes, theme=theme)
    made.width, made.height = 640, 360
    return made


def packets(path: Path) -> list[tuple[int, bool]]:
    """Frame number at 30 frames a second, and whether it is a key frame."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [(round(p.pts * p.time_base * 30), p.is_keyframe) for p in container.demux(stream) if p.pts is not None]


@pytest.mark.integration
@pytest.mark.parametrize("name", sorted(THEMES))
def test_decoded_colours_are_those_of_the_theme(name: str, tmp_path: Path) -> None:
    """Through conversion, encoder, tags and an independent decoder: background, box and a wide bar of accent colour."""
    scene = compositions.flowchart(0, 6.5)
    scene.rules.append(compositions.rule(400, 900, 1500, 900, 80, compositions.ROSE))
    path = tmp_path / "clip.mp4"
    make_clip(order(part_of(compositions.composition(scene, theme=name), 0)), path, True)
    with av.open(str(path)) as container:
        codec = container.streams.video[0].codec_context
        assert (codec.color_primaries, codec.color_trc, codec.colorspace, codec.color_range) == (1, 1, 1, 1)
        *_, last = container.decode(video=0)
    picture = last.to_ndarray(format="rgb24", src_colorspace="ITU709", dst_color_range="JPEG")
    colors = theme(name)
    for (x, y), color in (
        ((30, 30), colors.background),
        ((200, 480), colors.color(ColorRole.COLOR_ROLE_SURFACE)),
        ((900, 900), colors.color(ColorRole.COLOR_ROLE_ROSE)),
    ):
        expected = [int(color[n : n + 2], 16) for n in (1, 3, 5)]
        assert np.abs(picture[y, x].astype(int) - expected).max() <= 3, (x, y)


class Recorder(ClipEncoder):
    """An encoder that keeps the pictures it was given."""

    pictures: dict[int, Pixels]

    def write(self, picture: Pixels, regions: list[Region]) -> None:
        self.__dict__.setdefault("pictures", {})[self.frames] = picture.copy()
        super().write(picture, regions)


def after_a_pan() -> Composition:
    made = compositions.composition(compositions.panned(0, 4), compositions.phrase(4, 6))
    made.width, made.height = 1080, 1920
    return made


@pytest.mark.integration
@pytest.mark.parametrize("composition", [compositions.talk(), after_a_pan()], ids=["talk", "pan"])
def test_painting_regions_gives_the_whole_picture(
    composition: Composition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of manim's frames, painted in parts, equals the same moment painted at once and without manim."""
    monkeypatch.setattr("s2v.rendering.scene.ClipEncoder", Recorder)
    part = part_of(composition, 1)
    cast = assemble(ClipOrder(part=part))
    encoder = film_scene(part, cast, tmp_path / "clip.mp4")
    assert isinstance(encoder, Recorder)
    assert len(encoder.pictures) == encoder.distinct_frames
    for frame in list(encoder.pictures)[::7]:
        whole = paint_still(cast, (part.first_frame + frame) / 30, part.width, part.height)
        assert np.abs(encoder.pictures[frame].astype(int) - whole).max() <= 2, frame


@pytest.mark.integration
def test_clips_have_exact_lengths_sparse_repeats_and_key_frames_on_the_clock(tmp_path: Path) -> None:
    composition = small(compositions.flowchart(0, 7.31), compositions.timeline(7.31, 17.77))
    parts = plan_clips(composition, 30)
    assert [(part.first_frame, part.frame_count) for part in parts] == [(0, 219), (219, 314)]
    for part in parts:
        path = tmp_path / f"{part.first_frame}.mp4"
        facts = make_clip(order(part), path, True)
        sent = packets(path)
        frames = [frame for frame, _ in sent]
        assert frames[0] == 0
        assert frames[-1] == part.frame_count - 1
        assert max(np.diff(frames)) <= 30
        assert facts.distinct_frames <= len(frames) < part.frame_count * 0.6
        keys = {frame for frame, is_key in sent if is_key}
        clock = {frame for frame in range(part.frame_count) if (part.first_frame + frame) % (KEY_SECONDS * 30) == 0}
        assert keys == clock | {0}


@pytest.mark.parametrize("rate", [24, 30, 60])
def test_scenes_of_an_hour_do_not_drift(rate: int) -> None:
    scenes = [compositions.phrase(number * 7.3337, (number + 1) * 7.3337) for number in range(490)]
    composition = small(*scenes)
    parts = plan_clips(composition, rate)
    assert sum(part.frame_count for part in parts) == count_frames(composition, rate)
    for part, following in itertools.pairwise(parts):
        assert part.first_frame + part.frame_count == following.first_frame
    assert all(abs(part.first_frame / rate - part.scene.start_seconds) <= 0.5 / rate + 1e-9 for part in parts)


@pytest.mark.integration
def test_hostile_text_is_drawn_as_text(tmp_path: Path) -> None:
    scene = compositions.phrase(0, 1)
    text = "<b>&amp;</b> \\textbf{x} %s {0} \u202e\u0000\U0001f600 ../../etc/passwd"
    scene.shapes[0].texts[0].CopyFrom(compositions.block(text, 20, 180, 20, anchor=0))
    scene.chapter = text
    assert make_clip(order(part_of(small(scene), 0)), tmp_path / "clip.mp4", True).degraded == ""


@pytest.mark.integration
def test_when_manim_fails_the_scene_is_shown_without_motion_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no canvas")

    monkeypatch.setattr(clips, "film_scene", fail)
    part = part_of(small(compositions.flowchart(0, 6.5)), 0)
    path = tmp_path / "clip.mp4"
    facts = make_clip(order(part), path, False)
    assert "no canvas" in facts.degraded
    assert packets(path)[-1][0] == part.frame_count - 1
    with pytest.raises(DegradedError, match="no canvas"):
        make_clip(order(part), path, True)


def test_a_composition_measured_with_other_fonts_is_refused() -> None:
    composition = small(compositions.phrase(0, 5))
    composition.font_sha256["Inter-Medium.otf"] = "0" * 64
    with pytest.raises(InvalidInputError) as refused:
        plan_clips(composition, 30)
    assert refused.value.reason == "FONT_MISMATCH"


@pytest.mark.parametrize(
    ("field", "value"), [("width", 641), ("height", 0), ("width", 100_000), ("theme", "../dark"), ("duration_seconds", 1.0)]
)
def test_a_composition_that_cannot_be_drawn_is_refused_by_name(field: str, value: object) -> None:
    composition = small(compositions.phrase(0, 3), compositions.phrase(3, 5))
    setattr(composition, field, value)
    with pytest.raises(InvalidInputError):
        plan_clips(composition, 30)


def test_a_composition_without_scenes_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="no scenes"):
        plan_clips(Composition(width=640, height=360, theme="dark", duration_seconds=3), 30)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    "field", ["duration_seconds", "scenes[0].start_seconds", "scenes[0].end_seconds", "scenes[0].shapes[0].reveal_seconds"]
)
def test_what_is_no_time_is_refused_by_its_field(field: str, value: float) -> None:
    composition = small(compositions.phrase(0, 3))
    scene = composition.scenes[0]
    at = {"duration_seconds": composition, "scenes[0].shapes[0].reveal_seconds": scene.shapes[0]}.get(field, scene)
    setattr(at, field.rsplit(".", 1)[-1], value)
    with pytest.raises(InvalidInputError) as refused:
        plan_clips(composition, 30)
    assert refused.value.field == f"composition.{field}"


async def test_a_part_with_plain_fades_says_so_and_is_not_kept(tmp_path: Path) -> None:
    """A part whose report names a fallback stays out of the cache; the film's report names it once."""

    class Task:
        options = JobOptions()
        workspace = tmp_path
        facts = ClipFacts(1, "manim failed", 100)

        async def compute(self, *_: object, timeout: float) -> ClipFacts:
            return self.facts

        async def store(self, _: File) -> ObjectRef:
            return ObjectRef()

    task, data = Task(), order(part_of(small(compositions.phrase(0, 3)), 0))
    made = await RenderingStage().run(task, data)  # type: ignore[arg-type]
    assert [(each.code, each.reason) for each in made.report.degradations] == [("RENDERING_STILL", "manim failed")]
    assert isinstance(made.artifact, Clip)
    assert len(report_video(Video(clips=[made.artifact])).degradations) == 1
    task.facts = ClipFacts(1, "", 100)
    assert not (await RenderingStage().run(task, data)).report.degradations  # type: ignore[arg-type]


def test_the_cache_key_follows_what_paints_and_the_colours_of_the_theme(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = RenderingStage().identity(JobOptions())
    assert RenderingStage().identity(JobOptions(theme="dark", frame_rate=30)) != RenderingStage().identity(
        JobOptions(theme="light")
    )
    with monkeypatch.context() as patch:
        patch.setitem(THEMES, "dark", replace(theme("dark"), background="#000000"))  # type: ignore[arg-type]
        assert RenderingStage().identity(JobOptions()) != usual
    real = stages.version
    for module, painter in ((stages, "resvg-py"), (stages, "pycairo"), (identity, "uharfbuzz"), (identity, "python-bidi")):
        with monkeypatch.context() as patch:
            patch.setattr(module, "version", lambda name, painter=painter: real(name) + "1" * (name == painter))
            assert RenderingStage().identity(JobOptions()) != usual, painter
    assert RenderingStage().identity(JobOptions()) == usual
    assert RenderingStage().identity(JobOptions(strict=True)) == usual, "what it would refuse is not kept"


def test_a_clip_does_not_look_new_where_its_chapter_has_another_name_or_its_layout_another_quality() -> None:
    orders = []
    for name in ("One", "Two"):
        made = compositions.talk()
        for scene in made.scenes:
            scene.chapter, scene.quality.note = name, name
        orders.append([order.SerializeToString(deterministic=True) for order in order_clips(made, 30, None, None)])
    assert orders[0] == orders[1]
