"""`s2v backup` and `s2v restore`: jobs, tenants and any folders, kept in up to three places."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from s2v.cli.options import JsonOption, OperatorDirOption

if TYPE_CHECKING:
    from s2v.runtime.backup import Run
    from s2v.runtime.destinations import Depot
    from s2v.runtime.settings import RuntimeSettings

app = typer.Typer(no_args_is_help=True, help="Backups: make one, or one every few minutes; list those that are kept.")

ToOption = Annotated[
    list[str] | None,
    typer.Option(
        "--to",
        metavar="URL",
        help="Up to three: file:///folder or s3+https://KEY:SECRET@host/bucket/prefix, with ?region=REGION where the host "
        "names none. Else S2V_BACKUP_DESTINATIONS.",
        show_default=False,
    ),
]
FolderOption = Annotated[
    Path | None, typer.Option(help="Back up this folder (configuration, logs, models) instead of the jobs.", show_default=False)
]
SetOption = Annotated[str, typer.Option("--set", help="Name of what is kept: jobs, or that of the folder's set.")]


@app.command("run")
def run_backup(
    to: ToOption = None,
    *,
    folder: FolderOption = None,
    name: SetOption = "jobs",
    every: Annotated[int, typer.Option(min=0, metavar="SECONDS", help="Go on, with so long between two backups; 0: one.")] = 0,
    data_dir: OperatorDirOption = None,
) -> None:
    """Back up all jobs and tenants: what S3 holds besides caches and unfinished uploads. Only what is new is copied.

    The first of a day deletes all but the 12 newest backups and the last of each of 30 days, 12 weeks and 12 months.

    Example: [cyan]s2v backup run --every 240 --to file:///mnt/backup[/]  loses five minutes where a run takes half a minute
    """
    from s2v.cli.exits import run

    if (folder is None) != (name == "jobs"):
        raise typer.BadParameter("a folder's set has a name of its own, other than jobs", param_hint="--set")
    run(_run(to, folder, name, every, data_dir))


@app.command("list")
def list_backups(to: ToOption = None, as_json: JsonOption = False, data_dir: OperatorDirOption = None) -> None:
    """List the backups of each destination, oldest first. With --json a backup a line."""
    from s2v.cli.exits import run

    run(_list(to, data_dir, as_json=as_json))


def restore(
    source: Annotated[str, typer.Argument(metavar="URL", help="Destination of the backup, as for s2v backup run.")],
    *,
    folder: Annotated[Path | None, typer.Option(help="Folder to restore a folder's set to.", show_default=False)] = None,
    name: SetOption = "jobs",
    before: Annotated[str, typer.Option(metavar="TIME", help="The last backup before then, e.g. 2026-11-24T04:00:00Z.")] = "",
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Also write over what is there and differs: a key that was revoked since works again."),
    ] = False,
    data_dir: OperatorDirOption = None,
) -> None:
    """Restore the last backup into a stack that is up: its finished jobs can be read again, the others go on.

    What is there already stays, unless --overwrite is given. Each object is checked; a damaged one ends the restore; another
    destination can finish it. API keys revoked and jobs deleted after the backup come back: revoke and delete them again.
    """
    from s2v.cli.exits import run

    if (folder is None) != (name == "jobs"):
        raise typer.BadParameter("name the folder to restore a folder's set to", param_hint="--folder")
    run(_restore(source, folder, name, before, data_dir, overwrite=overwrite))


async def _run(to: list[str] | None, folder: Path | None, name: str, every: int, data_dir: Path | None) -> None:
    import asyncio
    import contextlib

    from s2v.cli.administration import machinery
    from s2v.cli.exits import CommandError, ExitCode, errors
    from s2v.runtime import backup
    from s2v.runtime.destinations import Bucket, Folder
    from s2v.runtime.errors import UnavailableError
    from s2v.runtime.settings import RuntimeSettings

    async with contextlib.AsyncExitStack() as stack:
        if folder is None:
            behind = await stack.enter_async_context(machinery(data_dir))
            settings = behind.settings
            source: Depot = Bucket(behind.store, "S3", skipped=backup.SKIPPED)
        else:
            settings = RuntimeSettings()
            source = Folder(folder)
        destinations = _open(to, settings)
        while True:
            try:
                made, failures = await backup.run(source, name, destinations)
            except UnavailableError as error:
                if not every:
                    raise
                made, failures = [], [error]
            for one in made:
                print(_describe(one), flush=True)
            if failures and not every:
                raise CommandError("; ".join(str(failure) for failure in failures), ExitCode.UNAVAILABLE)
            for failure in failures:
                errors.print(str(failure), markup=False, soft_wrap=True)
            if not every:
                return
            await asyncio.sleep(every)


async def _list(to: list[str] | None, data_dir: Path | None, *, as_json: bool) -> None:
    import json

    from s2v.runtime import backup
    from s2v.runtime.settings import RuntimeSettings

    for destination in _open(to, RuntimeSettings()):
        for one in await backup.runs(destination):
            if as_json:
                about = {"time": one.time.isoformat(), "set": one.set, "objects": one.objects, "size_bytes": one.size_bytes}
                print(json.dumps({**about, "destination": one.destination}))
            else:
                print(_describe(one))


async def _restore(url: str, folder: Path | None, name: str, before: str, data_dir: Path | None, *, overwrite: bool) -> None:
    import contextlib
    from datetime import UTC, datetime

    from s2v.cli.administration import LOST_SECONDS, STALLED_SECONDS, machinery
    from s2v.cli.exits import CommandError, ExitCode
    from s2v.cli.report import format_size
    from s2v.runtime import backup
    from s2v.runtime.destinations import Bucket, Folder, open_destinations
    from s2v.runtime.reconciler import Reconciler
    from s2v.runtime.settings import RuntimeSettings

    try:
        at = datetime.fromisoformat(before) if before else None
    except ValueError as error:
        raise CommandError(f"--before {before} is no time; write it as 2026-11-24T04:00:00Z", ExitCode.USAGE) from error
    if at is not None and at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    async with contextlib.AsyncExitStack() as stack:
        if folder is not None:
            (source,) = open_destinations([url], RuntimeSettings())
            done = await backup.restore(source, name, Folder(folder), at, overwrite=overwrite)
            print(f"{done.objects} files, {format_size(done.size_bytes)}, {done.seconds:.1f} s")
            return
        behind = await stack.enter_async_context(machinery(data_dir))
        (source,) = open_destinations([url], behind.settings)
        done = await backup.restore(source, name, Bucket(behind.store, "S3", skipped=backup.SKIPPED), at, overwrite=overwrite)
        print(f"{done.objects} objects, {format_size(done.size_bytes)}, {done.seconds:.1f} s")
        reconciler = Reconciler(behind.bus, behind.jobs, behind.store, LOST_SECONDS, STALLED_SECONDS)
        rebuilt = await reconciler.heal(everything=True)
        await behind.store.adopt()  # not before all jobs are known: what they have in colder tiers would be swept
    if rebuilt is not None:
        print(f"{rebuilt.ended} jobs had ended, {len(rebuilt.resumed)} go on")


def _open(to: list[str] | None, settings: RuntimeSettings) -> Sequence[Depot]:
    from s2v.runtime.destinations import open_destinations

    named = [url.strip() for url in settings.backup_destinations.get_secret_value().split(",") if url.strip()]
    return open_destinations(to or named, settings)


def _describe(one: Run) -> str:
    from s2v.cli.report import format_size

    when = one.time.strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"{when}  {one.set:<14} {one.objects:>7} objects {format_size(one.size_bytes):>10}  {one.destination}"
