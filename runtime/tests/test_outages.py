"""NATS, S3 and the disk may go away while jobs are at work: nothing is lost, no attempt is spent, and all heals by itself."""

from __future__ import annotations

import asyncio
import errno
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from s2v.cli.servers import NatsServer, S3Server
from s2v.runtime import bus, worker
from s2v.runtime.errors import UnavailableError
from s2v.runtime.pulling import Delivery
from s2v.runtime.settings import RuntimeSettings
from s2v.runtime.spool import Result, Spool
from s2v.runtime.stage import File
from s2v.v1.artifact_pb2 import ArtifactKind
from s2v.v1.job_pb2 import JobState
from s2v.v1.report_pb2 import Stage, StageReport

sys.path.insert(0, str(Path(__file__).parent))
from house import House, expected, is_done, known_objects


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[NatsServer, S3Server]]:
    with NatsServer(tmp_path / "nats") as nats, S3Server(tmp_path / "s3") as s3:
        yield nats, s3


@pytest.fixture
def own(servers: tuple[NatsServer, S3Server]) -> RuntimeSettings:
    nats, s3 = servers
    return RuntimeSettings(
        nats_url=nats.url,
        nats_token=nats.token,
        s3_endpoint=s3.endpoint,
        s3_access_key=s3.access_key,
        s3_secret_key=s3.secret_key,
        ack_wait_seconds=3,
        retry_base_seconds=0.1,
        drain_seconds=1,
    )


@pytest.mark.integration
async def test_what_was_made_while_s3_was_away_is_written_when_it_is_back(
    own: RuntimeSettings, servers: tuple[NatsServer, S3Server]
) -> None:
    s3 = servers[1]
    async with House(own, "default") as house:
        relay = house.relays[Stage.STAGE_ANALYSIS]
        began, go = asyncio.Event(), asyncio.Event()
        run = relay.run

        async def gated(task, part):
            began.set()
            await go.wait()
            return await run(task, part)

        relay.run = gated
        async with house.working():
            job_id = await house.submit("word")
            await began.wait()
            await asyncio.to_thread(s3.stop)
            go.set()
            await house.until(job_id, lambda record: bool(record.stages[1].handed_back))
            await asyncio.to_thread(s3.start)
            await asyncio.to_thread(s3.wait_ready)
            record = await house.ended(job_id, seconds=90)
        assert record.job.state == JobState.JOB_STATE_SUCCEEDED
        assert await house.text(record) == expected("word")
        assert relay.runs == ["wordt"], "it was not made again"
        assert not record.stages[1].failed_attempts
        assert await house.objects(job_id) <= known_objects(record)


@pytest.mark.integration
async def test_jobs_go_on_when_nats_is_back(own: RuntimeSettings, servers: tuple[NatsServer, S3Server]) -> None:
    nats = servers[0]
    async with House(own, "default") as house:
        for relay in house.relays.values():
            relay.pause_seconds = 0.3
        async with house.working():
            ids = [await house.submit(f"talk number {number}") for number in range(3)]
            await house.until(ids[0], is_done(Stage.STAGE_TRANSCRIPTION))
            await asyncio.to_thread(nats.stop)
            await asyncio.sleep(2)
            await asyncio.to_thread(nats.start)
            await asyncio.to_thread(nats.wait_ready)
            records = [await house.ended(job_id, seconds=90) for job_id in ids]
        assert [record.job.state for record in records] == [JobState.JOB_STATE_SUCCEEDED] * 3
        for number, record in enumerate(records):
            assert await house.text(record) == expected(f"talk number {number}")
            assert await house.objects(record.job.id) <= known_objects(record)


@pytest.mark.integration
async def test_an_outage_in_which_nothing_can_be_noted_costs_no_attempt(
    own: RuntimeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "OUTAGE_SECONDS", 1.0)
    async with House(own, "default") as house:
        relay = house.relays[Stage.STAGE_LAYOUT]
        run, update, tries, away = relay.run, house.jobs.update, 0, asyncio.Event()

        async def interrupted(tenant, job_id, change):
            if away.is_set():
                raise UnavailableError("NATS does not answer")
            return await update(tenant, job_id, change)

        async def cut(task, part):
            nonlocal tries
            tries += 1
            if tries <= own.max_attempts:
                away.set()
                asyncio.get_running_loop().call_later(0.3, away.clear)
                raise UnavailableError("NATS does not answer")
            return await run(task, part)

        monkeypatch.setattr(house.jobs, "update", interrupted)
        relay.run = cut
        async with house.working():
            record = await house.ended(await house.submit("word"))
        assert record.job.state == JobState.JOB_STATE_SUCCEEDED, record.job.error
        assert not record.stages[2].failed_attempts
        assert record.stages[2].handed_back["plan"] == own.max_attempts


@pytest.mark.integration
async def test_deliveries_that_no_worker_has_seen_cost_one_attempt_at_most(own: RuntimeSettings) -> None:
    async with House(own.model_copy(update={"ack_wait_seconds": 1.2}), "default") as house:
        job_id = await house.submit("word")
        puller = await house.bus.pull_tasks(Stage.STAGE_TRANSCRIPTION)
        for number in range(1, own.max_attempts + 1):
            seen: Sequence[Delivery] = []
            while not seen:
                seen = await puller.pull(1, idle_seconds=0.2)
            assert seen[0].deliveries == number
        async with house.working():
            record = await house.ended(job_id)
        assert record.job.state == JobState.JOB_STATE_SUCCEEDED, record.job.error
        assert record.stages[0].failed_attempts["plan"] == 1


@pytest.mark.integration
async def test_a_full_disk_costs_no_attempt(own: RuntimeSettings) -> None:
    async with House(own, "default") as house:
        relay = house.relays[Stage.STAGE_LAYOUT]
        run, tries = relay.run, 0

        async def full(task, part):
            nonlocal tries
            tries += 1
            if tries == 1:
                raise OSError(errno.ENOSPC, "No space left on device", "/work/frame.png")
            return await run(task, part)

        relay.run = full
        async with house.working():
            record = await house.ended(await house.submit("word"))
        assert record.job.state == JobState.JOB_STATE_SUCCEEDED
        assert not record.stages[2].failed_attempts


def test_the_spool_gives_back_what_it_was_given_and_keeps_to_its_size(tmp_path: Path) -> None:
    (tmp_path / "clip").write_bytes(b"c" * 500)
    files = [
        File(ArtifactKind.ARTIFACT_KIND_CLIP, "clip.mp4", "video/mp4", path=tmp_path / "clip"),
        File(ArtifactKind.ARTIFACT_KIND_TEXT, "note.txt", "text/plain", data=b"note"),
    ]
    spool = Spool(1000)
    assert spool.find("a") is None
    assert spool.keep("a", Result(b"artifact", StageReport(engine="e"), files, 1.5))
    (tmp_path / "clip").unlink()
    assert not spool.keep("b", Result(b"x" * 600, StageReport(), [], 0.0)), "it is full"
    kept = spool.find("a")
    assert kept is not None
    assert (kept.artifact, kept.report.engine, kept.cpu_seconds) == (b"artifact", "e", 1.5)
    assert [(file.name, file.content_type, file.path.read_bytes()) for file in kept.files if file.path] == [
        ("clip.mp4", "video/mp4", b"c" * 500),
        ("note.txt", "text/plain", b"note"),
    ]
    spool.drop("a")
    assert spool.find("a") is None
    assert spool.keep("b", Result(b"x" * 600, StageReport(), [], 0.0))


@pytest.mark.integration
async def test_a_server_that_is_not_there_yet_is_said_and_found_when_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with NatsServer(tmp_path / "nats") as nats:
        settings = RuntimeSettings(nats_url=nats.url, nats_token=nats.token)
    late = bus.Bus(settings)
    with monkeypatch.context() as hurry:
        hurry.setattr(bus, "CONNECT_SECONDS", 0.5)
        with pytest.raises(UnavailableError, match="does not answer"):
            await late.connect()
    with NatsServer(tmp_path / "nats"):
        await late.connect()
        assert late.connected
        await late.close()
