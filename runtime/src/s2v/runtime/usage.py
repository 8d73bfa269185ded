"""What tenants have used, a month at a time, counted when a job is made; deleting the job takes nothing back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError, NoKeysError
from nats.js.kv import KeyValue

from s2v.runtime.bus import Bus
from s2v.runtime.errors import UnavailableError
from s2v.runtime.schema import ERRORS, USAGE_BUCKET, unavailable
from s2v.v1.tenant_pb2 import Usage

TRIES = 50
"""Compare-and-set races that are lost before counting gives up."""


@dataclass(frozen=True)
class MonthlyUsage:
    """What one tenant has used in one month."""

    tenant: str
    month: str
    """As yyyymm, in UTC."""
    usage: Usage


class UsageCounter:
    """Counts what all tenants use."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._counts: KeyValue | None = None

    async def prepare(self) -> None:
        """Opens the bucket.

        Errors: UnavailableError.
        """
        self._counts = await self._bus.bucket(USAGE_BUCKET)

    async def add_job(self, tenant: str, source_seconds: float, size_bytes: int) -> None:
        """Counts a new job, the length of its sound in seconds, and that of its file in bytes.

        Errors: UnavailableError.
        """

        def add(usage: Usage) -> None:
            usage.jobs += 1
            usage.source_seconds += source_seconds
            usage.uploaded_bytes += size_bytes

        await self._change(tenant, add)

    async def add_rerun(self, tenant: str) -> None:
        """Counts another run of a job.

        Errors: UnavailableError.
        """

        def add(usage: Usage) -> None:
            usage.reruns += 1

        await self._change(tenant, add)

    async def list(self, tenant: str = "") -> list[MonthlyUsage]:
        """Returns what a tenant, or all, have used, by tenant and month.

        Errors: UnavailableError.
        """
        try:
            keys = [key for key in await self._bucket.keys() if not tenant or key.startswith(f"{tenant}.")]
            entries = [await self._bucket.get(key) for key in sorted(keys)]
        except NoKeysError:
            return []
        except ERRORS as error:
            raise unavailable(error) from error
        found: list[MonthlyUsage] = []
        for entry in entries:
            name, _, month = (entry.key or "").rpartition(".")
            found.append(MonthlyUsage(name, month, Usage.FromString(entry.value or b"")))
        return found

    async def _change(self, tenant: str, change: Callable[[Usage], None]) -> None:
        key = f"{tenant}.{datetime.now(UTC):%Y%m}"
        for attempt in range(TRIES):
            try:
                usage, revision = await self._get(key)
                change(usage)
                await self._bucket.update(key, usage.SerializeToString(), last=revision)
                return
            except KeyWrongLastSequenceError:
                await asyncio.sleep(random.uniform(0, 0.002 * (attempt + 1)))  # noqa: S311 - jitter
            except ERRORS as error:
                raise unavailable(error) from error
        raise UnavailableError(f"the usage of {tenant} is counted by too many at once; try again")

    async def _get(self, key: str) -> tuple[Usage, int]:
        try:
            entry = await self._bucket.get(key)
        except KeyNotFoundError:
            return Usage(), 0
        return Usage.FromString(entry.value or b""), entry.revision or 0

    @property
    def _bucket(self) -> KeyValue:
        if self._counts is None:
            raise UnavailableError("the counts are not prepared: call UsageCounter.prepare first")
        return self._counts
