"""Uploads on their way in. They are kept in S3 alone, so any gateway can go on with any of them.

An upload is a folder `<tenant>/uploads/<upload id>/`: `upload.pb` says what was announced, and each chunk is an object named by
where it starts in the file. What has arrived is what the chunks cover from 0 on without a gap: two writers at once can at worst
leave a chunk that does not meet the next one, which then counts as not arrived.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from weakref import WeakValueDictionary

from s2v.gateway import names
from s2v.gateway.settings import GatewaySettings
from s2v.gateway.shares import Shares
from s2v.runtime.errors import (
    BusyError,
    InvalidInputError,
    LimitError,
    NotFoundError,
    OutOfRangeError,
    PreconditionError,
    UnavailableError,
)
from s2v.runtime.store import ObjectStore
from s2v.v1.artifact_pb2 import ObjectRef
from s2v.v1.job_service_pb2 import PostForm, WriteUploadRequest
from s2v.v1.work_pb2 import UploadRecord

log = logging.getLogger(__name__)

CHUNK_BYTES = 8 * 1024 * 1024
"""Bytes that are collected before they become an object."""
MESSAGE_BYTES = 1024 * 1024
"""Most data of one message, as the contract says."""
CHUNKS = 1000
"""Most objects of an upload; only a client that ends its stream every few bytes needs more."""
IDLE_SECONDS = 65.0
"""How long a stream may bring nothing: a little longer than a body of the HTTP front, which has an answer of its own."""
HEADER = "upload.pb"
UNTOUCHED_SECONDS = 3600.0
"""An upload to which nothing came for so long, and of which no job was begun, makes room for another where there is none."""
POST_SECONDS = 3600.0
"""How long S3 takes a posted file."""


@dataclass(frozen=True)
class Chunk:
    """A run of the file's bytes."""

    key: str
    offset: int
    """Where it starts in the file, in bytes."""
    size_bytes: int


@dataclass(frozen=True)
class Upload:
    """An upload as it is now."""

    tenant: str
    id: str
    record: UploadRecord
    """What was announced."""
    chunks: tuple[Chunk, ...]
    """What has arrived, in order and without gaps."""

    @property
    def committed_size(self) -> int:
        """Bytes that have arrived."""
        return _end(self.chunks)

    @property
    def complete(self) -> bool:
        """Whether all announced bytes have arrived."""
        return self.committed_size == self.record.size_bytes


class Uploads:
    """The uploads of all tenants."""

    def __init__(self, store: ObjectStore, settings: GatewaySettings) -> None:
        self._store = store
        self._settings = settings
        self._streams = asyncio.Semaphore(settings.upload_streams)
        self._shares = Shares(settings.tenant_upload_streams)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def start(self, tenant: str, name: str, size_bytes: int, sha256: str) -> str:
        """Starts an upload and returns its id.

        Errors: InvalidInputError (name, size, checksum), LimitError (TOO_LARGE), BusyError (TOO_MANY_UPLOADS),
            UnavailableError.
        """
        name = names.file_name(name)
        record = UploadRecord(name=name, size_bytes=self._size(name, size_bytes), sha256=names.checksum(sha256))
        record.created_at.GetCurrentTime()
        await self._make_room(tenant)
        upload_id = secrets.token_hex(16)
        await self._store.put(_folder(tenant, upload_id) + HEADER, record.SerializeToString(), "application/x-protobuf")
        return upload_id

    def post_form(self, tenant: str, upload_id: str, size_bytes: int) -> PostForm:
        """Returns a form by which S3 takes the whole file as the first chunk of an upload: of this length, once, for an hour."""
        key = f"{_folder(tenant, upload_id)}{0:012d}"
        expires = datetime.now(UTC) + timedelta(seconds=POST_SECONDS)
        posted = self._store.sign_post(key, size_bytes, expires)
        form = PostForm(url=posted.url, fields=posted.fields)
        form.expires_at.FromDatetime(expires)
        return form

    async def open(self, tenant: str, upload_id: str) -> Upload:
        """Returns an upload.

        Errors: NotFoundError, UnavailableError.
        """
        folder = _folder(tenant, names.upload_id(upload_id))
        try:
            record = UploadRecord.FromString(await self._store.read(folder + HEADER))
        except NotFoundError as error:
            raise names.missing_upload(upload_id) from error
        if time.time() - record.created_at.ToNanoseconds() / 1e9 > self._settings.upload_lifetime_seconds:
            raise names.missing_upload(upload_id)
        return Upload(tenant, upload_id, record, await self._chunks(folder, upload_id))

    async def write(self, tenant: str, requests: AsyncIterator[WriteUploadRequest]) -> int:
        """Stores what a stream brings, and returns how many bytes of the upload have arrived then.

        A stream that breaks leaves whole chunks only; of one that brings nothing more what has come is stored.
        Errors: NotFoundError, InvalidInputError, OutOfRangeError, LimitError, UnavailableError (BUSY, UPLOAD_IDLE).
        """
        busy = UnavailableError("this gateway takes no more uploads at the moment; try again in some seconds", reason="BUSY")
        if self._streams.locked():
            raise busy
        with self._shares.take(tenant, busy):
            async with self._streams:
                return await self._write(tenant, requests)

    async def commit(self, upload: Upload, offset: int, data: bytes) -> None:
        """Stores a chunk at the end of what has arrived.

        Errors: NotFoundError, OutOfRangeError, LimitError, UnavailableError.
        """
        folder = _folder(upload.tenant, upload.id)
        async with self._locks.setdefault(upload.id, asyncio.Lock()):
            chunks = await self._chunks(folder, upload.id)
            if _end(chunks) != offset:
                raise out_of_range(upload, _end(chunks), offset)
            if len(chunks) >= CHUNKS:
                raise LimitError(
                    f"{upload.record.name} came in more than {CHUNKS} pieces; start again, and send more in each stream",
                    reason="TOO_MANY_WRITES",
                    field="data",
                )
            await self._store.put(f"{folder}{offset:012d}", data)

    async def claim(self, upload: Upload, job_id: str) -> None:
        """Notes which job is being made of an upload, so that what a killed gateway leaves of the job can be found.

        Errors: UnavailableError.
        """
        record = UploadRecord()
        record.CopyFrom(upload.record)
        record.job_id = job_id
        await self._store.put(_folder(upload.tenant, upload.id) + HEADER, record.SerializeToString(), "application/x-protobuf")

    async def assemble(self, upload: Upload, path: Path) -> str:
        """Writes the uploaded file to `path` and returns its SHA-256.

        Errors: PreconditionError when bytes are missing, NotFoundError, UnavailableError.
        """
        check_complete(upload)
        total = hashlib.sha256()

        def append(data: bytes) -> None:
            with path.open("ab") as file:
                file.write(data)
            total.update(data)

        for chunk in upload.chunks:
            try:
                async for data in self._store.stream(ObjectRef(key=chunk.key), MESSAGE_BYTES):
                    await asyncio.to_thread(append, data)
            except NotFoundError as error:
                raise names.missing_upload(upload.id) from error
        return total.hexdigest()

    async def discard(self, tenant: str, upload_id: str) -> None:
        """Deletes an upload; it may be missing.

        Errors: UnavailableError.
        """
        await self._store.delete_prefix(_folder(tenant, upload_id))

    async def expired(self, tenant: str) -> list[str]:
        """Returns the ids of the uploads whose time is over.

        Errors: UnavailableError.
        """
        ages = await self._ages(tenant)
        return [upload_id for upload_id, seconds in ages.items() if seconds > self._settings.upload_lifetime_seconds]

    async def job_of(self, tenant: str, upload_id: str) -> str:
        """Returns the id of the job that was being made of an upload, expired or not; empty: none.

        Errors: UnavailableError.
        """
        try:
            return UploadRecord.FromString(await self._store.read(_folder(tenant, upload_id) + HEADER)).job_id
        except NotFoundError:
            return ""

    async def _write(self, tenant: str, requests: AsyncIterator[WriteUploadRequest]) -> int:
        writer: _Writer | None = None
        try:
            while (request := await _next_message(requests, writer)) is not None:
                if writer is None:
                    writer = _Writer(self, await self.open(tenant, request.upload_id))
                await writer.add(request)
            if writer is None:
                raise InvalidInputError("the stream brought no message; the first must name its upload", field="upload_id")
            await writer.commit()
            return writer.committed
        finally:
            if writer is not None:
                await writer.drop()

    async def _make_room(self, tenant: str) -> None:
        """Sees to it that a tenant may begin another upload.

        Errors: BusyError (TOO_MANY_UPLOADS), UnavailableError.
        """
        ages = await self._ages(tenant)
        if len(ages) < self._settings.max_open_uploads:
            return
        for upload_id in sorted(ages, key=ages.__getitem__, reverse=True):
            if ages[upload_id] > UNTOUCHED_SECONDS and not await self.job_of(tenant, upload_id):
                await self.discard(tenant, upload_id)
                log.info("an upload makes room for another", extra={"tenant": tenant, "upload_id": upload_id})
                return
        raise BusyError(
            f"{len(ages)} uploads are begun and not used, and no more are allowed; use them, or wait until one was left alone "
            "for an hour",
            reason="TOO_MANY_UPLOADS",
        )

    async def _ages(self, tenant: str) -> dict[str, float]:
        """Returns how many seconds ago something was last written to each of a tenant's uploads, by id."""
        latest: dict[str, datetime] = {}
        for item in await self._store.list(f"{tenant}/uploads/"):
            upload_id = item.key.split("/")[2]
            latest[upload_id] = max(latest.get(upload_id, item.modified_at), item.modified_at)
        now = datetime.now(UTC)
        return {upload_id: (now - at).total_seconds() for upload_id, at in latest.items()}

    def _size(self, name: str, size_bytes: int) -> int:
        if size_bytes < 0:
            raise InvalidInputError(f"size_bytes is {size_bytes}; give the length of {name} in bytes", field="size_bytes")
        if size_bytes == 0:
            raise InvalidInputError(
                f"{name} is empty: it holds no sound; record or export it again", reason="EMPTY_FILE", field="size_bytes"
            )
        if size_bytes > self._settings.max_upload_bytes:
            raise LimitError(
                f"{name} has {size_bytes / 1e6:.1f} MB, and {self._settings.max_upload_bytes / 1e6:g} MB is the most; "
                "send the sound only, or compress it (an hour of Opus at 64 kbit/s has 29 MB)",
                reason="TOO_LARGE",
                field="size_bytes",
            )
        return size_bytes

    async def _chunks(self, folder: str, upload_id: str) -> tuple[Chunk, ...]:
        items = await self._store.list(folder)
        if not any(item.key == folder + HEADER for item in items):
            raise names.missing_upload(upload_id)
        arrived: list[Chunk] = []
        for item in sorted(items, key=lambda item: item.key):
            start = item.key.removeprefix(folder)
            if start != HEADER and int(start) == _end(arrived):
                arrived.append(Chunk(item.key, int(start), item.size_bytes))
        return tuple(arrived)


class _Writer:
    """What one stream brings to one upload."""

    def __init__(self, uploads: Uploads, upload: Upload) -> None:
        self.committed = upload.committed_size
        """Bytes of the upload that are stored, once nothing is on its way."""
        self._uploads = uploads
        self._upload = upload
        self._buffer = bytearray()
        self._storing: asyncio.Task[None] | None = None
        """A chunk on its way to S3, while the next one comes in."""

    async def add(self, request: WriteUploadRequest) -> None:
        """Takes a message in."""
        record, expected = self._upload.record, self.committed + len(self._buffer)
        if request.upload_id and request.upload_id != self._upload.id:
            raise InvalidInputError("a stream writes to one upload; open another stream for another upload", field="upload_id")
        if len(request.data) > MESSAGE_BYTES:
            raise InvalidInputError(
                f"a message brought {len(request.data)} bytes, and {MESSAGE_BYTES} is the most; send smaller pieces",
                reason="DATA_TOO_LONG",
                field="data",
            )
        if request.write_offset != expected:
            await self.commit()
            raise out_of_range(self._upload, self.committed, request.write_offset)
        if expected + len(request.data) > record.size_bytes:
            # The announced length was wrong, so nothing can come of this upload.
            await self.drop()
            await self._uploads.discard(self._upload.tenant, self._upload.id)
            raise LimitError(
                f"{record.name} is longer than the {record.size_bytes} bytes that were announced; announce its real length",
                reason="MORE_THAN_ANNOUNCED",
                field="data",
            )
        if len(self._buffer) + len(request.data) > CHUNK_BYTES:
            await self._begin_storing()
        self._buffer += request.data

    async def commit(self) -> None:
        """Stores what is collected."""
        await self._begin_storing()
        await self._settle()

    async def drop(self) -> None:
        """Waits for the chunk that is on its way, whatever becomes of it: nothing is written behind the caller's back."""
        if self._storing is not None:
            await asyncio.wait({self._storing})

    async def _settle(self) -> None:
        if self._storing is not None:
            storing, self._storing = self._storing, None
            await storing

    async def _begin_storing(self) -> None:
        await self._settle()
        if self._buffer:
            data, self._buffer = bytes(self._buffer), bytearray()
            self._storing = asyncio.create_task(self._uploads.commit(self._upload, self.committed, data))
            self.committed += len(data)


async def _next_message(requests: AsyncIterator[WriteUploadRequest], writer: _Writer | None) -> WriteUploadRequest | None:
    """Returns what a stream brings next; None: it has ended. One that brings nothing must not keep its place from others.

    Errors: UnavailableError (UPLOAD_IDLE), and those of storing what had come.
    """
    try:
        async with asyncio.timeout(IDLE_SECONDS):
            return await anext(requests, None)
    except TimeoutError as error:
        remedy = "begin another one"
        if writer is not None:
            await writer.commit()
            remedy += f", and go on from write_offset {writer.committed}"
        raise UnavailableError(
            f"the stream brought nothing for {IDLE_SECONDS:g} s, and others wait for its place; {remedy}", reason="UPLOAD_IDLE"
        ) from error


def check_complete(upload: Upload) -> None:
    """Says whether a file can be made of an upload.

    Errors: PreconditionError when bytes are missing.
    """
    if not upload.complete:
        raise PreconditionError(
            f"of {upload.record.name} {upload.committed_size} of {upload.record.size_bytes} bytes have arrived; "
            f"go on from write_offset {upload.committed_size}",
            reason="UPLOAD_INCOMPLETE",
            field="upload_id",
        )


def out_of_range(upload: Upload, expected: int, given: int) -> OutOfRangeError:
    """Returns the error for a write that does not start where the data ends."""
    return OutOfRangeError(
        f"write_offset is {given}, but {expected} bytes of {upload.record.name} have arrived; go on from write_offset {expected}",
        field="write_offset",
    )


def _end(chunks: tuple[Chunk, ...] | list[Chunk]) -> int:
    return chunks[-1].offset + chunks[-1].size_bytes if chunks else 0


def _folder(tenant: str, upload_id: str) -> str:
    return f"{tenant}/uploads/{upload_id}/"
