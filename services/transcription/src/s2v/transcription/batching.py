"""Windows of several tasks heard in one pass of a GPU, whatever jobs they belong to."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, cast

from s2v.runtime import limits
from s2v.runtime.engine import EnginePool, Measured
from s2v.transcription import recognition
from s2v.v1.transcript_pb2 import TranscriptWindow

T = TypeVar("T")

GATHER_SECONDS = 0.02  # waited for company, where a pass takes half a second


@dataclass
class _Waiting:
    item: recognition.Item
    timeout: float
    done: asyncio.Future[Measured[TranscriptWindow]]
    taken: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a pass has it."""


class BatchingPool(EnginePool):
    """A pool whose workers take up to `batch_size` windows at once; everything else goes to them one by one.

    While the processor stands in for a full GPU, windows go to it one by one too: it gains nothing by several at once.
    """

    def __init__(self, processes: int, batch_size: int, initializer: Callable[..., None], *initargs: object) -> None:
        super().__init__(processes, initializer, *initargs)
        self.workers = processes * batch_size
        self._batch_size = self._largest_batch = batch_size
        self._waiting: deque[_Waiting] = deque()
        self._on_processor = False
        self._passes: set[asyncio.Task[None]] = set()

    async def run(self, function: Callable[..., T], *args: object, timeout: float) -> Measured[T]:
        """As `EnginePool.run`. A window whose caller is cancelled is left out, or its pass stopped when nobody waits for it."""
        if function is not recognition.recognize:
            return await super().run(function, *args, timeout=timeout)
        future: asyncio.Future[Measured[TranscriptWindow]] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(cast("recognition.Item", args), timeout, future)
        self._waiting.append(waiting)
        task = asyncio.create_task(self._pass())
        self._passes.add(task)
        task.add_done_callback(self._passes.discard)
        try:
            with limits.waiting():
                await waiting.taken.wait()
            return cast("Measured[T]", await future)
        finally:
            future.cancel()

    def resize(self, runs: int) -> None:
        """Sets how many windows are heard at once: by as few processes as take them, in passes of like size."""
        processes = max(1, math.ceil(runs / self._largest_batch))
        self._batch_size = max(1, math.ceil(runs / processes))
        super().resize(processes)

    async def _pass(self) -> None:
        await asyncio.sleep(GATHER_SECONDS)
        await self._places.acquire()
        try:
            batch = self._take()
            if not batch:
                return
            items, timeout = [one.item for one in batch], max(one.timeout for one in batch)
            work = asyncio.ensure_future(self._run_in_place(recognition.recognize_batch, items, timeout=timeout))
            for one in batch:
                one.taken.set()
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
            self._on_processor = any(lost.code == recognition.CPU_FALLBACK for lost in measured.value[0].degradations)
            for one, window in zip(batch, measured.value, strict=True):
                if not one.done.done():
                    one.done.set_result(Measured(window, measured.cpu_seconds / len(batch)))
        finally:
            self._places.release()

    def _take(self) -> list[_Waiting]:
        """Takes the window that waits longest, with others of its language and vocabulary."""
        most = 1 if self._on_processor else self._batch_size
        batch: list[_Waiting] = []
        left: deque[_Waiting] = deque()
        while self._waiting:
            one = self._waiting.popleft()
            if one.done.done():
                continue
            fits = not batch or recognition.speaks_alike(one.item, batch[0].item)
            (batch if fits and len(batch) < most else left).append(one)
        self._waiting = left
        return batch
