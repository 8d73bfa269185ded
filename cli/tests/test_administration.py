"""Operators' commands on the real NATS and S3, reached by the environment as in a Kubernetes Job."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from s2v.runtime.settings import RuntimeSettings
from s2v.runtime.tiers import TieredStore
from s2v.v1.job_pb2 import JobState
from s2v.v1.work_pb2 import Tier

sys.path.insert(0, str(Path(__file__).parents[2] / "runtime" / "tests"))
from house import House

pytestmark = pytest.mark.integration


@pytest.fixture
def environment(settings: RuntimeSettings) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if name != "S2V_HOME"},
        "S2V_NATS_URL": settings.nats_url,
        "S2V_NATS_TOKEN": settings.nats_token.get_secret_value(),
        "S2V_S3_ENDPOINT": settings.s3_endpoint,
        "S2V_S3_ACCESS_KEY": settings.s3_access_key,
        "S2V_S3_SECRET_KEY": settings.s3_secret_key.get_secret_value(),
        "NO_COLOR": "1",
        "COLUMNS": "200",
    }


@pytest.fixture
async def failing(settings: RuntimeSettings, tenant: str) -> AsyncIterator[House]:
    """A house in which "one" cannot be done, with no task or dead letter of another test."""
    async with House(settings, tenant) as house:
        for stream in ("S2V_WORK", "S2V_DEAD"):
            await house.bus.jetstream.purge_stream(stream)
        house.faults.add("one")
        yield house


def s2v(environment: dict[str, str], *arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "s2v.cli", *arguments], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def test_migrate_and_reconcile_can_be_repeated(environment: dict[str, str]) -> None:
    s2v(environment, "migrate")
    assert s2v(environment, "migrate") == "NATS and S3 are at version 1\n"
    s2v(environment, "reconcile")
    assert "looked after the jobs of" in s2v(environment, "reconcile", "--rebuild")


def test_an_exported_data_folder_does_not_hide_the_servers_that_are_named(environment: dict[str, str], tmp_path: Path) -> None:
    environment["S2V_HOME"] = str(tmp_path / "home")
    assert "New jobs are taken." in s2v(environment, "maintenance", "status")


def test_maintenance_is_switched_on_and_off(environment: dict[str, str]) -> None:
    try:
        assert "back at noon" in s2v(environment, "maintenance", "on", "--message", "back at noon")
        assert "back at noon" in s2v(environment, "maintenance", "status")
    finally:
        s2v(environment, "maintenance", "off")
    assert "New jobs are taken." in s2v(environment, "maintenance", "status")


async def test_a_dead_letter_is_listed_shown_and_redriven(environment: dict[str, str], failing: House) -> None:
    async with failing.working():
        job_id = await failing.submit("one")
        await failing.ended(job_id)
        (line,) = [line for line in (await asyncio.to_thread(s2v, environment, "dead", "list")).splitlines() if job_id in line]
        number = line.split()[0]
        shown = await asyncio.to_thread(s2v, environment, "dead", "show", number)
        assert "cannot do 'one'" in shown
        assert "house.py" in shown
        assert f"/jobs/{job_id}/source/text" in shown, "what was worked on"
        failing.faults.clear()
        assert f"{job_id} goes on in run 2" in await asyncio.to_thread(s2v, environment, "dead", "redrive", number)
        await failing.ended(job_id)
    assert "No dead letters" in await asyncio.to_thread(s2v, environment, "dead", "list")


async def test_a_letter_that_is_refused_holds_up_no_others(environment: dict[str, str], failing: House, tenant: str) -> None:
    async with failing.working():
        refused, later, good = [await failing.submit("one") for _ in range(3)]
        for job_id in (refused, later, good):
            await failing.ended(job_id)
            await asyncio.sleep(0)
    for job_id, epoch in ((refused, 1), (later, 2)):

        def cancelled(record, epoch=epoch):
            record.job.state, record.epoch = JobState.JOB_STATE_CANCELLED, epoch
            return True

        await failing.jobs.update(tenant, job_id, cancelled)
    said = await asyncio.to_thread(lambda: s2v(environment, "dead", "redrive", "--all", code=1))
    assert f"job {refused} has cancelled for good" in said
    assert f"is dropped: job {later} is gone, or has ended in a later run" in said
    assert f"{good} goes on in run 2" in said
    assert "refused, and kept: 1 of the letters" in said
    left = await asyncio.to_thread(s2v, environment, "dead", "list")
    assert (refused in left, later in left, good in left) == (True, False, False)
    await failing.bus.jetstream.purge_stream("S2V_DEAD")


async def test_a_bucket_that_was_lost_is_that_of_its_archive_again_once_it_is_restored(
    environment: dict[str, str], settings: RuntimeSettings, tenant: str, tmp_path: Path
) -> None:
    buckets = {"s3_bucket": f"{tenant}-hot", "s3_warm_bucket": f"{tenant}-warm"}
    environment |= {f"S2V_{name.upper()}": value for name, value in buckets.items()}
    down, good = "s3+http://key:secret@127.0.0.1:9/bucket", f"file://{tmp_path}/backup"
    store = TieredStore(settings.model_copy(update=buckets))
    await store.prepare()
    await store.put("_keys/a.pb", b"key")
    said = await asyncio.to_thread(lambda: s2v(environment, "backup", "run", "--to", down, "--to", good, code=5))
    assert "1 objects" in said, "the other destination has it"
    await store.tiers[Tier.TIER_HOT].delete_prefix("")
    assert not await store.belong_together()
    assert "1 objects" in await asyncio.to_thread(s2v, environment, "restore", good)
    assert await store.read("_keys/a.pb") == b"key"
    assert await store.belong_together()
    await store.put("_keys/a.pb", b"revoked")
    assert "0 objects" in await asyncio.to_thread(s2v, environment, "restore", good)
    assert "1 objects" in await asyncio.to_thread(s2v, environment, "restore", good, "--overwrite")
    assert await store.read("_keys/a.pb") == b"key"
    store.close()


async def test_a_missing_letter_is_named(environment: dict[str, str]) -> None:
    assert "no dead letter 77777" in await asyncio.to_thread(lambda: s2v(environment, "dead", "show", "77777", code=4))
