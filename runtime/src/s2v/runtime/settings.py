"""Settings that every service has. Each is an environment variable with the prefix `S2V_`, e.g. `S2V_NATS_URL`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class RuntimeSettings(BaseSettings):
    """Where the servers are and how a service behaves; services add their own fields by subclassing."""

    model_config = SettingsConfigDict(
        env_prefix="S2V_",
        use_attribute_docstrings=True,
        # Mounted secrets: a file a setting, e.g. s2v_nats_token. An environment variable goes before its file.
        secrets_dir=os.environ.get("S2V_SECRETS_DIR") or None,
        extra="ignore",
    )

    listen: str = "127.0.0.1:0"
    """Address of the gRPC server, host:port; port 0 takes a free one."""
    nats_url: str = "nats://127.0.0.1:4222"
    """NATS server with JetStream; of a cluster several, with commas between."""
    nats_token: SecretStr = SecretStr("")
    """Token for NATS; empty: none."""
    nats_tls_ca: Path | None = None
    """Authority that has signed NATS's certificate, as PEM; unset: the system's."""
    nats_tls_cert: Path | None = None
    """Certificate that is shown to NATS, as PEM; unset: none."""
    nats_tls_key: Path | None = None
    """Its key, as PEM."""
    tls_cert: Path | None = None
    """Certificate of the gRPC server, as PEM; unset: no TLS."""
    tls_key: Path | None = None
    """Its key, as PEM."""
    tls_client_ca: Path | None = None
    """Authority whose certificates callers must show (mTLS), as PEM; unset: none are asked for."""
    auth: Literal["off", "on"] = "off"
    """Whether callers must show an API key or a token, which says of which tenant they are."""
    jwt_jwks: str = ""
    """Key set of the OpenID provider: a file or an https address; empty: no tokens."""
    jwt_issuer: str = ""
    """Who must have issued a token (iss)."""
    jwt_audience: str = ""
    """For whom a token must be (aud)."""
    jwt_tenant_claim: str = "tenant"
    """Claim that names the tenant."""
    jwt_priority_claim: str = "s2v_high_priority"
    """Claim that, when it is true, allows high priority."""
    nats_replicas: int = Field(default=1, ge=1, le=5)
    """Servers of a NATS cluster that keep each stream and bucket; 3 in production."""
    s3_endpoint: str = "http://127.0.0.1:8333"
    """S3 server, http:// or https://."""
    s3_public_endpoint: str = ""
    """Address of the S3 server for browsers, in forms for uploads; empty: the same."""
    s3_access_key: str = ""
    """S3 access key."""
    s3_secret_key: SecretStr = SecretStr("")
    """S3 secret key."""
    s3_bucket: str = "s2v"
    """Bucket; made when it does not exist."""
    s3_region: str = "us-east-1"
    """Region of the bucket, where its address names none (s3.REGION.amazonaws.com)."""
    s3_warm_bucket: str = ""
    """Bucket of the warm tier, which holds recent results; empty: that of the hot tier."""
    s3_warm_endpoint: str = ""
    """S3 server of the warm tier; empty: that of the hot tier. So also its keys."""
    s3_warm_access_key: str = ""
    """S3 access key of the warm tier."""
    s3_warm_secret_key: SecretStr = SecretStr("")
    """S3 secret key of the warm tier."""
    s3_warm_region: str = ""
    """Region of the warm tier's bucket, where its address names none; empty: that of the hot tier."""
    s3_cold_bucket: str = ""
    """Bucket of the cold tier, the archive; empty: that of the warm tier."""
    s3_cold_endpoint: str = ""
    """S3 server of the cold tier; empty: that of the warm tier. So also its keys."""
    s3_cold_access_key: str = ""
    """S3 access key of the cold tier."""
    s3_cold_secret_key: SecretStr = SecretStr("")
    """S3 secret key of the cold tier."""
    s3_cold_region: str = ""
    """Region of the cold tier's bucket, where its address names none; empty: that of the warm tier."""
    hot_hours: float = Field(default=6.0, ge=0)
    """Hours that a job stays in the hot tier, from its end or from when somebody has moved it there."""
    warm_days: float = Field(default=30.0, ge=0)
    """Days that a job stays in the warm tier, from its end, its last reading there, or when somebody has moved it there."""
    move_bytes_per_second: float = Field(default=20_000_000, gt=0)
    """Most that the mover copies between tiers, in bytes a second."""
    working_days: float = Field(default=30.0, gt=0)
    """Days that what a job made on the way (plans, parts, sound for recognition) is kept after its end."""
    source_days: float = Field(default=84.0, gt=0)
    """Days that the upload is kept after the job's end: 12 weeks."""
    result_days: float = Field(default=365.0, gt=0)
    """Days that results are kept; then all of the job is deleted: 12 months."""
    ack_wait_seconds: float = Field(default=30.0, gt=1)
    """A task whose worker has been silent for so long is given to another one."""
    max_attempts: int = Field(default=3, ge=1)
    """Attempts of a task before its job fails."""
    retry_base_seconds: float = Field(default=2.0, gt=0)
    """Wait before the second attempt; doubled for each further one, with jitter."""
    drain_seconds: float = Field(default=120.0, ge=0)
    """How long a stopping service finishes the tasks it has, before it hands them back, and the calls."""
    transcription_jobs: int = Field(default=10, ge=0)
    """Jobs that may be in transcription at once, on all pods together; 0: any number. Their parts are bounded by pods alone."""
    analysis_jobs: int = Field(default=20, ge=0)
    """The same for analysis."""
    layout_jobs: int = Field(default=0, ge=0)
    """The same for layout."""
    rendering_jobs: int = Field(default=5, ge=0)
    """The same for rendering."""
    max_waiting_tasks: int = Field(default=1000, ge=1)
    """Tasks that may wait in all queues together before new jobs are refused."""
    backup_destinations: SecretStr = SecretStr("")
    """Where backups go: up to three, with a comma between: file:///folder, s3+https://KEY:SECRET@host/bucket/prefix, with
    ?region=REGION where the host names none."""
    min_free_bytes: int = Field(default=500_000_000, ge=0)
    """Free space for temporary files below which new jobs are refused, in bytes."""
    snapshots_enabled: bool = True
    """Whether each finished stage is noted in S3, so that a job goes on after it when NATS has lost the record."""
    self_optimisation: Literal["on", "off"] = "on"
    """Whether workers fit the number of tasks at once to memory and speed, and windows of speech of which the engine is
    unsure are listened to again."""
    cache_enabled: bool = True
    """Whether results are looked up in the cache and kept there."""
    otlp_endpoint: str = ""
    """OTLP/gRPC collector for traces and metrics, e.g. "http://127.0.0.1:4317"; empty: none."""
    trace_sampling: float = Field(default=1.0, ge=0, le=1)
    """Share of the traces that begin here which are kept; those that callers begin are kept as they say."""
    metrics_listen: str = ""
    """Address at which Prometheus finds the metrics, host:port; empty: none."""
    metrics_seconds: float = Field(default=30.0, gt=0)
    """How often metrics are sent to the collector, in seconds."""
    health_seconds: float = Field(default=15.0, gt=0)
    """How often NATS, S3, engine, disk and memory are tried, in seconds."""
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
    max_connection_age_seconds: float = Field(default=300, gt=0)
    """After this clients connect anew, and so find pods that came later; calls in flight go on."""
