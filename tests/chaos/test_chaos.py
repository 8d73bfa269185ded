"""Services, NATS and S3 are killed at random, workers frozen, messages doubled and out of order: every accepted job ends, once.

`make test-chaos` runs the long form, 200 jobs; the ordinary suite a short one. S2V_CHAOS_SEED repeats a run's order of events.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from s2v.cli.servers import NatsServer, S3Server, Server
from s2v.runtime.errors import S2VError
from s2v.runtime.reconciler import Reconciler
from s2v.runtime.settings import RuntimeSettings
from s2v.runtime.stage import NAMES
from s2v.v1.job_pb2 import JobState, Priority
from s2v.v1.timeline_pb2 import AttemptOutcome
from s2v.v1.work_pb2 import JobRecord, Task, TaskKind

sys.path.insert(0, str(Path(__file__).parents[2] / "runtime" / "tests"))
from house import ORDER, House, expected, is_ended, known_objects, until_true

pytestmark = pytest.mark.integration
LONG = bool(os.environ.get("S2V_CHAOS"))
JOBS = 200 if LONG else 16
END_SECONDS = 300 if LONG else 120
"""What the slowest job may take on a busy machine, once the storm is over."""
LABORERS = 2
ACK_SECONDS = 3.0
TENANT = "chaos"
FAILURES = (AttemptOutcome.ATTEMPT_OUTCOME_FAILED, AttemptOutcome.ATTEMPT_OUTCOME_LOST)


class Storm:
    """What happens to the processes."""

    def __init__(self, nats: NatsServer, s3: S3Server, environment: dict[str, str], house: House, chance: random.Random) -> None:
        self.nats, self.s3, self.environment, self.house, self.chance = nats, s3, environment, house, chance
        self.laborers = [self.hire() for _ in range(LABORERS)]
        self.jobs: list[str] = []
        self.done: Counter[str] = Counter()

    def hire(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(Path(__file__).with_name("laborer.py")), TENANT]
        return subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    async def kill_laborer(self) -> None:
        place = self.chance.randrange(LABORERS)
        self.laborers[place].kill()
        self.laborers[place].wait()
        self.laborers[place] = self.hire()

    async def freeze_laborer(self) -> None:
        laborer = self.chance.choice(self.laborers)
        laborer.send_signal(signal.SIGSTOP)
        await asyncio.sleep(ACK_SECONDS + 1)
        laborer.send_signal(signal.SIGCONT)

    async def kill_nats(self) -> None:
        await self._restart(self.nats)

    async def kill_s3(self) -> None:
        await self._restart(self.s3)

    async def _restart(self, server: Server) -> None:
        assert server.process is not None
        server.process.kill()
        await asyncio.sleep(self.chance.uniform(0, 1.5))
        await asyncio.to_thread(server.start)
        await asyncio.to_thread(server.wait_ready)

    async def double_messages(self) -> None:
        """Tasks of any kind, stage and run, as late, repeated or disordered messages would bring them."""
        for _ in range(10):
            if not self.jobs:
                return
            task = Task(
                tenant=TENANT,
                job_id=self.chance.choice(self.jobs),
                stage=self.chance.choice(ORDER),
                kind=TaskKind.TASK_KIND_PLAN,
                epoch=self.chance.choice((1, 1, 1, 2)),
            )
            # A message can only repeat what was once published: a plan of a stage that the job has reached.
            record = await self.house.jobs.get(TENANT, task.job_id)
            reached = [entry.stage for entry in record.stages if entry.HasField("plan") or entry.HasField("output")]
            if task.stage in reached:
                if len(record.stages[ORDER.index(task.stage)].parts):
                    task.kind = self.chance.choice((TaskKind.TASK_KIND_PLAN, TaskKind.TASK_KIND_PART))
                await self.house.bus.publish_task(task, Priority.PRIORITY_NORMAL, again=f".{self.chance.random()}")

    async def rage(self, calm: asyncio.Event) -> None:
        deeds = [self.kill_laborer, self.kill_laborer, self.freeze_laborer, self.kill_nats, self.kill_s3, self.double_messages]
        order = list(deeds)
        while not calm.is_set() or len(self.done) < len(set(deeds)):
            if not order:
                order = list(deeds)
                self.chance.shuffle(order)
            deed = order.pop()
            with contextlib.suppress(S2VError):
                await deed()
            self.done[deed.__name__] += 1
            await asyncio.sleep(self.chance.uniform(0.2, 2.0))


async def test_every_accepted_job_ends_once_whatever_happens(tmp_path: Path) -> None:
    seed = int(os.environ.get("S2V_CHAOS_SEED", time.time_ns() % 100_000))
    print(f"S2V_CHAOS_SEED={seed}")
    chance = random.Random(seed)
    with NatsServer(tmp_path / "nats") as nats, S3Server(tmp_path / "s3") as s3:
        settings = RuntimeSettings(
            nats_url=nats.url,
            nats_token=nats.token,
            s3_endpoint=s3.endpoint,
            s3_access_key=s3.access_key,
            s3_secret_key=s3.secret_key,
            ack_wait_seconds=ACK_SECONDS,
            retry_base_seconds=0.2,
        )
        environment = {
            **os.environ,
            "S2V_NATS_URL": nats.url,
            "S2V_NATS_TOKEN": nats.token,
            "S2V_S3_ENDPOINT": s3.endpoint,
            "S2V_S3_ACCESS_KEY": s3.access_key,
            "S2V_S3_SECRET_KEY": s3.secret_key,
            "S2V_ACK_WAIT_SECONDS": str(ACK_SECONDS),
            "S2V_RETRY_BASE_SECONDS": "0.2",
        }
        async with House(settings, TENANT) as house:
            storm = Storm(nats, s3, environment, house, chance)
            calm = asyncio.Event()
            try:
                await _pass_through(house, storm, calm, chance)
            finally:
                calm.set()
                for laborer in storm.laborers:
                    laborer.kill()
                    laborer.wait()


async def _pass_through(house: House, storm: Storm, calm: asyncio.Event, chance: random.Random) -> None:
    texts: dict[str, str] = {}
    cancelled: set[str] = set()
    mending = asyncio.create_task(_mend(house))
    raging = asyncio.create_task(storm.rage(calm))
    while len(texts) < JOBS:
        text = f"talk {len(texts)} of many"
        try:
            job_id = await house.submit(text)
        except S2VError:  # not accepted: the caller would ask again
            await asyncio.sleep(0.3)
            continue
        texts[job_id] = text
        storm.jobs.append(job_id)
        if chance.random() < 0.1:
            with contextlib.suppress(S2VError):
                await house.jobs.cancel(TENANT, job_id)
                cancelled.add(job_id)
        await asyncio.sleep(chance.uniform(0, 0.3))
    calm.set()
    await raging
    ends: Counter[str] = Counter()
    for job_id, text in texts.items():
        record = await house.until(job_id, is_ended, seconds=END_SECONDS)
        state = JobState.Name(record.job.state)
        ends[state] += 1
        check_timeline(record)
        if record.job.state == JobState.JOB_STATE_SUCCEEDED:
            assert await house.text(record) == expected(text), "a stage was done twice, or not at all"
            assert [report.stage for report in record.job.report.stages] == list(ORDER)
            await until_true(lambda job_id=job_id: _concluded(house, job_id))
            assert await house.objects(job_id) <= known_objects(await house.jobs.get(TENANT, job_id)), "orphans"
        elif record.job.state == JobState.JOB_STATE_FAILED:
            assert record.job.error.reason == "ATTEMPTS_EXHAUSTED", record.job.error
        else:
            assert record.job.state == JobState.JOB_STATE_CANCELLED
            assert job_id in cancelled
    assert sum(ends.values()) == JOBS
    assert ends["JOB_STATE_SUCCEEDED"] > JOBS // 2
    await until_true(lambda: _no_task(house), seconds=60)
    mending.cancel()
    folders = {folder.split("/")[2] for folder in await house.store.folders(f"{TENANT}/jobs/")}
    for stray in folders - set(texts):  # of a job that was not accepted: its source at most, which goes with its upload
        assert all(name.startswith(("source/", "request.pb")) for name in await house.objects(stray)) or await _is_known(
            house, stray
        )
    print(f"{dict(ends)} after {dict(storm.done)}")


def check_timeline(record: JobRecord) -> None:
    """Every piece of work in the record has the attempt that did it, and every failed or lost attempt stands there as such."""
    done = {AttemptOutcome.ATTEMPT_OUTCOME_DONE, AttemptOutcome.ATTEMPT_OUTCOME_CACHED}
    for entry in record.stages:
        made = {one.task for one in entry.attempts if one.outcome in done}
        wanted = {f"part.{number}" for number in entry.parts}
        wanted |= {"plan"} if entry.HasField("plan") else set()
        wanted |= {"join"} if entry.HasField("output") and entry.HasField("plan") else set()
        assert wanted <= made, f"{NAMES[entry.stage]}: no attempt did {wanted - made}"
        failed = Counter(one.task for one in entry.attempts if one.outcome in FAILURES)
        for task, times in entry.failed_attempts.items():
            assert failed[task] >= times, f"{NAMES[entry.stage]} {task}: {times} attempts failed, {failed[task]} are told"
        for one in entry.attempts:
            assert one.finished_at.ToNanoseconds() > 0
            assert one.published_at.ToNanoseconds() <= one.finished_at.ToNanoseconds()


async def _mend(house: House) -> None:
    """What each gateway does all the time."""
    reconciler = Reconciler(house.bus, house.jobs, house.store, lost_after_seconds=5, stalled_after_seconds=60)
    while True:
        with contextlib.suppress(S2VError):
            await reconciler.heal()
            await reconciler.reconcile(TENANT)
        await asyncio.sleep(1)


async def _concluded(house: House, job_id: str) -> bool:
    return "terminal.pb" in await house.objects(job_id)


async def _no_task(house: House) -> bool:
    return await house.tasks() == 0


async def _is_known(house: House, job_id: str) -> bool:
    with contextlib.suppress(S2VError):
        return bool(await house.jobs.get(TENANT, job_id))
    return False
