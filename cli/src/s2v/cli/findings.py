"""What checks of an installation or a cluster have found, and how it is shown."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.markup import escape
from rich.table import Table


class State(enum.StrEnum):
    """How it stands."""

    OK = "ok"
    NOTE = "note"
    """Not there, or there; nothing needs it."""
    UNKNOWN = "unknown"
    """The account may not see it, or the API does not tell."""
    WARNING = "warning"
    FAULT = "fault"
    """It would not work."""


@dataclass(frozen=True)
class Finding:
    """What a check has found."""

    name: str
    state: State
    detail: str
    """What there is, or what is wrong."""
    remedy: str = ""
    """What to do; empty where there is nothing to do."""


MARKS = {
    State.OK: "[green]✓[/]",
    State.NOTE: "[dim]–[/]",
    State.UNKNOWN: "[yellow]?[/]",
    State.WARNING: "[yellow]![/]",
    State.FAULT: "[bold red]✗[/]",
}


def make_table(findings: Sequence[Finding]) -> Table:
    """Returns findings as they are shown in a terminal."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    table.add_column("Check", no_wrap=True)
    table.add_column("Found", overflow="fold")
    table.add_column("Remedy", overflow="fold", style="yellow")
    for finding in findings:
        table.add_row(MARKS[finding.state], finding.name, escape(finding.detail), escape(finding.remedy))
    return table
