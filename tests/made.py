"""The first example's video, made once a test run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evals.sync import SyncReport

TALK = Path(__file__).parent.parent / "examples" / "01-how-a-web-page-reaches-you.opus"


@dataclass(frozen=True)
class Made:
    """What `s2v make` has made of the first example."""

    talk: Path
    video: Path
    folder: Path
    job: dict[str, object]
    report: SyncReport
