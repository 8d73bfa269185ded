"""Whether what a service stands on works: NATS, S3 for writing, the engine, disk, memory. Tried from time to time.

gRPC health has a name for each (`s2v.dependency.nats` …), so that probes, `s2v doctor` and alerts ask the same thing. The
service's own health stays SERVING meanwhile: it answers with clear errors, and starting it again would mend nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from s2v.runtime import metrics, vitals
from s2v.runtime.bus import Bus
from s2v.runtime.engine import EnginePool
from s2v.runtime.errors import S2VError
from s2v.runtime.server import Server
from s2v.runtime.settings import RuntimeSettings
from s2v.runtime.store import ObjectStore

log = logging.getLogger(__name__)

PREFIX = "s2v.dependency."
"""What the names of dependencies begin with in gRPC health."""
FULL_SHARE = 0.95
"""Share of its memory above which a service is about to be killed."""
TRY_SECONDS = 10.0
"""How long a dependency may take to answer."""

Check = Callable[[], Awaitable[bool]]


class Health:
    """Tries what a service stands on."""

    def __init__(self, name: str, settings: RuntimeSettings, server: Server, bus: Bus, store: ObjectStore) -> None:
        self._name = name
        self._settings = settings
        self._server = server
        self._bus = bus
        self._store = store
        self._states: dict[str, bool] = {}

    async def watch(self, pool: EnginePool | None = None) -> None:
        """Tries everything now and then, for ever, and tells gRPC health, the metrics, and the log when something changes."""
        checks: dict[str, Check] = {"nats": self._nats, "s3": self._s3, "disk": self._disk, "memory": self._memory}
        if pool is not None:

            async def engine() -> bool:
                working = pool.working
                pool.mend()
                return working

            checks["engine"] = engine
        while True:
            try:
                await self.look(checks)
            except Exception:  # the next look may well succeed
                log.exception("health could not be told")
            await asyncio.sleep(self._settings.health_seconds)

    async def look(self, checks: Mapping[str, Check]) -> None:
        """Tries everything once."""
        for name, works in zip(checks, await asyncio.gather(*(_try(check) for check in checks.values())), strict=True):
            if works != self._states.get(name, True):
                log.log(logging.INFO if works else logging.ERROR, "%s %s", name, "works again" if works else "does not work")
            self._states[name] = works
            metrics.dependencies.set(int(works), {"dependency": name})
            await self._server.tell(f"{PREFIX}{name}", serving=works)

    async def _nats(self) -> bool:
        return self._bus.connected

    async def _s3(self) -> bool:
        await self._store.put(f"_health/{self._name}", b"")
        return True

    async def _disk(self) -> bool:
        return await asyncio.to_thread(vitals.disk_free) >= self._settings.min_free_bytes

    async def _memory(self) -> bool:
        return await asyncio.to_thread(vitals.memory_used) < FULL_SHARE * vitals.memory_limit()


async def _try(check: Check) -> bool:
    try:
        async with asyncio.timeout(TRY_SECONDS):
            return await check()
    except (S2VError, TimeoutError, OSError):
        pass
    except Exception:  # what is asked may fail in any way, and the others are still to be told of
        log.exception("a dependency could not be tried")
    return False
