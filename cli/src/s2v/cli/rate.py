"""`s2v rate`: what a user thinks of a video."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from s2v.cli.options import JOBS_PANEL, DataDirOption, GatewayOption, JobId, find_target

if TYPE_CHECKING:
    from s2v.cli.connection import Target


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(rich_help_panel=JOBS_PANEL)(rate)


def rate(
    job: JobId,
    stars: Annotated[int, typer.Argument(min=1, max=5, help="1 (of no use) to 5 (just right).")],
    remark: Annotated[str, typer.Argument(help="Why.")] = "",
    *,
    user: Annotated[str, typer.Option(help="Who says so.")] = "",
    data_dir: DataDirOption = None,
    gateway: GatewayOption = "",
) -> None:
    """Say what you think of a job's video; a later rating takes the place of an earlier one."""
    from s2v.cli.exits import run

    run(_rate(job, stars, remark, user, find_target(data_dir, gateway)))


async def _rate(job_id: str, stars: int, remark: str, user: str, target: Target) -> None:
    from s2v.cli.connection import connected

    async with connected(target) as client:
        await client.rate(job_id, stars, remark, user)
    print(f"{job_id}: {stars} of 5")
