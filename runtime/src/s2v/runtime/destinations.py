"""Where backups are kept, and what they are made of: folders, and buckets of any S3."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import uuid4

from pydantic import SecretStr

from s2v.runtime.errors import InvalidInputError, NotFoundError, UnavailableError
from s2v.runtime.settings import RuntimeSettings
from s2v.runtime.store import ObjectStore, Place, StoredObject
from s2v.v1.artifact_pb2 import ObjectRef

MOST = 3
"""Destinations of one backup."""


class Depot(Protocol):
    """Named files: a destination of backups, or a folder or store that they are made of."""

    name: str
    """For people; without secrets."""

    async def prepare(self) -> None:
        """Makes it where it does not exist, before it is written to. Errors: UnavailableError."""
        ...

    async def list(self, prefix: str) -> Sequence[StoredObject]:
        """Lists the files whose names start with `prefix`."""
        ...

    async def fetch(self, key: str, path: Path) -> None:
        """Writes a file to `path`. Errors: NotFoundError, UnavailableError."""
        ...

    async def put(self, key: str, path: Path) -> None:
        """Takes a file, whole or not at all. Errors: UnavailableError."""
        ...

    async def delete(self, key: str) -> None:
        """Deletes a file; it may be missing."""
        ...


@dataclass
class Folder:
    """A folder, e.g. on another disk or a network file system."""

    root: Path

    def __post_init__(self) -> None:
        self.name = str(self.root)

    async def prepare(self) -> None:
        """Does nothing: the folder is made with the first file in it."""

    async def list(self, prefix: str) -> Sequence[StoredObject]:
        """Lists the files below the folder."""

        def walk() -> Sequence[StoredObject]:
            found = []
            for path in sorted(self.root.rglob("*")):
                key = path.relative_to(self.root).as_posix()
                if path.is_file() and key.startswith(prefix) and not key.endswith(".part"):
                    about = path.stat()
                    found.append(StoredObject(key, about.st_size, datetime.fromtimestamp(about.st_mtime, UTC)))
            return found

        return await asyncio.to_thread(walk)

    async def fetch(self, key: str, path: Path) -> None:
        """Copies a file out.

        Errors: NotFoundError, UnavailableError.
        """
        try:
            await asyncio.to_thread(shutil.copyfile, self._path(key), path)
        except FileNotFoundError as error:
            raise NotFoundError(f"there is no {key} in {self.name}") from error
        except OSError as error:
            raise UnavailableError(f"{key} cannot be read from {self.name}: {error.strerror}") from error

    async def put(self, key: str, path: Path) -> None:
        """Copies a file in; it has its name only when it is whole and on disk.

        Errors: UnavailableError.
        """

        def write() -> None:
            target = self._path(key)
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(f"{target.name}.{uuid4().hex}.part")
            try:
                with path.open("rb") as source, part.open("wb") as sink:
                    shutil.copyfileobj(source, sink)
                    sink.flush()
                    os.fsync(sink.fileno())
                part.replace(target)
            finally:
                part.unlink(missing_ok=True)

        try:
            await asyncio.to_thread(write)
        except OSError as error:
            raise UnavailableError(f"{key} cannot be written to {self.name}: {error.strerror}") from error

    async def delete(self, key: str) -> None:
        """Deletes a file; it may be missing."""
        await asyncio.to_thread(self._path(key).unlink, missing_ok=True)

    def _path(self, key: str) -> Path:
        path = self.root / key
        if ".." in Path(key).parts or not path.is_relative_to(self.root):
            raise InvalidInputError(f"{key} is not a name below {self.name}; the backup is damaged or not one of ours")
        return path


@dataclass
class Bucket:
    """A bucket of any S3, from `prefix` on."""

    store: ObjectStore
    name: str
    prefix: str = ""
    skipped: tuple[str, ...] = ()
    """Second parts of keys that are left out, e.g. "cache"."""

    async def prepare(self) -> None:
        """Makes the bucket when it does not exist."""
        await self.store.prepare()

    async def list(self, prefix: str) -> Sequence[StoredObject]:
        """Lists the objects."""
        found = []
        for item in await self.store.list(self.prefix + prefix):
            key = item.key.removeprefix(self.prefix)
            if key.split("/")[1:2] and key.split("/")[1] in self.skipped:
                continue
            found.append(StoredObject(key, item.size_bytes, item.modified_at))
        return found

    async def fetch(self, key: str, path: Path) -> None:
        """Downloads an object."""
        await self.store.download(ObjectRef(key=self.prefix + key), path)

    async def put(self, key: str, path: Path) -> None:
        """Uploads an object."""
        await self.store.put(self.prefix + key, path)

    async def delete(self, key: str) -> None:
        """Deletes an object; it may be missing."""
        await self.store.delete(self.prefix + key)


def open_destinations(urls: Sequence[str], settings: RuntimeSettings) -> Sequence[Depot]:
    """Returns destinations: `file:///folder`, or `s3+https://KEY:SECRET@host/bucket/prefix?region=REGION` (`s3+http`: no TLS).

    Nobody is asked whether they are up. Errors: InvalidInputError.
    """
    if not 1 <= len(urls) <= MOST:
        raise InvalidInputError(f"{len(urls)} destinations are named; name one to {MOST} in S2V_BACKUP_DESTINATIONS or with --to")
    opened: list[Depot] = []
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme == "file" and parts.path.startswith("/"):
            opened.append(Folder(Path(unquote(parts.path))))
            continue
        bucket, _, prefix = parts.path.strip("/").partition("/")
        query = dict(parse_qsl(parts.query))
        region = query.pop("region", "")
        if parts.scheme not in {"s3+http", "s3+https"} or not parts.hostname or not bucket or query:
            shown = f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
            raise InvalidInputError(
                f"{shown} is no destination; use file:///folder or s3+https://KEY:SECRET@host/bucket/prefix?region=REGION"
            )
        host = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
        scheme = parts.scheme.removeprefix("s3+")
        key, secret = unquote(parts.username or ""), SecretStr(unquote(parts.password or ""))
        store = ObjectStore(settings, Place(f"{scheme}://{host}", bucket, key, secret, region))
        opened.append(Bucket(store, f"{parts.scheme}://{host}/{bucket}/{prefix}", f"{prefix}/" if prefix else ""))
    return opened
