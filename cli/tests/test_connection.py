"""A stack that one command has started stays up while another one uses it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from s2v.cli.connection import in_use, wait_until_unused


async def test_the_owner_waits_for_all_users(tmp_path: Path) -> None:
    told: list[str] = []
    with in_use(tmp_path):
        with in_use(tmp_path):
            waiting = asyncio.create_task(wait_until_unused(tmp_path, told.append))
            await asyncio.sleep(0)
        done, _ = await asyncio.wait({waiting}, timeout=1)
        assert not done
    await asyncio.wait_for(waiting, timeout=5)
    assert len(told) == 1


async def test_the_owner_of_an_unused_stack_waits_for_nobody(tmp_path: Path) -> None:
    told: list[str] = []
    await asyncio.wait_for(wait_until_unused(tmp_path, told.append), timeout=1)
    assert not told
