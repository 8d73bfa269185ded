"""Settings that every service has. Each is an environment variable with the prefix `S2V_`, e.g. `S2V_NATS_URL`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class RuntimeSettings(BaseSettings):
    """Where the servers are and how a service behaves; services add their own fields by subclassing."""

    model_config = SettingsConfigDict(env_prefix="S2V_", use_attribute_docstrings=True, secrets_dir=None, extra="ignore")

    listen: str = "127.0.0.1:0"
    """Address of the gRPC server, host:port; port 0 takes a free one."""
    nats_url: str = "nats://127.0.0.1:4222"
    """NATS server with JetStream."""
    nats_token: SecretStr = SecretStr("")
    """Token for NATS; empty: none."""
    s3_endpoint: str = "http://127.0.0.1:8333"
    """S3 server, http:// or https://."""
    s3_access_key: str = ""
    """S3 access key."""
    s3_secret_key: SecretStr = SecretStr("")
    """S3 secret key."""
    s3_bucket: str = "s2v"
    """Bucket; made when it does not exist."""
    s3_region: str = "us-east-1"
    """Region of the bucket."""
    ack_wait_seconds: float = Field(default=30.0, gt=1)
    """A task whose worker has been silent for so long is given to another one."""
    max_attempts: int = Field(default=3, ge=1)
    """Attempts of a task before its job fails."""
    retry_base_seconds: float = Field(default=2.0, gt=0)
    """Wait before the second attempt; doubled for each further one, with jitter."""
    drain_seconds: float = Field(default=120.0, ge=0)
    """How long a stopping service finishes the tasks it has before it hands them back."""
    cache_enabled: bool = True
    """Whether results are looked up in the cache and kept there."""
    otlp_endpoint: str = ""
    """OTLP/gRPC collector for traces, e.g. "http://127.0.0.1:4317"; empty: none."""
    spans_path: Path | None = None
    """File to which finished spans are appended as JSON lines; unset: none."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level of log lines."""
    log_format: Literal["json", "text"] = "json"
    """Form of log lines."""
    max_receive_bytes: int = Field(default=64 * 1024 * 1024, gt=0)
    """Largest gRPC message that is accepted, in bytes."""
    max_concurrent_calls: int = Field(default=256, gt=0)
    """gRPC calls in flight; more are answered RESOURCE_EXHAUSTED."""
