"""Places of jobs in a stage: at most so many jobs at once, whatever the number of pods. Kept in NATS as leases that expire.

A stage has a key for each place, which holds the id of a job. Pods that work on parts of the same job share its place: each
looks for it first. A new one is looked for from where the job's id points to, so that pods that do so at once find the same. A
worker that dies gives its places back by falling silent.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from dataclasses import dataclass

from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from s2v.runtime.bus import Bus
from s2v.runtime.errors import UnavailableError
from s2v.runtime.schema import ERRORS, LEASE_SECONDS, LEASES_BUCKET, unavailable


@dataclass
class _Held:
    key: str
    revision: int
    renewed: float
    """Monotonic seconds."""


class Leases:
    """The places of one stage, as one worker sees them."""

    def __init__(self, bus: Bus, stage: str, places: int) -> None:
        """`places` is how many jobs may be in the stage at once; 0: any number."""
        self._bus = bus
        self._stage = stage
        self._places = places
        self._bucket: KeyValue | None = None
        self._held: dict[str, _Held] = {}

    async def hold(self, job_id: str) -> bool:
        """Takes or renews the place of a job; says whether there is one.

        Errors: UnavailableError.
        """
        if not self._places:
            return True
        held = self._held.get(job_id)
        if held and time.monotonic() - held.renewed < LEASE_SECONDS / 3:
            return True
        try:
            bucket = await self._open()
            if held:
                try:
                    held.revision = await bucket.update(held.key, job_id.encode(), last=held.revision)
                    held.renewed = time.monotonic()
                    return True
                except KeyWrongLastSequenceError:  # another pod with the same job renewed it, or it was lost
                    self._held.pop(job_id, None)
            return await self._take(bucket, job_id)
        except ERRORS as error:
            raise unavailable(error) from error

    async def release(self, job_id: str) -> None:
        """Gives a job's place back, for all pods: its stage is done. Silent when NATS is away, as the lease expires then.

        Errors: none.
        """
        held = self._held.pop(job_id, None)
        if held is None:
            return
        try:
            bucket = await self._open()
            entry = await bucket.get(held.key)
            if entry.value == job_id.encode():
                await bucket.delete(held.key, last=entry.revision)
        except (*ERRORS, UnavailableError):
            return

    async def _take(self, bucket: KeyValue, job_id: str) -> bool:
        now = time.monotonic()  # what expired belongs to jobs that other pods have brought through the stage
        self._held = {job: held for job, held in self._held.items() if now - held.renewed < LEASE_SECONDS}
        first = zlib.crc32(job_id.encode())
        keys = [f"{self._stage}.{(first + step) % self._places}" for step in range(self._places)]
        found = dict(zip(keys, await asyncio.gather(*(_look(bucket, key) for key in keys)), strict=True))
        for key, entry in found.items():
            if entry is not None and entry.value == job_id.encode():
                self._held[job_id] = _Held(key, entry.revision or 0, now)
                return True
        for key in [key for key, entry in found.items() if entry is None]:
            try:
                revision = await bucket.create(key, job_id.encode())
            except KeyWrongLastSequenceError:  # taken a moment ago, perhaps for the same job
                entry = await _look(bucket, key)
                if entry is None or entry.value != job_id.encode():
                    continue
                revision = entry.revision or 0
            self._held[job_id] = _Held(key, revision, now)
            return True
        return False

    async def _open(self) -> KeyValue:
        if self._bucket is None:
            self._bucket = await self._bus.bucket(LEASES_BUCKET)
        return self._bucket


async def _look(bucket: KeyValue, key: str) -> KeyValue.Entry | None:
    """Returns who has a place; None: nobody."""
    try:
        return await bucket.get(key)
    except KeyNotFoundError:
        return None
