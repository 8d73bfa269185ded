"""Processors that all tasks of one machine share, with others besides."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass

import simpy

TICK_SECONDS = 0.05


@dataclass(eq=False)
class _Work:
    """A task that computes."""

    left: float
    """Processor seconds."""
    begun: float
    done: simpy.Event


class Processors:
    """Each task gets an equal share of the processors, and at most one of them."""

    def __init__(self, env: simpy.Environment, cores: int, others: Sequence[tuple[float, float]] = ()) -> None:
        """`others` are (time, weight): how many others shared them from then on."""
        self._env, self._cores = env, cores
        self._times, self._weights = [at for at, _ in others], [weight for _, weight in others]
        self._works: list[_Work] = []
        self._running = False

    def use(self, seconds: float) -> simpy.Event:
        """Computes for so many processor seconds; the event comes when they are spent."""
        work = _Work(seconds, self._env.now, self._env.event())
        self._works.append(work)
        if not self._running:
            self._running = True
            self._env.process(self._run())
        return work.done

    def share(self, works: int) -> float:
        """Returns what each of so many tasks gets of a processor at this time."""
        return min(1.0, self._cores / (works + self._others()))

    def _others(self) -> float:
        place = bisect.bisect_right(self._times, self._env.now)
        return self._weights[max(0, place - 1)] if self._weights else 0.0

    def _run(self) -> simpy.events.ProcessGenerator:
        while self._works:
            # Not longer than the shortest needs, and by the share that there is at its end, when all who came meanwhile are known.
            seconds = min(TICK_SECONDS, min(work.left for work in self._works) / self.share(len(self._works)))
            yield self._env.timeout(seconds)
            share = self.share(len(self._works))
            for work in self._works:
                work.left -= min(seconds, self._env.now - work.begun) * share
            for work in [work for work in self._works if work.left <= 1e-9]:
                self._works.remove(work)
                work.done.succeed()
        self._running = False
