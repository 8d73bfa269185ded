"""How a worker gets its tasks: asked for in batches, weighted by priority, and started within milliseconds of their coming.

Nothing is fetched ahead: a batch is never larger than the number of tasks that the worker can begin at once.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import logging
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import nats.errors
from google.protobuf.message import DecodeError
from nats.aio.client import Client
from nats.aio.msg import Msg
from opentelemetry.context import Context

from s2v.runtime import telemetry
from s2v.runtime.errors import UnavailableError
from s2v.runtime.schema import PRIORITY_NAMES, REQUEST_TIMEOUT_SECONDS, WORK_STREAM, unavailable
from s2v.v1.work_pb2 import Task

log = logging.getLogger(__name__)

ARRIVAL_SECONDS = 0.05
"""How long to wait for a task that was heard of to be in the stream."""
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
        """Says that it is done. Should that be lost, it comes again, finds what is recorded, and is acknowledged again."""
        await self._msg.ack()

    async def hand_back(self, delay_seconds: float = 0.0) -> None:
        """Gives it to whoever pulls next, after `delay_seconds`."""
        await self._msg.nak(delay=delay_seconds)

    async def keep(self) -> None:
        """Says that it is still being worked on."""
        await self._msg.in_progress()


@dataclass
class _Request:
    """A batch that was asked for."""

    number: str
    batch: int
    done: asyncio.Future[None]
    found: list[Msg] = field(default_factory=list)


class Puller:
    """Pulls the tasks of one stage."""

    def __init__(self, client: Client, stage: str) -> None:
        self._client = client
        self._stage = stage
        self._turns = itertools.cycle(_TURNS)
        self._inbox = client.new_inbox()
        self._numbers = itertools.count()
        self._requests: dict[str, _Request] = {}
        """The one of each priority that is not answered."""
        self._late: list[Msg] = []
        self._rung = asyncio.Event()
        self._promising = dict.fromkeys(PRIORITY_NAMES, True)
        """Queues that may hold a task: one was announced, or the last batch was full."""
        self._looked = time.monotonic()

    async def start(self) -> None:
        """Listens for what comes: the tasks that were asked for, and the announcements of new ones."""
        for priority in PRIORITY_NAMES:
            await self._client.subscribe(f"{self._inbox}.{priority}.*", cb=functools.partial(self._receive, priority))
        await self._client.subscribe(f"s2v.v1.work.{self._stage}.*", cb=self._hear)

    async def pull(self, most: int, *, idle_seconds: float) -> Sequence[Delivery]:
        """Pulls up to `most` tasks, weighted 6:3:1 by priority; waits up to `idle_seconds` for the first.

        Errors: UnavailableError.
        """
        if not self._client.is_connected:  # a request that is sent later would bring tasks to nobody
            raise UnavailableError("NATS does not answer")
        if self._late:
            late, self._late = self._late[:most], self._late[most:]
            return await self._read(late)
        # Tasks that come back after a wait are not announced: all queues are looked into from time to time.
        left = self._looked + idle_seconds - time.monotonic()
        if not any(self._promising.values()) and left > 0:
            self._rung.clear()
            try:
                await asyncio.wait_for(self._rung.wait(), left)
            except TimeoutError:
                pass
            else:
                return [] if self._late else await self._arriving()
        if time.monotonic() - self._looked >= idle_seconds:
            self._looked = time.monotonic()
            self._promising = dict.fromkeys(PRIORITY_NAMES, True)
        return await self._waiting(most)

    async def _arriving(self) -> Sequence[Delivery]:
        """Takes one task that was announced a moment ago, and may not be in the stream yet."""
        heard = next((name for name in self._by_turn() if self._promising[name]), "normal")
        messages = await self._ask(heard, 1, ARRIVAL_SECONDS)
        return await self._read(messages)

    async def _waiting(self, most: int) -> Sequence[Delivery]:
        """Takes tasks that wait, as many of each priority as it has turns; what one does not fill goes to the others."""
        messages: list[Msg] = []
        while len(messages) < most and (names := [name for name in self._by_turn() if self._promising[name]]):
            free = most - len(messages)
            shares = Counter({names[0]: 1}) if free == 1 else Counter(itertools.islice(self._turns, free))
            wanted = {name: shares[name] for name in names if shares[name]} or {names[0]: free}
            if len(names) == 1:
                wanted = {names[0]: free}
            for name in wanted:
                self._promising[name] = False
            answers = await asyncio.gather(*(self._ask(*one) for one in wanted.items()), return_exceptions=True)
            errors = [answer for answer in answers if isinstance(answer, BaseException)]
            for (name, share), answer in zip(wanted.items(), answers, strict=True):
                if not isinstance(answer, BaseException):
                    messages += answer
                    self._promising[name] |= len(answer) == share
            if errors:
                self._promising = dict.fromkeys(PRIORITY_NAMES, True)
                if not messages:
                    raise errors[0]
                break
        return await self._read(messages)

    def _by_turn(self) -> list[str]:
        """Returns the priorities, that whose turn it is first."""
        first = next(self._turns)
        return [first, *(name for name in PRIORITY_NAMES if name != first)]

    async def _ask(self, priority: str, batch: int, expires_seconds: float = 0.0) -> list[Msg]:
        wish: dict[str, object] = {"batch": batch, "no_wait": True}
        if expires_seconds:
            wish = {"batch": batch, "expires": int(expires_seconds * 1e9)}
        request = _Request(str(next(self._numbers)), batch, asyncio.get_running_loop().create_future())
        self._requests[priority] = request
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{WORK_STREAM}.{self._stage}-{priority}"
        try:
            await self._client.publish(subject, json.dumps(wish).encode(), reply=f"{self._inbox}.{priority}.{request.number}")
            await asyncio.wait_for(request.done, REQUEST_TIMEOUT_SECONDS)
        except (TimeoutError, nats.errors.Error, OSError) as error:
            if not request.found:  # what has come is not left lying
                raise unavailable(error) from error
        finally:
            del self._requests[priority]
        return request.found

    async def _receive(self, priority: str, msg: Msg) -> None:
        # A task bears its own subject, so it does not say which request it answers; what says that no more come does.
        request = self._requests.get(priority)
        if msg.reply:
            if request is None or len(request.found) == request.batch:
                self._late.append(msg)  # its request was given up; whoever pulls next gets it
                self._rung.set()
                return
            request.found.append(msg)
            over = len(request.found) == request.batch
        else:
            over = request is not None and msg.subject.rsplit(".", 1)[-1] == request.number
        if request is not None and over and not request.done.done():
            request.done.set_result(None)

    async def _hear(self, msg: Msg) -> None:
        self._promising[msg.subject.rsplit(".", 1)[-1]] = True
        self._rung.set()

    async def _read(self, messages: Iterable[Msg]) -> Sequence[Delivery]:
        deliveries: list[Delivery] = []
        for msg in messages:
            try:
                task = Task.FromString(msg.data)
            except DecodeError:
                log.exception("a message on %s is not a task; dropped", msg.subject)
                await msg.term()
                continue
            deliveries.append(Delivery(task, msg.metadata.num_delivered, telemetry.extract(msg.headers), msg))
        return deliveries
