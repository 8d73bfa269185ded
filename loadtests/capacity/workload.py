"""Who comes in a day: a Poisson process whose rate follows the day, and talks of many lengths."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

DAY_SECONDS = 86_400.0
SWING = 0.8
"""At the peak of the day come 1.8 times as many as on average, at its lowest a fifth of it."""
PEAK_SECONDS = 14 * 3600.0
MEDIAN_SECONDS = 180.0
SIGMA = 0.8
"""Lengths are log-normal: a median of three minutes, a mean of a little more than four, one in a hundred above nineteen."""
LEAST_SECONDS, MOST_SECONDS = 5.0, 4 * 3600.0
"""What the gateway takes."""
PRIORITIES = {"high": 0.1, "normal": 0.8, "low": 0.1}


@dataclass(frozen=True)
class Arrival:
    """A talk that comes."""

    at: float
    """In seconds from the start."""
    audio: float
    """Its length, in seconds."""
    priority: str


def rate(jobs_a_day: float, at: float) -> float:
    """Returns jobs a second at a time of the day, in seconds from midnight."""
    return jobs_a_day / DAY_SECONDS * (1 + SWING * math.cos(2 * math.pi * (at - PEAK_SECONDS) / DAY_SECONDS))


def make_day(jobs_a_day: float, seed: int, seconds: float = DAY_SECONDS) -> list[Arrival]:
    """Returns a day's arrivals, by thinning: as many as at the peak are drawn, and taken as often as the rate is less."""
    chance = random.Random(seed)  # noqa: S311 - the same day each time
    peak = rate(jobs_a_day, PEAK_SECONDS)
    day, at = [], chance.expovariate(peak)
    while at < seconds:
        if chance.random() < rate(jobs_a_day, at) / peak:
            audio = min(MOST_SECONDS, max(LEAST_SECONDS, chance.lognormvariate(math.log(MEDIAN_SECONDS), SIGMA)))
            day.append(Arrival(at, audio, chance.choices(list(PRIORITIES), list(PRIORITIES.values()))[0]))
        at += chance.expovariate(peak)
    return day


def mean_seconds() -> float:
    """Returns the mean length of a talk."""
    return MEDIAN_SECONDS * math.exp(SIGMA**2 / 2)
