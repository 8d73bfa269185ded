"""What a check of a cluster has found."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class State(enum.StrEnum):
    """How it stands."""

    OK = "ok"
    NOTE = "note"
    """Not there, or there; nothing needs it."""
    UNKNOWN = "unknown"
    """The account may not see it, or the API does not tell."""
    WARNING = "warning"
    FAULT = "fault"
    """The chart would not work."""


@dataclass(frozen=True)
class Finding:
    """What a check has found."""

    name: str
    state: State
    detail: str
    """What there is, or what is wrong."""
    remedy: str = ""
    """What to do; empty where there is nothing to do."""
