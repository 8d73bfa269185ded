"""NATS JetStream: the work-queue stream, the events of jobs, dead letters, and the announcement of cancelled jobs.

Messages only wake: what is to be done is in the job record, and what was made is in S3.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

import nats
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DeliverPolicy
from nats.js.kv import KeyValue
from opentelemetry.trace import SpanKind

from s2v.runtime import schema, telemetry
from s2v.runtime.errors import UnavailableError
from s2v.runtime.moments import stamp
from s2v.runtime.pulling import Puller
from s2v.runtime.schema import REQUEST_TIMEOUT_SECONDS
from s2v.runtime.security import nats_context, shown
from s2v.runtime.settings import RuntimeSettings
from s2v.runtime.stage import NAMES
from s2v.v1.event_pb2 import JobEvent
from s2v.v1.job_pb2 import Priority
from s2v.v1.report_pb2 import Stage
from s2v.v1.work_pb2 import DeadLetter, Task, TaskKind, WorkerStatus

log = logging.getLogger(__name__)

WORK_STREAM, EVENT_STREAM, DEAD_STREAM = schema.WORK_STREAM, schema.EVENT_STREAM, schema.DEAD_STREAM
CANCEL_SUBJECT = "s2v.v1.control.cancel"
WORKERS_SUBJECT = "s2v.v1.control.workers"
"""Whoever asks here is answered by each worker."""
CONNECT_SECONDS = 10.0
"""How long a first connection may take."""
TASK_VERSION = 1
"""Version of Task that this code writes; it reads its own and the one before."""

PRIORITIES: dict[Priority.ValueType, str] = {
    Priority.PRIORITY_HIGH: "high",
    Priority.PRIORITY_NORMAL: "normal",
    Priority.PRIORITY_LOW: "low",
}


class Bus:
    """A connection to NATS."""

    def __init__(self, settings: RuntimeSettings) -> None:
        self._settings = settings
        self._client = Client()
        self._servers = shown(settings.nats_url)
        self._mending: asyncio.Task[None] | None = None
        self.jetstream: JetStreamContext = self._client.jetstream()

    @property
    def connected(self) -> bool:
        """Whether NATS answers at the moment."""
        return bool(self._client.is_connected)

    @property
    def message_bytes(self) -> int:
        """Most that NATS takes in one message, its headers included."""
        return int(self._client.max_payload)

    async def connect(self) -> None:
        """Connects, and makes the streams and buckets that do not exist; the same each time it has reconnected, for ever after.

        Errors: UnavailableError.
        """

        async def report(error: Exception) -> None:
            log.warning("NATS: %s", error or type(error).__name__)

        token = self._settings.nats_token.get_secret_value()
        try:
            # A client that reconnects for ever would also wait for ever for a server that was never there.
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._client.connect(
                    self._settings.nats_url.split(","),
                    token=token or None,
                    tls=nats_context(self._settings),
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=1,
                    error_cb=report,
                    reconnected_cb=self._reconnected,
                    allow_reconnect=True,
                )
        except (TimeoutError, nats.errors.Error, OSError) as error:
            said = str(error) or type(error).__name__
            raise UnavailableError(f"NATS at {self._servers} does not answer: {said}") from error
        self.jetstream = self._client.jetstream(timeout=REQUEST_TIMEOUT_SECONDS)
        await self.prepare()

    async def prepare(self) -> None:
        """Makes the streams and buckets that do not exist.

        Errors: UnavailableError.
        """
        await schema.prepare(self.jetstream, self._settings)

    async def bucket(self, name: str) -> KeyValue:
        """Returns a key-value bucket of the schema.

        Errors: UnavailableError.
        """
        try:
            return await self.jetstream.key_value(name)
        except schema.ERRORS as error:
            raise UnavailableError(f"NATS has no bucket {name}: {error or type(error).__name__}") from error

    async def _reconnected(self) -> None:
        # Not awaited here: the client calls this before it reads answers again.
        self._mending = asyncio.create_task(self._mend())

    async def _mend(self) -> None:
        try:
            await self.prepare()
        except UnavailableError as error:
            log.warning("after reconnecting: %s", error)

    async def close(self) -> None:
        """Sends what is buffered and closes the connection, if there is one."""
        if self._client.is_connected:
            await self._client.drain()
        elif not self._client.is_closed:
            with contextlib.suppress(AssertionError):  # what the client says of a connection that was not even begun
                await self._client.close()

    async def publish_task(self, task: Task, priority: Priority.ValueType, *, again: str = "") -> None:
        """Publishes a task; NATS drops a second one with the same id within two minutes, unless `again` names another try.

        Errors: UnavailableError.
        """
        task.version = TASK_VERSION
        stamp(task.published_at)
        name = NAMES[task.stage]
        subject = f"s2v.v1.work.{name}.{PRIORITIES[priority]}"
        with telemetry.tracer.start_as_current_span(
            f"publish s2v.work.{name}",
            kind=SpanKind.PRODUCER,
            attributes={
                "messaging.system": "nats",
                "messaging.operation.name": "publish",
                "messaging.destination.name": f"s2v.work.{name}",
                "s2v.job.id": task.job_id,
                "s2v.task": task_name(task),
            },
        ):
            await self._publish(subject, task.SerializeToString(), f"{task.job_id}.{task.epoch}.{name}.{task_name(task)}{again}")

    async def pull_tasks(self, stage: Stage.ValueType) -> Puller:
        """Returns what pulls the tasks of a stage; it hears of new ones from now on."""
        puller = Puller(self._client, NAMES[stage])
        await puller.start()
        return puller

    async def bury(self, letter: DeadLetter) -> None:
        """Keeps a dead letter, once a task and run.

        Errors: UnavailableError.
        """
        letter.traceparent = telemetry.inject().get("traceparent", "")
        letter.buried_at.GetCurrentTime()
        name = NAMES.get(letter.task.stage, "unknown")
        message_id = f"{letter.task.job_id}.{letter.task.epoch}.{name}.{task_name(letter.task)}"
        await self._publish(f"s2v.v1.dead.{name}", letter.SerializeToString(), message_id)

    async def publish_event(self, event: JobEvent, name: str, *, kept: bool = False) -> None:
        """Publishes an event of a job; `name` tells it from the job's other events, so that repeating a task does not repeat it.

        Nobody waits until NATS has it: what is true is in the record, and whoever watches asks that too when all is silent.
        With `kept` it is in the stream when this returns.
        Errors: UnavailableError.
        """
        stamp(event.time)
        subject, message_id = f"s2v.v1.events.{event.job_id}", f"{event.job_id}.{name}"
        if kept:
            await self._publish(subject, event.SerializeToString(), message_id)
            return
        sent = {**telemetry.inject(), "Nats-Msg-Id": message_id}
        try:
            await self._client.publish(subject, event.SerializeToString(), headers=sent)
        except (nats.errors.Error, OSError) as error:
            raise schema.unavailable(error) from error

    async def events(self, job_id: str, after_sequence: int = 0) -> AsyncGenerator[JobEvent, None]:
        """Yields the events of a job from the first one that is kept, for ever; the caller stops.

        Errors: UnavailableError.
        """
        start = (
            ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=after_sequence + 1)
            if after_sequence
            else ConsumerConfig(deliver_policy=DeliverPolicy.ALL)
        )
        try:
            subscription = await self.jetstream.subscribe(
                f"s2v.v1.events.{job_id}", stream=EVENT_STREAM, config=start, ordered_consumer=True
            )
        except schema.ERRORS as error:
            raise schema.unavailable(error) from error
        try:
            async for msg in subscription.messages:
                event = JobEvent.FromString(msg.data)
                event.sequence = msg.metadata.sequence.stream
                yield event
        finally:
            with contextlib.suppress(nats.errors.Error):  # what is ended while NATS is away is not asked for again
                await subscription.unsubscribe()

    async def announce_cancel(self, job_id: str) -> None:
        """Tells all workers to stop what they do for a job that was cancelled or has failed; the record says so too.

        Errors: UnavailableError.
        """
        try:
            await self._client.publish(CANCEL_SUBJECT, job_id.encode())
        except (nats.errors.Error, OSError) as error:
            raise schema.unavailable(error) from error

    async def hear_cancels(self, heard: Callable[[str], Awaitable[None]]) -> None:
        """Calls `heard` with the id of each job that is cancelled or fails from now on."""

        async def receive(msg: Msg) -> None:
            await heard(msg.data.decode())

        await self._client.subscribe(CANCEL_SUBJECT, cb=receive)

    async def hear_roll_call(self, answer: Callable[[], Awaitable[WorkerStatus]]) -> None:
        """Answers whoever asks which workers there are."""

        async def receive(msg: Msg) -> None:
            await msg.respond((await answer()).SerializeToString())

        await self._client.subscribe(WORKERS_SUBJECT, cb=receive)

    async def call_roll(self, seconds: float) -> Sequence[WorkerStatus]:
        """Asks all workers what they do, and returns the answers that come within `seconds`, by stage, host and process.

        Errors: UnavailableError.
        """
        found: list[WorkerStatus] = []

        async def receive(msg: Msg) -> None:
            if not msg.headers:  # NATS itself answers so when there is no worker at all
                found.append(WorkerStatus.FromString(msg.data))

        inbox = self._client.new_inbox()
        try:
            subscription = await self._client.subscribe(inbox, cb=receive)
            await self._client.publish(WORKERS_SUBJECT, b"", reply=inbox)
            await asyncio.sleep(seconds)
            await subscription.unsubscribe()
        except (nats.errors.Error, OSError) as error:
            raise UnavailableError(f"NATS at {self._servers} does not answer: {error}") from error
        return sorted(found, key=lambda one: (one.stage, one.host, one.pid))

    async def _publish(self, subject: str, payload: bytes, message_id: str) -> None:
        sent = {**telemetry.inject(), "Nats-Msg-Id": message_id}
        try:
            await self.jetstream.publish(subject, payload, headers=sent)
        except schema.ERRORS as error:
            what = error or type(error).__name__
            raise UnavailableError(f"NATS at {self._servers} did not take a message: {what}") from error


def task_name(task: Task) -> str:
    """Names a task within its stage: "plan", "part.3" or "join"."""
    if task.kind == TaskKind.TASK_KIND_PART:
        return f"part.{task.part}"
    return "join" if task.kind == TaskKind.TASK_KIND_JOIN else "plan"
