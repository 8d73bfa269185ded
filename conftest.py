"""Fixtures for all tests: the real NATS and the real S3, started once a test run, and settings that point to them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import hypothesis
import pytest
import pytest_asyncio
from pydantic import SecretStr

from s2v.cli.servers import NatsServer, S3Server
from s2v.runtime.bus import Bus
from s2v.runtime.jobs import Jobs
from s2v.runtime.settings import RuntimeSettings
from s2v.runtime.store import ObjectStore

# In CI the same examples each time, so that a red run is the change's own; at the desk new ones are looked for. No example has a
# deadline: what else a machine does is no fault of the code.
hypothesis.settings.register_profile("desk", deadline=None)
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "desk")


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    with NatsServer(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with S3Server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def settings(nats_server: NatsServer, s3_server: S3Server) -> RuntimeSettings:
    """Settings for the servers of the test run, with short waits."""
    return RuntimeSettings(
        nats_url=nats_server.url,
        nats_token=SecretStr(nats_server.token),
        s3_endpoint=s3_server.endpoint,
        s3_access_key=s3_server.access_key,
        s3_secret_key=SecretStr(s3_server.secret_key),
        s3_bucket=s3_server.bucket,
        ack_wait_seconds=2,
        retry_base_seconds=0.1,
        drain_seconds=0.5,
    )


@pytest.fixture
def tenant() -> str:
    """A tenant of the test's own, so that tests see nothing of one another."""
    return f"t{uuid4().hex[:12]}"


@pytest.fixture
def examples() -> Path:
    """The folder of the example narrations."""
    return Path(__file__).parent / "examples"


@pytest_asyncio.fixture
async def bus(settings: RuntimeSettings) -> AsyncIterator[Bus]:
    bus = Bus(settings)
    await bus.connect()
    yield bus
    await bus.close()


@pytest_asyncio.fixture
async def store(settings: RuntimeSettings) -> AsyncIterator[ObjectStore]:
    store = ObjectStore(settings)
    await store.prepare()
    yield store
    store.close()


@pytest_asyncio.fixture
async def jobs(bus: Bus, store: ObjectStore) -> Jobs:
    jobs = Jobs(bus, store)
    await jobs.prepare()
    await jobs.records.mark_whole()
    return jobs
