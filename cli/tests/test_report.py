"""The report says what was made, what could not be drawn and why, by which engine, and how long it took."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from s2v.cli.report import Works, format_age, format_clock, format_size, job_table, print_report
from s2v.v1.composition_pb2 import Composition, LayoutQuality, SceneLayout
from s2v.v1.diagram_pb2 import Diagram, DiagramType, Edge, Node
from s2v.v1.job_pb2 import Job, JobState, StageProgress, StageState
from s2v.v1.report_pb2 import Degradation, ModelUse, Report, Stage, StageReport
from s2v.v1.storyboard_pb2 import Scene, Storyboard
from s2v.v1.video_pb2 import Video

WORKS = Works(
    Storyboard(
        scenes=[
            Scene(
                id="s01",
                end_seconds=16.2,
                title="Opening a page",
                diagram=Diagram(
                    type=DiagramType.DIAGRAM_TYPE_FLOWCHART, confidence=0.874, nodes=[Node(id="a"), Node(id="b")], edges=[Edge()]
                ),
            ),
            Scene(
                id="s02",
                start_seconds=16.2,
                end_seconds=90,
                diagram=Diagram(
                    type=DiagramType.DIAGRAM_TYPE_NONE,
                    confidence=0.9,
                    nodes=[Node(id="c", label="Water comes [back]")],
                    undrawn_type=DiagramType.DIAGRAM_TYPE_CYCLE,
                ),
            ),
        ]
    ),
    Composition(scenes=[SceneLayout(scene_id="s01", quality=LayoutQuality(degraded="ELK ran out of time"))]),
    Video(width=1920, height=1080, frame_rate=30, duration_seconds=90),
)
JOB = Job(
    id="01JABC",
    source_name="talk [1].wav",
    source_seconds=90,
    state=JobState.JOB_STATE_RUNNING,
    stages=[StageProgress(stage=Stage.STAGE_RENDERING, state=StageState.STAGE_STATE_RUNNING, parts_done=1, parts_total=2)],
    report=Report(
        stages=[
            StageReport(
                stage=Stage.STAGE_TRANSCRIPTION,
                engine="faster-whisper",
                engine_version="1.2.1",
                models=[ModelUse(name="whisper-base", sha256="d01c3014881c9c6f")],
                wall_seconds=8.4,
                cpu_seconds=15.1,
                queue_seconds=0.2,
                parts=4,
                cached_parts=1,
                notes=["The language is en."],
            ),
            StageReport(
                stage=Stage.STAGE_LAYOUT,
                engine="elkjs",
                wall_seconds=1.1,
                parts=1,
                degradations=[Degradation(code="LAYOUT_GRID", reason="ELK ran out of time")],
            ),
        ]
    ),
)


def printed(width: int = 130) -> Console:
    return Console(file=io.StringIO(), width=width, color_system=None, highlight=False)


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_everything_that_matters_is_in_the_report(tmp_path: Path) -> None:
    video = tmp_path / "talk.mp4"
    video.write_bytes(bytes(3_400_000))
    console = printed()
    print_report(console, JOB, WORKS, [video])
    text = text_of(console)
    for part in (
        "talk [1].wav  1:30 of speech",
        "1920×1080, 30 frames a second",
        "flowchart × 1, key phrase × 1",
        "0:00–0:16",
        "Opening a page (2 nodes, 1 edge)",
        "87 %",
        "“Water comes [back]”",
        "would be a cycle, not drawn",
        "ELK ran out of time",
        "faster-whisper 1.2.1",
        "whisper-base (d01c3014)",
        "4 (1 cached)",
        "9.5 s",  # both stages' wall time
        "Degraded layout: ELK ran out of time (LAYOUT_GRID)",
        "The language is en.",
        "talk.mp4",
        "3.4 MB",
    ):
        assert part in text, part


def test_jobs_are_listed_with_their_place() -> None:
    console = printed()
    console.print(job_table([JOB], JOB.created_at.ToMicroseconds() / 1e6 + 200))
    text = text_of(console)
    assert "01JABC" in text
    assert "3 min ago" in text
    assert "rendering 1/2" in text
    assert "talk [1].wav" in text


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (16.5, "0:17"), (89.6, "1:30"), (3605, "1:00:05")])
def test_times_of_a_talk(seconds: float, text: str) -> None:
    assert format_clock(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"), [(950, "0.9 kB"), (120_000, "0.1 MB"), (3_400_000, "3.4 MB"), (74_000_000_000, "74.0 GB")]
)
def test_sizes(size: int, text: str) -> None:
    assert format_size(size) == text


@pytest.mark.parametrize(("seconds", "text"), [(5, "just now"), (61, "1 min ago"), (7300, "2 h ago"), (200_000, "2 d ago")])
def test_ages(seconds: float, text: str) -> None:
    assert format_age(seconds) == text
