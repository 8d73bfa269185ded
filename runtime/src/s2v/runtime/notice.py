"""Saying that a stage has begun, once it takes long enough for people to ask how far it is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from s2v.runtime.errors import UnavailableError
from s2v.v1.work_pb2 import JobRecord

log = logging.getLogger(__name__)

NOTICE_SECONDS = 0.2
"""How long work goes on unsaid: what is over sooner is written in one change with its result."""


class Notice:
    """Calls `say` if it is not ended within NOTICE_SECONDS."""

    def __init__(self, say: Callable[[], Awaitable[JobRecord]]) -> None:
        self._say = say
        self._saying: asyncio.Task[JobRecord | None] | None = None
        self._later = asyncio.get_running_loop().call_later(NOTICE_SECONDS, self._begin)

    def _begin(self) -> None:
        self._saying = asyncio.create_task(self._try())

    async def _try(self) -> JobRecord | None:
        try:
            return await self._say()
        except UnavailableError as error:  # the work goes on; it is said with its result
            log.warning("that a stage has begun was not written: %s", error)
            return None

    async def end(self) -> JobRecord | None:
        """Returns the record as it is since it was said; None: it was not."""
        self._later.cancel()
        return await self._saying if self._saying is not None else None

    def drop(self) -> None:
        """Says nothing from now on."""
        self._later.cancel()
        if self._saying is not None:
            self._saying.cancel()
