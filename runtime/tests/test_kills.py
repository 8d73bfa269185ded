"""A worker killed at any line of the stage loop loses nothing and doubles nothing.

The worker's connections are cut after its n-th effect (a message to NATS or a request to S3), for each n: nothing that it does
from then on reaches anybody, as if the process had been killed there. Another worker goes on with what is recorded.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path

import pytest

from s2v.runtime.settings import RuntimeSettings
from s2v.v1.job_pb2 import JobState, StageState
from s2v.v1.report_pb2 import Stage

sys.path.insert(0, str(Path(__file__).parent))
from house import ORDER, House, expected, is_done, known_objects, until_true

pytestmark = pytest.mark.integration
STRIDE = 1 if os.environ.get("S2V_CHAOS") else 4
"""Each line in `make test-chaos`; every fourth otherwise."""
PULL = "$JS.API.CONSUMER.MSG.NEXT"


class CutError(Exception):
    """The connection is gone."""


class Cut:
    """Counts a house's effects and lets none through after the last."""

    def __init__(self, house: House, allowed: int) -> None:
        self.left = allowed
        self.dead = asyncio.Event()
        client, store = house.bus._client, house.store
        send, call = client._send_publish, store._call

        async def send_or_die(subject, *arguments, **more):
            if not subject.startswith(PULL):
                self.count()
            elif self.dead.is_set():
                raise CutError
            await send(subject, *arguments, **more)

        async def call_or_die(*arguments):
            self.count()
            return await call(*arguments)

        client._send_publish, store._call = send_or_die, call_or_die

    def count(self) -> None:
        if self.left == 0:
            self.dead.set()
            raise CutError
        self.left -= 1


@pytest.fixture
def own(own: RuntimeSettings) -> RuntimeSettings:
    return own.model_copy(update={"ack_wait_seconds": 1.1})


@pytest.mark.parametrize(("stage", "text"), [(ORDER[0], "one two"), (ORDER[-1], "one")])
async def test_killed_at_any_line(stage: Stage.ValueType, text: str, own: RuntimeSettings, tenant: str) -> None:
    allowed = 0
    async with House(own, tenant) as house:
        while True:
            async with house.working(*ORDER[: ORDER.index(stage)]):
                job_id = await house.submit(text)
                if stage != ORDER[0]:
                    await house.until(job_id, is_done(ORDER[ORDER.index(stage) - 1]))
            survived = await _work_and_die(own, tenant, stage, allowed)
            async with house.working():
                record = await house.ended(job_id)
                await until_true(lambda: _no_task(house))
            where = f"{allowed} effects before the kill"
            assert record.job.state == JobState.JOB_STATE_SUCCEEDED, where
            assert await house.text(record) == expected(text), where
            assert [report.stage for report in record.job.report.stages] == list(ORDER), where
            assert all(entry.state == StageState.STAGE_STATE_SUCCEEDED for entry in record.stages), where
            names = [artifact.name for artifact in record.job.artifacts]
            assert len(names) == len(set(names)), where
            await until_true(lambda job_id=job_id: _concluded(house, job_id))
            assert await house.objects(job_id) <= known_objects(record), where
            if survived:
                break
            allowed += STRIDE
    assert allowed > 8, "the loop has more effects than this"


async def _work_and_die(own: RuntimeSettings, tenant: str, stage: Stage.ValueType, allowed: int) -> bool:
    """Works until the cut, or until nothing is left to do; says whether it outlived its work."""
    async with House(own, tenant) as dying:
        stop = asyncio.Event()
        running = asyncio.create_task(dying.worker(stage, slots=1).run(stop))
        await asyncio.sleep(0)
        cut = Cut(dying, allowed)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(cut.dead.wait(), 1.0)
        died = cut.dead.is_set()
        cut.left = 0
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await dying.bus._client.close()
    return not died


async def _no_task(house: House) -> bool:
    return await house.tasks() == 0


async def _concluded(house: House, job_id: str) -> bool:
    return "terminal.pb" in await house.objects(job_id) and job_id in await house.jobs.catalogue.ids(house.tenant)
