"""Moves the objects of ended jobs between tiers: copy, verify, change the catalogue by compare-and-set, delete.

Killed at any line it loses nothing: until the catalogue says so the objects are still where they were, and what is left behind
after that is deleted in the next pass. Requests, ends and checkpoints stay in the hot tier, as records are made of them again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from s2v.runtime.catalogue import Change
from s2v.runtime.errors import DataLossError, NotFoundError, PreconditionError, UnavailableError
from s2v.runtime.jobs import Jobs, prefix
from s2v.runtime.settings import RuntimeSettings
from s2v.runtime.store import ObjectStore, StoredObject
from s2v.runtime.tiers import MARK, TIERS, TieredStore
from s2v.v1.artifact_pb2 import ObjectRef
from s2v.v1.work_pb2 import CatalogueEntry, Tier

log = logging.getLogger(__name__)

STAYING = ("request.pb", "reopened.pb", "terminal.pb", "checkpoint.pb")
"""Names of objects that stay in the hot tier."""


@dataclass(frozen=True)
class TierUse:
    """What a tier holds of the jobs."""

    name: str
    jobs: int
    objects: int
    size_bytes: int


class Mover:
    """Moves the jobs of one tenant."""

    def __init__(self, store: TieredStore, jobs: Jobs, settings: RuntimeSettings) -> None:
        self._store = store
        self._jobs = jobs
        self._settings = settings

    async def run(self, tenant: str, now: float) -> int:
        """Moves what is due, finishes what an earlier pass began, and says how many jobs it touched. `now`: seconds since 1970.

        A job that cannot be moved stays where it is until the next pass; the others go on.
        Errors: UnavailableError (the catalogue cannot be read, or a tier not be listed).
        """
        if len(self._store.tiers) == 1:
            return 0
        moved = 0
        for folder, read_at in list(self._store.read_at.items()):
            if folder.startswith(f"{tenant}/"):
                await self._note_reading(tenant, folder.split("/")[2], read_at)
                self._store.read_at.pop(folder, None)
        for job_id in await self._jobs.catalogue.ids(tenant):
            try:
                entry = await self._jobs.catalogue.get(tenant, job_id)
            except NotFoundError:  # deleted, or made again, meanwhile
                continue
            due = self._due(entry, now)
            settled = entry.tier == due and not entry.moving
            if not settled and await self._try_move(tenant, job_id, due):
                moved += 1
        await self._sweep(tenant)
        return moved

    async def move(self, tenant: str, job_id: str, target: Tier.ValueType) -> int:
        """Brings all of an ended job to a tier, and says how many objects it moved or deleted elsewhere.

        Errors: NotFoundError (no ended job), PreconditionError (no such tier), DataLossError, UnavailableError.
        """
        if target not in self._store.tiers:
            raise PreconditionError(f"there is no {TIERS[target]} tier: set S2V_S3_{TIERS[target].upper()}_BUCKET")
        await self._jobs.catalogue.get(tenant, job_id)
        folder, there = prefix(tenant, job_id), self._store.tiers[target]
        elsewhere = [
            (store, [item for item in await store.list(folder) if item.key.rsplit("/", 1)[-1] not in STAYING])
            for tier, store in self._store.tiers.items()
            if tier != target
        ]
        present = {item.key: item.size_bytes for item in await there.list(folder)}
        for store, items in elsewhere:
            for item in items:
                await self._copy(item, store, there)
                present[item.key] = item.size_bytes

        size_bytes = sum(present.values())
        await self._jobs.catalogue.update(tenant, job_id, _changing(target, size_bytes, moving=True))
        for store, items in elsewhere:
            for item in items:
                await store.delete(item.key)
        await self._jobs.catalogue.update(tenant, job_id, _changing(target, size_bytes, moving=False))
        count = sum(len(items) for _, items in elsewhere)
        if count:
            log.info("moved", extra={"job_id": job_id, "tier": TIERS[target], "objects": count})
        return count

    async def place(self, tenant: str, job_id: str, target: Tier.ValueType) -> int:
        """Moves a job, and lets it stay there as long as one that came by itself; otherwise as `move`."""
        count = await self.move(tenant, job_id, target)
        idle_days = self._settings.warm_days if target == Tier.TIER_COLD else 0.0
        await self._note_reading(tenant, job_id, time.time() - idle_days * 86400)
        return count

    async def _try_move(self, tenant: str, job_id: str, target: Tier.ValueType) -> int:
        """Moves a job; what hinders that, such as a full disk here or one object that S3 does not give, is logged."""
        try:
            return await self.move(tenant, job_id, target)
        except NotFoundError:  # deleted, or made again, meanwhile
            return 0
        except (DataLossError, UnavailableError, OSError) as error:
            log.error("not moved: %s", error, extra={"job_id": job_id})
            return 0

    async def usage(self, tenant: str) -> Sequence[TierUse]:
        """Returns what each tier holds of a tenant's jobs.

        Errors: UnavailableError.
        """
        uses: list[TierUse] = []
        for tier, store in self._store.tiers.items():
            items = await store.list(f"{tenant}/jobs/")
            folders = {item.key.split("/")[2] for item in items}
            uses.append(TierUse(TIERS[tier], len(folders), len(items), sum(item.size_bytes for item in items)))
        return uses

    def _due(self, entry: CatalogueEntry, now: float) -> Tier.ValueType:
        """Returns the tier in which a job should be: by age, and by when it was last read."""
        idle = now - entry.accessed_at.ToNanoseconds() / 1e9
        due = Tier.TIER_HOT
        if entry.tier != Tier.TIER_HOT or idle >= self._settings.hot_hours * 3600:
            due = Tier.TIER_WARM
        if idle >= self._settings.warm_days * 86400:
            due = Tier.TIER_COLD
        while due not in self._store.tiers:
            due = Tier.TIER_WARM if due == Tier.TIER_COLD else Tier.TIER_HOT
        return due

    async def _note_reading(self, tenant: str, job_id: str, read_at: float) -> None:
        def read(entry: CatalogueEntry) -> bool:
            entry.accessed_at.FromNanoseconds(int(read_at * 1e9))
            return True

        try:
            await self._jobs.catalogue.update(tenant, job_id, read)
        except NotFoundError:  # it is at work again
            return

    async def _copy(self, item: StoredObject, source: ObjectStore, target: ObjectStore) -> None:
        """Copies an object, reads the copy back and compares; waits as long as the rate asks for."""
        with tempfile.TemporaryDirectory(prefix="s2v-move-") as folder:
            path = Path(folder) / "object"
            try:
                await source.download(ObjectRef(key=item.key), path)
            except NotFoundError:  # another mover was faster: then it is there
                if await target.exists(item.key):
                    return
                raise
            ref = await target.put(item.key, path, await source.content_type(item.key))
            try:
                await target.download(ref, path)
            except DataLossError as error:
                await target.delete(item.key)
                raise DataLossError(f"the copy of {item.key} differs from it, and was deleted; the original stays") from error
        await asyncio.sleep(item.size_bytes / self._settings.move_bytes_per_second)

    async def _sweep(self, tenant: str) -> None:
        """Deletes from the colder tiers what belongs to jobs that were deleted while they were moved.

        To a hot tier that has taken the place of another one all jobs would look like that.
        """
        if not await self._store.belong_together():
            log.error(
                "warm and cold tier are not swept, as they do not have the mark (%s) of the hot one: S2V_S3_BUCKET is mistyped, "
                "or its bucket was lost, then restore a backup. If what they hold may go, delete their marks, and restart",
                MARK,
            )
            return
        jobs = f"{tenant}/jobs/"
        colder = {tier: await store.folders(jobs) for tier, store in self._store.tiers.items() if tier != Tier.TIER_HOT}
        # Listed last: a job that came to be, and was moved, in between must not look like a deleted one.
        hot = set(await self._store.tiers[Tier.TIER_HOT].folders(jobs))
        for tier, folders in colder.items():
            for folder in set(folders) - hot:
                if await self._is_known(tenant, folder.split("/")[2]):
                    continue
                log.warning("objects of a deleted job are deleted", extra={"folder": folder, "tier": TIERS[tier]})
                try:
                    await self._store.tiers[tier].delete_prefix(folder)
                except UnavailableError as error:
                    log.error("not deleted: %s", error, extra={"folder": folder, "tier": TIERS[tier]})

    async def _is_known(self, tenant: str, job_id: str) -> bool:
        """Says whether NATS knows a job, although the hot tier does not."""
        for get in (self._jobs.get, self._jobs.catalogue.get):
            with contextlib.suppress(NotFoundError, ValueError):  # ValueError: its name is no job's id
                await get(tenant, job_id)
                return True
        return False


def _changing(tier: Tier.ValueType, size_bytes: int, *, moving: bool) -> Change:
    def change(entry: CatalogueEntry) -> bool:
        if (entry.tier, entry.size_bytes, entry.moving) == (tier, size_bytes, moving):
            return False
        entry.tier, entry.size_bytes, entry.moving = tier, size_bytes, moving
        return True

    return change
