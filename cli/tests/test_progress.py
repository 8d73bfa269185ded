"""Progress is one line a stage; on a terminal with bars, elsewhere as plain lines."""

from __future__ import annotations

import io
import re
import time

import pytest
from rich.console import Console

from s2v.cli.progress import JobProgress, format_seconds
from s2v.v1.event_pb2 import AttemptFailed, JobEvent, PartFinished, StageFinished, StageStarted
from s2v.v1.job_pb2 import JobError
from s2v.v1.report_pb2 import Stage, StageReport

EVENTS = (
    JobEvent(stage_started=StageStarted(stage=Stage.STAGE_TRANSCRIPTION, parts_total=4)),
    JobEvent(part_finished=PartFinished(stage=Stage.STAGE_TRANSCRIPTION, part=2, parts_done=1, parts_total=4)),
    JobEvent(
        attempt_failed=AttemptFailed(
            stage=Stage.STAGE_TRANSCRIPTION, attempt=1, error=JobError(message="it [died]"), retry_in_seconds=2
        )
    ),
    JobEvent(part_finished=PartFinished(stage=Stage.STAGE_TRANSCRIPTION, part=0, parts_done=4, parts_total=4)),
    JobEvent(stage_finished=StageFinished(report=StageReport(stage=Stage.STAGE_TRANSCRIPTION, wall_seconds=8.4, parts=4))),
    JobEvent(stage_started=StageStarted(stage=Stage.STAGE_ANALYSIS, parts_total=1)),
    JobEvent(stage_finished=StageFinished(report=StageReport(stage=Stage.STAGE_ANALYSIS, parts=1, cached_parts=1))),
    JobEvent(stage_finished=StageFinished(report=StageReport(stage=Stage.STAGE_LAYOUT, parts=1, cached_parts=1))),
)
"""Layout ends without having started, as a stage does that the cache answers."""


def show(*, terminal: bool) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=100, color_system=None, highlight=False)
    with JobProgress(console) as progress:
        progress.uploaded(500_000, 2_000_000)
        progress.uploaded(2_000_000, 2_000_000)
        for event in EVENTS:
            fresh = JobEvent()
            fresh.CopyFrom(event)
            fresh.time.GetCurrentTime()
            progress.happened(fresh)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_time_left_follows_the_times_of_the_events_not_of_their_arrival() -> None:
    """Whoever joins a job late gets its old events at once."""
    console = Console(file=io.StringIO(), width=100, color_system=None, highlight=False)
    start = time.time() - 30
    with JobProgress(console) as progress:
        for seconds, event in ((0, EVENTS[0]), (10, EVENTS[1])):
            late = JobEvent()
            late.CopyFrom(event)
            late.time.FromMicroseconds(int((start + seconds) * 1e6))
            progress.happened(late)
    assert isinstance(console.file, io.StringIO)
    assert re.search(r"transcription: 25 %, 1/4 parts, (10|9)\.\d s left", console.file.getvalue())


def test_plain_lines_tell_each_step_once() -> None:
    assert show(terminal=False).splitlines() == [
        "upload: started, 2.0 MB",
        "upload: done",
        "transcription: started, 4 parts",
        "transcription: attempt 1 failed (it [died]); trying again in 2 s",
        "transcription: done, 8.4 s",
        "analysis: started, 1 part",
        "analysis: done, from the cache",
        "layout: done, from the cache",
    ]


def test_a_terminal_shows_a_bar_for_each_stage() -> None:
    shown = show(terminal=True)
    last = shown[shown.rindex("upload" if shown.rindex("upload") < shown.rindex("transcription") else "transcription") :]
    for name in ("analysis", "layout", "rendering"):
        assert name in last
    assert "100 %" in last
    assert "from the cache" in last
    assert "it [died]" in shown


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0.0 s"), (8.44, "8.4 s"), (59.94, "59.9 s"), (59.97, "1:00"), (125, "2:05"), (3725, "1:02:05")]
)
def test_durations_are_written_for_people(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text
