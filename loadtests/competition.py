"""What else wants the processors while something is measured: others on the machine, and the load generator.

Wall times depend on it as much as on the system itself, so the capacity model is told of it instead of taking a quiet machine
for granted.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

SAMPLE_SECONDS = 0.5
NICE_FACTOR = 1.25
"""By how much a step of niceness changes a thread's share (Linux's scheduler)."""
AUTOGROUP = Path("/proc/sys/kernel/sched_autogroup_enabled")
"""Where this says 1, Linux gives each session the same share, however many threads want it."""
STATE, NICE = 0, 16  # places in /proc/<pid>/stat after the name, which may hold spaces


@dataclass(frozen=True)
class Moment:
    """What was seen at one time."""

    at: float
    """In seconds since 1970."""
    weight: float
    """Others that wanted a processor, each counted by its share: 1 for one that gets as much as a service of ours."""


@dataclass
class Competition:
    """All samples."""

    moments: list[Moment] = field(default_factory=list)

    def mean(self, start: float, end: float) -> float:
        """Returns the mean weight between two times, in seconds since 1970; of the nearest sample if none is between."""
        there = [moment.weight for moment in self.moments if start <= moment.at <= end]
        if not there and self.moments:
            there = [min(self.moments, key=lambda moment: abs(moment.at - start)).weight]
        return sum(there) / len(there) if there else 0.0

    def since(self, start: float) -> Sequence[tuple[float, float]]:
        """Returns (seconds after `start`, weight) of all samples from then on."""
        return [(moment.at - start, moment.weight) for moment in self.moments if moment.at >= start]


@contextlib.contextmanager
def competing(own: Callable[[], Sequence[psutil.Process]]) -> Iterator[Competition]:
    """Takes samples while it is entered; `own` returns the processes of the system under test."""
    competition, over = Competition(), threading.Event()

    def sample() -> None:
        while not over.wait(SAMPLE_SECONDS):
            ours = {process.pid for process in own()}
            competition.moments.append(Moment(time.time(), others_weight(ours)))

    thread = threading.Thread(target=sample, name="competition")
    thread.start()
    try:
        yield competition
    finally:
        over.set()
        thread.join()


def others_weight(ours: set[int]) -> float:
    """Returns the weight of all who run or wait for a processor, but for the processes `ours` and this thread.

    Sessions count where Linux groups by them, else threads, by their niceness against that of this process.
    """
    grouped = AUTOGROUP.exists() and AUTOGROUP.read_text().strip() == "1"
    myself, own_nice = threading.get_native_id(), os.nice(0)
    groups: dict[str, float] = {}
    for folder in Path("/proc").glob("[0-9]*/task/[0-9]*"):
        if int(folder.parts[2]) in ours or int(folder.name) == myself:
            continue
        # Threads that end meanwhile.
        with contextlib.suppress(OSError, IndexError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if fields[STATE] == "R":
                group = (folder.parent.parent / "autogroup").read_text() if grouped else folder.name
                groups[group] = 1.0 if grouped else NICE_FACTOR ** (own_nice - int(fields[NICE]))
    return sum(groups.values())
