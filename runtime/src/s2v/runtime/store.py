"""Objects in S3, by the `minio` client in threads. Objects are immutable and carry their SHA-256 in the reference to them."""

from __future__ import annotations

import asyncio
import hashlib
import io
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.commonconfig import CopySource
from minio.datatypes import PostPolicy
from minio.deleteobjects import DeleteObject
from minio.error import MinioException, S3Error
from minio.helpers import BaseURL
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode
from pydantic import SecretStr

from s2v.runtime import metrics
from s2v.runtime.errors import DataLossError, NotFoundError, UnavailableError
from s2v.runtime.security import shown
from s2v.runtime.settings import RuntimeSettings
from s2v.v1.artifact_pb2 import ObjectRef

T = TypeVar("T")

tracer = trace.get_tracer("s2v.runtime")

THREADS = 16
"""Requests in flight at once."""
TIMEOUT = urllib3.Timeout(connect=5, read=60)
"""Seconds."""
COPY_BYTES = 1024 * 1024
"""Bytes that are read or hashed at a time."""


@dataclass(frozen=True)
class Place:
    """A bucket, and how it is reached."""

    endpoint: str
    bucket: str
    access_key: str
    secret_key: SecretStr
    region: str = ""
    """Empty: as in the settings. One that the endpoint names, s3.REGION.amazonaws.com, goes before it."""


@dataclass(frozen=True)
class StoredObject:
    """An object as a listing shows it."""

    key: str
    size_bytes: int
    modified_at: datetime


_MISSING = {"NoSuchKey", "NoSuchObject"}
"""What S3 says of an object that is not there. That the bucket is missing says nothing of the object: it may come back."""


@dataclass(frozen=True)
class SignedPost:
    """A form for one upload by HTTP POST."""

    url: str
    fields: Mapping[str, str]
    """Fields that go before the file."""


class ObjectStore:
    """One bucket. Keys start with the tenant's name."""

    def __init__(self, settings: RuntimeSettings, place: Place | None = None) -> None:
        """`place` is another bucket than that of the settings."""
        if place is None:
            place = Place(settings.s3_endpoint, settings.s3_bucket, settings.s3_access_key, settings.s3_secret_key)
        endpoint = urlsplit(place.endpoint)
        self._bucket = place.bucket
        self._endpoint = shown(place.endpoint)
        self._public_endpoint = (settings.s3_public_endpoint or settings.s3_endpoint).rstrip("/")
        self._client = Minio(
            endpoint=endpoint.netloc,
            access_key=place.access_key or None,
            secret_key=place.secret_key.get_secret_value() or None,
            secure=endpoint.scheme == "https",
            region=BaseURL(f"{endpoint.scheme}://{endpoint.netloc}", None).region or place.region or settings.s3_region,
            http_client=urllib3.PoolManager(maxsize=THREADS, timeout=TIMEOUT, retries=urllib3.Retry(total=2, backoff_factor=0.2)),
        )
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="s3")

    async def prepare(self) -> None:
        """Makes the bucket when it does not exist.

        Errors: UnavailableError.
        """

        def make() -> None:
            if not self._client.bucket_exists(self._bucket):
                try:
                    self._client.make_bucket(self._bucket)
                except S3Error as error:
                    if error.code not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
                        raise

        await self._call("prepare", make)

    async def put(self, key: str, content: bytes | Path, content_type: str = "application/octet-stream") -> ObjectRef:
        """Writes an object.

        Errors: UnavailableError.
        """
        return await self._call("put", lambda: self._write(key, content, content_type, *_measure(content)))

    async def put_by_content(self, prefix: str, name: str, content: bytes | Path, content_type: str) -> ObjectRef:
        """Writes an object at a key made of `prefix`, the start of its SHA-256, and `name`.

        Errors: UnavailableError.
        """

        def write() -> ObjectRef:
            sha256, size = _measure(content)
            return self._write(f"{prefix}{sha256[:16]}-{name}", content, content_type, sha256, size)

        return await self._call("put", write)

    async def read(self, ref: ObjectRef | str, offset: int = 0, length: int = 0) -> bytes:
        """Reads an object, or `length` bytes of it from `offset`. The whole of an object is checked against its digest.

        Errors: NotFoundError, DataLossError, UnavailableError.
        """
        key = ref if isinstance(ref, str) else ref.key

        def fetch() -> bytes:
            response = self._client.get_object(self._bucket, key, offset=offset, length=length)
            try:
                return response.read()
            finally:
                response.close()
                response.release_conn()

        data = await self._call("get", fetch, key)
        if not isinstance(ref, str) and offset == 0 and length == 0 and ref.sha256:
            _check(ref, hashlib.sha256(data).hexdigest())
        return data

    async def download(self, ref: ObjectRef, path: Path) -> None:
        """Writes an object to a file and checks its digest.

        Errors: NotFoundError, DataLossError, UnavailableError.
        """

        def fetch() -> str:
            response = self._client.get_object(self._bucket, ref.key)
            total = hashlib.sha256()
            try:
                with path.open("wb") as file:
                    for chunk in response.stream(COPY_BYTES):
                        file.write(chunk)
                        total.update(chunk)
            finally:
                response.close()
                response.release_conn()
            return total.hexdigest()

        sha256 = await self._call("get", fetch, ref.key)
        if ref.sha256:
            _check(ref, sha256)

    async def stream(self, ref: ObjectRef, chunk_bytes: int, offset: int = 0, length: int = 0) -> AsyncIterator[bytes]:
        """Yields an object, or `length` bytes of it from `offset` (before its end), in chunks.

        Errors: NotFoundError, UnavailableError.
        """
        response = await self._call(
            "get", lambda: self._client.get_object(self._bucket, ref.key, offset=offset, length=length), ref.key
        )
        try:
            chunks = response.stream(chunk_bytes)
            while chunk := await self._try(lambda: next(chunks, b""), ref.key):
                yield chunk
        finally:
            response.close()
            response.release_conn()

    async def copy(self, ref: ObjectRef, key: str) -> ObjectRef:
        """Copies an object inside the server.

        Errors: NotFoundError, UnavailableError.
        """
        copied = CopySource(self._bucket, ref.key)

        def work() -> None:
            try:
                self._client.copy_object(self._bucket, key, copied)
            except ValueError as error:  # S3 may say that it failed in the body of an answer 200, which the client cannot read
                raise UnavailableError(f"S3 at {self._endpoint} did not copy {ref.key}: {error}") from error

        await self._call("copy", work, ref.key)
        return ObjectRef(key=key, sha256=ref.sha256, size_bytes=ref.size_bytes, content_type=ref.content_type)

    async def exists(self, key: str) -> bool:
        """Says whether there is such an object.

        Errors: UnavailableError.
        """
        try:
            await self._call("stat", lambda: self._client.stat_object(self._bucket, key), key)
        except NotFoundError:
            return False
        return True

    async def content_type(self, key: str) -> str:
        """Returns the media type that an object was written with.

        Errors: NotFoundError, UnavailableError.
        """
        found = await self._call("stat", lambda: self._client.stat_object(self._bucket, key), key)
        return found.content_type or "application/octet-stream"

    async def list(self, prefix: str) -> list[StoredObject]:
        """Lists the objects whose keys start with `prefix`.

        Errors: UnavailableError.
        """

        def collect() -> list[StoredObject]:
            found = self._client.list_objects(self._bucket, prefix=prefix, recursive=True)
            return [StoredObject(item.object_name, item.size or 0, item.last_modified) for item in found if not item.is_dir]

        return await self._call("list", collect, prefix)

    async def tenants(self) -> Sequence[str]:
        """Lists the tenants that have objects; folders that begin with an underscore are the house's own.

        Errors: UnavailableError.
        """
        return [folder.rstrip("/") for folder in await self.folders("") if not folder.startswith("_")]

    async def folders(self, prefix: str) -> Sequence[str]:
        """Lists the "folders" directly below `prefix`: beginnings of keys, each with its slash at the end.

        Errors: UnavailableError.
        """

        def collect() -> Sequence[str]:
            found = self._client.list_objects(self._bucket, prefix=prefix, recursive=False)
            return [item.object_name for item in found if item.is_dir]

        return await self._call("list", collect, prefix)

    async def delete(self, key: str) -> None:
        """Deletes an object; it may be missing.

        Errors: UnavailableError.
        """
        await self._call("delete", lambda: self._client.remove_object(self._bucket, key), key)

    async def delete_prefix(self, prefix: str) -> int:
        """Deletes all objects whose keys start with `prefix`, and says how many there were.

        Errors: UnavailableError.
        """
        found = await self.list(prefix)

        def remove() -> None:
            for problem in self._client.remove_objects(self._bucket, [DeleteObject(item.key) for item in found]):
                raise UnavailableError(f"S3 did not delete {problem.name}: {problem.message}")

        if found:
            await self._call("delete", remove, prefix)
        return len(found)

    async def abort_uploads(self, before: datetime) -> int:
        """Takes away the parts of uploads that began before then: whoever wrote them was killed. Says how many uploads that were.

        S3 names a thousand at a time; what is left goes the next time.
        Errors: UnavailableError.
        """

        def abort() -> int:
            found = self._client._list_multipart_uploads(self._bucket)  # the client has no public way
            old = [one for one in found.uploads if one.initiated_time is not None and one.initiated_time < before]
            for one in old:
                self._client._abort_multipart_upload(self._bucket, one.object_name, one.upload_id or "")
            return len(old)

        return await self._call("abort", abort)

    def sign_post(self, key: str, size_bytes: int, expires: datetime) -> SignedPost:
        """Returns a form with which anybody may write this one object, of this length, until `expires`. Asks no server."""
        policy = PostPolicy(self._bucket, expires)
        policy.add_equals_condition("key", key)
        policy.add_content_length_range_condition(size_bytes, size_bytes)
        fields: dict[str, str] = {"key": key, **self._client.presigned_post_policy(policy)}
        return SignedPost(f"{self._public_endpoint}/{self._bucket}", fields)

    def _write(self, key: str, content: bytes | Path, content_type: str, sha256: str, size: int) -> ObjectRef:
        if isinstance(content, bytes):
            written = self._client.put_object(self._bucket, key, io.BytesIO(content), size, content_type)
        else:
            written = self._client.fput_object(self._bucket, key, str(content), content_type)
        if not written.etag:  # S3 may say that it failed in the body of an answer 200
            raise UnavailableError(f"S3 at {self._endpoint} did not put {key} together from its parts")
        return ObjectRef(key=key, sha256=sha256, size_bytes=size, content_type=content_type)

    async def _call(self, operation: str, work: Callable[[], T], key: str = "") -> T:
        with _measured(operation, self._bucket):
            return await self._try(work, key)

    async def _try(self, work: Callable[[], T], key: str) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except S3Error as error:
            if error.code in _MISSING:
                raise NotFoundError(f"there is no object {key} in bucket {self._bucket}") from error
            raise UnavailableError(
                f"S3 at {self._endpoint} answered {error.code} for {key or self._bucket}: {error.message}"
            ) from error
        except (MinioException, urllib3.exceptions.HTTPError) as error:
            raise UnavailableError(f"S3 at {self._endpoint} does not answer: {error}") from error

    def close(self) -> None:
        """Stops the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _measured(operation: str, bucket: str) -> Iterator[None]:
    """Measures one request to S3, and traces it if it belongs to something that is traced."""
    start, outcome = time.monotonic(), "failed"
    attributes = {"rpc.system": "s3", "rpc.method": operation, "aws.s3.bucket": bucket}
    traced = trace.get_current_span().get_span_context().is_valid
    span = tracer.start_span(f"s3 {operation}", kind=SpanKind.CLIENT, attributes=attributes) if traced else trace.INVALID_SPAN
    with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield
            outcome = "done"
        except NotFoundError:  # often just not in the cache: no error
            outcome = "missing"
            raise
        except Exception as error:
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise
        finally:
            metrics.store_requests.record(time.monotonic() - start, {"operation": operation, "outcome": outcome})


def hash_file(path: Path) -> tuple[str, int]:
    """Returns a file's SHA-256 in lower-case hexadecimal and its length in bytes."""
    with path.open("rb") as file:
        total = hashlib.file_digest(file, "sha256")
        return total.hexdigest(), file.tell()


def _measure(content: bytes | Path) -> tuple[str, int]:
    return hash_file(content) if isinstance(content, Path) else (hashlib.sha256(content).hexdigest(), len(content))


def _check(ref: ObjectRef, sha256: str) -> None:
    if sha256 != ref.sha256:
        raise DataLossError(f"object {ref.key} has SHA-256 {sha256}, not the {ref.sha256} that was recorded; make it again")
