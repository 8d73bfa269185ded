"""The plan while it is carried out: who is next, how many users there are, and when all is done."""

from __future__ import annotations

import time
from collections import deque

from loadtests.plan import Plan, Visit

LEAD_SECONDS = 2.0
"""How long before its time a visit gets its user; locust looks once a second."""
SPAWN_RATE = 200.0
"""Users that locust may start a second."""


class Agenda:
    """Gives out the visits of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._waiting = deque(enumerate(plan.visits))
        self._busy: dict[int, tuple[Visit, float]] = {}
        self._started = 0.0

    def start(self) -> None:
        """Starts the clock."""
        self._started = time.monotonic()

    @property
    def now(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def take(self) -> tuple[int, Visit] | None:
        """Returns the next visit and its number; None when there is none left, or it is too late for another."""
        if 0 < self.plan.until_seconds < self.now:
            self._waiting.clear()
        if not self._waiting:
            return None
        number, visit = self._waiting.popleft()
        self._busy[number] = (visit, time.time())
        return number, visit

    def finish(self, number: int) -> None:
        """Says that a visit is over."""
        self._busy.pop(number)

    @property
    def over(self) -> bool:
        """Whether nothing is left to do, or time is up."""
        return not (self._waiting or self._busy) or self.now >= self.plan.limit_seconds

    def users(self, now: float) -> int:
        """How many users there are at a time, in seconds from the start; it never falls."""
        if self.plan.at_once:
            return min(self.plan.at_once, len(self.plan.visits))
        return max(1, sum(visit.arrival_seconds <= now + LEAD_SECONDS for visit in self.plan.visits))

    def tick(self) -> tuple[int, float] | None:
        """Returns how many users locust is to have, and how many it may start a second; None at the end."""
        return None if self.over else (self.users(self.now), SPAWN_RATE)

    def unfinished(self) -> list[tuple[int, Visit, float]]:
        """Returns the visits that were not over at the end, with their numbers and when they began, in seconds since 1970."""
        begun = [(number, visit, started) for number, (visit, started) in self._busy.items()]
        return begun + [(number, visit, time.time()) for number, visit in self._waiting]
