"""The verdict and the figures in the terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from loadtests.report import Judged
from loadtests.verdict import Check

console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
"""A pipe has no width of its own."""


def show(judged: Judged) -> None:
    """Prints what was measured and whether it is good."""
    run, figures = judged.run, judged.run.figures
    console.print(f"\n[bold]{run.profile.name}[/bold]: {run.profile.question}")
    console.print(
        f"{figures.visits} visits in {figures.seconds:.0f} s: {figures.succeeded} videos, "
        f"{figures.jobs_per_minute:.1f} a minute, {figures.realtime:.2f} s of sound a second; {run.cores} cores, "
        f"load before {run.load[0]:g}, after {run.load[1]:g}"
    )
    calls = make_table("call", "ok", "refused", "expected", "errors", "p50 ms", "p95 ms", "p99 ms")
    for rpc, one in figures.calls.items():
        counts = (str(number) if number else "" for number in (one.ok, one.refused, one.expected, one.errors))
        calls.add_row(rpc, *counts, *(f"{1000 * value:.0f}" for value in (one.time.p50, one.time.p95, one.time.p99)))
    console.print(calls)
    stages = make_table("stage", "wait p50 s", "p95", "work p50 s", "p95", "cpu/audio", "parts", "cached", "peak queue")
    for name, stage in figures.stages.items():
        times = (stage.wait.p50, stage.wait.p95, stage.work.p50, stage.work.p95)
        counts = (str(number) for number in (stage.parts, stage.cached_parts, figures.peak_waiting.get(name, 0)))
        stages.add_row(name, *(f"{value:.2f}" for value in times), f"{stage.cpu_per_audio_second:.3f}", *counts)
    for priority, spread in figures.to_video.items():
        stages.add_row(f"to video, {priority}", "", "", f"{spread.p50:.2f}", f"{spread.p95:.2f}", "", str(spread.count), "", "")
    console.print(stages)
    for what, reasons in (("refused", figures.refusals), ("errors", figures.errors)):
        if reasons:
            console.print(f"{what}: " + escape(", ".join(f"{reason} {many}" for reason, many in reasons.items())))
    console.print(_checks("target", judged.checks))
    if judged.compared:
        console.print(_checks("compared with the baseline", judged.compared))
    holds = "[green bold]It holds.[/]" if judged.passed else "[red bold]It does not hold.[/]"
    console.print(holds)


def _checks(title: str, checks: Sequence[Check]) -> Table:
    table = make_table(title, "wanted", "found", "")
    for check in checks:
        mark = "–" if check.passed is None else "[green]yes[/green]" if check.passed else "[red bold]NO[/red bold]"
        table.add_row(escape(check.name), escape(check.wanted), escape(check.found), mark)
    return table


def make_table(*columns: str) -> Table:
    """Returns an empty table: its first column is text, the others are numbers."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if not number else "right")
    return table
