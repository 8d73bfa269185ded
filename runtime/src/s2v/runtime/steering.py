"""A worker's concurrency held where memory and speed want it: what `pace` decides is carried out here, and said.

`S2V_SELF_OPTIMISATION=off` turns it off: a worker then always does as many tasks at once as it has engine processes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Protocol

from s2v.runtime import decisions, vitals
from s2v.runtime.engine import EnginePool
from s2v.runtime.pace import Pace, Piece

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""How often memory is looked at."""


class Steered(Protocol):
    """A worker."""

    slots: int
    """Most tasks at once."""
    limit: int
    """Tasks at once now."""

    @property
    def at_work(self) -> int:
        """Tasks at work."""


class Steering:
    """Steers one worker and its engine."""

    def __init__(self, stage: str, worker: Steered, pool: EnginePool) -> None:
        self._worker = worker
        self._pool = pool
        self._pace = Pace(stage, worker.slots)

    def finished(self, sound_seconds: float, started: float, cpu_seconds: float) -> None:
        """Is told of a part that has just ended; `started` by time.monotonic()."""
        piece = Piece(sound_seconds, time.monotonic() - started, cpu_seconds, started)
        self._pace.finished(piece, self._worker.at_work)

    async def run(self) -> None:
        """Looks, decides and changes, for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._look()
            except Exception:  # the next look may well succeed
                log.exception("concurrency could not be steered")

    async def _look(self) -> None:
        share = await asyncio.to_thread(vitals.memory_share)
        decision = self._pace.decide(share, time.monotonic())
        if decision is not None:
            self._worker.limit = self._pace.limit
            self._pool.resize(self._pace.limit)
            decisions.note(decision)
