"""Settings of the analysis service."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from s2v.runtime.settings import RuntimeSettings


class AnalysisSettings(RuntimeSettings):
    """How many workers there are, how long they may take, and where models are."""

    analysis_workers: int = Field(default=1, ge=1)
    """Worker processes, each with one thread, a second one while it reads a talk ahead, and about 850 MB."""
    analysis_seconds: float = Field(default=300.0, gt=0)
    """Longest analysis of one talk, in seconds; 10,000 words take about 30."""
    model_cache: Path = Path("~/.cache/s2v/models")
    """Directory in which the passage encoder's base weights are kept, about 110 MB; made from their packages on first use."""
    llm_url: str = ""
    """Server with OpenAI's /v1/chat/completions that reads scenes instead of the extractors; empty: none. It gets the words of
    each scene. What they do not bear out is dropped, and where the server fails the extractors answer, marked as degraded."""
    llm_model: str = ""
    """Model that the server is asked for."""
    llm_key: SecretStr = SecretStr("")
    """Bearer token for the server; empty: none."""
    llm_seconds: float = Field(default=20.0, gt=0)
    """Time in which the server must answer for a scene."""
