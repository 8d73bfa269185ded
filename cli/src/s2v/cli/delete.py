"""`s2v delete`: a job and all that was kept of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from s2v.cli.options import JOBS_PANEL, DataDirOption, GatewayOption, JobId, find_target

if TYPE_CHECKING:
    from s2v.cli.connection import Target


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(rich_help_panel=JOBS_PANEL)(delete)


def delete(job: JobId, *, data_dir: DataDirOption = None, gateway: GatewayOption = "") -> None:
    """Delete a job and all that was kept of it, cached results included; one that is at work is cancelled first."""
    from s2v.cli.exits import run

    run(_delete(job, find_target(data_dir, gateway)))


async def _delete(job_id: str, target: Target) -> None:
    from s2v.cli.connection import connected

    async with connected(target) as client:
        objects = await client.delete(job_id)
    print(f"{job_id} is gone, with {objects} objects")
