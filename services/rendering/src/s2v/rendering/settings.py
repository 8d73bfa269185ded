"""Settings of the rendering service."""

from __future__ import annotations

from pydantic import Field

from s2v.runtime.settings import RuntimeSettings


class RenderingSettings(RuntimeSettings):
    """How many workers there are, and what a direct call may send."""

    rendering_workers: int = Field(default=2, ge=1)
    """Worker processes, each with one thread and about 400 MB at 1080p: one for each core is best."""
    max_upload_bytes: int = Field(default=100_000_000, gt=0)
    """Largest sound file of a direct call, in bytes."""
