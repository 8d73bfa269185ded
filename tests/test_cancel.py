"""A job that is cancelled while it is drawn says so at once, and what works on it goes with its files."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import psutil
import pytest

from s2v.cli.stack import find_stack
from s2v.client import Client
from s2v.v1.job_pb2 import JobState

from .conftest import Stack, cut

pytestmark = pytest.mark.integration

SAID_SECONDS, GONE_SECONDS, DRAWN_SECONDS = 2.0, 5.0, 120.0


def drawing(stack: Stack) -> dict[int, Path]:
    """Returns the workers of a stack that write a clip, with the folder in which they do."""
    assert stack.process is not None
    found: dict[int, Path] = {}
    for process in psutil.Process(stack.process.pid).children(recursive=True):
        try:
            paths = [Path(file.path) for file in process.open_files()]
        except psutil.Error:
            continue
        found.update((process.pid, path.parent) for path in paths if path.parent.name.startswith("s2v-rendering-"))
    return found


def test_a_job_that_is_cancelled_while_it_is_drawn_is_gone_at_once(stack: Stack, tmp_path: Path) -> None:
    talk = cut("03-your-home-network.opus", tmp_path / "talk.opus", 10, 50)  # nobody else's: others see what is not cached
    job_id = stack.run("submit", talk, "--height", "2160").stdout.strip()
    deadline = time.monotonic() + DRAWN_SECONDS
    while not (at_work := drawing(stack)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    endpoints = find_stack(stack.home)
    assert endpoints is not None
    asked = time.monotonic()
    state = asyncio.run(cancel(endpoints.gateway, job_id))
    assert state == JobState.JOB_STATE_CANCELLED
    assert time.monotonic() - asked < SAID_SECONDS
    while any(psutil.pid_exists(pid) or folder.exists() for pid, folder in at_work.items()):
        assert time.monotonic() - asked < GONE_SECONDS
        time.sleep(0.02)


async def cancel(gateway: str, job_id: str) -> JobState.ValueType:
    """Cancels a job; returns what is said of it then."""
    async with Client(gateway) as client:
        await client.cancel(job_id)
        return (await client.get_job(job_id)).state
