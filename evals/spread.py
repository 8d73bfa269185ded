"""A list of errors in a few numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Spread:
    """Errors in seconds; positive is late."""

    count: int
    mean: float
    """Signed."""
    p50: float
    """Of the absolute error."""
    p95: float
    """Of the absolute error."""
    max: float
    """Of the absolute error."""
    earliest: float
    """The smallest signed error."""
    latest: float
    """The greatest signed error."""


def summarise(errors: Sequence[float]) -> Spread | None:
    """Summarises signed errors; None when there are none."""
    if not errors:
        return None
    signed = np.asarray(errors, dtype=np.float64)
    absolute = np.abs(signed)
    p50, p95 = np.percentile(absolute, (50, 95))
    values = (signed.mean(), p50, p95, absolute.max(), signed.min(), signed.max())
    return Spread(len(errors), *(round(float(value), 4) for value in values))
