"""How a command ends: exit codes, one clear line for an error, and an orderly end on Ctrl-C."""

from __future__ import annotations

import asyncio
import enum
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, NoReturn

import grpc
from rich.console import Console
from rich.markup import escape

from s2v.client import JobServiceError
from s2v.runtime.errors import DISK_FULL, S2VError
from s2v.v1.job_pb2 import Job

if TYPE_CHECKING:
    from pydantic import ValidationError

errors = Console(stderr=True, highlight=False)
"""Where errors and progress go."""
results = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
"""Where results go; a pipe has no width of its own."""


class ExitCode(enum.IntEnum):
    """What a shell sees; `s2v --help` explains them."""

    OK = 0
    FAILED = 1
    USAGE = 2
    INPUT = 3
    NOT_FOUND = 4
    UNAVAILABLE = 5
    SETUP = 6
    CANCELLED = 7


_BY_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: ExitCode.INPUT,
    grpc.StatusCode.OUT_OF_RANGE: ExitCode.INPUT,
    grpc.StatusCode.DATA_LOSS: ExitCode.INPUT,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ExitCode.INPUT,
    grpc.StatusCode.NOT_FOUND: ExitCode.NOT_FOUND,
    grpc.StatusCode.UNAVAILABLE: ExitCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: ExitCode.UNAVAILABLE,
    grpc.StatusCode.FAILED_PRECONDITION: ExitCode.SETUP,
    grpc.StatusCode.CANCELLED: ExitCode.CANCELLED,
}
_STATUS_BY_NUMBER = {status.value[0]: status for status in grpc.StatusCode}


class CommandError(Exception):
    """A command ends with a message and an exit code."""

    def __init__(self, message: str, code: ExitCode) -> None:
        super().__init__(message)
        self.code = code


class InterruptedBySignal(Exception):  # noqa: N818 - it is no error
    """The command was told to end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def exit_code(status: grpc.StatusCode) -> ExitCode:
    """Returns the exit code for an error of this status."""
    return _BY_STATUS.get(status, ExitCode.FAILED)


def job_failure(job: Job) -> CommandError:
    """Returns the error of a failed job as the command's own."""
    status = _STATUS_BY_NUMBER.get(job.error.code, grpc.StatusCode.UNKNOWN)
    # The server has answered: it is the engine that was not done in time.
    code = ExitCode.FAILED if status == grpc.StatusCode.DEADLINE_EXCEEDED else exit_code(status)
    return CommandError(f"{job.error.message} [job {job.id}, {job.error.reason or status.name}]", code)


def as_setup_fault(error: Exception) -> str:
    """Returns what is wrong with which variables, if this is the error of settings; empty if it is another one."""
    if "pydantic" not in sys.modules:  # nobody has read settings, and importing it takes long
        return ""
    from pydantic import ValidationError

    if not isinstance(error, ValidationError) or not error.title.endswith("Settings"):
        return ""
    return "; ".join(_describe_faults(error))


def complain(message: str) -> None:
    """Prints an error."""
    errors.print(f"[bold red]Error:[/] {escape(message)}", soft_wrap=True)


def run(command: Coroutine[object, object, None]) -> None:
    """Runs a command to its end and exits with its code; on SIGINT, SIGTERM or SIGHUP it is cancelled and cleans up."""
    try:
        asyncio.run(_interruptible(command))
    except InterruptedBySignal as interrupted:
        sys.exit(128 + interrupted.number)
    except Exception as error:
        report(error)


def run_now(command: Callable[[], None]) -> None:
    """Runs a command that computes in this thread and exits with its code; Ctrl-C ends it at once."""
    try:
        command()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except Exception as error:
        report(error)


def report(error: Exception) -> NoReturn:
    """Prints an error in one line and exits with its code; keeps the trace of one that is not meant for people."""
    if isinstance(error, CommandError):
        complain(str(error))
        sys.exit(error.code)
    if isinstance(error, S2VError | JobServiceError):
        complain(error.message)
        sys.exit(ExitCode.UNAVAILABLE if _comes_again(error) else exit_code(error.code))
    if fault := as_setup_fault(error):
        complain(fault)
        sys.exit(ExitCode.SETUP)
    if isinstance(error, BrokenPipeError):  # whoever read our output has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at the end
        sys.exit(128 + signal.SIGPIPE)
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        complain(f"{error.filename or 'a file cannot be written'}: {error.strerror}; free some space")
        sys.exit(ExitCode.SETUP)
    if isinstance(error, OSError) and error.filename is not None:
        complain(f"{error.filename}: {error.strerror}")
        sys.exit(ExitCode.INPUT)
    with tempfile.NamedTemporaryFile("w", prefix="s2v-trace-", suffix=".txt", delete=False) as file:
        traceback.print_exception(error, file=file)
    complain(f"this is a defect of s2v: {type(error).__name__}: {error}; please report it with {file.name}")
    sys.exit(ExitCode.FAILED)


def _describe_faults(error: ValidationError) -> list[str]:
    """Says what each setting should be, not what it is: that may be a secret."""
    return [
        f"{'S2V_' + '_'.join(map(str, fault['loc'])).upper() if fault['loc'] else 'S2V_…'}: {fault['msg']}"
        for fault in error.errors(include_input=False)
    ]


def _comes_again(error: S2VError | JobServiceError) -> bool:
    """Says whether there is no room now, but will be: a full queue, a quota, uploads that are not used yet."""
    later = error.retryable if isinstance(error, S2VError) else error.retry_seconds > 0
    return error.code == grpc.StatusCode.RESOURCE_EXHAUSTED and later


async def _interruptible(command: Coroutine[object, object, None]) -> None:
    loop = asyncio.get_running_loop()
    doing = asyncio.ensure_future(command)
    received: list[int] = []

    def interrupt(number: int) -> None:
        if received:
            errors.print("Still stopping; this takes a few seconds.")
            return
        received.append(number)
        doing.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, interrupt, number)
    try:
        await doing
    except asyncio.CancelledError:
        if received:
            raise InterruptedBySignal(received[0]) from None
        raise
