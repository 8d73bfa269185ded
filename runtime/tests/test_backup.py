"""The drill: a stack is lost whole, and a new one made of the backup serves all finished jobs and ends the others."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2v.cli.servers import NatsServer, S3Server
from s2v.runtime import backup
from s2v.runtime.backup import SKIPPED, kept
from s2v.runtime.destinations import Bucket, Folder, open_destinations
from s2v.runtime.errors import DataLossError, InvalidInputError, NotFoundError, UnavailableError
from s2v.runtime.reconciler import Reconciler
from s2v.runtime.settings import RuntimeSettings
from s2v.runtime.tiers import TieredStore
from s2v.v1.job_pb2 import JobState
from s2v.v1.work_pb2 import Tier

sys.path.insert(0, str(Path(__file__).parent))
from house import ORDER, House, expected, is_done


def own(nats: NatsServer, s3: S3Server) -> RuntimeSettings:
    return RuntimeSettings(
        nats_url=nats.url,
        nats_token=nats.token,
        s3_endpoint=s3.endpoint,
        s3_access_key=s3.access_key,
        s3_secret_key=s3.secret_key,
        s3_warm_bucket="s2v-warm",
        ack_wait_seconds=3,
    )


@pytest.mark.integration
async def test_a_restored_stack_serves_finished_jobs_and_ends_the_others(tmp_path: Path, settings: RuntimeSettings) -> None:
    key, secret = settings.s3_access_key, settings.s3_secret_key.get_secret_value()
    elsewhere = settings.s3_endpoint.removeprefix("http://")
    urls = [f"file://{tmp_path}/one", f"s3+http://{key}:{secret}@{elsewhere}/backups/{tmp_path.name}"]
    destinations = open_destinations(urls, settings)
    with NatsServer(tmp_path / "nats") as nats, S3Server(tmp_path / "s3") as s3:
        async with House(own(nats, s3), "default") as house:
            store = TieredStore(own(nats, s3))
            await store.prepare()
            async with house.working(caching=True):
                done = [await house.submit(f"talk number {number}") for number in range(3)]
                for job_id in done:
                    await house.ended(job_id)
            from s2v.runtime.mover import Mover

            await Mover(store, house.jobs, own(nats, s3)).move("default", done[0], Tier.TIER_WARM)
            source = Bucket(store, "S3", skipped=SKIPPED)
            first, failures = await backup.run(source, "jobs", destinations)
            assert not failures
            async with house.working(*ORDER[:2]):
                halfway = await house.submit("half way")
                await house.until(halfway, is_done(ORDER[1]))
            queued = await house.submit("not begun")
            await asyncio.sleep(1.1)  # runs have names of whole seconds
            second, _ = await backup.run(source, "jobs", destinations)
            assert second[0].objects > first[0].objects
            after = await house.submit("after the backup")
            store.close()
    assert not any("/cache/" in one.key for one in await destinations[0].list("runs/"))
    with NatsServer(tmp_path / "nats2") as nats, S3Server(tmp_path / "s3-2") as s3:
        async with House(own(nats, s3), "default") as house:
            store = TieredStore(own(nats, s3))
            await store.prepare()
            blob = next(path for path in (tmp_path / "one" / "blobs").iterdir() if path.stat().st_size > 4)
            blob.write_bytes(b"damaged")
            target = Bucket(store, "S3", skipped=SKIPPED)
            with pytest.raises(DataLossError, match="restore from another destination"):
                await backup.restore(destinations[0], "jobs", target)
            restored = await backup.restore(destinations[1], "jobs", target)  # goes on with what is missing
            assert restored.objects > 0
            assert restored.seconds < 60
            healed = await Reconciler(house.bus, house.jobs, house.store, 60, 3600).heal(everything=True)
            assert healed is not None
            assert (healed.ended, {record.job.id for record in healed.resumed}) == (3, {halfway, queued})
            for number, job_id in enumerate(done):
                record = await house.jobs.get("default", job_id)
                assert record.job.state == JobState.JOB_STATE_SUCCEEDED
                assert await house.text(record) == expected(f"talk number {number}")
                for artifact in record.job.artifacts:
                    assert await store.read(artifact.object)
            async with house.working():
                for job_id, text in ((halfway, "half way"), (queued, "not begun")):
                    assert await house.text(await house.ended(job_id)) == expected(text)
            with pytest.raises(NotFoundError):
                await house.jobs.get("default", after)
            assert (await backup.restore(destinations[1], "jobs", target)).objects == 0
            store.close()


async def test_a_folder_is_kept_and_restored_and_nothing_is_copied_twice(tmp_path: Path) -> None:
    source, depot = tmp_path / "models", Folder(tmp_path / "depot")
    (source / "small").mkdir(parents=True)
    (source / "small" / "model.bin").write_bytes(b"model")
    (source / "same.bin").write_bytes(b"model")
    await backup.run(Folder(source), "models", [depot])
    assert len(await depot.list("blobs/")) == 1, "the same bytes are kept once"
    (source / "same.bin").write_bytes(b"other")
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "depot" / "blobs").iterdir()}
    await asyncio.sleep(1.1)
    await backup.run(Folder(source), "models", [depot])
    assert all(path.stat().st_mtime_ns == when for path, when in written.items())
    old, new = await backup.runs(depot, "models")
    await backup.restore(depot, "models", Folder(tmp_path / "old"), old.time)
    await backup.restore(depot, "models", Folder(tmp_path / "new"))
    assert (tmp_path / "old" / "same.bin").read_bytes() == b"model"
    assert (tmp_path / "new" / "same.bin").read_bytes() == b"other"
    assert (tmp_path / "new" / "small" / "model.bin").read_bytes() == b"model"
    assert new.objects == 2
    with pytest.raises(NotFoundError, match="no backup of 'logs'"):
        await backup.restore(depot, "logs", Folder(tmp_path / "none"))


async def test_a_destination_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").write_bytes(b"x")
    (tmp_path / "blocked").write_bytes(b"a file where a folder should be")
    runs, failures = await backup.run(
        Folder(tmp_path / "source"), "logs", [Folder(tmp_path / "blocked" / "in"), Folder(tmp_path / "good")]
    )
    assert [run.destination for run in runs] == [str(tmp_path / "good")]
    assert "blocked" in str(failures[0])


async def test_a_destination_that_is_down_does_not_stop_the_others(tmp_path: Path, settings_free: RuntimeSettings) -> None:
    (tmp_path / "source").mkdir()
    urls = ["s3+http://key:secret@127.0.0.1:9/bucket", f"file://{tmp_path}/good"]
    runs, failures = await backup.run(Folder(tmp_path / "source"), "logs", open_destinations(urls, settings_free))
    assert [run.destination for run in runs] == [str(tmp_path / "good")]
    assert "127.0.0.1:9" in str(failures[0])


class Busy(Folder):
    """A folder whose files are fetched slowly; `refused` of them not at all."""

    def __init__(self, root: Path, refused: frozenset[str] = frozenset()) -> None:
        super().__init__(root)
        self.refused = refused
        self.fetched: list[str] = []
        self.tasks = 0

    async def fetch(self, key: str, path: Path) -> None:
        await asyncio.sleep(0.001)
        self.tasks = max(self.tasks, len(asyncio.all_tasks()))
        if key in self.refused:
            raise UnavailableError(f"{key} is not given")
        self.fetched.append(key)
        await super().fetch(key, path)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    for number in range(100):
        (folder / f"{number:03}").write_text(str(number))
    return folder


async def test_a_run_that_is_cut_off_is_no_backup_but_the_next_one_goes_on(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "NOTE_SECONDS", 0)
    depot, cut = Folder(tmp_path / "depot"), Busy(source, refused=frozenset({"050"}))
    assert len((await backup.run(cut, "logs", [depot]))[1]) == 1
    assert 40 < len(cut.fetched) < 70, "the first error ends it"
    assert cut.tasks < 30, "files that wait are no tasks"
    assert not await backup.runs(depot, "logs")
    with pytest.raises(NotFoundError, match="no backup of 'logs'"):
        await backup.restore(depot, "logs", Folder(tmp_path / "none"))
    again = Busy(source)
    await asyncio.sleep(1.1)
    ((run,), _) = await backup.run(again, "logs", [depot])
    assert run.objects == 100
    assert len(again.fetched) < 100 - 40
    assert (await backup.restore(depot, "logs", Folder(tmp_path / "all"))).objects == 100
    assert {path.read_text() for path in (tmp_path / "all").iterdir()} == {str(number) for number in range(100)}


async def test_what_another_run_has_just_written_is_not_pruned(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "GRACE", timedelta())
    depot, gate = Folder(tmp_path / "depot"), asyncio.Event()

    class Slow(Busy):
        async def fetch(self, key: str, path: Path) -> None:
            if key == "099":
                await gate.wait()
            await super().fetch(key, path)

    running = asyncio.create_task(backup.run(Slow(source), "logs", [depot]))
    async with asyncio.timeout(20):
        while len(await depot.list("blobs/")) < 99:
            await asyncio.sleep(0.05)
    assert await backup.prune(depot, "other") == 0
    stale = f"runs/old/{datetime.now(UTC) - timedelta(days=8):{backup.TIME_FORMAT}}.open"
    await depot.put(stale, source / "000")
    assert await backup.prune(depot, "other") == 0
    assert not await depot.list(stale)
    gate.set()
    assert not (await running)[1]
    assert not [item for item in await depot.list("runs/") if item.key.endswith(".open")]
    assert (await backup.restore(depot, "logs", Folder(tmp_path / "all"))).objects == 100


async def test_a_run_does_not_lean_on_what_only_others_name(tmp_path: Path, source: Path) -> None:
    """Their runs may be pruned at any time, and their blobs with them."""
    depot = Folder(tmp_path / "depot")
    await backup.run(Folder(source), "first", [depot])
    for path in (tmp_path / "depot" / "blobs").iterdir():
        os.utime(path, (1, 1))
    await backup.run(Folder(source), "second", [depot])
    assert min(item.modified_at.timestamp() for item in await depot.list("blobs/")) > 1


async def test_what_is_there_is_written_over_only_if_that_is_asked_for(tmp_path: Path, source: Path) -> None:
    depot, target = Folder(tmp_path / "depot"), Busy(source)
    await backup.run(Folder(source), "keys", [depot])
    (source / "007").write_text("revoked since")
    (source / "008").unlink()
    assert (await backup.restore(depot, "keys", target)).objects == 1
    assert ((source / "007").read_text(), (source / "008").read_text()) == ("revoked since", "8")
    assert (await backup.restore(depot, "keys", target, overwrite=True)).objects == 1
    assert (source / "007").read_text() == "7"


@pytest.mark.parametrize(
    "url", ["/folder", "file:folder", "s3://bucket", "s3+https://host", "ftp://host/folder", "s3+https://h/b?regio=a"]
)
def test_a_wrong_destination_is_refused_without_showing_its_secret(url: str, settings_free: RuntimeSettings) -> None:
    with pytest.raises(InvalidInputError, match="is no destination"):
        open_destinations([url], settings_free)
    with pytest.raises(InvalidInputError) as refused:
        open_destinations(["s4://key:secret@host/bucket"], settings_free)
    assert "secret" not in str(refused.value)
    with pytest.raises(InvalidInputError, match="4 destinations"):
        open_destinations(["file:///a"] * 4, settings_free)


def test_a_destination_may_be_in_another_region(settings_free: RuntimeSettings) -> None:
    urls = ["s3+https://k:s@s3.eu-west-1.amazonaws.com/b", "s3+https://k:s@host/b?region=eu-west-2", "s3+https://k:s@host/b"]
    regions = []
    for destination in open_destinations(urls, settings_free):
        assert isinstance(destination, Bucket)
        regions.append(destination.store._client._get_region("b"))
    assert regions == ["eu-west-1", "eu-west-2", settings_free.s3_region]


@pytest.fixture
def settings_free() -> RuntimeSettings:
    return RuntimeSettings()


@given(st.lists(st.integers(0, 400 * 24 * 60), min_size=1, max_size=300, unique=True))
def test_the_runs_that_are_kept_cover_days_weeks_and_months(minutes: list[int]) -> None:
    end = datetime(2026, 11, 24, tzinfo=UTC)
    times = {minute: end - timedelta(minutes=minute) for minute in minutes}
    keys = [f"runs/jobs/{when:%Y%m%dT%H%M%SZ}.pb" for when in times.values()]
    keeping = kept(keys)
    assert max(keys) in keeping
    assert len(keeping) <= 12 + 30 + 12 + 12
    assert keeping >= set(sorted(keys)[-12:])
    days = sorted({key[10:18] for key in keys})[-30:]
    assert {key[10:18] for key in keeping} >= set(days)
    months = sorted({key[10:16] for key in keys})[-12:]
    assert {key[10:16] for key in keeping} >= set(months)
