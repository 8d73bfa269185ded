"""NATS JetStream: the work-queue stream, the events of jobs, dead letters, and the announcement of cancelled jobs.

Messages only wake: what is to be done is in the job record, and what was made is in S3.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import nats
import nats.errors
from google.protobuf.message import DecodeError
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DeliverPolicy
from nats.js.errors import Error as JetStreamError
from nats.js.kv import KeyValue
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind

from s2v.runtime import schema, telemetry
from s2v.runtime.errors import UnavailableError
from s2v.runtime.security import nats_context
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
TASK_VERSION = 1
"""Version of Task that this code writes; it reads its own and the one before."""
REQUEST_SECONDS = 5.0
"""How long NATS may take to answer."""
ARRIVAL_SECONDS = 0.05
"""How long to wait for a task that was heard of to be in the stream."""

PRIORITIES: dict[Priority.ValueType, str] = {
    Priority.PRIORITY_HIGH: "high",
    Priority.PRIORITY_NORMAL: "normal",
    Priority.PRIORITY_LOW: "low",
}
_TURNS = ("high", "high", "normal", "high", "high", "normal", "high", "high", "normal", "low")
"""Which priority has its turn first: 6:3:1."""


@dataclass
class Delivery:
    """A task that was pulled, until it is acknowledged or handed back."""

    task: Task
    deliveries: int
    """How often it was delivered, this time included."""
    context: Context
    """The trace that it carries."""
    _msg: Msg = field(repr=False)

    @property
    def priority(self) -> str:
        """Priority of the queue that it came from: "high", "normal" or "low"."""
        return self._msg.subject.rsplit(".", 1)[-1]

    async def ack(self) -> None:
        """Says that it is done, and waits until NATS knows."""
        await self._msg.ack_sync(timeout=REQUEST_SECONDS)

    async def hand_back(self, delay_seconds: float = 0.0) -> None:
        """Gives it to whoever pulls next, after `delay_seconds`."""
        await self._msg.nak(delay=delay_seconds)

    async def keep(self) -> None:
        """Says that it is still being worked on."""
        await self._msg.in_progress()


class Bus:
    """A connection to NATS."""

    def __init__(self, settings: RuntimeSettings) -> None:
        self._settings = settings
        self._client = Client()
        self._mending: asyncio.Task[None] | None = None
        self._turn = itertools.cycle(_TURNS)
        self.jetstream: JetStreamContext = self._client.jetstream()

    @property
    def connected(self) -> bool:
        """Whether NATS answers at the moment."""
        return bool(self._client.is_connected)

    async def connect(self) -> None:
        """Connects, and makes the streams and buckets that do not exist; the same each time it has reconnected, for ever after.

        Errors: UnavailableError.
        """

        async def report(error: Exception) -> None:
            log.warning("NATS: %s", error or type(error).__name__)

        token = self._settings.nats_token.get_secret_value()
        try:
            await self._client.connect(
                self._settings.nats_url,
                token=token or None,
                tls=nats_context(self._settings),
                max_reconnect_attempts=-1,
                reconnect_time_wait=1,
                error_cb=report,
                reconnected_cb=self._reconnected,
                allow_reconnect=True,
            )
        except (nats.errors.Error, OSError) as error:
            raise UnavailableError(f"NATS at {self._settings.nats_url} does not answer: {error}") from error
        self.jetstream = self._client.jetstream(timeout=REQUEST_SECONDS)
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
        """Sends what is buffered and closes the connection."""
        if self._client.is_connected:
            await self._client.drain()
        elif not self._client.is_closed:
            await self._client.close()

    async def publish_task(self, task: Task, priority: Priority.ValueType, *, again: str = "") -> None:
        """Publishes a task; NATS drops a second one with the same id within two minutes, unless `again` names another try.

        Errors: UnavailableError.
        """
        task.version = TASK_VERSION
        task.published_at.GetCurrentTime()
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

    async def pull_task(self, stage: Stage.ValueType, wake: Wake, *, idle_seconds: float) -> Delivery | None:
        """Pulls one task, weighted 6:3:1 by priority; waits up to `idle_seconds` for one.

        Errors: UnavailableError.
        """
        first = next(self._turn)
        for priority in (first, *(name for name in PRIORITIES.values() if name != first)):
            if delivery := await self._next(stage, priority, 0.0):
                return delivery
        heard = await wake.wait(idle_seconds)
        return await self._next(stage, heard, ARRIVAL_SECONDS) if heard else None

    async def hear_tasks(self, stage: Stage.ValueType) -> Wake:
        """Subscribes to the announcements of new tasks, so that an idle worker starts within milliseconds."""
        wake = Wake()

        async def heard(msg: Msg) -> None:
            wake.ring(msg.subject.rsplit(".", 1)[-1])

        await self._client.subscribe(f"s2v.v1.work.{NAMES[stage]}.*", cb=heard)
        return wake

    async def bury(self, letter: DeadLetter) -> None:
        """Keeps a dead letter, once a task and run.

        Errors: UnavailableError.
        """
        letter.traceparent = telemetry.inject().get("traceparent", "")
        letter.buried_at.GetCurrentTime()
        name = NAMES.get(letter.task.stage, "unknown")
        message_id = f"{letter.task.job_id}.{letter.task.epoch}.{name}.{task_name(letter.task)}"
        await self._publish(f"s2v.v1.dead.{name}", letter.SerializeToString(), message_id)

    async def publish_event(self, event: JobEvent, name: str) -> None:
        """Publishes an event of a job; `name` tells it from the job's other events, so that repeating a task does not repeat it.

        Errors: UnavailableError.
        """
        event.time.GetCurrentTime()
        await self._publish(f"s2v.v1.events.{event.job_id}", event.SerializeToString(), f"{event.job_id}.{name}")

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
        except (nats.errors.Error, JetStreamError) as error:
            raise UnavailableError(f"NATS does not answer: {error}") from error
        try:
            async for msg in subscription.messages:
                event = JobEvent.FromString(msg.data)
                event.sequence = msg.metadata.sequence.stream
                yield event
        finally:
            if self._client.is_connected:
                await subscription.unsubscribe()

    async def announce_cancel(self, job_id: str) -> None:
        """Tells all workers that a job is cancelled; the record says so too."""
        await self._client.publish(CANCEL_SUBJECT, job_id.encode())

    async def hear_cancels(self, heard: Callable[[str], Awaitable[None]]) -> None:
        """Calls `heard` with the id of each job that is cancelled from now on."""

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
            raise UnavailableError(f"NATS at {self._settings.nats_url} does not answer: {error}") from error
        return sorted(found, key=lambda one: (one.stage, one.host, one.pid))

    async def _next(self, stage: Stage.ValueType, priority: str, expires_seconds: float) -> Delivery | None:
        # The JetStream API's own pull request, answered once: no task is left behind in a client-side buffer.
        request: dict[str, object] = {"batch": 1, "no_wait": True}
        if expires_seconds:
            request = {"batch": 1, "expires": int(expires_seconds * 1e9)}
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{WORK_STREAM}.{NAMES[stage]}-{priority}"
        try:
            # An inbox of its own (old style): the answer bears the task's subject, which the shared inbox cannot match.
            msg = await self._client.request(subject, json.dumps(request).encode(), timeout=REQUEST_SECONDS, old_style=True)
        except (nats.errors.Error, OSError) as error:
            raise UnavailableError(
                f"NATS at {self._settings.nats_url} does not answer: {error or type(error).__name__}"
            ) from error
        if not msg.reply:
            return None
        try:
            task = Task.FromString(msg.data)
        except DecodeError:
            log.exception("a message on %s is not a task; dropped", msg.subject)
            await msg.term()
            return None
        return Delivery(task, msg.metadata.num_delivered, telemetry.extract(msg.headers), msg)

    async def _publish(self, subject: str, payload: bytes, message_id: str) -> None:
        sent = {**telemetry.inject(), "Nats-Msg-Id": message_id}
        try:
            await self.jetstream.publish(subject, payload, headers=sent)
        except (nats.errors.Error, JetStreamError, OSError) as error:
            raise UnavailableError(
                f"NATS at {self._settings.nats_url} did not take a message: {error or type(error).__name__}"
            ) from error


class Wake:
    """Remembers that a task was announced, and with which priority."""

    def __init__(self) -> None:
        self._heard: asyncio.Queue[str] = asyncio.Queue(maxsize=64)

    def ring(self, priority: str) -> None:
        """Wakes one waiter."""
        if not self._heard.full():
            self._heard.put_nowait(priority)

    async def wait(self, seconds: float) -> str:
        """Returns the priority of an announced task, or "" after `seconds`."""
        try:
            return await asyncio.wait_for(self._heard.get(), seconds)
        except TimeoutError:
            return ""


def task_name(task: Task) -> str:
    """Names a task within its stage: "plan", "part.3" or "join"."""
    if task.kind == TaskKind.TASK_KIND_PART:
        return f"part.{task.part}"
    return "join" if task.kind == TaskKind.TASK_KIND_JOIN else "plan"
