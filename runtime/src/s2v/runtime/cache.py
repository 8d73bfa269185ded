"""Results that were made before: a stage's whole, and each of its parts. Nothing is shared between tenants.

The key is a digest of the stage, all its inputs and `StageWork.identity` (engine, versions, models, fonts, options), so a changed
engine never answers with what an older one made.
"""

from __future__ import annotations

import logging

from s2v.runtime import metrics
from s2v.runtime.errors import NotFoundError
from s2v.runtime.stage import NAMES
from s2v.runtime.store import ObjectStore, StoredObject
from s2v.v1.artifact_pb2 import Artifact
from s2v.v1.report_pb2 import Stage
from s2v.v1.work_pb2 import CacheEntry

log = logging.getLogger(__name__)

TTL_SECONDS: dict[Stage.ValueType, int] = {
    Stage.STAGE_TRANSCRIPTION: 3600,
    Stage.STAGE_ANALYSIS: 2 * 3600,
    Stage.STAGE_LAYOUT: 24 * 3600,
    Stage.STAGE_RENDERING: 24 * 3600,
}
"""How long a result answers, by stage."""

LIMIT_BYTES: dict[Stage.ValueType, int] = {
    Stage.STAGE_TRANSCRIPTION: 500_000_000,
    Stage.STAGE_ANALYSIS: 100_000_000,
    Stage.STAGE_LAYOUT: 200_000_000,
    Stage.STAGE_RENDERING: 2_000_000_000,
}
"""Most that a tenant's results of a stage may take, in bytes."""


class Cache:
    """The results of one tenant's jobs."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def get(self, tenant: str, stage: Stage.ValueType, key: bytes, prefix: str) -> CacheEntry | None:
        """Returns a result, its objects copied to keys that start with `prefix`; None when there is none.

        Errors: UnavailableError.
        """
        entry = await self._get(tenant, stage, key, prefix)
        metrics.cache_lookups.add(1, {"stage": NAMES[stage], "result": "miss" if entry is None else "hit"})
        return entry

    async def _get(self, tenant: str, stage: Stage.ValueType, key: bytes, prefix: str) -> CacheEntry | None:
        try:
            entry = CacheEntry.FromString(await self._store.read(f"{_folder(tenant, stage, key)}entry.pb"))
            for artifact in entry.artifacts:
                artifact.object.CopyFrom(await self._store.copy(artifact.object, prefix + _name(artifact.object.key)))
            entry.output.CopyFrom(await self._store.copy(entry.output, prefix + _name(entry.output.key)))
        except NotFoundError:
            return None
        return entry

    async def put(self, tenant: str, stage: Stage.ValueType, key: bytes, entry: CacheEntry) -> None:
        """Keeps a result: its objects are copied, so that deleting the job does not take them away.

        Errors: UnavailableError.
        """
        folder = _folder(tenant, stage, key)
        kept = CacheEntry(report=entry.report)
        kept.output.CopyFrom(await self._store.copy(entry.output, folder + _name(entry.output.key)))
        for artifact in entry.artifacts:
            copied = await self._store.copy(artifact.object, folder + _name(artifact.object.key))
            kept.artifacts.append(Artifact(kind=artifact.kind, name=artifact.name, object=copied))
        await self._store.put(f"{folder}entry.pb", kept.SerializeToString())

    async def forget(self, tenant: str, stage: Stage.ValueType, key: bytes) -> int:
        """Deletes a result, which may be missing, and says how many objects that were.

        Errors: UnavailableError.
        """
        return await self._store.delete_prefix(_folder(tenant, stage, key))


async def sweep(store: ObjectStore, tenant: str, now: float) -> int:
    """Deletes what is older than its time, then the oldest results of a stage that has more than its share of bytes.

    Says how many objects that were. `now` is in seconds since the epoch.
    Errors: UnavailableError.
    """
    removed = 0
    for stage, name in NAMES.items():
        results: dict[str, list[StoredObject]] = {}
        for item in await store.list(f"{tenant}/cache/{name}/"):
            results.setdefault(item.key.rpartition("/")[0], []).append(item)
        newest_first = sorted(results.values(), key=lambda items: -max(item.modified_at.timestamp() for item in items))
        total = 0
        for items in newest_first:
            total += sum(item.size_bytes for item in items)
            age = now - max(item.modified_at.timestamp() for item in items)
            if age > TTL_SECONDS[stage] or total > LIMIT_BYTES[stage]:
                # The entry goes first: a result without one is not found, one with missing objects would be.
                for item in sorted(items, key=lambda item: not item.key.endswith("/entry.pb")):
                    await store.delete(item.key)
                    removed += 1
    return removed


def _folder(tenant: str, stage: Stage.ValueType, key: bytes) -> str:
    return f"{tenant}/cache/{NAMES[stage]}/{key.hex()}/"


def _name(key: str) -> str:
    return key.rsplit("/", 1)[-1]
