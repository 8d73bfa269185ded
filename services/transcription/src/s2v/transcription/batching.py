"""Windows of several tasks heard in one pass of a GPU, whatever jobs they belong to."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast

from s2v.runtime.engine import EnginePool, Measured
from s2v.runtime.places import Places
from s2v.transcription import recognition
from s2v.v1.transcript_pb2 import TranscriptWindow

T = TypeVar("T")

GATHER_SECONDS = 0.02  # waited for company, where a pass takes half a second


@dataclass
class _Waiting:
    item: recognition.Item
    timeout: float
    done: asyncio.Future[Measured[TranscriptWindow]]


class BatchingPool(EnginePool):
    """A pool whose workers take up to `batch_size` windows at once; everything else goes to them one by one."""

    def __init__(self, processes: int, batch_size: int, initializer: Callable[..., None], *initargs: object) -> None:
        super().__init__(processes, initializer, *initargs)
        self.workers = processes * batch_size
        self._batch_size = self._largest_batch = batch_size
        self._waiting: deque[_Waiting] = deque()
        self._free = Places(processes)
        self._passes: set[asyncio.Task[None]] = set()

    async def run(self, function: Callable[..., T], *args: object, timeout: float) -> Measured[T]:
        """As `EnginePool.run`. A window whose caller is cancelled is left out, or its pass stopped when nobody waits for it."""
        if function is not recognition.recognize:
            return await super().run(function, *args, timeout=timeout)
        future: asyncio.Future[Measured[TranscriptWindow]] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(cast("recognition.Item", args), timeout, future))
        task = asyncio.create_task(self._pass())
        self._passes.add(task)
        task.add_done_callback(self._passes.discard)
        return cast("Measured[T]", await future)

    def resize(self, runs: int) -> None:
        """Sets how many windows are heard at once: by as few processes as take them, in passes of like size."""
        processes = max(1, math.ceil(runs / self._largest_batch))
        self._batch_size = max(1, math.ceil(runs / processes))
        self._free.resize(processes)
        super().resize(processes)

    async def _pass(self) -> None:
        await asyncio.sleep(GATHER_SECONDS)
        await self._free.acquire()
        try:
            batch = self._take()
            if not batch:
                return
            work = asyncio.ensure_future(
                super().run(recognition.recognize_batch, [one.item for one in batch], timeout=max(one.timeout for one in batch))
            )
            for one in batch:
                one.done.add_done_callback(lambda _: work.cancel() if all(other.done.done() for other in batch) else None)
            try:
                measured = await work
            except asyncio.CancelledError:
                for one in batch:
                    one.done.cancel()
                return
            except Exception as error:
                for one in batch:
                    if not one.done.done():
                        one.done.set_exception(error)
                return
            for one, window in zip(batch, measured.value, strict=True):
                if not one.done.done():
                    one.done.set_result(Measured(window, measured.cpu_seconds / len(batch)))
        finally:
            self._free.release()

    def _take(self) -> list[_Waiting]:
        """Takes the window that waits longest, with others of its language and vocabulary."""
        batch: list[_Waiting] = []
        left: deque[_Waiting] = deque()
        while self._waiting:
            one = self._waiting.popleft()
            if one.done.done():
                continue
            fits = not batch or recognition.speaks_alike(one.item, batch[0].item)
            (batch if fits and len(batch) < self._batch_size else left).append(one)
        self._waiting = left
        return batch
