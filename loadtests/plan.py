"""The plan of a load: who comes when, and what for. Made beforehand from a seed, so that a run can be repeated."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

KEYS_VARIABLE = "S2V_LOADTEST_KEYS"
"""Environment variable by which the callers' process gets the tenants' API keys: a JSON object, never in a file."""


@dataclass(frozen=True)
class Visit:
    """One caller's business."""

    kind: str
    """What he does: a name in `loadtests.behaviour`."""
    arrival_seconds: float = 0.0
    """When he comes, from the start."""
    talk: str = ""
    """File that he brings; empty: none."""
    priority: str = "normal"
    """high, normal or low."""
    tenant: str = ""
    """For whom he speaks; empty where callers are not known."""
    job_id: str = ""
    """Job that he asks after; empty: his own."""


@dataclass(frozen=True)
class Plan:
    """A load."""

    target: str
    """The gateway, host:port."""
    visits: Sequence[Visit]
    """In the order in which they come."""
    limit_seconds: float
    """When it ends even if somebody still waits."""
    at_once: int = 0
    """Callers at a time, each following the one before ("closed"); 0: each comes at his time, whoever is there ("open")."""
    patience_seconds: float = 0.0
    """How long someone who was told to come again goes on trying."""
    until_seconds: float = 0.0
    """When the last visit may begin; 0: whenever its turn comes."""

    def write(self, path: Path) -> None:
        """Writes it as JSON."""
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> Plan:
        """Reads what `write` has written."""
        fields = json.loads(path.read_text())
        fields["visits"] = tuple(Visit(**visit) for visit in fields["visits"])
        return cls(**fields)


def arrivals(per_second: float, seconds: float, seed: int) -> list[float]:
    """Returns the times of a Poisson process: independent callers, so many a second on average."""
    chance = random.Random(seed)  # noqa: S311 - the same times each time
    times: list[float] = []
    now = chance.expovariate(per_second)
    while now < seconds:
        times.append(now)
        now += chance.expovariate(per_second)
    return times
