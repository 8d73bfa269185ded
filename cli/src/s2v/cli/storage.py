"""`s2v storage`: where the objects of jobs are, and moving them."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer

from s2v.cli.options import JobId, JsonOption, OperatorDirOption

app = typer.Typer(no_args_is_help=True, help="Hot, warm and cold storage of jobs: what is where, and moving it.")


class TierName(enum.StrEnum):
    """Tiers of storage."""

    HOT = "hot"
    WARM = "warm"
    COLD = "cold"


TenantOption = Annotated[str, typer.Option(help="Tenant that owns the job.")]


@app.command()
def status(as_json: JsonOption = False, data_dir: OperatorDirOption = None) -> None:
    """Show how many jobs, objects and bytes each tier holds, by tenant; of each job something stays in hot.

    With --json a line for each.
    """
    from s2v.cli.exits import run

    run(_status(data_dir, as_json=as_json))


@app.command()
def move(
    job: JobId,
    tier: Annotated[TierName, typer.Argument(help="Where to.")],
    tenant: TenantOption = "default",
    data_dir: OperatorDirOption = None,
) -> None:
    """Move the objects of an ended job to a tier: copied, verified, and then deleted where they were."""
    from s2v.cli.exits import run

    run(_move(job, tier, tenant, data_dir))


async def _status(data_dir: Path | None, *, as_json: bool) -> None:
    import dataclasses
    import json

    from rich.table import Table

    from s2v.cli.administration import machinery
    from s2v.cli.exits import results
    from s2v.cli.report import format_size
    from s2v.runtime.mover import Mover

    table = Table("tenant", "tier", "jobs", "objects", "size", box=None, header_style="bold")
    async with machinery(data_dir) as behind:
        mover = Mover(behind.store, behind.jobs, behind.settings)
        for tenant in await behind.jobs.records.tenants():
            for use in await mover.usage(tenant):
                if as_json:
                    print(json.dumps({"tenant": tenant, **dataclasses.asdict(use)}))
                table.add_row(tenant, use.name, str(use.jobs), str(use.objects), format_size(use.size_bytes))
    if not as_json:
        results.print(table)


async def _move(job_id: str, tier: TierName, tenant: str, data_dir: Path | None) -> None:
    from s2v.cli.administration import machinery
    from s2v.runtime.mover import Mover
    from s2v.runtime.tiers import TIERS

    target = next(one for one, name in TIERS.items() if name == tier)
    async with machinery(data_dir) as behind:
        count = await Mover(behind.store, behind.jobs, behind.settings).place(tenant, job_id, target)
    print(f"{job_id} is in the {tier} tier: {count} objects moved")
