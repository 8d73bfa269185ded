"""`s2v webhooks`: addresses that are told when jobs end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from s2v.cli.options import DataDirOption, GatewayOption, JsonOption, find_target

if TYPE_CHECKING:
    from s2v.cli.connection import Target

app = typer.Typer(no_args_is_help=True, help="Addresses that are told when jobs end: add, list, delete, deliveries.")

WebhookId = Annotated[str, typer.Argument(metavar="WEBHOOK", help="Id of the webhook, as s2v webhooks list shows it.")]


@app.command()
def add(
    url: Annotated[str, typer.Argument(help="https address.")], data_dir: DataDirOption = None, gateway: GatewayOption = ""
) -> None:
    """Set up a webhook; prints its id and, this once, the secret with which its messages are signed."""
    from s2v.cli.exits import run

    run(_add(url, find_target(data_dir, gateway)))


@app.command("list")
def list_webhooks(as_json: JsonOption = False, data_dir: DataDirOption = None, gateway: GatewayOption = "") -> None:
    """List the webhooks. With --json a webhook a line."""
    from s2v.cli.exits import run

    run(_list(find_target(data_dir, gateway), as_json=as_json))


@app.command()
def delete(webhook: WebhookId, data_dir: DataDirOption = None, gateway: GatewayOption = "") -> None:
    """Delete a webhook and its deliveries."""
    from s2v.cli.exits import run

    run(_delete(webhook, find_target(data_dir, gateway)))


@app.command()
def deliveries(
    webhook: WebhookId, as_json: JsonOption = False, data_dir: DataDirOption = None, gateway: GatewayOption = ""
) -> None:
    """Show what a webhook was told in the last 7 days, newest first, with each attempt. With --json a delivery a line."""
    from s2v.cli.exits import run

    run(_deliveries(webhook, find_target(data_dir, gateway), as_json=as_json))


async def _add(url: str, target: Target) -> None:
    from s2v.cli.connection import connected

    async with connected(target) as client:
        webhook, secret = await client.create_webhook(url)
    print(f"{webhook.id} {secret}")


async def _list(target: Target, *, as_json: bool) -> None:
    from google.protobuf.json_format import MessageToJson

    from s2v.cli.connection import connected

    async with connected(target) as client:
        for webhook in await client.list_webhooks():
            print(MessageToJson(webhook, indent=None) if as_json else f"{webhook.id}  {webhook.url}")


async def _delete(webhook: str, target: Target) -> None:
    from s2v.cli.connection import connected

    async with connected(target) as client:
        await client.delete_webhook(webhook)
    print(f"{webhook} is gone")


async def _deliveries(webhook: str, target: Target, *, as_json: bool) -> None:
    from google.protobuf.json_format import MessageToJson

    from s2v.cli.connection import connected

    async with connected(target) as client:
        found = await client.list_deliveries(webhook)
    for one in found:
        if as_json:
            print(MessageToJson(one, indent=None))
            continue
        waits = f"again at {one.next_at.ToJsonString()}" if one.HasField("next_at") else "given up"
        print(f"{one.event_id}  job {one.job_id}  {'delivered' if one.delivered else waits}")
        for attempt in one.attempts:
            what = attempt.error or f"answered {attempt.status}"
            print(f"    {attempt.at.ToJsonString()}  {attempt.seconds:.2f} s  {what}")
