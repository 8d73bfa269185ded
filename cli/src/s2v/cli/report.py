"""What was made, by which engine and model, how long it took, and what could not be done: as tables for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from s2v.cli.progress import format_seconds
from s2v.runtime.stage import NAMES
from s2v.v1.composition_pb2 import Composition
from s2v.v1.diagram_pb2 import Diagram, DiagramType
from s2v.v1.job_pb2 import Job, JobState, StageState
from s2v.v1.report_pb2 import ModelUse, Report, StageReport
from s2v.v1.storyboard_pb2 import Scene, Storyboard
from s2v.v1.video_pb2 import Video

TYPE_NAMES: dict[DiagramType.ValueType, str] = {
    DiagramType.DIAGRAM_TYPE_FLOWCHART: "flowchart",
    DiagramType.DIAGRAM_TYPE_HIERARCHY: "hierarchy",
    DiagramType.DIAGRAM_TYPE_TIMELINE: "timeline",
    DiagramType.DIAGRAM_TYPE_CYCLE: "cycle",
    DiagramType.DIAGRAM_TYPE_MINDMAP: "mind map",
    DiagramType.DIAGRAM_TYPE_COMPARISON: "comparison",
    DiagramType.DIAGRAM_TYPE_NETWORK: "network",
    DiagramType.DIAGRAM_TYPE_CAUSE_EFFECT: "cause and effect",
    DiagramType.DIAGRAM_TYPE_NONE: "key phrase",
}
STATE_STYLES: dict[JobState.ValueType, str] = {
    JobState.JOB_STATE_SUCCEEDED: "green",
    JobState.JOB_STATE_FAILED: "red",
    JobState.JOB_STATE_RUNNING: "blue",
}


@dataclass(frozen=True)
class Works:
    """What a finished job has made, as messages."""

    storyboard: Storyboard
    composition: Composition
    video: Video


def print_report(console: Console, job: Job, works: Works, files: Sequence[Path]) -> None:
    """Prints the report of a finished job and where its files are."""
    video = works.video
    console.print()
    console.print(
        f"[bold]{escape(job.source_name)}[/]  {format_clock(job.source_seconds)} of speech  →  "
        f"{video.width}×{video.height}, {video.frame_rate} frames a second, {format_clock(video.duration_seconds)}",
        soft_wrap=True,
    )
    console.print(scene_table(works))
    console.print(stage_table(job.report))
    print_remarks(console, job.report)
    for path in files:
        console.print(f"[bold]{escape(str(path))}[/]  {format_size(path.stat().st_size)}", soft_wrap=True)


def scene_table(works: Works) -> Table:
    """Returns a row a scene: when, which picture, what it says, and what could not be drawn."""
    counts = Counter(scene.diagram.type for scene in works.storyboard.scenes)
    made = ", ".join(f"{TYPE_NAMES.get(kind, 'unknown')} × {count}" for kind, count in counts.most_common())
    table = Table(title=f"Scenes: {made}", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Time", justify="right", style="dim")
    table.add_column("Picture")
    table.add_column("Sure", justify="right", style="dim")
    table.add_column("What it shows", overflow="fold")
    table.add_column("Remarks", overflow="fold", style="yellow")
    degraded = {layout.scene_id: layout.quality.degraded for layout in works.composition.scenes}
    drawn = {clip.scene_id: clip.degraded for clip in works.video.clips}
    for scene in works.storyboard.scenes:
        remarks = [undrawn(scene.diagram), degraded.get(scene.id, ""), drawn.get(scene.id, "")]
        table.add_row(
            f"{format_clock(scene.start_seconds)}–{format_clock(scene.end_seconds)}",
            TYPE_NAMES.get(scene.diagram.type, "unknown"),
            f"{100 * scene.diagram.confidence:.0f} %",
            escape(describe_scene(scene)),
            escape("; ".join(remark for remark in remarks if remark)),
        )
    return table


def describe_scene(scene: Scene) -> str:
    """Says in one line what a scene shows."""
    diagram = scene.diagram
    if diagram.type == DiagramType.DIAGRAM_TYPE_NONE:
        return f"“{diagram.nodes[0].label}”" if diagram.nodes else "nothing"
    amount = f"{_plural(len(diagram.nodes), 'node')}, {_plural(len(diagram.edges), 'edge')}"
    return f"{scene.title} ({amount})" if scene.title else amount


def undrawn(diagram: Diagram) -> str:
    """Says which type would have fitted better but could not be drawn; empty if none."""
    kind = diagram.undrawn_type
    return f"would be a {TYPE_NAMES[kind]}, not drawn" if kind in TYPE_NAMES else ""


def stage_table(report: Report) -> Table:
    """Returns a row a stage: engine, models, times."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_footer=True)
    table.add_column("Stage", footer="all")
    table.add_column("Engine", overflow="fold")
    table.add_column("Models", overflow="fold", style="dim")
    table.add_column("Parts", justify="right")
    for name, seconds in (
        ("Queue", sum(stage.queue_seconds for stage in report.stages)),
        ("Wall", sum(stage.wall_seconds for stage in report.stages)),
        ("CPU", sum(stage.cpu_seconds for stage in report.stages)),
    ):
        table.add_column(name, footer=format_seconds(seconds), justify="right")
    for stage in report.stages:
        table.add_row(
            NAMES.get(stage.stage, "?"),
            escape(f"{stage.engine} {stage.engine_version}"),
            escape(", ".join(describe_model(model) for model in stage.models)) or "–",
            describe_parts(stage),
            format_seconds(stage.queue_seconds),
            format_seconds(stage.wall_seconds),
            format_seconds(stage.cpu_seconds),
        )
    return table


def print_remarks(console: Console, report: Report) -> None:
    """Prints what was degraded and why, and the stages' notes."""
    for stage in report.stages:
        for degradation in stage.degradations:
            text = escape(f"{NAMES[stage.stage]}: {degradation.reason} ({degradation.code})")
            console.print(f"[bold yellow]Degraded[/] {text}", soft_wrap=True)
        for note in stage.notes:
            console.print(f"[dim]{NAMES[stage.stage]}:[/] {escape(note)}", soft_wrap=True)


def describe_parts(stage: StageReport) -> str:
    """Says how many parts there were and how many came from the cache."""
    return f"{stage.parts} ({stage.cached_parts} cached)" if stage.cached_parts else str(stage.parts)


def describe_model(model: ModelUse) -> str:
    """Names a model with the start of its digest."""
    return f"{model.name} ({model.sha256[:8]})" if model.sha256 else model.name


def job_table(jobs: Sequence[Job], now: float) -> Table:
    """Returns a row a job; `now` is the time as seconds since 1970, for their age."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("Job", "State", "Talk", "Length", "Accepted"):
        table.add_column(name, no_wrap=True, justify="right" if name in {"Length", "Accepted"} else "left")
    for job in jobs:
        style = STATE_STYLES.get(job.state, "default")
        table.add_row(
            job.id,
            f"[{style}]{describe_place(job)}[/]",
            escape(job.source_name),
            format_clock(job.source_seconds),
            format_age(now - job.created_at.ToMicroseconds() / 1e6),
        )
    return table


def describe_state(state: JobState.ValueType) -> str:
    """Names a state for people."""
    return JobState.Name(state).removeprefix("JOB_STATE_").lower()


def describe_place(job: Job) -> str:
    """Says where a job is: the stage that is at work and how far it is, or the job's state."""
    for stage in job.stages:
        if job.state == JobState.JOB_STATE_RUNNING and stage.state == StageState.STAGE_STATE_RUNNING:
            return f"{NAMES[stage.stage]} {stage.parts_done}/{stage.parts_total}"
    return describe_state(job.state)


def format_age(seconds: float) -> str:
    """Formats how long ago something was, e.g. "3 min ago"."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit} ago"
    return "just now"


def format_clock(seconds: float) -> str:
    """Formats a time in a talk, e.g. "1:05" or "1:00:05"."""
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def format_size(size_bytes: int) -> str:
    """Formats a size, e.g. "3.4 MB"."""
    for unit, power in (("GB", 9), ("MB", 6)):
        if size_bytes >= 10 ** (power - 1):
            return f"{size_bytes / 10**power:.1f} {unit}"
    return f"{size_bytes / 1e3:.1f} kB"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
