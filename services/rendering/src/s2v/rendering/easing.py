"""How far a motion is, given how much of its time has passed; both 0 to 1."""

from __future__ import annotations


def ease_out(progress: float) -> float:
    """Fast at first, so that a thing is seen by its word: cubic."""
    return 1.0 - (1.0 - progress) ** 3


def slow_down(progress: float) -> float:
    """Fast at first and evenly slower, so that a line is half drawn by its word even where it cannot start before: quadratic."""
    return 1.0 - (1.0 - progress) ** 2


def ease_both(progress: float) -> float:
    """Soft at both ends: cubic."""
    return progress * progress * (3.0 - 2.0 * progress)
