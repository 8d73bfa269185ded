"""`s2v migrate`, `reconcile` and `maintenance`; and how operators' commands reach NATS and S3."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from s2v.cli.options import OperatorDirOption

if TYPE_CHECKING:
    from s2v.runtime.bus import Bus
    from s2v.runtime.jobs import Jobs
    from s2v.runtime.settings import RuntimeSettings
    from s2v.runtime.tiers import TieredStore

LOST_SECONDS = 60.0
"""A job that has not changed for so long while its stage's queue is empty has lost its task; as the gateway's own setting."""
STALLED_SECONDS = 3600.0
"""The same for a job whose stage's queue is not empty."""


@dataclass(frozen=True)
class Machinery:
    """What stands behind the gateway."""

    settings: RuntimeSettings
    bus: Bus
    store: TieredStore
    jobs: Jobs


async def find_settings(data_dir: Path | None) -> RuntimeSettings:
    """Returns where NATS and S3 are: those of the stack in `data_dir`, if it is given; else what the environment says
    (S2V_NATS_URL and the others); else those of the stack that is up.

    `OperatorDirOption` gives none where S2V_NATS_URL goes before S2V_HOME.
    Errors: CommandError when neither is there.
    """
    from pydantic import SecretStr

    from s2v.cli.exits import CommandError, ExitCode
    from s2v.cli.servers import S3Server
    from s2v.cli.stack import default_home, wait_for_stack
    from s2v.runtime.settings import RuntimeSettings

    if data_dir is None and "S2V_NATS_URL" in os.environ:
        return RuntimeSettings()
    home = data_dir or default_home()
    found = await wait_for_stack(home)
    if found is None:
        raise CommandError(
            f"no stack is up in {home}, and S2V_NATS_URL is not set; start one with: s2v up, or set the variables of a service",
            ExitCode.UNAVAILABLE,
        )
    return RuntimeSettings(
        nats_url=found.nats,
        nats_token=SecretStr((home / "nats" / "token").read_text()),
        s3_endpoint=found.s3,
        s3_access_key=S3Server.access_key,
        s3_secret_key=SecretStr((home / "s3" / "secret_key").read_text()),
        s3_bucket=S3Server.bucket,
        s3_warm_bucket=f"{S3Server.bucket}-warm",
        s3_cold_bucket=f"{S3Server.bucket}-cold",
    )


@contextlib.asynccontextmanager
async def machinery(data_dir: Path | None) -> AsyncIterator[Machinery]:
    """Connects to NATS and S3.

    Errors: CommandError, UnavailableError.
    """
    from s2v.runtime.bus import Bus
    from s2v.runtime.jobs import Jobs
    from s2v.runtime.tiers import TieredStore

    settings = await find_settings(data_dir)
    bus, store = Bus(settings), TieredStore(settings)
    jobs = Jobs(bus, store)
    try:
        await bus.connect()
        await store.prepare()
        await jobs.prepare()
        yield Machinery(settings, bus, store, jobs)
    finally:
        await bus.close()
        store.close()


def migrate(data_dir: OperatorDirOption = None) -> None:
    """Make or update the streams, key-value buckets and S3 buckets that this version needs; again, it changes nothing.

    Reads S2V_NATS_URL, S2V_NATS_REPLICAS, S2V_S3_ENDPOINT and the other settings of a service, else takes the stack that is up.
    Refuses when a newer version was here before.
    """
    from s2v.cli.exits import run

    run(_migrate(data_dir))


def reconcile(
    everything: Annotated[
        bool, typer.Option("--rebuild", help="Look through all of S3 for jobs whose record is missing, not only after a loss.")
    ] = False,
    data_dir: OperatorDirOption = None,
) -> None:
    """Put right, once, what kills and losses have left, as the gateway does all the time.

    Makes the records of all jobs again from S3 when NATS has lost them; gives jobs that nobody works on their task again; writes
    the ends of jobs that were not written.
    """
    from s2v.cli.exits import run

    run(_reconcile(data_dir, everything=everything))


maintenance_app = typer.Typer(no_args_is_help=True, help="Close the door to new jobs, while work goes on; open it again.")


@maintenance_app.command("on")
def close_door(
    message: Annotated[str, typer.Option(help="What callers are told.")] = "no new jobs are taken during maintenance",
    data_dir: OperatorDirOption = None,
) -> None:
    """Take no new jobs; those that were accepted are finished."""
    from s2v.cli.exits import run

    run(_maintain(data_dir, message))


@maintenance_app.command("off")
def open_door(data_dir: OperatorDirOption = None) -> None:
    """Take new jobs again."""
    from s2v.cli.exits import run

    run(_maintain(data_dir, None))


@maintenance_app.command("status")
def show_door(data_dir: OperatorDirOption = None) -> None:
    """Say whether new jobs are taken, and how many tasks wait."""
    from s2v.cli.exits import run

    run(_show_door(data_dir))


async def _migrate(data_dir: Path | None) -> None:
    from s2v.runtime import schema

    async with machinery(data_dir) as behind:
        changed = await schema.migrate(behind.bus.jetstream, behind.settings)
    for name in changed:
        print(f"updated {name}")
    print(f"NATS and S3 are at version {schema.VERSION}")


async def _reconcile(data_dir: Path | None, *, everything: bool) -> None:
    from s2v.runtime.reconciler import Reconciler

    async with machinery(data_dir) as behind:
        reconciler = Reconciler(
            behind.bus, behind.jobs, behind.store, lost_after_seconds=LOST_SECONDS, stalled_after_seconds=STALLED_SECONDS
        )
        rebuilt = await reconciler.heal(everything=everything)
        tenants = await behind.jobs.records.tenants()
        for tenant in tenants:
            await reconciler.reconcile(tenant)
    if rebuilt is not None:
        print(f"made again from S3: {rebuilt.ended} jobs that had ended, {len(rebuilt.resumed)} that go on")
    print(f"looked after the jobs of {len(tenants)} tenants")


async def _maintain(data_dir: Path | None, message: str | None) -> None:
    from s2v.runtime.door import Door

    async with machinery(data_dir) as behind:
        door = Door(behind.bus, behind.settings)
        await (door.open() if message is None else door.close(message))
    print("New jobs are taken." if message is None else f"No new jobs are taken: {message}")


async def _show_door(data_dir: Path | None) -> None:
    from s2v.runtime.door import Door

    async with machinery(data_dir) as behind:
        door = Door(behind.bus, behind.settings)
        closed, waiting = await door.maintenance(), await door.waiting()
    print(f"No new jobs are taken since {closed.since.ToJsonString()}: {closed.message}" if closed else "New jobs are taken.")
    print(f"{waiting} tasks wait.")
