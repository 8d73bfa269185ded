"""A disk that is really full: a small file system in memory, filled to the last byte. Work goes on when there is room."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from s2v.cli.servers import NatsServer
from s2v.runtime.door import Door
from s2v.runtime.errors import BusyError, S2VError, UnavailableError
from s2v.runtime.settings import RuntimeSettings
from s2v.v1.job_pb2 import JobState
from s2v.v1.report_pb2 import Stage

sys.path.insert(0, str(Path(__file__).parents[2] / "runtime" / "tests"))
from house import House, expected, until_true

pytestmark = pytest.mark.integration
MEGABYTE = 1_000_000


class SmallDisk:
    """A file system of its own, and a file that fills it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        with self._ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))

    def empty(self) -> None:
        self._ballast.unlink()


@pytest.fixture
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[SmallDisk]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={request.param}", "none", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("disk", ["4m"], indirect=True)
async def test_a_worker_without_room_waits_and_spends_no_attempt(
    settings: RuntimeSettings, tenant: str, disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(disk.folder))
    async with House(settings, tenant) as house:
        relay = house.relays[Stage.STAGE_LAYOUT]
        run = relay.run

        async def writing(task, part):
            (task.workspace / "frame.png").write_bytes(bytes(MEGABYTE))
            return await run(task, part)

        relay.run = writing
        disk.fill()
        full = settings.model_copy(update={"min_free_bytes": MEGABYTE})
        with pytest.raises(BusyError, match="0 MB are free"):
            await Door(house.bus, full).check()
        async with house.working():
            job_id = await house.submit("two words")
            await house.until(job_id, lambda record: bool(record.stages[2].handed_back))
            disk.empty()
            await Door(house.bus, full).check()
            record = await house.ended(job_id)
        assert record.job.state == JobState.JOB_STATE_SUCCEEDED
        assert await house.text(record) == expected("two words")
        assert not any(entry.failed_attempts for entry in record.stages)


@pytest.mark.parametrize("disk", ["48m"], indirect=True)
async def test_nats_without_room_takes_no_jobs_and_loses_none(settings: RuntimeSettings, tenant: str, disk: SmallDisk) -> None:
    with NatsServer(disk.folder / "nats", log=disk.folder.parent / "nats.log") as nats:
        own = settings.model_copy(update={"nats_url": nats.url, "nats_token": type(settings.nats_token)(nats.token)})
        async with House(own, tenant) as house:
            accepted = await house.submit("accepted before")
            disk.fill()
            refused = 0
            for _ in range(400):  # what is left in the files that NATS has open is used up first
                try:
                    await house.submit("is there room ", wake=False)
                except UnavailableError:
                    refused += 1
                    break
            assert refused, "a job is refused, not half kept"
            disk.empty()
            # Where JetStream has switched itself off, it comes back with its process, as a supervisor would do it.
            nats.stop()
            nats.start()
            nats.wait_ready()
            await until_true(lambda: _answers(house))
            async with house.working():
                record = await house.ended(accepted)
                assert record.job.state == JobState.JOB_STATE_SUCCEEDED
                again = await house.ended(await house.submit("after it"))
            assert await house.text(again) == expected("after it")


async def _answers(house: House) -> bool:
    try:
        await house.bus.prepare()
    except S2VError:
        await asyncio.sleep(0.1)
        return False
    return True
