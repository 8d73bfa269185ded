"""Webhooks: signed messages that a job has ended, tried ten times over about a day; all of it is kept in S3.

A delivery is an object `_due/<tenant>/<webhook>/<event>.pb` while there is something to try, then
`<tenant>/deliveries/<webhook>/<event>.pb`. Every gateway looks for those that are due and takes each by a lease in NATS; one that
is sent twice all the same has the same event id. Webhooks are called side by side, in turns: a slow one holds up no other.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import logging
import random
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from google.protobuf.message import DecodeError
from nats.js.errors import KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from s2v.gateway.webhook_http import Outbound
from s2v.runtime.bus import Bus
from s2v.runtime.errors import LimitError, NotFoundError, UnavailableError
from s2v.runtime.schema import ERRORS, LEASES_BUCKET, unavailable
from s2v.runtime.store import ObjectStore
from s2v.v1.job_pb2 import Job, JobState
from s2v.v1.webhook_pb2 import Delivery, DeliveryAttempt, Webhook, WebhookRecord

log = logging.getLogger(__name__)

ATTEMPTS = 10
WAITS_SECONDS = (10.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0, 14_400.0, 28_800.0)
"""Wait before each further attempt."""
WEBHOOKS = 20
"""Most webhooks of a tenant."""
KEPT_SECONDS = 7 * 24 * 3600.0
"""How long a delivery is kept once there is nothing more to try."""
AT_ONCE = 64
"""Webhooks that a gateway calls at once; more wait for their turn."""
TENANT_AT_ONCE = 4
"""Of these, those of one tenant."""
TURN_SECONDS = 30.0
"""After so long a webhook with more deliveries lets others have their turn."""
END_SECONDS = 5.0
"""How long calls in flight may go on when the gateway ends; what is cut off is sent again when its lease is over."""
DAMAGED_SECONDS = 3600.0
"""After so long a webhook that is damaged in S3 is looked at again: it may have been restored."""
LISTED = 200
DUE = "_due/"
"""No tenant's name starts with an underscore."""
SIGNATURE_HEADER = "S2V-Signature"
EVENT_HEADER = "S2V-Event-Id"


@dataclass
class Webhooks:
    """The webhooks of all tenants."""

    bus: Bus
    store: ObjectStore
    outbound: Outbound
    _leases: KeyValue | None = None
    _waiting: dict[str, int] = field(default_factory=dict)
    """When to look at a delivery next, in nanoseconds since 1970, by its key; it is not read before."""
    _turns: dict[str, asyncio.Task[int]] = field(default_factory=dict)
    """What is being delivered, by the webhook's folder: each webhook has one turn at a time."""
    _closing: bool = False

    def __post_init__(self) -> None:
        self._places = asyncio.Semaphore(AT_ONCE)
        self._tenant_places: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def prepare(self) -> None:
        """Opens the bucket of leases.

        Errors: UnavailableError.
        """
        self._leases = await self.bus.bucket(LEASES_BUCKET)

    async def create(self, tenant: str, url: str) -> WebhookRecord:
        """Makes a webhook.

        Errors: InvalidInputError (url), LimitError, UnavailableError.
        """
        await self.outbound.check(url)
        if len(await self.store.list(_hooks(tenant))) >= WEBHOOKS:
            raise LimitError(f"there are {WEBHOOKS} webhooks, and no more are allowed; delete one", reason="TOO_MANY_WEBHOOKS")
        webhook = Webhook(id=secrets.token_hex(8), url=url)
        webhook.created_at.GetCurrentTime()
        record = WebhookRecord(webhook=webhook, secret=f"whsec_{secrets.token_urlsafe(32)}")
        await self.store.put(f"{_hooks(tenant)}{webhook.id}.pb", record.SerializeToString())
        return record

    async def list(self, tenant: str) -> list[WebhookRecord]:
        """Returns a tenant's webhooks by the time they were made; one that is damaged in S3 is left out, and logged.

        Errors: UnavailableError.
        """
        found: list[WebhookRecord] = []
        for webhook_id in await self._ids(tenant):
            with contextlib.suppress(NotFoundError):
                try:
                    found.append(await self._read(tenant, webhook_id))
                except DecodeError as error:
                    _log_damaged(tenant, webhook_id, error)
        return sorted(found, key=lambda record: record.webhook.created_at.ToNanoseconds())

    async def delete(self, tenant: str, webhook_id: str) -> None:
        """Deletes a webhook and its deliveries.

        Errors: NotFoundError, UnavailableError.
        """
        await self._find(tenant, webhook_id)
        await self.store.delete(f"{_hooks(tenant)}{webhook_id}.pb")
        for folder in (_due(tenant), _done(tenant)):
            await self.store.delete_prefix(f"{folder}{webhook_id}/")

    async def deliveries(self, tenant: str, webhook_id: str) -> Sequence[Delivery]:
        """Returns the latest deliveries of a webhook, newest first.

        Errors: NotFoundError, UnavailableError.
        """
        await self._find(tenant, webhook_id)
        items = [item for folder in (_due(tenant), _done(tenant)) for item in await self.store.list(f"{folder}{webhook_id}/")]
        latest = sorted(items, key=lambda item: item.modified_at, reverse=True)[:LISTED]
        found: dict[str, Delivery] = {}
        for item in latest:
            with contextlib.suppress(NotFoundError):  # it has moved, and is found there
                delivery = Delivery.FromString(await self.store.read(item.key))
                found.setdefault(delivery.event_id, delivery)
        return list(found.values())

    async def announce(self, job: Job, epoch: int) -> None:
        """Makes the deliveries for a job that has ended; doing it again changes nothing: the event has its name from job and run.

        Ends are announced again when NATS has lost its records. Of jobs that ended before a webhook was there, or so long ago
        that its delivery may be forgotten, it is not told.
        Errors: UnavailableError.
        """
        event_id, ended_at = name_event(job.id, epoch), job.finished_at.ToNanoseconds()
        if time.time_ns() - ended_at > KEPT_SECONDS * 1e9:
            return
        for record in await self.list(job.tenant):
            if ended_at < record.webhook.created_at.ToNanoseconds():
                continue
            place = f"{record.webhook.id}/{event_id}.pb"
            if await self.store.exists(_due(job.tenant) + place) or await self.store.exists(_done(job.tenant) + place):
                continue
            delivery = Delivery(event_id=event_id, webhook_id=record.webhook.id, job_id=job.id, body=describe(job, event_id))
            delivery.next_at.GetCurrentTime()
            await self.store.put(_due(job.tenant) + place, delivery.SerializeToString())

    async def deliver_due(self) -> int:
        """Makes an attempt of each delivery of any tenant that is due, and says how many attempts that were.

        Errors: UnavailableError.
        """
        return sum(await asyncio.gather(*await self.begin_due()))

    async def begin_due(self) -> Sequence[asyncio.Task[int]]:
        """Begins a turn for each webhook that has deliveries and no turn yet; a turn says how many attempts it has made.

        Errors: UnavailableError.
        """
        listed, now = [item.key for item in await self.store.list(DUE)], time.time_ns()
        self._waiting = {key: self._waiting[key] for key in listed if key in self._waiting}
        due: dict[str, list[str]] = {}
        for key in listed:
            if self._waiting.get(key, 0) <= now:
                due.setdefault(key.rpartition("/")[0], []).append(key)
        begun: list[asyncio.Task[int]] = []
        for folder, keys in due.items():
            if folder not in self._turns and not self._closing:
                turn = self._turns[folder] = asyncio.create_task(self._turn(keys), name=folder)
                turn.add_done_callback(self._turn_over)
                begun.append(turn)
        return begun

    async def close(self) -> None:
        """Begins no more attempts, and ends those in flight."""
        self._closing = True
        turns = list(self._turns.values())
        if turns:
            await asyncio.wait(turns, timeout=END_SECONDS)
        for turn in turns:
            turn.cancel()
        await asyncio.gather(*turns, return_exceptions=True)

    async def forget_job(self, tenant: str, job_id: str, epoch: int) -> None:
        """Deletes the deliveries of all runs of a job.

        Errors: UnavailableError.
        """
        for webhook_id in await self._ids(tenant):
            for run in range(1, epoch + 1):
                place = f"{webhook_id}/{name_event(job_id, run)}.pb"
                await self.store.delete(_due(tenant) + place)
                await self.store.delete(_done(tenant) + place)

    async def _turn(self, keys: Sequence[str]) -> int:
        """Makes attempts of what is due of one webhook, one after the other."""
        made, (_, tenant, webhook_id, _) = 0, keys[0].split("/")
        async with self._tenant_places.setdefault(tenant, asyncio.Semaphore(TENANT_AT_ONCE)), self._places:
            ends = time.monotonic() + TURN_SECONDS
            try:
                record = await self._read(tenant, webhook_id)
            except NotFoundError:
                await self.store.delete_prefix(f"{_due(tenant)}{webhook_id}/")
                return 0
            except DecodeError as error:
                _log_damaged(tenant, webhook_id, error)
                self._waiting.update(dict.fromkeys(keys, time.time_ns() + int(DAMAGED_SECONDS * 1e9)))
                return 0
            # In another order each time: of more than one turn can look through none waits for ever.
            for key in random.sample(keys, len(keys)):
                if self._closing or time.monotonic() > ends:
                    break
                made += await self._deliver(tenant, record, key)
        return made

    def _turn_over(self, turn: asyncio.Task[int]) -> None:
        self._turns.pop(turn.get_name(), None)
        if turn.cancelled():
            return
        error = turn.exception()
        if isinstance(error, UnavailableError):
            log.warning("a webhook waits: %s", error)
        elif error is not None:
            log.error("a webhook could not be served", exc_info=error)

    async def _deliver(self, tenant: str, record: WebhookRecord, key: str) -> bool:
        """Makes an attempt of a delivery if it is due and no other gateway makes it; says whether."""
        try:
            delivery = Delivery.FromString(await self.store.read(key))
        except NotFoundError:  # another gateway was faster
            return False
        except DecodeError as error:  # nothing can be told any more
            log.error("a damaged delivery is deleted: %s: %s", key, error, extra={"tenant": tenant})
            await self.store.delete(key)
            return False
        self._waiting[key] = delivery.next_at.ToNanoseconds()
        if self._waiting[key] > time.time_ns() or not await self._take(delivery):
            return False
        await self._attempt(tenant, record, delivery)
        return True

    async def _attempt(self, tenant: str, record: WebhookRecord, delivery: Delivery) -> None:
        body, now = delivery.body.encode(), int(time.time())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "s2v-webhooks",
            EVENT_HEADER: delivery.event_id,
            SIGNATURE_HEADER: sign(record.secret, now, body),
        }
        started = time.monotonic()
        answer = await self.outbound.post(record.webhook.url, body, headers)
        attempt = DeliveryAttempt(status=answer.status, error=answer.error, seconds=time.monotonic() - started)
        attempt.at.GetCurrentTime()
        delivery.attempts.append(attempt)
        delivery.delivered = not answer.error
        if delivery.delivered or len(delivery.attempts) >= ATTEMPTS:
            delivery.ClearField("next_at")
        else:
            wait = WAITS_SECONDS[len(delivery.attempts) - 1]
            delivery.next_at.FromNanoseconds(time.time_ns() + int(wait * 1e9))
        log.info("webhook called", extra={"tenant": tenant, "webhook": delivery.webhook_id, "status": answer.status})
        place = f"{delivery.webhook_id}/{delivery.event_id}.pb"
        if not await self.store.exists(_due(tenant) + place):
            return  # job or webhook was deleted meanwhile: nothing of them is to come back
        if delivery.HasField("next_at"):
            await self.store.put(_due(tenant) + place, delivery.SerializeToString())
            return
        await self.store.put(_done(tenant) + place, delivery.SerializeToString())
        await self.store.delete(_due(tenant) + place)
        for item in await self.store.list(f"{_done(tenant)}{delivery.webhook_id}/"):
            if time.time() - item.modified_at.timestamp() > KEPT_SECONDS:
                await self.store.delete(item.key)

    async def _take(self, delivery: Delivery) -> bool:
        """Says whether this attempt is ours."""
        if self._leases is None:
            raise UnavailableError("the leases are not prepared: call Webhooks.prepare first")
        try:
            await self._leases.create(f"webhook.{delivery.webhook_id}.{delivery.event_id}.{len(delivery.attempts)}", b"")
        except KeyWrongLastSequenceError:
            return False
        except ERRORS as error:
            raise unavailable(error) from error
        return True

    async def _ids(self, tenant: str) -> Sequence[str]:
        return [item.key.removeprefix(_hooks(tenant)).removesuffix(".pb") for item in await self.store.list(_hooks(tenant))]

    async def _read(self, tenant: str, webhook_id: str) -> WebhookRecord:
        """Returns a webhook. Errors: NotFoundError, DecodeError (it is damaged), UnavailableError."""
        return WebhookRecord.FromString(await self.store.read(f"{_hooks(tenant)}{webhook_id}.pb"))

    async def _find(self, tenant: str, webhook_id: str) -> None:
        if webhook_id not in await self._ids(tenant):
            raise NotFoundError(
                f"there is no webhook {webhook_id[:40]!r}; list them to see their ids",
                reason="WEBHOOK_NOT_FOUND",
                field="webhook_id",
            )


def _log_damaged(tenant: str, webhook_id: str, error: DecodeError) -> None:
    log.error("webhook %s is damaged, delete it: %s", webhook_id, error, extra={"tenant": tenant})


def name_event(job_id: str, epoch: int) -> str:
    """Returns the id of the event that run `epoch` of a job has ended."""
    return hashlib.sha256(f"{job_id}.{epoch}".encode()).hexdigest()[:32]


def describe(job: Job, event_id: str) -> str:
    """Returns the body of an event, JSON."""
    event: dict[str, object] = {
        "id": event_id,
        "type": "job.ended",
        "job": {
            "id": job.id,
            "state": JobState.Name(job.state),
            "source_name": job.source_name,
            "finished_at": job.finished_at.ToJsonString(),
            "error": {"reason": job.error.reason, "message": job.error.message} if job.HasField("error") else None,
        },
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """Returns the signature of a body: `t=<seconds since 1970>,v1=<HMAC-SHA256 of "<t>.<body>", hexadecimal>`."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def _hooks(tenant: str) -> str:
    return f"{tenant}/webhooks/"


def _due(tenant: str) -> str:
    return f"{DUE}{tenant}/"


def _done(tenant: str) -> str:
    return f"{tenant}/deliveries/"
