"""How many tasks a worker does at once: it follows measured memory and realtime factor, within bounds.

Pure: told what was measured and what time it is, it answers with decisions. Results never depend on it, only when they come.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from s2v.runtime.decisions import Decision

KNOB = "concurrency"
HIGH_MEMORY = 0.85
"""Share of the memory above which one task less is done at once."""
LOW_MEMORY = 0.70
"""Share below which one more is done again."""
CALM_SECONDS = 30.0
"""After a change for memory's sake none follows for so long: a process takes time to go, and its memory with it."""
ROOM_SECONDS = 300.0
"""Memory must have been below `HIGH_MEMORY` for so long before one task more is done."""
PIECES_EACH = 4
"""Pieces that are measured for each place before speeds are compared."""
CROWDED = 0.75
"""Processor time by wall time of a piece below which processes wait for one another: one less may be as fast."""
AS_FAST = 0.97
"""Share of the speed that fewer at once must keep."""
TRIAL_SECONDS = 900.0
"""Between trials, and the longest that one may take."""


@dataclass(frozen=True)
class Piece:
    """A finished part of a stage's work."""

    sound_seconds: float
    """Its share of the talk."""
    wall_seconds: float
    cpu_seconds: float
    started: float
    """By the clock of `decide`, in seconds."""


@dataclass(frozen=True)
class _Trial:
    limit: int
    """What it was before."""
    speed: float
    """Seconds of sound a second, before."""
    since: float


class Pace:
    """Decides how many at once, from 1 to `most`; for the sake of speed never fewer than half of `most`."""

    def __init__(self, stage: str, most: int) -> None:
        self.limit = most
        self._stage = stage
        self._most = most
        self._least_for_speed = math.ceil(most / 2)
        self._pieces: list[Piece] = []
        self._changed = -math.inf
        self._pressed = -math.inf
        """When memory was last high."""
        self._next_trial = 0.0
        self._trial: _Trial | None = None

    def finished(self, piece: Piece, at_work: int) -> None:
        """Is told of a finished piece, and how many were at work when it ended, itself included.

        What began before the last change, or while places were free, says nothing of this number at once.
        """
        if piece.started >= self._changed and at_work >= self.limit and piece.wall_seconds > 0:
            self._pieces = [*self._pieces, piece][-PIECES_EACH * self._most :]

    def decide(self, memory_share: float, now: float) -> Decision | None:
        """Returns a change of `limit`, already made, or None. Call it every few seconds; `now` in seconds."""
        if memory_share >= HIGH_MEMORY:
            self._pressed = now
            if self.limit > 1 and now >= self._changed + CALM_SECONDS:
                self._trial = None
                return self._set(self.limit - 1, "memory", memory_share, now)
            return None
        if self._trial is not None:
            return self._end_trial(self._trial, now)
        roomy = memory_share < LOW_MEMORY and now >= self._pressed + ROOM_SECONDS
        if self.limit < self._least_for_speed and roomy and now >= self._changed + CALM_SECONDS:
            return self._set(self.limit + 1, "memory_free", memory_share, now)
        if now < self._next_trial:
            return None
        if self.limit < self._most and roomy and now >= self._changed + TRIAL_SECONDS and self._measured():
            return self._try(self.limit + 1, now)
        if self.limit > self._least_for_speed and self._measured() and _busy_share(self._pieces) < CROWDED:
            return self._try(self.limit - 1, now)
        return None

    def _measured(self) -> bool:
        return len(self._pieces) >= PIECES_EACH * self.limit

    def _speed(self) -> float:
        """Seconds of sound a second: how many at once, by the realtime factor of one."""
        return self.limit * sum(piece.sound_seconds for piece in self._pieces) / sum(piece.wall_seconds for piece in self._pieces)

    def _try(self, limit: int, now: float) -> Decision:
        speed = self._speed()
        self._trial = _Trial(self.limit, speed, now)
        return self._set(limit, "trial", speed, now)

    def _end_trial(self, trial: _Trial, now: float) -> Decision | None:
        if not self._measured():
            if now < trial.since + TRIAL_SECONDS:
                return None
            self._trial, self._next_trial = None, now + TRIAL_SECONDS
            return self._set(trial.limit, "trial_without_work", 0.0, now)
        self._trial, self._next_trial = None, now + TRIAL_SECONDS
        speed = self._speed()
        fewer = self.limit < trial.limit
        if (speed >= AS_FAST * trial.speed) if fewer else (AS_FAST * speed >= trial.speed):
            return Decision(self._stage, KNOB, "as_fast" if fewer else "faster", trial.limit, self.limit, speed)
        return self._set(trial.limit, "slower" if fewer else "no_faster", speed, now)

    def _set(self, limit: int, reason: str, measured: float, now: float) -> Decision:
        decision = Decision(self._stage, KNOB, reason, self.limit, limit, measured)
        self.limit, self._changed, self._pieces = limit, now, []
        return decision


def _busy_share(pieces: Sequence[Piece]) -> float:
    return sum(piece.cpu_seconds for piece in pieces) / sum(piece.wall_seconds for piece in pieces)
