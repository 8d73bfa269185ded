"""Whether new jobs are taken: not while the queues are too long, the disk is full, or an operator has closed the door."""

from __future__ import annotations

import asyncio
import tempfile
import time

from nats.js.errors import KeyNotFoundError

from s2v.runtime import queues, vitals
from s2v.runtime.bus import Bus
from s2v.runtime.errors import BusyError, MaintenanceError, UnavailableError
from s2v.runtime.schema import CONTROL_BUCKET, ERRORS, unavailable
from s2v.runtime.settings import RuntimeSettings
from s2v.v1.work_pb2 import Maintenance

MAINTENANCE_KEY = "maintenance"
LOOK_SECONDS = 1.0
"""How long an answer holds, so that a crowd at the door does not ask NATS each time."""


class Door:
    """The front door, as all gateways see it."""

    def __init__(self, bus: Bus, settings: RuntimeSettings) -> None:
        self._bus = bus
        self._settings = settings
        self._looked = 0.0
        self._waiting = 0
        self._closed: Maintenance | None = None

    async def check(self) -> None:
        """Returns if a new job may come in.

        Errors: MaintenanceError, BusyError (QUEUE_FULL, DISK_FULL), UnavailableError.
        """
        if not self._bus.connected:
            raise UnavailableError("NATS does not answer; jobs that were accepted are safe, new ones can be made when it is back")
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self._closed, self._waiting = await asyncio.gather(self.maintenance(), self.waiting())
            self._looked = time.monotonic()
        if self._closed is not None:
            raise MaintenanceError(self._closed.message)
        longest = self._settings.max_waiting_tasks
        if self._waiting >= longest:
            raise BusyError(f"{self._waiting} tasks wait, and {longest} is the most; try again in a while", reason="QUEUE_FULL")
        free = await asyncio.to_thread(vitals.disk_free)
        if free < self._settings.min_free_bytes:
            needed = f"{self._settings.min_free_bytes // 1_000_000} MB are needed; an operator must make room"
            raise BusyError(f"{free // 1_000_000} MB are free in {tempfile.gettempdir()}, and {needed}", reason="DISK_FULL")

    async def waiting(self) -> int:
        """Returns how many tasks wait in all stages; those at work are not counted.

        Errors: UnavailableError.
        """
        return sum(queue.waiting for queue in await queues.count(self._bus.jetstream))

    async def maintenance(self) -> Maintenance | None:
        """Returns what an operator has closed the door with; None while it is open.

        Errors: UnavailableError.
        """
        try:
            entry = await (await self._bus.bucket(CONTROL_BUCKET)).get(MAINTENANCE_KEY)
        except KeyNotFoundError:
            return None
        except ERRORS as error:
            raise unavailable(error) from error
        return Maintenance.FromString(entry.value or b"")

    async def close(self, message: str) -> None:
        """Takes no new jobs from now on; work that was accepted goes on.

        Errors: UnavailableError.
        """
        closed = Maintenance(message=message)
        closed.since.GetCurrentTime()
        await self._write(closed)

    async def open(self) -> None:
        """Takes new jobs again.

        Errors: UnavailableError.
        """
        await self._write(None)

    async def _write(self, closed: Maintenance | None) -> None:
        bucket = await self._bus.bucket(CONTROL_BUCKET)
        try:
            if closed is None:
                await bucket.delete(MAINTENANCE_KEY)
            else:
                await bucket.put(MAINTENANCE_KEY, closed.SerializeToString())
        except ERRORS as error:
            raise unavailable(error) from error
        self._looked = 0.0
