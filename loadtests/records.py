"""What a load test writes down while it runs: one JSON object a line, `{"call": …}`, `{"outcome": …}`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO


@dataclass(frozen=True)
class Call:
    """One rpc."""

    rpc: str
    """Its name; of a stream also what was waited for, e.g. "WatchJob first event"."""
    started: float
    """When, in seconds since 1970."""
    seconds: float
    """How long it took."""
    outcome: str
    """"ok"; "refused" (the gateway said when to come again); "expected" (an error that was provoked); "error"."""
    code: str = "OK"
    """gRPC status."""
    reason: str = ""
    """Reason of google.rpc.ErrorInfo, e.g. "QUEUE_FULL"."""
    retry_seconds: float = 0.0
    """When to come again, of google.rpc.RetryInfo."""
    size_bytes: int = 0
    """Payload that went through."""
    tenant: str = ""
    """Who called; empty where callers are not known."""


@dataclass(frozen=True)
class StageRun:
    """What the job's report says of one stage; times in seconds."""

    stage: str
    queue_seconds: float
    """From the publishing of its first task to its start."""
    wall_seconds: float
    cpu_seconds: float
    """Processor time of all parts."""
    parts: int
    cached_parts: int
    finished: float
    """When, in seconds since 1970."""


@dataclass(frozen=True)
class Outcome:
    """What became of one visit; times in seconds since 1970, 0 where that did not happen."""

    visit: int
    kind: str
    tenant: str
    priority: str
    state: str
    """"succeeded", "failed", "cancelled", "refused" (never let in), "done" (no video was wanted), "error", "unfinished"."""
    started: float
    accepted: float = 0.0
    ended: float = 0.0
    audio_seconds: float = 0.0
    job_id: str = ""
    refusals: int = 0
    """How often the gateway said to come again later."""
    reason: str = ""
    """Why it did not succeed."""
    stages: Sequence[StageRun] = ()

    @property
    def to_video_seconds(self) -> float:
        """From acceptance to the last event."""
        return self.ended - self.accepted


class Recorder:
    """Appends records to a file, each at once, so that others can follow it."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def note(self, record: Call | Outcome) -> None:
        """Writes a record."""
        kind = "call" if isinstance(record, Call) else "outcome"
        self._file.write(json.dumps({kind: asdict(record)}) + "\n")
        self._file.flush()


@dataclass(frozen=True)
class Records:
    """All records of a run."""

    calls: Sequence[Call]
    outcomes: Sequence[Outcome]

    @classmethod
    def read(cls, path: Path) -> Records:
        """Reads a file that a Recorder has written; a last line that is not whole yet is left out."""
        calls: list[Call] = []
        outcomes: list[Outcome] = []
        text = path.read_text()
        for line in text[: text.rfind("\n") + 1].splitlines():
            entry = json.loads(line)
            if "call" in entry:
                calls.append(Call(**entry["call"]))
            else:
                fields = entry["outcome"]
                fields["stages"] = tuple(StageRun(**stage) for stage in fields["stages"])
                outcomes.append(Outcome(**fields))
        return cls(calls, outcomes)
