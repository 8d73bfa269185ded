"""The life of a service's process: connect, serve, work, drain, exit."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable

from s2v.runtime import metrics, quality, telemetry
from s2v.runtime.bus import Bus
from s2v.runtime.door import Door
from s2v.runtime.engine import EnginePool
from s2v.runtime.errors import UnavailableError
from s2v.runtime.execution import Execution
from s2v.runtime.health import Health
from s2v.runtime.jobs import Jobs
from s2v.runtime.server import Server
from s2v.runtime.settings import RuntimeSettings
from s2v.runtime.stage import NAMES, StageWork
from s2v.runtime.steering import Steering
from s2v.runtime.tenants import Authenticator
from s2v.runtime.tiers import TieredStore
from s2v.runtime.worker import Worker

log = logging.getLogger(__name__)

CONNECT_SECONDS = 60.0
"""How long NATS and S3 may take to come up."""
END_SECONDS = 5.0
"""How long calls in flight may go on at least: also where the drain took all its time, or the process ends by itself."""


class Service:
    """What a service has while it lives."""

    def __init__(self, name: str, settings: RuntimeSettings) -> None:
        self.name = name
        self.settings = settings
        self.bus = Bus(settings)
        self.store = TieredStore(settings)
        self.jobs = Jobs(self.bus, self.store, Door(self.bus, settings))
        self.server = Server(settings, Authenticator(settings, self.store) if settings.auth == "on" else None)
        self.health = Health(name, settings, self.server, self.bus, self.store)
        self.stop = asyncio.Event()
        """Set when the process is told to end."""
        self._draining: asyncio.Task[None] | None = None
        self._drained_at = 0.0
        """When the time to drain is over, by the loop's clock; 0: nobody has told the process to end."""
        self._watching: asyncio.Task[None] | None = None

    def end(self) -> None:
        """Tells the process to end: health says so at once, so that no new calls come while it finishes what it has."""
        if not self.stop.is_set():
            self._drained_at = asyncio.get_running_loop().time() + self.settings.drain_seconds
            self.stop.set()
            self._draining = asyncio.get_running_loop().create_task(self.server.drain())

    async def work(self, stage: StageWork, pool: EnginePool) -> None:
        """Serves, and does the stage's tasks until told to stop: as many at once as the engine has worker processes."""
        execution = Execution(
            stage,
            self.bus,
            self.jobs,
            self.store,
            pool,
            caching=self.settings.cache_enabled,
            snapshots=self.settings.snapshots_enabled,
        )
        worker = Worker(execution, self.bus, self.jobs, self.settings, slots=pool.workers)
        metrics.begin_stage(NAMES[stage.stage], pool.workers)
        quality.begin(NAMES[stage.stage])
        await self._start(pool)
        if self.settings.self_optimisation == "off" or pool.workers == 1:
            await worker.run(self.stop)
            return
        steering = execution.making.steering = Steering(NAMES[stage.stage], worker, pool)
        steered = asyncio.create_task(steering.run())
        try:
            await worker.run(self.stop)
        finally:
            steered.cancel()

    async def serve(self) -> None:
        """Serves until told to stop."""
        await self._start()
        await self.stop.wait()

    async def _start(self, pool: EnginePool | None = None) -> None:
        await self.server.start()
        self._watching = asyncio.create_task(self.health.watch(pool))
        log.info("%s serves on port %d", self.name, self.server.port)

    async def close(self) -> None:
        """Ends what is left: calls, connections, threads. Calls in flight have what is left of the time to drain."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        await self.server.drain()
        await self.server.stop(max(END_SECONDS, self._drained_at - asyncio.get_running_loop().time()))
        await self.bus.close()
        self.store.close()


@contextlib.asynccontextmanager
async def running(name: str, settings: RuntimeSettings) -> AsyncIterator[Service]:
    """Connects a service to its servers, and takes it down in order at the end.

    Errors: UnavailableError when NATS or S3 do not come up within a minute, or the address for metrics is taken.
    """
    signals = telemetry.start(name, settings)
    service = Service(name, settings)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, service.end)
    try:
        await _patiently(service.bus.connect)
        await _patiently(service.store.prepare)
        await _patiently(service.jobs.prepare)
        yield service
    finally:
        await service.close()
        await asyncio.to_thread(signals.shutdown)


async def _patiently(connect: Callable[[], Awaitable[None]]) -> None:
    deadline = asyncio.get_running_loop().time() + CONNECT_SECONDS
    while True:
        try:
            await connect()
            return
        except UnavailableError as error:
            if asyncio.get_running_loop().time() > deadline:
                raise
            log.warning("%s; trying again", error)
            await asyncio.sleep(0.5)
