"""Settings of the rendering service."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from s2v.rendering.encoder import Encoding
from s2v.rendering.limits import DEFAULT_LIMITS, Limits
from s2v.runtime.settings import RuntimeSettings


class RenderingSettings(RuntimeSettings):
    """How many workers there are, and what a direct call may send."""

    rendering_workers: int = Field(default=2, ge=1)
    """Worker processes, each with one thread and up to 220 MB at 1080p, 270 MB at 4K: one for each core is best."""
    rendering_preset: Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow"] = "superfast"
    """x264's preset: how hard the encoder works."""
    rendering_crf: int | None = Field(default=None, ge=0, le=51)
    """x264's constant rate factor: less is better and larger. Unset: a constant quantiser, fastest for flat pictures."""
    rendering_memory_bytes: int = Field(default=DEFAULT_LIMITS.memory_bytes, ge=300_000_000)
    """Memory of its own that a worker process may take, in bytes."""
    rendering_job_bytes: int = Field(default=DEFAULT_LIMITS.job_bytes, gt=0)
    """Disk that the files of a job's rendering may take together, in bytes: sound, clips, film, stream, captions, poster."""
    max_upload_bytes: int = Field(default=100_000_000, gt=0)
    """Largest sound file of a direct call, in bytes."""

    @property
    def limits(self) -> Limits:
        """What a worker process, and a job, may take."""
        return Limits(self.rendering_memory_bytes, self.rendering_job_bytes)

    @property
    def encoding(self) -> Encoding:
        """How the encoder works."""
        return Encoding(self.rendering_preset, self.rendering_crf)
