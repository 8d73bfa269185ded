"""Settings of the gateway."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from s2v.runtime.settings import RuntimeSettings


class GatewaySettings(RuntimeSettings):
    """What the front door lets in, and how it keeps house."""

    tenant: str = Field(default="default", pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    """Tenant of every caller."""
    http_listen: str = ""
    """Address of the HTTP/JSON front, host:port; empty: there is none. It speaks TLS where the gRPC server does."""
    http_origins: str = ""
    """Origins whose pages may call the HTTP front, e.g. "https://studio.example", by commas; empty: none but its own."""
    http_requests: int = Field(default=192, gt=0)
    """Requests that the HTTP front answers at once, open streams of events included; more are told to come again. Each is a
    gRPC call: less than `max_concurrent_calls` leaves room for callers by gRPC, and for probes of health."""
    quotas: Literal["off", "on"] = "off"
    """Whether the quotas below hold, for each tenant."""
    quota_calls_per_hour: int = Field(default=100, gt=0)
    """Calls of StartUpload, CreateJob and RerunJob in any hour."""
    quota_cooldown_seconds: float = Field(default=300.0, ge=0)
    """How long, at least, whoever used them up must wait."""
    quota_jobs_at_once: int = Field(default=5, gt=0)
    """Jobs that have not ended."""
    quota_reads_per_second: float = Field(default=20.0, gt=0)
    """Other calls, in the long run."""
    quota_read_burst: int = Field(default=100, gt=0)
    """Other calls at once, after a pause."""
    clamd: str = ""
    """ClamAV's daemon, tcp://HOST:PORT or unix:///PATH: it scans uploads, and while it is away no job is made; empty: none."""
    webhook_hosts: str = ""
    """Hosts, separated by commas, that webhooks may name although they are private, also without TLS: for tests."""
    max_upload_bytes: int = Field(default=100_000_000, gt=0)
    """Largest file, in bytes."""
    max_open_uploads: int = Field(default=100, gt=0)
    """Uploads that a tenant may have begun and not yet used; one more takes the place of one that was left alone for an hour."""
    min_source_seconds: float = Field(default=5.0, gt=0)
    """Shortest sound, in seconds."""
    max_source_seconds: float = Field(default=4 * 3600.0, gt=0)
    """Longest sound, in seconds."""
    intakes: int = Field(default=4, gt=0)
    """Uploads that are checked at once; more wait. Each takes a temporary file as large as the upload."""
    upload_streams: int = Field(default=32, gt=0)
    """Uploads that one gateway takes at once, half of them from one tenant; more are told to come again. Each takes up to 24 MiB
    of memory."""
    upload_lifetime_seconds: float = Field(default=24 * 3600.0, gt=0)
    """How long an upload can be written to and used."""
    sweep_seconds: float = Field(default=600.0, gt=0)
    """How often expired uploads are looked for."""
    reconcile_seconds: float = Field(default=20.0, gt=0)
    """How often jobs are looked for that nobody works on."""
    lost_after_seconds: float = Field(default=60.0, gt=0)
    """A job that has not changed for so long while its stage's queue is empty gets its task published again."""
    stalled_after_seconds: float = Field(default=3600.0, gt=0)
    """The same for a job whose stage's queue is not empty."""

    @property
    def tenant_watches(self) -> int:
        """Watches of one tenant at once: a quarter of all calls, so that others, and probes of health, still get through."""
        return max(1, self.max_concurrent_calls // 4)

    @property
    def tenant_downloads(self) -> int:
        """Downloads of one tenant at once: as many as watches, for the same reason."""
        return self.tenant_watches

    @property
    def tenant_upload_streams(self) -> int:
        """Uploads that a gateway takes at once from one tenant."""
        return max(1, self.upload_streams // 2)
