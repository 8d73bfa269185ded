"""NATS, S3 and the disk may go away while jobs are at work: nothing is lost, no attempt is spent, and all heals by itself."""

from __future__ import annotations

import asyncio
import errno
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from uuid import uuid4

import pytest

from s2v.cli.servers import NatsServer, S3Server
from s2v.runtime import bus, worker
from s2v.runtime.errors import UnavailableError
from s2v.runtime.pulling import Delivery
from s2v.runtime.settings import RuntimeSettings
from s2v.runtime.spool import Result, Spool
from s2v.runtime.stage import File
from s2v.v1.artifact_pb2 import ArtifactKind
from s2v.v1.event_pb2 import JobEvent
from s2v.v1.job_pb2 import JobState
from s2v.v1.report_pb2 import Stage, StageReport

sys.path.insert(0, str(Path(__file__).parent))
from front import in_front, refusal
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
async def test_a_worker_rests_longer_and_longer_while_its_tasks_are_tried_in_vain(
    own: RuntimeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "OUTAGE_SECONDS", 0.0)
    monkeypatch.setattr(worker, "REST_SECONDS", 0.2)
    monkeypatch.setattr(worker, "LONGEST_REST_SECONDS", 0.8)
    async with House(own, "default") as house:
        relay, tries, away = house.relays[Stage.STAGE_TRANSCRIPTION], 0, True
        run, resting = relay.run, house.worker(Stage.STAGE_TRANSCRIPTION)

        async def cut(task, part):
            nonlocal tries
            tries += away
            if away:
                raise UnavailableError("S3 does not answer")
            return await run(task, part)

        relay.run = cut
        stop = asyncio.Event()
        working = asyncio.create_task(resting.run(stop))
        job_id = await house.submit("one two three four five six seven eight")
        await asyncio.sleep(4)
        away = False
        record = await house.until(job_id, is_done(Stage.STAGE_TRANSCRIPTION))
        stop.set()
        await working
        assert 8 < tries < 50, "in each rest the four that were at work came back"
        waits = Counter(one.task for one in record.stages[0].attempts if one.reason == "UNAVAILABLE")
        assert waits
        assert set(waits.values()) == {1}
        assert not record.stages[0].failed_attempts
        assert resting._rest_until == 0


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


@pytest.mark.integration
@pytest.mark.parametrize(
    ("status", "code"), [(503, "SlowDown"), (403, "AccessDenied"), (404, "NoSuchKey"), (200, "InternalError")]
)
async def test_what_the_cache_does_not_take_is_not_made_again(settings: RuntimeSettings, status: int, code: str) -> None:
    refused = 0

    def refuse(method: str, path: str, headers: Mapping[str, str]) -> tuple[int, bytes] | None:
        nonlocal refused
        copied = "x-amz-copy-source" in {name.lower() for name in headers}
        refused += copied
        return (status, refusal(code)) if copied else None

    with in_front(settings, refuse) as fronted:
        async with House(fronted, "default") as house:
            async with house.working(caching=True):
                text = f"one two {uuid4().hex}"
                record = await house.ended(await house.submit(text))
            assert record.job.state == JobState.JOB_STATE_SUCCEEDED
            assert await house.text(record) == expected(text)
            assert refused
            for entry, relay in zip(record.stages, house.relays.values(), strict=True):
                assert not entry.failed_attempts
                assert not entry.cache_keys
                assert len(relay.runs) == 3


@pytest.mark.integration
async def test_a_watch_that_ends_while_nats_is_away_leaves_nothing(
    own: RuntimeSettings, servers: tuple[NatsServer, S3Server]
) -> None:
    nats = servers[0]
    watching = bus.Bus(own)
    await watching.connect()
    try:
        before = len(watching._client._subs)
        events = watching.events("job")
        await watching.publish_event(JobEvent(job_id="job"), "begun", kept=True)
        assert (await anext(events)).job_id == "job"
        assert len(watching._client._subs) == before + 1
        await asyncio.to_thread(nats.stop)
        async with asyncio.timeout(20):
            while watching.connected:
                await asyncio.sleep(0.05)
            await events.aclose()
        assert len(watching._client._subs) == before
    finally:
        await watching.close()


@pytest.mark.integration
async def test_what_waits_for_s3_is_kept_in_a_thread_and_goes_with_its_job(
    own: RuntimeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []
    for name in ("keep", "find", "drop"):
        monkeypatch.setattr(Spool, name, _noting(threads, getattr(Spool, name)))
    async with House(own, "default") as house:
        making = house.worker(Stage.STAGE_ANALYSIS)
        relay, made = house.relays[Stage.STAGE_ANALYSIS], making.execution.making
        go, run = asyncio.Event(), relay.run

        async def gated(task, part):
            await go.wait()
            return await run(task, part)

        relay.run = gated
        stop = asyncio.Event()
        working = asyncio.create_task(making.run(stop))
        async with house.working(Stage.STAGE_TRANSCRIPTION):
            job_id = await house.submit("word")
            record = await house.until(job_id, is_done(Stage.STAGE_TRANSCRIPTION))
        result = Result(b"artifact", StageReport(), [], 0.0)
        for name in ("part-0000.pb", "part-0001.pb"):
            await made.spool(record, name, result)
        await made.forget(record, "part-0001.pb")
        assert made._spool.has(f"{job_id}.1.analysis.part-0000.pb")
        assert not made._spool.has(f"{job_id}.1.analysis.part-0001.pb")
        await house.jobs.cancel("default", job_id)
        async with asyncio.timeout(20):
            while made._spool.has(f"{job_id}."):
                await asyncio.sleep(0.05)
        await made.spool(record, "part-0002.pb", result)
        assert made._spool.has(f"{job_id}.")
        go.set()
        stop.set()
        await working
    assert threads
    assert threading.main_thread() not in threads


def _noting(threads: list[threading.Thread], method):
    def noted(*args):
        threads.append(threading.current_thread())
        return method(*args)

    return noted


@pytest.mark.integration
async def test_a_place_in_a_stage_is_kept_by_beats_that_outlive_faults(
    own: RuntimeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "LEASE_SECONDS", 0.6)  # where a task's own time would allow a beat a minute
    async with House(own.model_copy(update={"ack_wait_seconds": 360}), "default") as house:
        slow = house.worker(Stage.STAGE_TRANSCRIPTION)
        house.relays[Stage.STAGE_TRANSCRIPTION].pause_seconds = 3
        beats, hold, write_owed = 0, slow._leases.hold, slow._write_owed

        async def counted(job_id):
            nonlocal beats
            beats += 1
            return await hold(job_id)

        async def faulty():
            monkeypatch.setattr(slow, "_write_owed", write_owed)
            raise ValueError("what nobody thought of")

        monkeypatch.setattr(slow._leases, "hold", counted)
        monkeypatch.setattr(slow, "_write_owed", faulty)
        stop = asyncio.Event()
        working = asyncio.create_task(slow.run(stop))
        await house.until(await house.submit("word"), is_done(Stage.STAGE_TRANSCRIPTION))
        stop.set()
        await working
        assert beats > 3


def test_the_oldest_in_the_spool_make_room(tmp_path: Path) -> None:
    (tmp_path / "clip").write_bytes(b"c" * 300)
    clip = File(ArtifactKind.ARTIFACT_KIND_CLIP, "clip.mp4", "video/mp4", path=tmp_path / "clip")
    spool = Spool(1000)
    assert spool.keep("1.a", Result(b"x" * 100, StageReport(), [clip], 0.0))
    assert spool.keep("1.b", Result(b"x" * 400, StageReport(), [], 0.0))
    (tmp_path / "clip").unlink()
    found = spool.find("1.a", tmp_path / "found")
    assert not spool.keep("2.c", Result(b"x" * 1001, StageReport(), [], 0.0)), "it would not fit if all went"
    assert spool.has("1.a")
    assert spool.keep("2.c", Result(b"x" * 500, StageReport(), [], 0.0))
    assert not spool.has("1.a")
    assert spool.has("1.b")
    assert found is not None
    assert found.files[0].path is not None
    assert found.files[0].path.read_bytes() == b"c" * 300, "whoever is writing it to S3 goes on"
    spool.drop("1.")
    assert not spool.has("1.b")
    assert spool.has("2.c")


def test_the_spool_gives_back_what_it_was_given_and_keeps_to_its_size(tmp_path: Path) -> None:
    (tmp_path / "clip").write_bytes(b"c" * 500)
    files = [
        File(ArtifactKind.ARTIFACT_KIND_CLIP, "clip.mp4", "video/mp4", path=tmp_path / "clip"),
        File(ArtifactKind.ARTIFACT_KIND_TEXT, "note.txt", "text/plain", data=b"note"),
    ]
    spool = Spool(1000)
    assert spool.find("a", tmp_path / "none") is None
    assert spool.keep("a", Result(b"artifact", StageReport(engine="e"), files, 1.5))
    (tmp_path / "clip").unlink()
    kept = spool.find("a", tmp_path / "found")
    assert kept is not None
    assert (kept.artifact, kept.report.engine, kept.cpu_seconds) == (b"artifact", "e", 1.5)
    assert [(file.name, file.content_type, file.path.read_bytes()) for file in kept.files if file.path] == [
        ("clip.mp4", "video/mp4", b"c" * 500),
        ("note.txt", "text/plain", b"note"),
    ]
    spool.drop("a")
    assert spool.find("a", tmp_path / "gone") is None
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
