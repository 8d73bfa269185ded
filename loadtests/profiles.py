"""The profiles: what each load is, and what it asks."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from loadtests.plan import Plan, Visit, arrivals
from loadtests.verdict import Target

SEED = 20_251
"""Places of the cuts and times of the arrivals come from it: each run is the same."""
HONEST, ABUSER = "honest", "abuser"
SOAK_PRIORITIES = ("high", "normal", "normal", "low")
SLOW_UPLOADS = 12


@dataclass(frozen=True)
class Profile:
    """A kind of load."""

    name: str
    question: str
    """What it asks, one sentence."""
    targets: Sequence[Target]
    """What must hold."""
    talk_seconds: float
    """Length of each talk."""
    jobs: int = 0
    """Talks; 0: as many as come in `seconds`."""
    seconds: float = 0.0
    """How long they come, by default; 0: until all have come."""
    load: float = 0.0
    """Arrivals as a multiple of what the system can do, which is measured before; 0: nothing needs to be measured."""
    at_once: int = 0
    """Callers at a time; 0: each comes at his time."""
    priorities: Sequence[str] = ("normal",)
    """Priorities by turns."""
    patience_seconds: float = 600.0
    """How long a caller who is told to come again goes on trying."""
    drain_seconds: float = 900.0
    """How long the last may take."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Settings of the embedded stack's services."""
    tenants: Sequence[str] = ()
    """Tenants whose callers must show a key."""
    embedded_only: str = ""
    """Why it cannot be run against another gateway; empty: it can."""

    def count(self, capacity: float, seconds: float) -> int:
        """How many talks are needed; `capacity` in jobs a second."""
        if self.load:
            return len(self._times(capacity, seconds))
        if self.at_once and seconds:
            return max(self.jobs, math.ceil(seconds))  # more than can be made, whatever the machine
        return self.jobs

    def plan(self, gateway: str, talks: Sequence[Path], capacity: float, seconds: float) -> Plan:
        """Makes the plan; `seconds` as given by the user, else 0."""
        if self.name == "abuse":
            visits = _abuse(talks)
        else:
            times = self._times(capacity, seconds) if self.load else [0.0] * len(talks)
            shares = [self.priorities[number % len(self.priorities)] for number in range(len(talks))]
            random.Random(SEED).shuffle(shares)  # noqa: S311 - the same each time
            visits = [
                Visit("talk", arrival_seconds=at, talk=str(talk), priority=priority)
                for at, talk, priority in zip(times, talks, shares, strict=True)
            ]
            if self.name == "smoke":
                visits.append(Visit("look"))
        limit = (seconds or self.seconds) + self.drain_seconds
        until = seconds if self.at_once and not self.load else 0.0
        return Plan(gateway, tuple(visits), limit, self.at_once, self.patience_seconds, until)

    def _times(self, capacity: float, seconds: float) -> list[float]:
        return arrivals(self.load * capacity, seconds or self.seconds, SEED)


def _abuse(talks: Sequence[Path]) -> list[Visit]:
    """Everything bad at once by one tenant, while another one works quietly."""
    bad = [Visit("slow upload", arrival_seconds=0.2 * number, tenant=ABUSER) for number in range(SLOW_UPLOADS)]
    half = len(talks) // 2
    bad += [
        Visit("broken upload", arrival_seconds=1.0, talk=str(talks[0]), tenant=ABUSER),
        Visit("rubbish", arrival_seconds=2.0, tenant=ABUSER),
        Visit("cancelled watches", arrival_seconds=3.0, talk=str(talks[1]), tenant=ABUSER),
        Visit("flood", arrival_seconds=5.0, tenant=ABUSER),
    ]
    good = [
        Visit("talk", arrival_seconds=4.0 * number, talk=str(talk), tenant=HONEST) for number, talk in enumerate(talks[half:])
    ]
    return sorted(bad + good, key=lambda visit: visit.arrival_seconds)


PROFILES: Mapping[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            "smoke",
            "Does everything work at all?",
            (Target.ACCEPTED_SUCCEED, Target.FEW_ERRORS, Target.FINISHES),
            talk_seconds=8.0,
            jobs=2,
            at_once=2,
            drain_seconds=120.0,
        ),
        Profile(
            "talk",
            "How fast is one talk of three minutes, end to end?",
            (Target.ACCEPTED_SUCCEED, Target.FEW_ERRORS, Target.REALTIME),
            talk_seconds=180.0,
            jobs=1,
            at_once=1,
        ),
        Profile(
            "steady",
            "Does it hold at seven tenths of what it can do?",
            (Target.ACCEPTED_SUCCEED, Target.FEW_ERRORS, Target.FINISHES, Target.QUEUE_BOUNDED),
            talk_seconds=10.0,
            seconds=120.0,
            load=0.7,
        ),
        Profile(
            "spike",
            "Five times what it can do, at once: is what it takes in made, and the rest sent away cleanly?",
            (Target.ACCEPTED_SUCCEED, Target.FEW_ERRORS, Target.CLEAN_REFUSALS),
            talk_seconds=10.0,
            seconds=30.0,
            load=5.0,
            # The default, 1,000, would take all of a short spike in: then nothing is refused, and nothing is learnt.
            environment={"S2V_MAX_WAITING_TASKS": "12"},
        ),
        Profile(
            "soak",
            "Short real talks of mixed priorities, one after the other: does memory stay flat?",
            (Target.ACCEPTED_SUCCEED, Target.FEW_ERRORS, Target.FINISHES, Target.FLAT_MEMORY),
            talk_seconds=25.0,
            jobs=20,
            at_once=4,
            priorities=SOAK_PRIORITIES,
        ),
        Profile(
            "priority",
            "Three times what it can do: do those of high priority wait half as long as those of low?",
            (Target.ACCEPTED_SUCCEED, Target.FEW_ERRORS, Target.FINISHES, Target.HIGH_FIRST),
            talk_seconds=10.0,
            seconds=45.0,
            load=3.0,
            priorities=("high", "low", "low"),
        ),
        Profile(
            "abuse",
            "One tenant floods, dawdles and breaks off: is it held back, and does the other one notice nothing?",
            (Target.ACCEPTED_SUCCEED, Target.FEW_ERRORS, Target.FINISHES, Target.CLEAN_REFUSALS, Target.UNDISTURBED),
            talk_seconds=8.0,
            jobs=6,
            tenants=(HONEST, ABUSER),
            environment={
                "S2V_AUTH": "on",
                "S2V_QUOTAS": "on",
                "S2V_QUOTA_CALLS_PER_HOUR": "40",
                "S2V_QUOTA_COOLDOWN_SECONDS": "5",
            },
            patience_seconds=60.0,
            drain_seconds=180.0,
            embedded_only="it needs two tenants and small quotas",
        ),
        Profile(
            "watch",
            "What do a hundred people cost who watch a job in which nothing happens?",
            (Target.FEW_ERRORS, Target.FINISHES, Target.CHEAP_WATCHES),
            talk_seconds=8.0,
            jobs=1,
            seconds=30.0,
            embedded_only="it makes a stage stand still, and measures the gateway's process",
        ),
    )
}
