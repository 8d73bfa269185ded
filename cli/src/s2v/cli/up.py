"""`s2v up`: the stack, until it is told to end."""

from __future__ import annotations

import asyncio
from pathlib import Path

from s2v.cli.exits import errors
from s2v.cli.stack import Stack


async def run_stack(home: Path) -> None:
    """Runs the stack until SIGINT or SIGTERM.

    Errors: those of Stack.
    """

    def note(text: str) -> None:
        errors.print(text, markup=False, soft_wrap=True)

    async with Stack(home, note) as stack:
        for name, address in stack.endpoints.services.items():
            note(f"  {name:<14} {address}")
        note(f"The stack is up in {home}. Ctrl-C stops it. Try, in another terminal: s2v submit TALK")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:  # the way in which it is told to end
            note("Stopping")
