"""Waiting between attempts."""

from __future__ import annotations

import asyncio
import random
import time

FIRST_SECONDS = 0.2
LONGEST_SECONDS = 5.0


class Backoff:
    """Waits longer each time, with jitter, until patience is at an end."""

    def __init__(self, patience_seconds: float) -> None:
        """`patience_seconds` is how long to go on without any progress."""
        self._patience_seconds = patience_seconds
        self._until: float | None = None
        self.progress()

    def progress(self) -> None:
        """Says that something was achieved: waits start anew, and patience at the next failure."""
        self._next_seconds = FIRST_SECONDS
        self._until = None

    async def wait(self, error: Exception) -> None:
        """Waits before another attempt.

        Errors: `error` itself when patience is at an end.
        """
        seconds = self._next_seconds * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        now = time.monotonic()
        if self._until is None:  # what went well before, however long, is no waiting
            self._until = now + self._patience_seconds
        if now + seconds > self._until:
            raise error
        await asyncio.sleep(seconds)
        self._next_seconds = min(LONGEST_SECONDS, 2 * self._next_seconds)
