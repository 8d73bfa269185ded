"""`s2v dead`: tasks that were given up, with their cause; another run for their jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from s2v.cli.options import JsonOption, OperatorDirOption

app = typer.Typer(no_args_is_help=True, help="Tasks that were given up: list, look at, give another run.")

Number = Annotated[int, typer.Argument(min=1, metavar="NUMBER", help="Number of the letter, as s2v dead list shows it.")]


@app.command("list")
def list_letters(as_json: JsonOption = False, data_dir: OperatorDirOption = None) -> None:
    """List the tasks that were given up in the last 30 days, oldest first. With --json a letter a line."""
    from s2v.cli.exits import run

    run(_list(data_dir, as_json=as_json))


@app.command()
def show(number: Number, as_json: JsonOption = False, data_dir: OperatorDirOption = None) -> None:
    """Show one: its job, task and attempts, the cause with its stack, the trace, and where in S3 its input is."""
    from s2v.cli.exits import run

    run(_show(number, data_dir, as_json=as_json))


@app.command()
def redrive(
    numbers: Annotated[list[int] | None, typer.Argument(metavar="[NUMBER]...", help="Numbers of the letters.")] = None,
    *,
    all_of_them: Annotated[
        bool, typer.Option("--all", help="All that are kept; drops those whose job is gone, or has ended in a later run.")
    ] = False,
    data_dir: OperatorDirOption = None,
) -> None:
    """Give the job of a letter another run, which goes on where it failed; the letter is removed.

    With --all a letter that is refused stays, the others go on, and the exit code is 1.

    Example: [cyan]s2v dead redrive 12 15[/], once what made them fail is mended
    """
    from s2v.cli.exits import run

    if bool(numbers) == all_of_them:
        raise typer.BadParameter("name letters, or --all", param_hint="NUMBER")
    run(_redrive_all(data_dir) if all_of_them else _redrive(numbers or [], data_dir))


async def _list(data_dir: Path | None, *, as_json: bool) -> None:
    from google.protobuf.json_format import MessageToJson
    from rich.table import Table

    from s2v.cli.administration import machinery
    from s2v.cli.exits import errors, results
    from s2v.runtime.bus import task_name
    from s2v.runtime.dead import DeadLetters
    from s2v.runtime.stage import NAMES

    table = Table("number", "buried", "stage", "task", "job", "reason", "cause", box=None, header_style="bold")
    async with machinery(data_dir) as behind:
        async for one in DeadLetters(behind.bus, behind.jobs).list():
            letter = one.letter
            if as_json:
                print(MessageToJson(letter, indent=None))
                continue
            when = letter.buried_at.ToDatetime().strftime("%Y-%m-%d %H:%M:%S")
            name = NAMES.get(letter.task.stage, "?")
            cause = letter.error.message[:80].replace("[", r"\[")
            table.add_row(str(one.number), when, name, task_name(letter.task), letter.task.job_id, letter.error.reason, cause)
    if table.row_count:
        results.print(table)
    elif not as_json:
        errors.print("No dead letters.")


async def _show(number: int, data_dir: Path | None, *, as_json: bool) -> None:
    from google.protobuf.json_format import MessageToJson

    from s2v.cli.administration import machinery
    from s2v.runtime.bus import task_name
    from s2v.runtime.dead import DeadLetters
    from s2v.runtime.stage import NAMES

    async with machinery(data_dir) as behind:
        letter = (await DeadLetters(behind.bus, behind.jobs).get(number)).letter
    if as_json:
        print(MessageToJson(letter))
        return
    print(f"job       {letter.task.job_id} of tenant {letter.task.tenant}, run {letter.task.epoch}")
    print(f"task      {NAMES.get(letter.task.stage, '?')} {task_name(letter.task)}, {letter.attempts} attempts")
    print(f"cause     {letter.error.reason}: {letter.error.message}")
    print(f"trace     {letter.traceparent or 'none'}")
    print(f"payload   {letter.payload.key} ({letter.payload.size_bytes} bytes)")
    print(f"buried    {letter.buried_at.ToJsonString()}\n\n{letter.stack.rstrip()}")


async def _redrive(numbers: list[int], data_dir: Path | None) -> None:
    from s2v.cli.administration import machinery
    from s2v.runtime.dead import DeadLetters

    async with machinery(data_dir) as behind:
        letters = DeadLetters(behind.bus, behind.jobs)
        for number in numbers:
            record = await letters.redrive(number)
            print(f"{record.job.id} goes on in run {record.epoch}")


async def _redrive_all(data_dir: Path | None) -> None:
    from s2v.cli.administration import machinery
    from s2v.cli.exits import CommandError, ExitCode, complain
    from s2v.runtime.dead import DeadLetters
    from s2v.runtime.errors import NotFoundError, PreconditionError

    refused = 0
    async with machinery(data_dir) as behind:
        letters = DeadLetters(behind.bus, behind.jobs)
        for one in [one async for one in letters.list()]:
            if await letters.is_over(one):
                await letters.drop(one.number)
                print(f"letter {one.number} is dropped: job {one.letter.task.job_id} is gone, or has ended in a later run")
                continue
            try:
                record = await letters.redrive(one.number)
                print(f"{record.job.id} goes on in run {record.epoch}")
            except (NotFoundError, PreconditionError) as error:
                refused += 1
                complain(f"letter {one.number}: {error.message}")
    if refused:
        raise CommandError(f"refused, and kept: {refused} of the letters", ExitCode.FAILED)
