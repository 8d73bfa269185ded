"""A release as tables or JSON, and what its exit code says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from s2v.cli.exits import CommandError, ExitCode, results
from s2v.cli.release import Card, Release, Workload
from s2v.cli.release_scalers import Scaler
from s2v.cli.report import format_size
from s2v.runtime.queues import Queue
from s2v.runtime.schema import PRIORITY_NAMES
from s2v.runtime.stage import NAMES


def report(release: Release, *, as_json: bool) -> None:
    """Prints a release.

    Errors: CommandError with exit code 1 when pods are missing, old or not ready.
    """
    print(json.dumps(asdict(release), indent=2)) if as_json else results.print(_render(release))
    late = [one.name for one in release.workloads if not one.done]
    if late:
        raise CommandError(f"not rolled out: {', '.join(late)}", ExitCode.FAILED)


def _render(release: Release) -> Group:
    parts: list[RenderableType] = [f"[bold]{release.name}[/] in [bold]{release.namespace}[/]", "", _workloads(release.workloads)]
    if release.scalers:
        parts += ["", _scalers(release.scalers)]
    elif not any(note.startswith("autoscalers") for note in release.notes):
        parts += ["", "Nothing scales by itself: autoscaling.provider is none."]
    if release.queues:
        parts += ["", _queues(release.queues)]
    if release.cards:
        parts += ["", _cards(release.cards)]
    troubles = [(one.name, trouble) for one in release.workloads for trouble in one.troubles]
    troubles += [(f"scaling {one.target}", trouble) for one in release.scalers for trouble in one.troubles]
    if troubles:
        parts += ["", *(f"[red]{name}[/]: {escape(trouble)}" for name, trouble in troubles)]
    if release.notes:
        parts += ["", *(f"[yellow]not seen:[/] {escape(note)}" for note in release.notes)]
    return Group(*parts)


def _plain_table(*columns: str, numbers: Sequence[str] = ()) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    return table


def _workloads(workloads: Sequence[Workload]) -> Table:
    table = _plain_table("", "workload", "ready", "updated", "image", numbers=("ready", "updated"))
    for one in workloads:
        mark = "[green]✓[/]" if one.done else "[bold red]✗[/]"
        table.add_row(mark, one.name, f"{one.ready}/{one.wanted}", f"{one.updated}/{one.wanted}", escape(one.image))
    return table


def _scalers(scalers: Sequence[Scaler]) -> Table:
    table = _plain_table("scales", "by", "pods", "wants", "between", "goes by", numbers=("pods", "wants"))
    for one in scalers:
        span = f"{one.minimum} and {one.maximum}"
        table.add_row(one.target, one.by, str(one.now), str(one.wanted), span, ", ".join(one.measured) or "nothing yet")
    return table


def _queues(queues: Sequence[Queue]) -> Table:
    table = _plain_table("queue", *PRIORITY_NAMES, "at work", numbers=(*PRIORITY_NAMES, "at work"))
    for stage in NAMES.values():
        mine = {queue.priority: queue for queue in queues if queue.stage == stage}
        at_work = sum(queue.at_work for queue in mine.values())
        table.add_row(stage, *(str(mine[name].waiting) for name in PRIORITY_NAMES), str(at_work))
    return table


def _cards(cards: Sequence[Card]) -> Table:
    table = _plain_table("GPU of", "asks for", "memory", numbers=("memory",))
    for one in cards:
        known = one.used_bytes is not None and one.limit_bytes
        memory = f"{format_size(one.used_bytes or 0)} of {format_size(one.limit_bytes or 0)}" if known else "not known"
        table.add_row(one.pod, escape(one.asked), memory)
    return table
