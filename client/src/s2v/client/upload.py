"""One file on its way to the gateway."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import grpc

from s2v.v1.job_service_pb2 import (
    QueryUploadRequest,
    QueryUploadResponse,
    StartUploadRequest,
    StartUploadResponse,
    WriteUploadRequest,
    WriteUploadResponse,
)
from s2v.v1.job_service_pb2_grpc import JobServiceStub

MESSAGE_BYTES = 256 * 1024
"""Bytes in one message."""

Progress = Callable[[int, int], None]
"""Told the bytes that are sent and the bytes in all; after a broken connection the first can be smaller than before."""


@dataclass(frozen=True)
class FileUpload:
    """A file and what is announced of it."""

    path: Path
    size_bytes: int
    sha256: str
    """Lower-case hexadecimal."""
    progress: Progress | None

    @classmethod
    def prepare(cls, path: Path, progress: Progress | None) -> Self:
        """Reads the file once, for its length and digest.

        Errors: OSError.
        """
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            return cls(path, file.tell(), sha256, progress)

    async def start(self, stub: JobServiceStub, timeout: float) -> str:
        """Announces the file, and returns the upload's id."""
        return (await self.announce(stub, timeout)).upload_id

    async def announce(self, stub: JobServiceStub, timeout: float, *, by_post: bool = False) -> StartUploadResponse:
        """Announces the file; the answer has the upload's id, and the form if the file is to go by POST."""
        request = StartUploadRequest(name=self.path.name, size_bytes=self.size_bytes, sha256=self.sha256, by_post=by_post)
        response: StartUploadResponse = await stub.StartUpload(request, timeout=timeout)
        return response

    async def committed(self, stub: JobServiceStub, upload_id: str, timeout: float) -> int:
        """Returns how many bytes have arrived."""
        response: QueryUploadResponse = await stub.QueryUpload(QueryUploadRequest(upload_id=upload_id), timeout=timeout)
        return response.committed_size

    async def write(self, stub: JobServiceStub, upload_id: str, offset: int) -> int:
        """Sends what follows `offset`, in bytes, and returns how many bytes have arrived then.

        Errors: grpc.aio.AioRpcError; OSError for the file; what the progress callback raises.
        """
        failures: list[Exception] = []
        try:
            response: WriteUploadResponse = await stub.WriteUpload(self._requests(upload_id, offset, failures))
        except (asyncio.CancelledError, grpc.aio.AioRpcError):
            if failures:  # gRPC makes a cancellation of it
                raise failures[0] from None
            raise
        return response.committed_size

    async def _requests(self, upload_id: str, offset: int, failures: list[Exception]) -> AsyncIterator[WriteUploadRequest]:
        try:
            with self.path.open("rb") as file:
                file.seek(offset)
                while data := await asyncio.to_thread(file.read, MESSAGE_BYTES):
                    yield WriteUploadRequest(upload_id=upload_id, write_offset=offset, data=data)
                    offset += len(data)
                    if self.progress is not None:
                        self.progress(offset, self.size_bytes)
        except Exception as error:
            failures.append(error)
            raise
