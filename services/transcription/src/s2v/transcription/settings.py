"""Settings of the transcription service."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from s2v.runtime.settings import RuntimeSettings


class TranscriptionSettings(RuntimeSettings):
    """Which weights, how many workers, and what a direct call may send."""

    whisper_model: str = "base"
    """The model: "base" (from its packages), or the path of a directory in CTranslate2's format."""
    whisper_sha256: str = ""
    """SHA-256 that the model.bin of such a directory must have, lower-case hexadecimal; empty: any."""
    model_cache: Path = Path("~/.cache/s2v/models")
    """Where "base" is put together from its packages: 145 MB."""
    whisper_workers: int = Field(default=2, gt=0)
    """Worker processes, each with one thread and 300 MB: one for each core is best."""
    max_upload_bytes: int = Field(default=100_000_000, gt=0)
    """Largest file, in bytes."""
    max_source_seconds: float = Field(default=4 * 3600.0, gt=0)
    """Longest sound, in seconds."""
