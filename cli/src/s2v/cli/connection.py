"""How a command reaches a gateway: the one it is given, the stack that is up, or one started for the command."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from s2v.cli.exits import CommandError, ExitCode
from s2v.cli.stack import Stack, wait_for_stack
from s2v.client import Access, Client

POLL_SECONDS = 0.5
PATIENCE_SECONDS = 10.0
"""How long a gateway may be silent before a command gives up."""


@dataclass(frozen=True)
class Target:
    """Which gateway a command talks to."""

    home: Path
    """Data folder of the stack."""
    gateway: str = ""
    """Address of a gateway, host:port; empty: the one of the stack that is up in `home`."""


@contextlib.asynccontextmanager
async def connected(target: Target) -> AsyncIterator[Client]:
    """Gives a client of the target.

    Errors: CommandError when no stack is up; UnavailableError.
    """
    if target.gateway:
        async with Client(target.gateway, PATIENCE_SECONDS) as client:
            yield client
        return
    found = await wait_for_stack(target.home)
    if found is None:
        raise CommandError(
            f"no stack is up in {target.home}; start one in another terminal with: s2v up (or use --gateway HOST:PORT)",
            ExitCode.UNAVAILABLE,
        )
    with in_use(target.home):
        async with Client(found.gateway, PATIENCE_SECONDS, Access.from_environment(plaintext=True)) as client:
            yield client


@contextlib.asynccontextmanager
async def connected_or_started(target: Target, note: Callable[[str], None]) -> AsyncIterator[Client]:
    """Gives a client as `connected` does, and starts a stack for as long as it is needed when none is up.

    Errors: as those of Stack.
    """
    if target.gateway or await wait_for_stack(target.home):
        async with connected(target) as client:
            yield client
        return
    access = Access.from_environment(plaintext=True)
    async with (
        Stack(target.home, note) as stack,
        _until_unused(target.home, note),
        Client(stack.endpoints.gateway, access=access) as client,
    ):
        yield client


@contextlib.contextmanager
def in_use(home: Path) -> Iterator[None]:
    """Keeps a stack that another command has started from stopping while this one uses it."""
    with (home / "users").open("a") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        yield


@contextlib.asynccontextmanager
async def _until_unused(home: Path, note: Callable[[str], None]) -> AsyncIterator[None]:
    """Waits at the end until no other command uses the stack, unless this one is interrupted."""
    try:
        yield
    except asyncio.CancelledError:
        raise
    except Exception:
        await wait_until_unused(home, note)
        raise
    await wait_until_unused(home, note)


async def wait_until_unused(home: Path, note: Callable[[str], None]) -> None:
    """Waits until no other command uses the stack of a data folder; says so if it must wait."""
    with (home / "users").open("a") as users:
        told = False
        while True:
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not told:
                    note("Another s2v command uses this stack; it stops when that one has ended (Ctrl-C stops it now).")
                told = True
                await asyncio.sleep(POLL_SECONDS)
            else:
                return
