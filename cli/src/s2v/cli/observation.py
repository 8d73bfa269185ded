"""`s2v trace` and `s2v top` as commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from s2v.cli.options import JOBS_PANEL, DataDirOption, GatewayOption, JobId, JsonOption, OperatorDirOption, find_target


def trace(
    job: JobId,
    *,
    page: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the waterfall as a page of its own, to open in a browser.")
    ] = None,
    detail: Annotated[
        bool, typer.Option("--detail", help="Also show engine runs and requests to S3, on the machine that runs the stack.")
    ] = False,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
    gateway: GatewayOption = "",
) -> None:
    """Show where a job's time went: each attempt at each task, how long it waited and worked, where, and how it ended.

    Example: [cyan]s2v trace 01J… --page trace.html[/]
    """
    from s2v.cli import trace as tracing
    from s2v.cli.exits import run

    target = find_target(data_dir, gateway)
    run(tracing.trace(job, target, as_json=as_json, write_page=page, detail=detail))


def top(
    *,
    once: Annotated[bool, typer.Option("--once", help="Show it once.")] = False,
    seconds: Annotated[float, typer.Option(min=0.1, help="How often it is looked at anew.")] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print an object a line instead of tables.")] = False,
    data_dir: OperatorDirOption = None,
) -> None:
    """Show what waits, who works on what, and the jobs at work, until Ctrl-C.

    Asks NATS, as a service's settings say (S2V_NATS_URL …); without them the stack that is up.
    """
    from s2v.cli import top as overview
    from s2v.cli.exits import run

    run(overview.top(data_dir, once=once, as_json=as_json, seconds=seconds))


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command(rich_help_panel=JOBS_PANEL)(trace)
    app.command()(top)
