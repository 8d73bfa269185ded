"""Worker processes that hold an engine, so that the event loop never computes.

Workers come from a fork server that has imported the engine's modules before any thread of gRPC or NATS exists: a new
worker starts in milliseconds, and a worker that hangs or must stop is killed without harm to the service.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import multiprocessing
import multiprocessing.forkserver
import os
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Generic, TypeVar

from opentelemetry import trace
from pebble import ProcessExpired, ProcessPool

from s2v.runtime import limits, metrics
from s2v.runtime.errors import EngineError, EngineTimeoutError
from s2v.runtime.places import Places

T = TypeVar("T")

tracer = trace.get_tracer("s2v.runtime")


@dataclass(frozen=True)
class Measured(Generic[T]):
    """A result and what it cost."""

    value: T
    cpu_seconds: float
    """Processor time of the worker process, all its threads, in seconds."""


def preload(modules: Sequence[str]) -> None:
    """Starts the fork server and lets it import `modules`. Call it first in `__main__`, before gRPC or NATS are imported.

    It and its processes do not hear Ctrl-C, which a terminal sends to all: whoever started them ends them.
    """
    # Each worker has one core: without this NumPy starts a thread for every core in every worker.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    multiprocessing.set_forkserver_preload(list(modules))
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN)  # what is ignored is so in whatever is started meanwhile
    try:
        multiprocessing.forkserver.ensure_running()
    finally:
        signal.signal(signal.SIGINT, heard)


class EnginePool:
    """Worker processes that run functions on an engine which `initializer` has loaded.

    Each is a pool of one, so that one can be let go, with its memory, while others work.
    """

    def __init__(self, workers: int, initializer: Callable[..., None] | None = None, *initargs: object) -> None:
        self.workers = workers
        """Runs at once at most."""
        self._initializer = initializer
        self._initargs = initargs
        self._places = Places(workers)
        self._processes = {self._begin() for _ in range(workers)}
        self._idle = list(self._processes)
        self._ending: set[asyncio.Future[None]] = set()
        self._warm = False

    async def run(self, function: Callable[..., T], *args: object, timeout: float) -> Measured[T]:
        """Runs `function(*args)` in a worker.

        The worker is killed after `timeout` seconds, which include those in which it loads the engine, or when the caller is
        cancelled. Until a worker is free no limit of the caller's runs (`limits.waiting`).
        Errors: EngineTimeoutError; EngineError when the worker died; whatever the function raises.
        """
        with limits.waiting():
            await self._places.acquire()
        try:
            return await self._run_in_place(function, *args, timeout=timeout)
        finally:
            self._places.release()

    async def _run_in_place(self, function: Callable[..., T], *args: object, timeout: float) -> Measured[T]:
        """Runs `function(*args)` in a worker; the caller has a place. Errors: as `run`."""
        with tracer.start_as_current_span(f"engine {function.__name__}") as span:
            metrics.busy.add(1)
            self.mend()
            self._warm_up()
            process = self._idle.pop() if self._idle else self._add()
            limit = asyncio.timeout(timeout)  # pebble's own goes by the clock of the day, which may be set meanwhile
            try:
                async with limit:
                    measured = await asyncio.wrap_future(process.schedule(_measured, args=[function, *args]))
            except asyncio.CancelledError:
                process.stop()
                raise
            except TimeoutError as error:
                if not limit.expired():
                    raise
                process.stop()
                metrics.engine_faults.add(1, {"fault": "timeout"})
                raise EngineTimeoutError(f"{function.__name__} did not finish within {timeout:.0f} s") from error
            except ProcessExpired as error:
                metrics.engine_faults.add(1, {"fault": "died"})
                raise EngineError(f"the worker process died in {function.__name__} (exit code {error.exitcode})") from error
            except BrokenProcessPool as error:
                metrics.engine_faults.add(1, {"fault": "died"})
                raise EngineError(f"the worker process died before it began {function.__name__}") from error
            finally:
                metrics.busy.add(-1)
                self._idle.append(process)
                self.mend()
                self._let_go()
            span.set_attribute("s2v.cpu_seconds", round(measured.cpu_seconds, 3))
            return measured

    @property
    def working(self) -> bool:
        """Whether it takes work."""
        return all(_is_active(process) for process in self._processes)

    def mend(self) -> None:
        """Puts a new process in the place of each that died while it was idle, could not load the engine, or was stopped."""
        for process in [one for one in self._idle if not _is_active(one)]:
            self._idle.remove(process)
            self._end(process)
            self._idle.append(self._add())

    def resize(self, runs: int) -> None:
        """Sets how many runs there are at once, 1 to `workers`. Processes beyond them end when they are idle; they come back
        when they are wanted again.
        """
        self._places.resize(runs)
        self._let_go()

    def close(self) -> None:
        """Stops all workers, busy or not."""
        for process in self._processes:
            process.stop()
        for process in self._processes:
            process.join()

    def _begin(self) -> ProcessPool:
        return ProcessPool(
            max_workers=1,
            initializer=_load,
            initargs=[self._initializer, *self._initargs],
            context=multiprocessing.get_context("forkserver"),
        )

    def _add(self) -> ProcessPool:
        process = self._begin()
        self._processes.add(process)
        metrics.engine_processes.set(len(self._processes))
        return process

    def _warm_up(self) -> None:
        """Lets all processes load the engine at the first run, not each at its own."""
        if not self._warm:
            self._warm = True
            for process in self._idle:
                with contextlib.suppress(RuntimeError):  # one that has just died is replaced when it is wanted
                    process.schedule(_loaded)

    def _let_go(self) -> None:
        while self._idle and len(self._processes) > self._places.limit:
            self._end(self._idle.pop())

    def _end(self, process: ProcessPool) -> None:
        """Ends a process, in a thread as that takes a moment."""
        self._processes.discard(process)
        metrics.engine_processes.set(len(self._processes))
        ending = asyncio.get_running_loop().run_in_executor(None, _end, process)
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)


def _load(initializer: Callable[..., None] | None, *initargs: object) -> None:
    """Loads the engine; memory that only loading took goes back to the system, which glibc keeps otherwise."""
    if initializer is not None:
        initializer(*initargs)
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def _loaded() -> None:
    """Does nothing: whoever runs it has loaded the engine."""


def _is_active(process: ProcessPool) -> bool:
    """Says whether a process takes work; one that was never asked begins now, unless that fails."""
    try:
        return bool(process.active)
    except BrokenProcessPool:
        return False


def _end(process: ProcessPool) -> None:
    process.stop()
    process.join()


def _measured(function: Callable[..., T], *args: object) -> Measured[T]:
    start = time.process_time()
    value = function(*args)
    return Measured(value, time.process_time() - start)
