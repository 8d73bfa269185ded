"""An event loop in a thread of its own, for callers that have none."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator
from typing import Any, TypeVar

import grpc

from s2v.client.errors import JobServiceError

T = TypeVar("T")


class LoopThread:
    """Runs coroutines for callers in other threads, any number of them at once."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        # Held while work is handed to the loop: what came after the loop's end would be waited for in vain.
        self._lock = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._loop.run_forever, name="s2v-client", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Returns what `work` returns; it is cancelled when the caller is interrupted.

        Errors: those of `work`; JobServiceError (DEADLINE_EXCEEDED) when it takes longer than `timeout` seconds; RuntimeError
            after `close`, and for a call from within the loop, e.g. from a progress callback: it would wait for itself.
        """
        try:
            self._refuse_own_thread()
            with self._lock:
                if self._closed:
                    raise RuntimeError("the client is closed")
                future = asyncio.run_coroutine_threadsafe(_within(work, timeout), self._loop)
        except RuntimeError:
            work.close()
            raise
        try:
            return future.result()
        except concurrent.futures.CancelledError as error:
            raise JobServiceError(grpc.StatusCode.CANCELLED, "CANCELLED", "the client was closed meanwhile") from error
        except BaseException:
            future.cancel()
            raise

    def iterate(self, items: AsyncGenerator[T, None], timeout: float | None = None) -> Iterator[T]:
        """Yields what `items` yields; `timeout` is for all of it, the caller's own time between the items included."""
        until = None if timeout is None else time.monotonic() + timeout
        try:
            while True:
                left = None if until is None else max(0.0, until - time.monotonic())
                try:
                    item = self.run(_following(items), left)
                except StopAsyncIteration:
                    return
                yield item
        finally:
            # Closing the client, and an interrupt, end the generator themselves.
            with contextlib.suppress(RuntimeError, JobServiceError):
                self.run(items.aclose())

    def close(self, last: Callable[[], Awaitable[None]] | None = None) -> None:
        """Cancels what is at work, calls `last`, and ends the thread. A second call waits for that end.

        Errors: those of `last`, after the end; RuntimeError for a call from within the loop.
        """
        self._refuse_own_thread()
        with self._lock:
            first, self._closed = not self._closed, True
        if not first:
            self._thread.join()
            return
        try:
            asyncio.run_coroutine_threadsafe(_end(last), self._loop).result()
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _refuse_own_thread(self) -> None:
        if threading.current_thread() is self._thread:
            raise RuntimeError("a callback of the client must not call the client")


async def _within(work: Coroutine[Any, Any, T], timeout: float | None) -> T:
    limit = asyncio.timeout(timeout)
    try:
        async with limit:
            return await work
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise JobServiceError(
            grpc.StatusCode.DEADLINE_EXCEEDED,
            "DEADLINE_EXCEEDED",
            f"it was not done within {timeout:g} s; what was sent may still be",
        ) from error


async def _following(items: AsyncGenerator[T, None]) -> T:
    return await anext(items)


async def _end(last: Callable[[], Awaitable[None]] | None) -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    if last:
        await last()
