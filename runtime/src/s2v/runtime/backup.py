"""Backups: what S3 holds of jobs, tenants and settings, or a folder; kept in up to three destinations, each whole by itself.

A destination holds `blobs/<sha256>` and, for each run, `runs/<set>/<time>.pb`, which names all objects of that moment; what has
not changed is not read again. The manifest is written last: a run that was cut off leaves nothing that counts. Left out are
caches, and uploads that are not yet jobs. Records and the catalogue are made again from S3 (`s2v.runtime.recovery`).
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from s2v.runtime.destinations import Depot
from s2v.runtime.errors import DataLossError, NotFoundError, S2VError
from s2v.runtime.store import StoredObject, hash_file
from s2v.v1.work_pb2 import BackupManifest, BackupObject

log = logging.getLogger(__name__)

JOBS_SET = "jobs"
SKIPPED = ("cache", "uploads")
"""Folders of a tenant that are not backed up: they can be made or sent again."""
AT_ONCE = 8
"""Objects in flight."""
KEPT_RUNS, KEPT_DAYS, KEPT_WEEKS, KEPT_MONTHS = 12, 30, 12, 12
"""Newest runs that are kept, and the last ones of so many days, weeks and months."""
GRACE_SECONDS = 3600.0
"""A blob this young may belong to a run that is not yet whole."""
TIME_FORMAT = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class Run:
    """One whole backup in one destination."""

    destination: str
    set: str
    time: datetime
    """When it started: all that was acknowledged before is in it."""
    objects: int
    size_bytes: int


@dataclass(frozen=True)
class Restored:
    """What a restore has done."""

    objects: int
    size_bytes: int
    seconds: float


async def run(source: Depot, name: str, destinations: Sequence[Depot]) -> tuple[Sequence[Run], Sequence[S2VError]]:
    """Backs up all of `source` as the set `name`; returns the runs, and the errors of destinations that could not be written.

    Errors: UnavailableError when the source does not answer.
    """
    started = datetime.now(UTC)
    items = await source.list("")
    runs: list[Run] = []
    failures: list[S2VError] = []
    for destination in destinations:
        try:
            runs.append(await _run_one(source, name, destination, started, items))
        except S2VError as error:
            log.error("no backup in %s: %s", destination.name, error)
            failures.append(error)
    return runs, failures


async def runs(destination: Depot, name: str = "") -> Sequence[Run]:
    """Returns the runs that a destination holds, oldest first; of one set if one is named.

    Errors: UnavailableError.
    """
    found = []
    for key in await _manifests(destination, f"{name}/" if name else ""):
        manifest = await _read(destination, key)
        size = sum(one.size_bytes for one in manifest.objects)
        found.append(Run(destination.name, manifest.set, _time(key), len(manifest.objects), size))
    return found


async def restore(source: Depot, name: str, target: Depot, at: datetime | None = None) -> Restored:
    """Writes all objects of the last run of a set, or of the last before `at`, to `target`; what is there and as large stays.

    Each is checked against its digest. Doing it again after a kill goes on.
    Errors: NotFoundError, DataLossError (another destination may have it whole), UnavailableError.
    """
    start = time.monotonic()
    keys = [key for key in await _manifests(source, f"{name}/") if at is None or _time(key) <= at]
    if not keys:
        raise NotFoundError(f"{source.name} holds no backup of {name!r}{f' from before {at}' if at else ''}", reason="NO_BACKUP")
    manifest = await _read(source, keys[-1])
    there = {item.key: item.size_bytes for item in await target.list("")}
    missing = [one for one in manifest.objects if there.get(one.key) != one.size_bytes]
    gate = asyncio.Semaphore(AT_ONCE)

    async def bring(one: BackupObject) -> None:
        async with gate:
            with tempfile.TemporaryDirectory(prefix="s2v-restore-") as folder:
                path = Path(folder) / "blob"
                await source.fetch(f"blobs/{one.sha256}", path)
                if (await asyncio.to_thread(hash_file, path))[0] != one.sha256:
                    raise DataLossError(f"{one.key} is damaged in {source.name}; restore from another destination")
                await target.put(one.key, path)

    await asyncio.gather(*(bring(one) for one in missing))
    return Restored(len(missing), sum(one.size_bytes for one in missing), time.monotonic() - start)


async def prune(destination: Depot, name: str) -> int:
    """Deletes runs that need not be kept, then blobs that no run names; says how many files that were.

    Errors: UnavailableError.
    """
    keys = await _manifests(destination, f"{name}/")
    removed = 0
    for key in set(keys) - kept(keys):
        await destination.delete(key)
        removed += 1
    named: set[str] = set()
    for key in await _manifests(destination, ""):
        named |= {one.sha256 for one in (await _read(destination, key)).objects}
    for item in await destination.list("blobs/"):
        young = time.time() - item.modified_at.timestamp() < GRACE_SECONDS
        if item.key.removeprefix("blobs/") not in named and not young:
            await destination.delete(item.key)
            removed += 1
    return removed


def kept(keys: Sequence[str]) -> set[str]:
    """Returns which manifests are kept: the newest, and the last of each of the latest days, weeks and months that have one."""
    ordered = sorted(keys, key=_time)
    keeping = set(ordered[-KEPT_RUNS:])
    for form, count in (("%Y%m%d", KEPT_DAYS), ("%G%V", KEPT_WEEKS), ("%Y%m", KEPT_MONTHS)):
        last = {_time(key).strftime(form): key for key in ordered}
        keeping |= set(list(last.values())[-count:])
    return keeping


async def _run_one(source: Depot, name: str, destination: Depot, started: datetime, items: Sequence[StoredObject]) -> Run:
    earlier = await _manifests(destination, f"{name}/")
    before = (await _read(destination, earlier[-1])).objects if earlier else []
    known = {(one.key, one.size_bytes, one.modified_at.ToMicroseconds()): one for one in before}
    blobs = {item.key.removeprefix("blobs/") for item in await destination.list("blobs/")}
    manifest = BackupManifest(set=name)
    manifest.started_at.FromDatetime(started)
    gate = asyncio.Semaphore(AT_ONCE)

    async def keep(item: StoredObject) -> BackupObject | None:
        micros = int(item.modified_at.timestamp() * 1e6)
        if (old := known.get((item.key, item.size_bytes, micros))) and old.sha256 in blobs:
            return old
        async with gate:
            with tempfile.TemporaryDirectory(prefix="s2v-backup-") as folder:
                path = Path(folder) / "blob"
                try:
                    await source.fetch(item.key, path)
                except NotFoundError:  # deleted since it was listed
                    return None
                sha256, size = await asyncio.to_thread(hash_file, path)
                if sha256 not in blobs:
                    blobs.add(sha256)  # the same bytes under another key are not sent again; should this fail, so does the run
                    await destination.put(f"blobs/{sha256}", path)
        kept_object = BackupObject(key=item.key, size_bytes=size, sha256=sha256)
        kept_object.modified_at.FromMicroseconds(micros)
        return kept_object

    done = await asyncio.gather(*(keep(item) for item in items))
    manifest.objects.extend(one for one in done if one is not None)
    manifest.finished_at.GetCurrentTime()
    with tempfile.TemporaryDirectory(prefix="s2v-backup-") as folder:
        path = Path(folder) / "manifest"
        await asyncio.to_thread(path.write_bytes, manifest.SerializeToString())
        await destination.put(f"runs/{name}/{started.strftime(TIME_FORMAT)}.pb", path)
    if earlier and _time(earlier[-1]).date() != started.date():
        await prune(destination, name)
    return Run(destination.name, name, started, len(manifest.objects), sum(one.size_bytes for one in manifest.objects))


async def _manifests(destination: Depot, name: str) -> list[str]:
    found = [item.key for item in await destination.list(f"runs/{name}")]
    return sorted((key for key in found if key.endswith(".pb")), key=_time)


async def _read(destination: Depot, key: str) -> BackupManifest:
    with tempfile.TemporaryDirectory(prefix="s2v-backup-") as folder:
        path = Path(folder) / "manifest"
        await destination.fetch(key, path)
        return BackupManifest.FromString(await asyncio.to_thread(path.read_bytes))


def _time(key: str) -> datetime:
    return datetime.strptime(key.rsplit("/", 1)[-1], f"{TIME_FORMAT}.pb").replace(tzinfo=UTC)
