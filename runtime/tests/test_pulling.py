"""Tasks come in batches by 6:3:1, none ahead, at once when they are published, and again when they were handed back."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence

import pytest
import pytest_asyncio

from s2v.runtime.bus import WORK_STREAM, Bus
from s2v.runtime.pulling import Delivery, Puller
from s2v.v1.job_pb2 import Priority
from s2v.v1.report_pb2 import Stage
from s2v.v1.work_pb2 import Task, TaskKind

pytestmark = pytest.mark.integration
STAGE = Stage.STAGE_LAYOUT
ALL = (Priority.PRIORITY_HIGH, Priority.PRIORITY_NORMAL, Priority.PRIORITY_LOW)


@pytest_asyncio.fixture
async def puller(bus: Bus) -> Puller:
    await bus.jetstream.purge_stream(WORK_STREAM)
    return await bus.pull_tasks(STAGE)


async def publish(bus: Bus, tenant: str, count: int, *priorities: Priority.ValueType) -> None:
    for priority in priorities:
        for number in range(count):
            job_id = f"{tenant}-{priority}-{number}"
            task = Task(tenant=tenant, job_id=job_id, stage=STAGE, kind=TaskKind.TASK_KIND_PLAN, epoch=1)
            await bus.publish_task(task, priority)


async def pulled(puller: Puller) -> Sequence[Delivery]:
    async with asyncio.timeout(20):
        while not (batch := await puller.pull(100, idle_seconds=0.5)):
            pass
        return batch


async def test_batches_and_single_tasks_come_by_six_to_three_to_one(bus: Bus, tenant: str, puller: Puller) -> None:
    await publish(bus, tenant, 30, *ALL)
    batch = await puller.pull(20, idle_seconds=5)
    assert Counter(one.priority for one in batch) == {"high": 12, "normal": 6, "low": 2}
    single = [(await puller.pull(1, idle_seconds=5))[0] for _ in range(10)]
    assert Counter(one.priority for one in single) == {"high": 6, "normal": 3, "low": 1}
    info = await bus.jetstream.consumer_info(WORK_STREAM, "layout-high")
    assert (info.num_ack_pending, info.num_pending) == (18, 12), "none was fetched ahead"
    for one in (*batch, *single):
        await one.ack()


async def test_places_that_one_priority_does_not_fill_go_to_the_others(bus: Bus, tenant: str, puller: Puller) -> None:
    await publish(bus, tenant, 12, Priority.PRIORITY_LOW)
    await publish(bus, tenant, 2, Priority.PRIORITY_HIGH)
    batch = await puller.pull(10, idle_seconds=5)
    assert Counter(one.priority for one in batch) == {"high": 2, "low": 8}
    rest = await puller.pull(10, idle_seconds=5)
    assert [one.priority for one in rest] == ["low"] * 4


async def test_an_idle_worker_gets_a_task_at_once_and_one_that_was_handed_back_soon(
    bus: Bus, tenant: str, puller: Puller
) -> None:
    assert await puller.pull(4, idle_seconds=0.2) == []
    waiting = asyncio.create_task(puller.pull(4, idle_seconds=30))
    await asyncio.sleep(0.1)
    started = time.monotonic()
    await publish(bus, tenant, 1, Priority.PRIORITY_NORMAL)
    (delivery,) = await waiting
    assert time.monotonic() - started < 5, "it was heard of, not found by looking"
    await delivery.hand_back(0.2)
    again = []
    while not again:
        again = list(await puller.pull(4, idle_seconds=0.3))
    assert (again[0].task.job_id, again[0].deliveries) == (delivery.task.job_id, 2)
    await again[0].ack()


async def test_a_new_task_comes_though_more_wait_that_were_handed_back_than_nats_gives_out_unless_told(
    bus: Bus, tenant: str, puller: Puller
) -> None:
    info = await bus.jetstream.consumer_info(WORK_STREAM, "layout-normal")
    await bus.jetstream.add_consumer(WORK_STREAM, info.config.evolve(max_ack_pending=1000))  # as an earlier version made it
    await bus.prepare()
    for group in range(11):
        tasks = [Task(tenant=tenant, job_id=f"{tenant}-wait-{group}-{number}", stage=STAGE, epoch=1) for number in range(100)]
        await asyncio.gather(*(bus.publish_task(task, Priority.PRIORITY_NORMAL) for task in tasks))
        handed = 0
        while handed < len(tasks):
            for one in await pulled(puller):
                await one.hand_back(600)
                handed += 1
    await publish(bus, tenant, 1, Priority.PRIORITY_NORMAL)
    (new,) = await pulled(puller)
    assert (new.task.job_id, new.deliveries) == (f"{tenant}-{Priority.PRIORITY_NORMAL}-0", 1)
    await bus.jetstream.purge_stream(WORK_STREAM)
