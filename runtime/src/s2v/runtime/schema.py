"""What must exist in NATS: streams, the consumers of the work queue, key-value buckets. `migrate` updates what is there."""

from __future__ import annotations

import nats.errors
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, KeyValueConfig, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import BucketNotFoundError, KeyNotFoundError
from nats.js.errors import Error as JetStreamError

from s2v.runtime.errors import PreconditionError, UnavailableError
from s2v.runtime.security import shown
from s2v.runtime.settings import RuntimeSettings
from s2v.runtime.stage import NAMES

VERSION = 1
"""Raised by hand when a stream or bucket changes so that older services could not go on."""
WORK_STREAM = "S2V_WORK"
EVENT_STREAM = "S2V_EVENTS"
DEAD_STREAM = "S2V_DEAD"
JOBS_BUCKET = "s2v-jobs"
LIVE_BUCKET = "s2v-live"
CATALOGUE_BUCKET = "s2v-catalogue"
LEASES_BUCKET = "s2v-leases"
CONTROL_BUCKET = "s2v-control"
REQUESTS_BUCKET = "s2v-requests"
USAGE_BUCKET = "s2v-usage"
QUOTAS_BUCKET = "s2v-quotas"
READ_BUCKETS = frozenset({JOBS_BUCKET, CATALOGUE_BUCKET})
"""Buckets of which any server of a cluster answers reads, though it may be a moment behind: changes are by compare-and-set."""
VERSION_KEY = "schema"
DEDUPE_SECONDS = 120
"""How long NATS remembers message ids."""
EVENT_SECONDS = 24 * 3600
"""How long events are kept."""
DEAD_SECONDS = 30 * 24 * 3600
"""How long dead letters are kept."""
REQUEST_SECONDS = 24 * 3600
"""How long a request id is remembered."""
QUOTA_SECONDS = 2 * 3600
"""How long what a tenant has used is remembered, longer than any quota's period."""
LEASE_SECONDS = 60
"""How long a place in a stage is kept for a job whose worker fell silent."""
REQUEST_TIMEOUT_SECONDS = 5.0
"""How long NATS may take to answer."""
PRIORITY_NAMES = ("high", "normal", "low")
ERRORS = (nats.errors.Error, JetStreamError, OSError)
"""What calls to NATS raise when it does not answer."""


def unavailable(error: Exception) -> UnavailableError:
    """Returns what is raised instead of one of them."""
    return UnavailableError(f"NATS does not answer: {error or type(error).__name__}")


def streams(replicas: int) -> tuple[StreamConfig, ...]:
    """Returns the streams."""
    kept = StreamConfig(storage=StorageType.FILE, duplicate_window=DEDUPE_SECONDS, num_replicas=replicas)
    return (
        kept.evolve(name=WORK_STREAM, subjects=["s2v.v1.work.>"], retention=RetentionPolicy.WORK_QUEUE),
        kept.evolve(name=EVENT_STREAM, subjects=["s2v.v1.events.*"], max_age=EVENT_SECONDS),
        kept.evolve(name=DEAD_STREAM, subjects=["s2v.v1.dead.*"], max_age=DEAD_SECONDS),
    )


def buckets(replicas: int) -> tuple[KeyValueConfig, ...]:
    """Returns the key-value buckets."""
    lifetimes = {
        JOBS_BUCKET: None,
        LIVE_BUCKET: None,
        CATALOGUE_BUCKET: None,
        CONTROL_BUCKET: None,
        USAGE_BUCKET: None,
        REQUESTS_BUCKET: REQUEST_SECONDS,
        QUOTAS_BUCKET: QUOTA_SECONDS,
        LEASES_BUCKET: LEASE_SECONDS,
    }
    return tuple(
        KeyValueConfig(
            bucket=name, history=1, ttl=seconds, storage=StorageType.FILE, replicas=replicas, direct=name in READ_BUCKETS
        )
        for name, seconds in lifetimes.items()
    )


async def prepare(jetstream: JetStreamContext, settings: RuntimeSettings) -> None:
    """Makes what is missing; of what is there only the consumers are brought to these settings. After NATS has lost all it had,
    this makes it again, empty.

    Errors: UnavailableError.
    """
    try:
        there = set(await _names(jetstream))
        for stream in streams(settings.nats_replicas):
            if stream.name not in there:
                await jetstream.add_stream(stream)
        for bucket in buckets(settings.nats_replicas):
            if f"KV_{bucket.bucket}" not in there:
                await jetstream.create_key_value(bucket)
        for stage, name in NAMES.items():
            for priority in PRIORITY_NAMES:
                consumer = ConsumerConfig(
                    durable_name=f"{name}-{priority}",
                    filter_subject=f"s2v.v1.work.{name}.{priority}",
                    ack_policy=AckPolicy.EXPLICIT,
                    ack_wait=settings.ack_wait_seconds,
                    max_deliver=-1,
                    max_ack_pending=-1,  # tasks that were handed back and wait count too, and must not keep new ones out
                    description=f"stage {stage}",
                )
                await jetstream.add_consumer(WORK_STREAM, consumer)
    except ERRORS as error:
        what = error or type(error).__name__
        raise UnavailableError(f"NATS at {shown(settings.nats_url)} did not make the streams: {what}") from error


async def migrate(jetstream: JetStreamContext, settings: RuntimeSettings) -> list[str]:
    """Brings NATS to this version: makes what is missing and updates what differs. Returns what it changed; again: nothing.

    Errors: PreconditionError when a newer version was here before, UnavailableError.
    """
    changed: list[str] = []
    try:
        found = await _version(jetstream)
        if found > VERSION:
            raise PreconditionError(
                f"NATS holds version {found} of the schema, and this s2v knows {VERSION}: migrate with the newer s2v",
                reason="NEWER_SCHEMA",
            )
        await prepare(jetstream, settings)
        wanted = {
            **{str(stream.name): (stream.max_age, False) for stream in streams(1)},
            **{f"KV_{bucket.bucket}": (bucket.ttl, bool(bucket.direct)) for bucket in buckets(1)},
        }
        for name, (seconds, direct) in wanted.items():
            config = (await jetstream.stream_info(name)).config
            if (config.num_replicas, config.max_age or None, bool(config.allow_direct)) == (
                settings.nats_replicas,
                seconds,
                direct,
            ):
                continue
            evolved = config.evolve(num_replicas=settings.nats_replicas, max_age=seconds or 0, allow_direct=direct)
            await jetstream.update_stream(evolved)
            changed.append(name)
        if found < VERSION:
            control = await jetstream.key_value(CONTROL_BUCKET)
            await control.put(VERSION_KEY, str(VERSION).encode())
            changed.append(f"version {VERSION}")
    except ERRORS as error:
        what = error or type(error).__name__
        raise UnavailableError(f"NATS at {shown(settings.nats_url)} did not migrate: {what}") from error
    return changed


async def _version(jetstream: JetStreamContext) -> int:
    """Returns the version that NATS was brought to; 0 where nothing is yet."""
    try:
        control = await jetstream.key_value(CONTROL_BUCKET)
        return int((await control.get(VERSION_KEY)).value or b"0")
    except (BucketNotFoundError, KeyNotFoundError):
        return 0


async def _names(jetstream: JetStreamContext) -> list[str]:
    names: list[str] = []
    for info in await jetstream.streams_info():
        names.append(info.config.name or "")
    return names
