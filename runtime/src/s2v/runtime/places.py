"""Places for work at once: a semaphore whose number can change while it is in use."""

from __future__ import annotations

import asyncio


class Places:
    """At most `limit` pieces of work at once, first come, first served."""

    def __init__(self, most: int) -> None:
        self.most = most
        """What the limit is at first, and never above."""
        self.limit = most
        self.taken = 0
        """Places that are in use; for a moment more than the limit, when that was lowered."""
        self._semaphore = asyncio.Semaphore(most)
        self._withheld: list[asyncio.Task[bool]] = []
        """One for each place below `most`: it holds that place, or waits for it."""

    async def acquire(self) -> None:
        """Takes a place as soon as one is free."""
        await self._semaphore.acquire()
        self.taken += 1

    def release(self) -> None:
        """Gives a place back."""
        self.taken -= 1
        self._semaphore.release()

    def resize(self, limit: int) -> None:
        """Sets the limit, 1 to `most`. Work beyond a lower one goes on to its end."""
        while self.limit > max(1, limit):
            self.limit -= 1
            self._withheld.append(asyncio.get_running_loop().create_task(self._semaphore.acquire()))
        while self.limit < min(self.most, limit):
            self.limit += 1
            held = self._withheld.pop()
            if held.done():
                self._semaphore.release()
            else:
                held.cancel()
