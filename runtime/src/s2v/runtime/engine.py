"""Worker processes that hold an engine, so that the event loop never computes.

Workers come from a fork server that has imported the engine's modules before any thread of gRPC or NATS exists: a new
worker starts in milliseconds, and a worker that hangs or must stop is killed without harm to the service.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import multiprocessing.forkserver
import time
from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from typing import Generic, TypeVar

from opentelemetry import trace
from pebble import ProcessExpired, ProcessPool

from s2v.runtime import metrics
from s2v.runtime.errors import EngineError, EngineTimeoutError

T = TypeVar("T")

tracer = trace.get_tracer("s2v.runtime")


@dataclass(frozen=True)
class Measured(Generic[T]):
    """A result and what it cost."""

    value: T
    cpu_seconds: float
    """Processor time of the worker process, all its threads, in seconds."""


def preload(modules: Sequence[str]) -> None:
    """Starts the fork server and lets it import `modules`. Call it first in `__main__`, before gRPC or NATS are imported."""
    multiprocessing.set_forkserver_preload(list(modules))
    multiprocessing.forkserver.ensure_running()


class EnginePool:
    """Worker processes that run functions on an engine which `initializer` has loaded."""

    def __init__(self, workers: int, initializer: Callable[..., None] | None = None, *initargs: object) -> None:
        self.workers = workers
        self._pool = ProcessPool(
            max_workers=workers,
            initializer=initializer,
            initargs=list(initargs),
            context=multiprocessing.get_context("forkserver"),
        )

    async def run(self, function: Callable[..., T], *args: object, timeout: float) -> Measured[T]:
        """Runs `function(*args)` in a worker.

        The worker is killed after `timeout` seconds, or when the caller is cancelled.
        Errors: EngineTimeoutError; EngineError when the worker died; whatever the function raises.
        """
        with tracer.start_as_current_span(f"engine {function.__name__}") as span:
            metrics.busy.add(1)
            future = self._pool.schedule(_measured, args=[function, *args], timeout=timeout)
            try:
                measured = await asyncio.wrap_future(future)
            except asyncio.CancelledError:
                future.cancel()
                raise
            except (TimeoutError, FutureTimeoutError) as error:
                metrics.engine_faults.add(1, {"fault": "timeout"})
                raise EngineTimeoutError(f"{function.__name__} did not finish within {timeout:.0f} s") from error
            except ProcessExpired as error:
                metrics.engine_faults.add(1, {"fault": "died"})
                raise EngineError(f"the worker process died in {function.__name__} (exit code {error.exitcode})") from error
            finally:
                metrics.busy.add(-1)
            span.set_attribute("s2v.cpu_seconds", round(measured.cpu_seconds, 3))
            return measured

    @property
    def working(self) -> bool:
        """Whether it takes work."""
        return bool(self._pool.active)

    def close(self) -> None:
        """Stops all workers, busy or not."""
        self._pool.stop()
        self._pool.join()


def _measured(function: Callable[..., T], *args: object) -> Measured[T]:
    start = time.process_time()
    value = function(*args)
    return Measured(value, time.process_time() - start)
