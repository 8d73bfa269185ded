"""Protects the service around the engine: it computes in a worker process, keeps its deadline, and goes on after a time-out."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from s2v.layout import stage as layout_stage
from s2v.layout.processes import BATCH, Composed, DrawnScene, compose_bytes, draw_pages, draw_scenes, make_pool
from s2v.layout.servicer import LayoutServicer
from s2v.layout.stage import LayoutStage
from s2v.runtime.errors import EngineTimeoutError, InvalidInputError
from s2v.typeset import identity
from s2v.typeset.themes import THEMES, theme
from s2v.v1.artifact_pb2 import ObjectRef
from s2v.v1.composition_pb2 import Composition, SceneLayout
from s2v.v1.job_pb2 import Brand, JobOptions
from s2v.v1.layout_service_pb2 import ComposeRequest, ComposeResponse
from s2v.v1.report_pb2 import Degradation, StageReport

from .storyboards import CACHE, flowchart, phrase, storyboard

pytestmark = pytest.mark.integration


class Call:
    """As much of a gRPC call as the servicer asks for."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds

    def time_remaining(self) -> float | None:
        return self._seconds


async def test_a_worker_composes_reports_its_costs_and_outlives_errors_and_deadlines() -> None:
    pool = make_pool(1)
    try:
        servicer = LayoutServicer(pool, 60)
        request = ComposeRequest(storyboard=storyboard(flowchart(*CACHE), phrase("Each part can fail.")), height=720)
        with pytest.raises(EngineTimeoutError):
            await servicer.Compose(request, Call(0.001))  # type: ignore[arg-type]
        with pytest.raises(InvalidInputError):
            await servicer.Compose(ComposeRequest(storyboard=request.storyboard, theme="sepia"), Call(None))  # type: ignore[arg-type]
        response = await servicer.Compose(request, Call(None))  # type: ignore[arg-type]
        assert response.composition.height == 720
        assert response.report.cpu_seconds > 0
        assert response.report.wall_seconds > 0
        drawn = await pool.run(draw_scenes, response.composition.SerializeToString(), timeout=30)
        assert [scene.scene_id for scene in drawn.value] == ["s00", "s01"]
        assert all(scene.svg.startswith(b"<?xml") and scene.png.startswith(b"\x89PNG") for scene in drawn.value)
        assert b"<mxfile" in draw_pages(response.composition.SerializeToString())
    finally:
        pool.close()


def test_the_cache_key_follows_the_options_that_matter() -> None:
    stage = LayoutStage(60)
    usual = stage.identity(JobOptions(height=1080, theme="dark"))
    assert stage.identity(JobOptions(height=1080, theme="dark", frame_rate=60)) == usual
    for other in (
        JobOptions(height=720, theme="dark"),
        JobOptions(height=1080, theme="light"),
        JobOptions(height=1080, theme="dark", strict=True),
        JobOptions(height=1080, theme="dark", brand=Brand(text="#FFFFFF")),
    ):
        assert stage.identity(other) != usual


def test_the_cache_key_follows_the_shapers_and_the_colours_of_the_theme(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = LayoutStage(60)
    usual = stage.identity(JobOptions(height=1080))
    with monkeypatch.context() as patch:
        patch.setitem(THEMES, "dark", replace(theme("dark"), background="#000000"))  # type: ignore[arg-type]
        assert stage.identity(JobOptions(height=1080)) != usual
    real = identity.version
    for shaper in ("uharfbuzz", "python-bidi", "regex"):
        with monkeypatch.context() as patch:
            patch.setattr(identity, "version", lambda name, shaper=shaper: real(name) + "1" * (name == shaper))
            assert stage.identity(JobOptions(height=1080)) != usual
    monkeypatch.setattr(layout_stage, "version", lambda name: real(name) + "1")
    assert stage.identity(JobOptions(height=1080)) != usual, "the painter of the PNG exports"
    monkeypatch.undo()
    assert stage.identity(JobOptions(height=1080)) == usual


def test_the_same_request_gives_the_same_bytes() -> None:
    request = ComposeRequest(storyboard=storyboard(phrase("Each part can fail.")), height=1080, theme="dark").SerializeToString()
    assert compose_bytes(request) == compose_bytes(request)


async def test_a_part_says_what_is_degraded_so_that_it_is_not_kept() -> None:
    degraded = StageReport(degradations=[Degradation(code="LAYOUT_GRID", reason="ELK did not finish")])

    class Task:
        options = JobOptions()
        previous = None

        async def read(self, _: ObjectRef) -> bytes:
            return b""

        async def compute(self, *_: object, timeout: float) -> Composed:
            return Composed(b"", degraded.SerializeToString())

    made = await LayoutStage(60).run(Task(), ObjectRef().SerializeToString())  # type: ignore[arg-type]
    assert [each.code for each in made.report.degradations] == ["LAYOUT_GRID"]


@pytest.mark.parametrize("count", [3, 2 * BATCH + 1])
async def test_the_time_that_layout_may_take_grows_with_the_talk(count: int) -> None:
    """A talk of hours has hundreds of scenes: placing has more time, and each batch of drawing its own."""
    board = storyboard(*(phrase(f"Each part {number} can fail.") for number in range(count)))
    composed = ComposeResponse(composition=Composition(width=1920, height=1080, theme="dark"))
    composed.composition.scenes.extend(SceneLayout(scene_id=scene.id) for scene in board.scenes)
    drawn: list[int] = []

    class Task:
        options = JobOptions()
        previous = None

        async def read(self, ref: ObjectRef) -> bytes:
            return (board if ref.key else composed).SerializeToString()

        async def compute(self, function: Callable[..., object], data: bytes, *_: object, timeout: float) -> object:
            if function is compose_bytes:
                assert timeout == max(60, 4 * count)
                return Composed(b"", b"")
            assert timeout == 60
            if function is draw_pages:
                return b""
            scenes = Composition.FromString(data).scenes
            drawn.append(len(scenes))
            return [DrawnScene(scene.scene_id, b"", b"") for scene in scenes]

    await LayoutStage(60).run(Task(), ObjectRef(key="storyboard").SerializeToString())  # type: ignore[arg-type]
    made = await LayoutStage(60).join(Task(), [ObjectRef()])  # type: ignore[arg-type]
    assert max(drawn) <= BATCH
    assert [file.name for file in made.files[1::2]] == [f"scene-{scene.id}.svg" for scene in board.scenes]
    assert [file.name for file in made.files[2::2]] == [f"scene-{scene.id}.png" for scene in board.scenes]
