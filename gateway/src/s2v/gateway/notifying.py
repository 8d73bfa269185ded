"""From the event that a job has ended to its webhooks. The gateways share the work: each event is for one of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import nats.errors
from google.protobuf.message import DecodeError
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import Error as JetStreamError

from s2v.gateway.webhooks import Webhooks
from s2v.runtime.bus import Bus
from s2v.runtime.errors import NotFoundError, UnavailableError
from s2v.runtime.jobs import FINISHED, Jobs
from s2v.runtime.schema import EVENT_STREAM, JOBS_BUCKET
from s2v.v1.event_pb2 import JobEvent

log = logging.getLogger(__name__)

CONSUMER = "webhooks"
ACK_WAIT_SECONDS = 30
"""An event whose gateway vanished is given to another one after so long."""
BATCH = 64
IDLE_SECONDS = 1.0
"""How long to wait for events, and how often due deliveries are looked for."""
OUTAGE_SECONDS = 5.0


@dataclass
class Notifying:
    """Tells webhooks about jobs."""

    webhooks: Webhooks
    jobs: Jobs
    bus: Bus

    async def run(self, stop: asyncio.Event) -> None:
        """Turns events into deliveries, and beside that makes those that are due, until `stop` is set."""
        async with asyncio.TaskGroup() as group:
            group.create_task(_keep_on(self._follow, stop))
            group.create_task(_keep_on(self._deliver, stop))
        await self.webhooks.close()

    async def _deliver(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self.webhooks.begin_due()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), IDLE_SECONDS)

    async def _follow(self, stop: asyncio.Event) -> None:
        config = ConsumerConfig(
            durable_name=CONSUMER,
            filter_subject="s2v.v1.events.*",
            deliver_policy=DeliverPolicy.NEW,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT_SECONDS,
            max_deliver=-1,
        )
        await self.bus.jetstream.add_consumer(EVENT_STREAM, config)
        events = await self.bus.jetstream.pull_subscribe_bind(CONSUMER, EVENT_STREAM)
        try:
            while not stop.is_set():
                with contextlib.suppress(nats.errors.TimeoutError):
                    for message in await events.fetch(BATCH, timeout=IDLE_SECONDS):
                        await self._hear(message)
        finally:
            with contextlib.suppress(nats.errors.Error):
                await events.unsubscribe()

    async def _hear(self, message: Msg) -> None:
        try:
            event = JobEvent.FromString(message.data)
            if event.state_changed.state in FINISHED:
                for tenant in await self._tenants_of(event.job_id):
                    with contextlib.suppress(NotFoundError):
                        record = await self.jobs.get(tenant, event.job_id)
                        if record.job.state in FINISHED:
                            await self.webhooks.announce(record.job, record.epoch)
        except DecodeError as error:  # it would come again and again
            log.error("webhooks are not told of a damaged event or job: %s", error, extra={"subject": message.subject})
        await message.ack()

    async def _tenants_of(self, job_id: str) -> list[str]:
        """Returns whose job it is: events name none. One tenant, or none when the job is deleted."""
        found = await self.bus.jetstream.stream_info(f"KV_{JOBS_BUCKET}", subjects_filter=f"$KV.{JOBS_BUCKET}.*.{job_id}")
        return [subject.split(".")[-2] for subject in found.state.subjects or {}]


async def _keep_on(work: Callable[[asyncio.Event], Awaitable[None]], stop: asyncio.Event) -> None:
    """Does a work until `stop` is set, again after an outage."""
    while not stop.is_set():
        try:
            await work(stop)
        except (UnavailableError, nats.errors.Error, JetStreamError, OSError) as error:
            log.warning("webhooks wait: %s", error or type(error).__name__)
        except Exception:  # must not end the front door: at its next start it would end again
            log.exception("webhooks failed, and are tried again in %g s", OUTAGE_SECONDS)
        else:
            continue
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), OUTAGE_SECONDS)
