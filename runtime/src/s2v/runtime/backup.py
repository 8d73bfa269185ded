"""Backups: what S3 holds of jobs, tenants and settings, or a folder; kept in up to three destinations, each whole by itself.

A destination holds `blobs/<sha256>` and, for each run, `runs/<set>/<time>.pb`, which names all objects of that moment; what has
not changed is not read again. The manifest is written last: until then `runs/<set>/<time>.open` tells others that a run is at
work, and the next run of its set what it had kept when it was cut off. Left out are caches, and uploads that are not yet jobs.
Records and the catalogue are made again from S3 (`s2v.runtime.recovery`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from s2v.runtime.destinations import Depot
from s2v.runtime.errors import DataLossError, NotFoundError, S2VError
from s2v.runtime.store import StoredObject, hash_file
from s2v.v1.work_pb2 import BackupManifest, BackupObject

log = logging.getLogger(__name__)

T = TypeVar("T")

JOBS_SET = "jobs"
SKIPPED = ("cache", "uploads")
"""Folders of a tenant that are not backed up: they can be made or sent again."""
AT_ONCE = 8
"""Objects in flight."""
KEPT_RUNS, KEPT_DAYS, KEPT_WEEKS, KEPT_MONTHS = 12, 30, 12, 12
"""Newest runs that are kept, and the last ones of so many days, weeks and months."""
GRACE = timedelta(hours=1)
"""How far clocks may be apart: a blob that is so much older than each run at work belongs to none of them."""
OPEN_AT_MOST = timedelta(days=7)
"""A run that began before then is at work no more."""
NOTE_SECONDS = 300.0
"""How often a run writes down what it has kept so far."""
WHOLE, OPEN = ".pb", ".open"
"""How the names of manifests end, of whole runs and of those at work."""
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


async def restore(source: Depot, name: str, target: Depot, at: datetime | None = None, *, overwrite: bool = False) -> Restored:
    """Writes all objects of the last run of a set, or of the last before `at`, to `target`.

    What is there stays, as it may be newer; with `overwrite` only what is as it was. Each object is checked against its digest.
    Doing it again after a kill goes on.
    Errors: NotFoundError, DataLossError (another destination may have it whole), UnavailableError.
    """
    start = time.monotonic()
    keys = [key for key in await _manifests(source, f"{name}/") if at is None or _time(key) <= at]
    if not keys:
        raise NotFoundError(f"{source.name} holds no backup of {name!r}{f' from before {at}' if at else ''}", reason="NO_BACKUP")
    manifest = await _read(source, keys[-1])
    there = {item.key for item in await target.list("")}
    sizes: list[int] = []

    async def bring(one: BackupObject) -> None:
        with tempfile.TemporaryDirectory(prefix="s2v-restore-") as folder:
            path = Path(folder) / "blob"
            if one.key in there and await _is_same(target, one, path):
                return
            await source.fetch(f"blobs/{one.sha256}", path)
            if (await asyncio.to_thread(hash_file, path))[0] != one.sha256:
                raise DataLossError(f"{one.key} is damaged in {source.name}; restore from another destination")
            await target.put(one.key, path)
            sizes.append(one.size_bytes)

    await _each((one for one in manifest.objects if overwrite or one.key not in there), bring)
    return Restored(len(sizes), sum(sizes), time.monotonic() - start)


async def prune(destination: Depot, name: str) -> int:
    """Deletes runs that need not be kept, then blobs that no run names, of whatever set; says how many files that were.

    Errors: UnavailableError.
    """
    since = datetime.now(UTC)
    for key in await _manifests(destination, "", OPEN):  # looked for before whole runs: one that ends meanwhile is seen in either
        if datetime.now(UTC) - _time(key) > OPEN_AT_MOST:
            await destination.delete(key)
        else:
            since = min(since, _time(key))
    keys = await _manifests(destination, f"{name}/")
    removed = 0
    for key in set(keys) - kept(keys):
        await destination.delete(key)
        removed += 1
    named: set[str] = set()
    for key in await _manifests(destination, ""):
        named |= {one.sha256 for one in (await _read(destination, key)).objects}
    for item in await destination.list("blobs/"):
        if item.key.removeprefix("blobs/") not in named and item.modified_at < since - GRACE:
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
    await destination.prepare()
    stem = f"runs/{name}/{started.strftime(TIME_FORMAT)}"
    manifest, fresh = BackupManifest(set=name), BackupManifest(set=name)
    manifest.started_at.FromDatetime(started)
    await _write(destination, f"{stem}{OPEN}", fresh)
    earlier = await _manifests(destination, f"{name}/")
    known = await _known(destination, name, earlier[-1:])
    # Blobs that only others name are sent again: as old as they are, these others may prune them.
    sent = {one.sha256 for one in known.values()}
    noted = time.monotonic()

    async def keep(item: StoredObject) -> None:
        nonlocal noted
        micros = int(item.modified_at.timestamp() * 1e6)
        if old := known.get((item.key, item.size_bytes, micros)):
            manifest.objects.append(old)
            return
        with tempfile.TemporaryDirectory(prefix="s2v-backup-") as folder:
            path = Path(folder) / "blob"
            try:
                await source.fetch(item.key, path)
            except NotFoundError:  # deleted since it was listed
                return
            sha256, size = await asyncio.to_thread(hash_file, path)
            if sha256 not in sent:
                sent.add(sha256)  # the same bytes under another key are not sent again; should this fail, so does the run
                await destination.put(f"blobs/{sha256}", path)
        kept_object = BackupObject(key=item.key, size_bytes=size, sha256=sha256)
        kept_object.modified_at.FromMicroseconds(micros)
        for one in (manifest, fresh):
            one.objects.append(kept_object)
        if time.monotonic() - noted > NOTE_SECONDS:
            noted = time.monotonic()
            await _write(destination, f"{stem}{OPEN}", fresh)

    await _each(items, keep)
    manifest.objects.sort(key=lambda one: one.key)
    manifest.finished_at.GetCurrentTime()
    await _write(destination, f"{stem}{WHOLE}", manifest)
    await destination.delete(f"{stem}{OPEN}")
    if earlier and _time(earlier[-1]).date() != started.date():
        await prune(destination, name)
    return Run(destination.name, name, started, len(manifest.objects), sum(one.size_bytes for one in manifest.objects))


async def _known(destination: Depot, name: str, last: Sequence[str]) -> Mapping[tuple[str, int, int], BackupObject]:
    """Returns what is kept of a set, by key, length and time: in its last whole run, and in those that were cut off."""
    blobs = {item.key.removeprefix("blobs/") for item in await destination.list("blobs/")}
    known: dict[tuple[str, int, int], BackupObject] = {}
    for key in [*last, *await _manifests(destination, f"{name}/", OPEN)]:
        for one in (await _read(destination, key)).objects:
            if one.sha256 in blobs:
                known[one.key, one.size_bytes, one.modified_at.ToMicroseconds()] = one
    return known


async def _is_same(target: Depot, one: BackupObject, path: Path) -> bool:
    """Says whether an object is there as it was; `path` is a file that this may write to."""
    with contextlib.suppress(NotFoundError):
        await target.fetch(one.key, path)
        return (await asyncio.to_thread(hash_file, path))[0] == one.sha256
    return False


async def _each(items: Iterable[T], work: Callable[[T], Awaitable[None]]) -> None:
    """Does the work for each item, some at once: not a task an item, of which there may be millions. The first error ends all."""
    left = iter(items)

    async def go_on() -> None:
        for item in left:
            await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(go_on())
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def _manifests(destination: Depot, name: str, ending: str = WHOLE) -> list[str]:
    found = [item.key for item in await destination.list(f"runs/{name}")]
    return sorted((key for key in found if key.endswith(ending)), key=_time)


async def _read(destination: Depot, key: str) -> BackupManifest:
    with tempfile.TemporaryDirectory(prefix="s2v-backup-") as folder:
        path = Path(folder) / "manifest"
        await destination.fetch(key, path)
        return BackupManifest.FromString(await asyncio.to_thread(path.read_bytes))


async def _write(destination: Depot, key: str, manifest: BackupManifest) -> None:
    with tempfile.TemporaryDirectory(prefix="s2v-backup-") as folder:
        path = Path(folder) / "manifest"
        await asyncio.to_thread(path.write_bytes, manifest.SerializeToString())
        await destination.put(key, path)


def _time(key: str) -> datetime:
    return datetime.strptime(Path(key).stem, TIME_FORMAT).replace(tzinfo=UTC)
