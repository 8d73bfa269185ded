"""`s2v usage`: what tenants have used."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from s2v.cli.options import JsonOption, OperatorDirOption


def register(app: typer.Typer, panel: str) -> None:
    """Adds the command."""
    app.command(rich_help_panel=panel)(usage)


def usage(
    tenant: Annotated[str, typer.Argument(help="Only this tenant.")] = "",
    *,
    as_json: JsonOption = False,
    data_dir: OperatorDirOption = None,
) -> None:
    """Show what tenants have used by month: jobs, hours of sound, uploads; and what they keep in S3 now."""
    from s2v.cli.exits import run

    run(_usage(tenant, data_dir, as_json=as_json))


async def _usage(tenant: str, data_dir: Path | None, *, as_json: bool) -> None:
    import json

    from rich.table import Table

    from s2v.cli.administration import machinery
    from s2v.cli.exits import errors, results
    from s2v.cli.report import format_size
    from s2v.runtime.usage import UsageCounter

    table = Table("tenant", "month", "jobs", "re-runs", "sound (h)", "uploaded", "kept now", box=None, header_style="bold")
    async with machinery(data_dir) as behind:
        counter = UsageCounter(behind.bus)
        await counter.prepare()
        found = await counter.list(tenant)
        kept = {one.tenant: 0 for one in found}
        for name in kept:
            kept[name] = sum(item.size_bytes for item in await behind.store.list(f"{name}/"))
    for one in found:
        used = one.usage
        if as_json:
            line = {
                "tenant": one.tenant,
                "month": one.month,
                "jobs": used.jobs,
                "reruns": used.reruns,
                "source_seconds": used.source_seconds,
                "uploaded_bytes": used.uploaded_bytes,
                "kept_bytes": kept[one.tenant],
            }
            print(json.dumps(line))
            continue
        sizes = (format_size(used.uploaded_bytes), format_size(kept[one.tenant]))
        table.add_row(one.tenant, one.month, str(used.jobs), str(used.reruns), f"{used.source_seconds / 3600:.2f}", *sizes)
    if table.row_count:
        results.print(table)
    elif not as_json:
        errors.print("Nothing was used.")
