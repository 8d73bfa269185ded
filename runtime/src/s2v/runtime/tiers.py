"""Three buckets: hot, where jobs are worked on; warm, with recent results; cold, the archive. Whoever reads sees one store.

All is written to the hot tier. `s2v.runtime.mover` moves the objects of ended jobs under the same keys; a read looks in each tier
in turn. An object is there before it is gone elsewhere, so a read that finds none in either looks once more.

Tiers that belong together have the same mark. A hot tier without it has taken another one's place, and does not know its jobs.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from s2v.runtime.errors import NotFoundError
from s2v.runtime.settings import RuntimeSettings
from s2v.runtime.store import ObjectStore, Place, StoredObject
from s2v.v1.artifact_pb2 import ObjectRef
from s2v.v1.work_pb2 import Tier

T = TypeVar("T")

TIERS: Mapping[Tier.ValueType, str] = {Tier.TIER_HOT: "hot", Tier.TIER_WARM: "warm", Tier.TIER_COLD: "cold"}
LOOKS = 2
"""Times that all tiers are looked through."""
MARK = "_tiers/mark"
"""Key of the mark of tiers that belong together, in each of them."""


class TieredStore(ObjectStore):
    """The hot tier, with the others behind it. Where all are the same bucket it is an ObjectStore and nothing more."""

    def __init__(self, settings: RuntimeSettings) -> None:
        super().__init__(settings)
        one = settings
        hot = Place(one.s3_endpoint, one.s3_bucket, one.s3_access_key, one.s3_secret_key, one.s3_region)
        self._first_mark = hashlib.sha256(f"{hot.endpoint}/{hot.bucket}".encode()).hexdigest().encode()
        warm = _place(
            hot,
            Place(one.s3_warm_endpoint, one.s3_warm_bucket, one.s3_warm_access_key, one.s3_warm_secret_key, one.s3_warm_region),
        )
        cold = _place(
            warm,
            Place(one.s3_cold_endpoint, one.s3_cold_bucket, one.s3_cold_access_key, one.s3_cold_secret_key, one.s3_cold_region),
        )
        self.tiers: dict[Tier.ValueType, ObjectStore] = {Tier.TIER_HOT: ObjectStore(settings)}
        """The tiers that are buckets of their own, each as a store."""
        places = {(hot.endpoint, hot.bucket)}
        for tier, place in ((Tier.TIER_WARM, warm), (Tier.TIER_COLD, cold)):
            if (place.endpoint, place.bucket) not in places:
                places.add((place.endpoint, place.bucket))
                self.tiers[tier] = ObjectStore(settings, place)
        self.read_at: dict[str, float] = {}
        """When something of a job was last read from a colder tier, by the job's prefix, in seconds since the epoch. The mover
        empties it."""

    async def prepare(self) -> None:
        """Makes the buckets that do not exist, and marks those that are not marked but belong together.

        The first mark is made while the colder tiers are empty; or, of those that an earlier version has filled, if the hot one
        has jobs. A hot tier that comes to marked ones stays unmarked: its name may be mistyped, or its bucket may have been lost.
        Errors: UnavailableError.
        """
        for store in self.tiers.values():
            await store.prepare()
        if len(self.tiers) == 1:
            return
        hot, *colder = self.tiers.values()
        mark, *others = await self._marks()
        if not mark and not any(others) and (await _has_jobs(hot) or not any([await store.folders("") for store in colder])):
            mark = self._first_mark  # the same, whichever process writes it
            await hot.put(MARK, mark)
        for store, other in zip(colder, others, strict=True):
            if mark and not other:
                await store.put(MARK, mark)

    async def belong_together(self) -> bool:
        """Says whether the colder tiers were filled from this hot one: all have its mark.

        Errors: UnavailableError.
        """
        mark, *others = await self._marks()
        return bool(mark) and all(other == mark for other in others)

    async def adopt(self) -> None:
        """Gives an unmarked hot tier the mark of the colder ones: what they know of jobs has been restored to it.

        Errors: UnavailableError.
        """
        mark, *others = await self._marks()
        marks = {other for other in others if other}
        if not mark and len(marks) == 1:
            await self.tiers[Tier.TIER_HOT].put(MARK, marks.pop())

    async def read(self, ref: ObjectRef | str, offset: int = 0, length: int = 0) -> bytes:
        """Reads an object of whatever tier; otherwise as ObjectStore."""
        key = ref if isinstance(ref, str) else ref.key
        return await self._find(key, lambda store: store.read(ref, offset, length))

    async def download(self, ref: ObjectRef, path: Path) -> None:
        """Writes an object of whatever tier to a file; otherwise as ObjectStore."""
        await self._find(ref.key, lambda store: store.download(ref, path))

    async def stream(self, ref: ObjectRef, chunk_bytes: int, offset: int = 0, length: int = 0) -> AsyncIterator[bytes]:
        """Yields an object of whatever tier, or a part of it, in chunks; otherwise as ObjectStore."""

        async def locate(store: ObjectStore) -> ObjectStore:
            if not await store.exists(ref.key):
                raise NotFoundError(f"there is no object {ref.key} in any tier")
            return store

        store = await self._find(ref.key, locate) if _is_tiered(ref.key) else self.tiers[Tier.TIER_HOT]
        async for chunk in store.stream(ref, chunk_bytes, offset, length):
            yield chunk

    async def exists(self, key: str) -> bool:
        """Says whether there is such an object in any tier.

        Errors: UnavailableError.
        """
        for store in self._stores(key):
            if await store.exists(key):
                return True
        return False

    async def list(self, prefix: str) -> list[StoredObject]:
        """Lists the objects of all tiers, each once.

        Errors: UnavailableError.
        """
        found: dict[str, StoredObject] = {}
        for store in self._stores(prefix):
            for item in await store.list(prefix):
                found.setdefault(item.key, item)
        found.pop(MARK, None)  # it belongs to the tiers, not to what they hold
        return sorted(found.values(), key=lambda item: item.key)

    async def delete(self, key: str) -> None:
        """Deletes an object from all tiers; it may be missing.

        Errors: UnavailableError.
        """
        for store in self._stores(key):
            await store.delete(key)

    async def delete_prefix(self, prefix: str) -> int:
        """Deletes from all tiers what starts with `prefix`, and says how many objects that were.

        Errors: UnavailableError.
        """
        return sum([await store.delete_prefix(prefix) for store in self._stores(prefix)])

    async def abort_uploads(self, before: datetime) -> int:
        """Takes away parts in all tiers; otherwise as ObjectStore."""
        return sum([await store.abort_uploads(before) for store in self.tiers.values()])

    def close(self) -> None:
        """Stops the threads."""
        super().close()
        for store in self.tiers.values():
            store.close()

    async def _marks(self) -> Sequence[bytes]:
        """Returns the mark of each tier, the hot one's first; of one that has none it is empty."""
        marks = []
        for store in self.tiers.values():
            try:
                marks.append(await store.read(MARK))
            except NotFoundError:
                marks.append(b"")
        return marks

    def _stores(self, key: str) -> tuple[ObjectStore, ...]:
        return tuple(self.tiers.values()) if _is_tiered(key) else (self.tiers[Tier.TIER_HOT],)

    async def _find(self, key: str, ask: Callable[[ObjectStore], Awaitable[T]]) -> T:
        missing = NotFoundError(f"there is no object {key}")
        stores = self._stores(key)
        for _ in range(LOOKS if len(stores) > 1 else 1):
            for store in stores:
                try:
                    answer = await ask(store)
                except NotFoundError as error:
                    missing = error
                    continue
                if store is not stores[0]:
                    self.read_at["/".join(key.split("/")[:3]) + "/"] = time.time()
                return answer
        raise missing


async def _has_jobs(store: ObjectStore) -> bool:
    for tenant in await store.tenants():
        if await store.folders(f"{tenant}/jobs/"):
            return True
    return False


def _is_tiered(key: str) -> bool:
    """Only what belongs to jobs is moved; uploads and caches stay hot."""
    parts = key.split("/")
    return len(parts) < 2 or parts[1] in {"", "jobs"}


def _place(base: Place, own: Place) -> Place:
    """Returns where a tier is; what is not said is as in the tier before it."""
    return Place(
        own.endpoint or base.endpoint,
        own.bucket or base.bucket,
        own.access_key or base.access_key,
        own.secret_key if own.secret_key.get_secret_value() else base.secret_key,
        own.region or base.region,
    )
