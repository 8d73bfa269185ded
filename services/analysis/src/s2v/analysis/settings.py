"""Settings of the analysis service."""

from __future__ import annotations

from pydantic import Field

from s2v.runtime.settings import RuntimeSettings


class AnalysisSettings(RuntimeSettings):
    """How many workers there are, and how long they may take."""

    analysis_workers: int = Field(default=1, ge=1)
    """Worker processes, each with one thread and about 700 MB: a talk takes seconds."""
    analysis_seconds: float = Field(default=300.0, gt=0)
    """Longest analysis of one talk, in seconds; 10,000 words take less than 30."""
