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
    """Where progress is shown. Times are seconds since 1970."""

    def begin(self, name: str, amount: str, started: float) -> None:
        """Shows that a line started at a time, with so much to do."""
        ...

    def advance(self, name: str, share: float, amount: str, ends: float) -> None:
        """Shows how far a line is: the share that is done (0 to 1), how much that is, and when all will be at this speed."""
        ...

    def finish(self, name: str, summary: str) -> None:
        """Shows that a line is done."""
        ...

    def note(self, text: str) -> None:
        """Shows a sentence."""
        ...


class JobProgress:
    """Follows one job: tell it of the upload's bytes and the job's events, which may be old ones."""

    def __init__(self, console: Console, names: Sequence[str] = tuple(NAMES.values())) -> None:
        """`names` are the lines that a terminal shows from the start."""
        self._bars = Bars(console, names) if console.is_terminal else None
        self._display: Display = self._bars or Lines(console)
        self._started: dict[str, float] = {}

    def __enter__(self) -> Self:
        if self._bars:
            self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bars:
            self._bars.stop()

    def uploaded(self, done: int, total: int) -> None:
        """Shows that `done` bytes of `total` have arrived."""
        now = time.time()
        if UPLOAD not in self._started:
            self._begin(UPLOAD, f"{total / 1e6:.1f} MB", now)
        if done < total:
            self._advance(UPLOAD, done, total, f"{done / 1e6:.1f}/{total / 1e6:.1f} MB", now)
        else:
            self._display.finish(UPLOAD, "")

    def note(self, text: str) -> None:
        """Shows a sentence."""
        self._display.note(text)

    def happened(self, event: JobEvent) -> None:
        """Shows an event."""
        when = event.time.ToMicroseconds() / 1e6
        kind = event.WhichOneof("event")
        if kind == "stage_started":
            started = event.stage_started
            self._begin(NAMES[started.stage], f"{started.parts_total} part{'s' * (started.parts_total > 1)}", when)
        elif kind == "part_finished":
            part = event.part_finished
            if 0 < part.parts_done < part.parts_total:
                amount = f"{part.parts_done}/{part.parts_total} parts"
                self._advance(NAMES[part.stage], part.parts_done, part.parts_total, amount, when)
        elif kind == "stage_finished":
            report = event.stage_finished.report
            self._display.finish(NAMES[report.stage], summarize(report))
        elif kind == "attempt_failed":
            failed = event.attempt_failed
            again = f"; trying again in {failed.retry_in_seconds:.0f} s" if failed.retry_in_seconds else ""
            self._display.note(f"{NAMES[failed.stage]}: attempt {failed.attempt} failed ({failed.error.message}){again}")

    def _begin(self, name: str, amount: str, when: float) -> None:
        self._started[name] = when
        self._display.begin(name, amount, when)

    def _advance(self, name: str, done: int, total: int, amount: str, when: float) -> None:
        elapsed = when - self._started.get(name, when)
        self._display.advance(name, done / total, amount, when + elapsed * (total - done) / done)


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
            _PercentColumn(),
            TextColumn("[dim]{task.fields[amount]}"),
            _TimeColumn(),
            console=console,
        )
        self._lines: dict[str, TaskID] = {}

    def start(self) -> None:
        """Shows the bars."""
        for name in self._names:
            self._lines[name] = self._add(name)
        self._progress.start()

    def stop(self) -> None:
        """Leaves the bars as they are."""
        self._progress.stop()

    def begin(self, name: str, amount: str, started: float) -> None:
        """Lets a bar pulse until a first part tells how far it is."""
        if name not in self._lines:
            self._lines[name] = self._add(name)
        self._progress.start_task(self._lines[name])
        self._progress.update(self._lines[name], total=None, amount=amount, started=started)

    def advance(self, name: str, share: float, amount: str, ends: float) -> None:
        """Moves a bar."""
        self._progress.update(self._lines[name], total=1.0, completed=share, amount=amount, ends=ends)

    def finish(self, name: str, summary: str) -> None:
        """Fills a bar."""
        self._progress.start_task(self._lines[name])
        self._progress.update(self._lines[name], total=1.0, completed=1.0, amount="", summary=summary)

    def note(self, text: str) -> None:
        """Prints a sentence above the bars."""
        self._progress.console.print(escape(text), soft_wrap=True)

    def _add(self, name: str) -> TaskID:
        return self._progress.add_task(name, start=False, total=1.0, amount="", summary="", started=0.0, ends=0.0)


class _PercentColumn(ProgressColumn):
    """Percent of what has started and says how far it is."""

    def render(self, task: Task) -> Text:
        """Renders one line's percentage."""
        return Text(f"{task.percentage:>3.0f} %" if task.started and task.total else "     ")


class _TimeColumn(ProgressColumn):
    """Time left, or how long it is taking, or how long it took."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        """Renders one line's time."""
        if task.finished:
            return Text(task.fields["summary"], style="dim")
        if not task.fields["started"]:
            return Text("")
        if not task.fields["ends"]:
            return Text(format_seconds(max(0.0, time.time() - task.fields["started"])), style="dim")
        return Text(f"{format_seconds(max(0.0, task.fields['ends'] - time.time()))} left", style="dim")


class Lines:
    """Plain lines, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: dict[str, float] = {}

    def begin(self, name: str, amount: str, started: float) -> None:
        """Prints that a stage starts."""
        self._last[name] = started
        self.note(f"{name}: started, {amount}")

    def advance(self, name: str, share: float, amount: str, ends: float) -> None:
        """Prints how far a stage is, now and then."""
        now = time.time()
        if now - self._last.get(name, 0.0) >= PLAIN_SECONDS:
            self._last[name] = now
            self.note(f"{name}: {100 * share:.0f} %, {amount}, {format_seconds(max(0.0, ends - now))} left")

    def finish(self, name: str, summary: str) -> None:
        """Prints that a stage is done."""
        self.note(f"{name}: done" + (f", {summary}" if summary else ""))

    def note(self, text: str) -> None:
        """Prints a line."""
        self._console.print(escape(text), soft_wrap=True)
