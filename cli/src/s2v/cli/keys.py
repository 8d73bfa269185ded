"""`s2v keys`: API keys of tenants."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from s2v.cli.options import JsonOption, OperatorDirOption

app = typer.Typer(no_args_is_help=True, help="API keys of tenants: create, list, revoke.")

DAY_SECONDS = 86_400.0


@app.command()
def create(
    tenant: Annotated[str, typer.Argument(help="Tenant for which the key speaks: small letters, digits and dashes.")],
    name: Annotated[str, typer.Argument(help="Who holds it.")],
    *,
    high: Annotated[bool, typer.Option("--high", help="Its holder may ask for high priority.")] = False,
    days: Annotated[float, typer.Option(min=0, help="Days until it ends; 0: never.")] = 0,
    data_dir: OperatorDirOption = None,
) -> None:
    """Make a key and print it: it is shown this once, only its hash is kept."""
    from s2v.cli.exits import run
    from s2v.runtime.tenants import TENANT

    if not TENANT.fullmatch(tenant):
        raise typer.BadParameter("small letters, digits and dashes, at most 63", param_hint="TENANT")
    run(_create(tenant, name, data_dir, high=high, seconds=days * DAY_SECONDS))


@app.command("list")
def list_keys(
    tenant: Annotated[str, typer.Argument(help="Only those of this tenant.")] = "",
    *,
    as_json: JsonOption = False,
    data_dir: OperatorDirOption = None,
) -> None:
    """List keys by the time they were made, revoked ones too. With --json a key a line."""
    from s2v.cli.exits import run

    run(_list(tenant, data_dir, as_json=as_json))


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(help="Id of the key, as s2v keys list shows it.")], data_dir: OperatorDirOption = None
) -> None:
    """Revoke a key; the doors close within seconds."""
    from s2v.cli.exits import run

    run(_revoke(key, data_dir))


async def _create(tenant: str, name: str, data_dir: Path | None, *, high: bool, seconds: float) -> None:
    from s2v.cli.administration import machinery
    from s2v.runtime.keys import ApiKeys

    async with machinery(data_dir) as behind:
        made = await ApiKeys(behind.store).create(tenant, name, high_priority=high, lifetime_seconds=seconds)
    print(made.secret)


async def _list(tenant: str, data_dir: Path | None, *, as_json: bool) -> None:
    from google.protobuf.json_format import MessageToJson
    from rich.markup import escape
    from rich.table import Table

    from s2v.cli.administration import machinery
    from s2v.cli.exits import errors, results
    from s2v.runtime.keys import ApiKeys

    table = Table("key", "tenant", "holder", "high", "made", "ends", box=None, header_style="bold")
    async with machinery(data_dir) as behind:
        keys = await ApiKeys(behind.store).list(tenant)
    for key in keys:
        if as_json:
            key.ClearField("sha256")
            print(MessageToJson(key, indent=None))
            continue
        ends = key.expires_at.ToJsonString() if key.HasField("expires_at") else "never"
        ends = f"revoked {key.revoked_at.ToJsonString()}" if key.HasField("revoked_at") else ends
        high = "yes" if key.high_priority else "no"
        table.add_row(key.id, key.tenant, escape(key.name), high, key.created_at.ToJsonString(), ends)
    if table.row_count:
        results.print(table)
    elif not as_json:
        errors.print("No keys.")


async def _revoke(key: str, data_dir: Path | None) -> None:
    from s2v.cli.administration import machinery
    from s2v.runtime.keys import ApiKeys

    async with machinery(data_dir) as behind:
        record = await ApiKeys(behind.store).revoke(key)
    print(f"{record.id} of {record.tenant} is revoked")
