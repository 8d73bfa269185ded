"""A job's progress for people: one line a stage with a bar, or plain lines where the output is not a terminal."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from s2v.runtime.stage import NAMES
from s2v.v1.event_pb2 import JobEvent
from s2v.v1.report_pb2 import StageReport

UPLOAD = "upload"
PLAIN_SECONDS = 5.0
"""Plain lines about the same stage come at most this often."""


class Display(Protocol):
    """Where progress is shown."""

    def begin(self, name: str, total: int, unit: str) -> None:
        """Shows that a line starts; `unit` stands after the amounts, e.g. "parts"."""
        ...

    def advance(self, name: str, done: int, total: int) -> None:
        """Shows how far a line is."""
        ...

    def finish(self, name: str, summary: str) -> None:
        """Shows that a line is done."""
        ...

    def note(self, text: str) -> None:
        """Shows a sentence."""
        ...


class JobProgress:
    """Follows one job: tell it of the upload's bytes and the job's events."""

    def __init__(self, console: Console, names: Sequence[str] = tuple(NAMES.values())) -> None:
        """`names` are the lines that a terminal shows from the start."""
        self._bars = Bars(console, names) if console.is_terminal else None
        self._display: Display = self._bars or Lines(console)
        self._uploading = False

    def __enter__(self) -> Self:
        if self._bars:
            self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bars:
            self._bars.stop()

    def uploaded(self, done: int, total: int) -> None:
        """Shows that `done` bytes of `total` have arrived."""
        if not self._uploading:
            self._uploading = True
            self._display.begin(UPLOAD, total, "MB")
        self._display.advance(UPLOAD, done, total)
        if done >= total:
            self._display.finish(UPLOAD, "")

    def note(self, text: str) -> None:
        """Shows a sentence."""
        self._display.note(text)

    def happened(self, event: JobEvent) -> None:
        """Shows an event."""
        kind = event.WhichOneof("event")
        if kind == "stage_started":
            self._display.begin(NAMES[event.stage_started.stage], event.stage_started.parts_total, "parts")
        elif kind == "part_finished":
            part = event.part_finished
            self._display.advance(NAMES[part.stage], part.parts_done, part.parts_total)
        elif kind == "stage_finished":
            report = event.stage_finished.report
            self._display.finish(NAMES[report.stage], summarize(report))
        elif kind == "attempt_failed":
            failed = event.attempt_failed
            again = f"; trying again in {failed.retry_in_seconds:.0f} s" if failed.retry_in_seconds else ""
            self._display.note(f"{NAMES[failed.stage]}: attempt {failed.attempt} failed ({failed.error.message}){again}")


def summarize(report: StageReport) -> str:
    """Says in a few words how long a stage took."""
    if report.parts and report.cached_parts >= report.parts:
        return "from the cache"
    return format_seconds(report.wall_seconds)


def format_seconds(seconds: float) -> str:
    """Formats a duration, e.g. "8.4 s" or "2:05"."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


class Bars:
    """Bars of rich, for a terminal. Those of stages that have not started are there at once: one sees what is to come."""

    def __init__(self, console: Console, names: Sequence[str]) -> None:
        self._names = names
        self._progress = Progress(
            TextColumn("{task.description:<14}"),
            BarColumn(bar_width=36, complete_style="blue", finished_style="green", pulse_style="blue"),
            TextColumn("{task.percentage:>3.0f} %"),
            _AmountColumn(),
            _TimeColumn(),
            console=console,
        )
        self._lines: dict[str, TaskID] = {}

    def start(self) -> None:
        """Shows the bars."""
        for name in self._names:
            self._lines[name] = self._progress.add_task(name, start=False, total=1, unit="", summary="")
        self._progress.start()

    def stop(self) -> None:
        """Leaves the bars as they are."""
        self._progress.stop()

    def begin(self, name: str, total: int, unit: str) -> None:
        """Starts a bar; one of a single part pulses, as nothing tells how far it is."""
        if name not in self._lines:
            self._lines[name] = self._progress.add_task(name, start=False, total=total, unit=unit, summary="")
        line = self._lines[name]
        self._progress.update(line, total=total if total > 1 else None, completed=0, unit=unit)
        self._progress.start_task(line)

    def advance(self, name: str, done: int, total: int) -> None:
        """Moves a bar."""
        if total > 1:
            self._progress.update(self._lines[name], completed=done, total=total)

    def finish(self, name: str, summary: str) -> None:
        """Fills a bar."""
        line = self._lines[name]
        task = next(task for task in self._progress.tasks if task.id == line)
        total = task.total or 1
        self._progress.start_task(line)
        self._progress.update(line, total=total, completed=total, summary=summary)

    def note(self, text: str) -> None:
        """Prints a sentence above the bars."""
        self._progress.console.print(escape(text), soft_wrap=True)


class _AmountColumn(ProgressColumn):
    """Parts or megabytes: done of all."""

    def render(self, task: Task) -> Text:
        """Renders one line's amount."""
        if not task.fields["unit"] or task.total is None:
            return Text("")
        if task.fields["unit"] == "MB":
            return Text(f"{task.completed / 1e6:.1f}/{task.total / 1e6:.1f} MB", style="dim")
        return Text(f"{task.completed:.0f}/{task.total:.0f} parts", style="dim")


class _TimeColumn(ProgressColumn):
    """Time left, or how long it took."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        """Renders one line's time."""
        if task.finished:
            return Text(task.fields["summary"], style="dim")
        if task.start_time is None:
            return Text("")
        if task.time_remaining is None:
            return Text(format_seconds(task.elapsed or 0), style="dim")
        return Text(f"{format_seconds(task.time_remaining)} left", style="dim")


class Lines:
    """Plain lines, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._begun: dict[str, float] = {}
        self._last: dict[str, float] = {}

    def begin(self, name: str, total: int, unit: str) -> None:
        """Prints that a stage starts."""
        amount = f"{total / 1e6:.1f} MB" if unit == "MB" else f"{total} {unit if total > 1 else unit.removesuffix('s')}"
        self._begun[name] = self._last[name] = time.monotonic()
        self.note(f"{name}: started, {amount}")

    def advance(self, name: str, done: int, total: int) -> None:
        """Prints how far a stage is, now and then."""
        now = time.monotonic()
        if not 0 < done < total or now - self._last.get(name, 0.0) < PLAIN_SECONDS:
            return
        self._last[name] = now
        left = (now - self._begun.get(name, now)) * (total - done) / done
        amount = f"{done / 1e6:.1f}/{total / 1e6:.1f} MB" if name == UPLOAD else f"{done}/{total} parts"
        self.note(f"{name}: {100 * done // total} %, {amount}, {format_seconds(left)} left")

    def finish(self, name: str, summary: str) -> None:
        """Prints that a stage is done."""
        self.note(f"{name}: done" + (f", {summary}" if summary else ""))

    def note(self, text: str) -> None:
        """Prints a line."""
        self._console.print(escape(text), soft_wrap=True)
