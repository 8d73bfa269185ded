"""The event loop in a thread of its own, where its end meets calls of other threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator

import grpc
import pytest

from s2v.client import JobServiceError
from s2v.client.loop_thread import LoopThread


async def _number_then_silence() -> AsyncGenerator[int, None]:
    yield 1
    await asyncio.Event().wait()


def test_nobody_waits_for_a_loop_that_ends():
    for _ in range(500):
        loop = LoopThread()
        items = loop.iterate(_number_then_silence())
        assert next(items) == 1
        closing = threading.Thread(target=loop.close)
        ended: list[BaseException] = []

        def follow() -> None:
            try:
                next(items)  # noqa: B023 (the thread ends within the round)
            except (JobServiceError, RuntimeError) as error:
                ended.append(error)  # noqa: B023

        following = threading.Thread(target=follow, daemon=True)
        following.start()
        closing.start()
        closing.join(20)
        following.join(20)
        assert not closing.is_alive()
        assert not following.is_alive()
        # Closed before or after the call was handed over.
        assert [str(error) for error in ended] in (["the client is closed"], ["the client was closed meanwhile"])


def test_what_is_at_work_ends_before_the_last_call_and_a_second_close_waits():
    loop = LoopThread()
    order: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            order.append("work")

    async def last() -> None:
        await asyncio.sleep(0.1)
        order.append("last")

    failures: list[grpc.StatusCode] = []

    def call() -> None:
        try:
            loop.run(work())
        except JobServiceError as error:
            failures.append(error.code)

    caller = threading.Thread(target=call)
    caller.start()
    while not asyncio.run_coroutine_threadsafe(_tasks(), loop._loop).result():
        pass
    closers = [threading.Thread(target=loop.close, args=(last,)) for _ in range(2)]
    for closer in closers:
        closer.start()
    for closer in closers:
        closer.join(20)
        assert order == ["work", "last"]
    caller.join(20)
    assert failures == [grpc.StatusCode.CANCELLED]
    with pytest.raises(RuntimeError, match="closed"):
        loop.run(work())


async def _tasks() -> int:
    return len(asyncio.all_tasks()) - 1
