"""Patience is counted from the first failure, not from when a call began."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace

import grpc
import pytest

from s2v.client import Client, JobServiceError, backoff, client
from s2v.client.backoff import Backoff
from s2v.v1.event_pb2 import JobEvent, JobStateChanged
from s2v.v1.job_pb2 import JobState
from s2v.v1.job_service_pb2 import WatchJobResponse

PATIENCE = 60.0


class Clock:
    """Time that passes only when it is told to, and while somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(backoff, "time", clock)
    monkeypatch.setattr(backoff, "asyncio", clock)
    monkeypatch.setattr(client, "time", clock)
    return clock


def away() -> JobServiceError:
    return JobServiceError(grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE", "the connection broke")


async def wait_for_ever(waits: Backoff) -> None:
    while True:
        await waits.wait(away())


@pytest.mark.parametrize("with_progress", [False, True])
async def test_what_went_well_for_long_uses_up_no_patience(clock: Clock, with_progress: bool) -> None:
    waits = Backoff(PATIENCE)
    if with_progress:
        await waits.wait(away())
        waits.progress()
    clock.now += 2 * PATIENCE
    failed = clock.now
    await waits.wait(away())
    with pytest.raises(JobServiceError, match="broke"):
        await wait_for_ever(waits)
    assert PATIENCE - backoff.LONGEST_SECONDS < clock.now - failed <= PATIENCE


class Stream:
    """Lives as long as it is told to, then breaks or gives the last event."""

    def __init__(self, clock: Clock, seconds: float, *, last: bool) -> None:
        self.clock, self.seconds, self.last = clock, seconds, last

    async def __aiter__(self) -> AsyncIterator[WatchJobResponse]:
        await asyncio.sleep(0)
        self.clock.now += self.seconds
        if not self.last:
            raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(), "broken")
        ended = JobStateChanged(state=JobState.JOB_STATE_SUCCEEDED)
        yield WatchJobResponse(event=JobEvent(sequence=1, state_changed=ended))

    def cancel(self) -> None:
        pass


async def watch(clock: Clock, lives: list[float]) -> int:
    """Watches a job over streams without an event that live so long, and a last one; returns how many events were seen."""
    streams = iter([*(Stream(clock, seconds, last=False) for seconds in lives), Stream(clock, 1, last=True)])
    async with Client("127.0.0.1:1", PATIENCE) as watcher:
        watcher._stub = SimpleNamespace(WatchJob=lambda _: next(streams))
        return len([event async for event in watcher.watch("01J")])


async def test_a_watch_without_events_goes_on_each_time_its_connection_breaks(clock: Clock) -> None:
    assert await watch(clock, [2 * PATIENCE, 31, 2 * PATIENCE, 31]) == 1


async def test_a_watch_that_never_stands_is_given_up(clock: Clock) -> None:
    with pytest.raises(JobServiceError, match="broken"):
        await watch(clock, [5.0] * 100)
