"""How a command reaches a gateway: the one it is given, the stack that is up, or one started for the command."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

from s2v.cli.exits import CommandError, ExitCode
from s2v.cli.stack import Stack, find_home, wait_for_stack
from s2v.client import Client

POLL_SECONDS = 0.5


@contextlib.asynccontextmanager
async def connected(gateway: str) -> AsyncIterator[Client]:
    """Gives a client of `gateway` (host:port), or of the stack that is up when that is empty.

    Errors: CommandError when no stack is up; UnavailableError.
    """
    if gateway:
        async with Client(gateway) as client:
            yield client
        return
    home = find_home()
    found = await wait_for_stack(home)
    if found is None:
        raise CommandError(
            f"no stack is up in {home}; start one in another terminal with: s2v up (or name a gateway with --gateway HOST:PORT)",
            ExitCode.UNAVAILABLE,
        )
    with _in_use(home):
        async with Client(found.gateway) as client:
            yield client


@contextlib.asynccontextmanager
async def connected_or_started(gateway: str, note: Callable[[str], None]) -> AsyncIterator[Client]:
    """Gives a client as `connected` does, and starts a stack for as long as it is needed when none is up.

    Errors: as those of Stack.
    """
    home = find_home()
    if gateway or await wait_for_stack(home):
        async with connected(gateway) as client:
            yield client
        return
    async with Stack(home, note) as stack, _until_unused(home, note):
        async with Client(stack.endpoints.gateway) as client:
            yield client


@contextlib.contextmanager
def _in_use(home: Path) -> Iterator[None]:
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
        await _wait_until_unused(home, note)
        raise
    await _wait_until_unused(home, note)


async def _wait_until_unused(home: Path, note: Callable[[str], None]) -> None:
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
