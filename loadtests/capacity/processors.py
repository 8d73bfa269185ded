"""Processors that all tasks of one machine share, with others besides."""

from __future__ import annotations

import bisect
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import simpy

TICK_SECONDS = 0.05


@dataclass(eq=False)
class _Work:
    """A task that computes."""

    group: str
    left: float
    """Processor seconds."""
    begun: float
    done: simpy.Event


class Processors:
    """Each group, a service, gets an equal share of the processors, which its tasks divide; a task gets at most one of them.

    So Linux does it for processes that have sessions of their own, as the embedded stack's services have.
    """

    def __init__(self, env: simpy.Environment, cores: int, others: Sequence[tuple[float, float]] = ()) -> None:
        """`others` are (time, weight): how many others shared them from then on."""
        self._env, self._cores = env, cores
        self._times, self._weights = [at for at, _ in others], [weight for _, weight in others]
        self._works: list[_Work] = []
        self._running = False

    def use(self, group: str, seconds: float) -> simpy.Event:
        """Computes for so many processor seconds; the event comes when they are spent."""
        work = _Work(group, seconds, self._env.now, self._env.event())
        self._works.append(work)
        if not self._running:
            self._running = True
            self._env.process(self._run())
        return work.done

    def _shares(self) -> dict[str, float]:
        """Returns what a task of each group gets of a processor at this time."""
        tasks = Counter(work.group for work in self._works)
        each = self._cores / (len(tasks) + self._others())
        return {group: min(1.0, each / count) for group, count in tasks.items()}

    def _others(self) -> float:
        place = bisect.bisect_right(self._times, self._env.now)
        return self._weights[max(0, place - 1)] if self._weights else 0.0

    def _run(self) -> simpy.events.ProcessGenerator:
        while self._works:
            # Not longer than the shortest needs; by the share that there is at its end, when all who came meanwhile are known.
            shares = self._shares()
            seconds = min(TICK_SECONDS, *(work.left / shares[work.group] for work in self._works))
            yield self._env.timeout(seconds)
            shares = self._shares()
            for work in self._works:
                work.left -= min(seconds, self._env.now - work.begun) * shares[work.group]
            for work in [work for work in self._works if work.left <= 1e-9]:
                self._works.remove(work)
                work.done.succeed()
        self._running = False
