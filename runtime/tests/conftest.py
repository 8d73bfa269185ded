"""A NATS of a test's own, which it may stop, wipe or fill."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from s2v.cli.servers import NatsServer
from s2v.runtime.settings import RuntimeSettings


@pytest.fixture
def own_nats(tmp_path: Path) -> Iterator[NatsServer]:
    with NatsServer(tmp_path / "nats") as server:
        yield server


@pytest.fixture
def own(settings: RuntimeSettings, own_nats: NatsServer) -> RuntimeSettings:
    # In a bucket of its own, too: a rebuild for other tests finds nothing of these jobs.
    return settings.model_copy(
        update={"nats_url": own_nats.url, "nats_token": type(settings.nats_token)(own_nats.token), "s3_bucket": "s2v-own"}
    )
