"""One artifact on its way to a file."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

import grpc

from s2v.client.errors import JobServiceError
from s2v.v1.artifact_pb2 import Artifact
from s2v.v1.job_service_pb2 import GetArtifactRequest
from s2v.v1.job_service_pb2_grpc import JobServiceStub


class Download:
    """A file that is being written; what has arrived stays when the connection breaks."""

    def __init__(self, job_id: str, name: str, part: Path, arrived: Callable[[], None]) -> None:
        """`arrived` is called with each piece."""
        self._job_id = job_id
        self._name = name
        self._part = part
        self._arrived = arrived
        self._begin(Artifact())

    async def run(self, stub: JobServiceStub) -> Artifact:
        """Writes what has not arrived yet, and checks the whole.

        Errors: OSError; grpc.aio.AioRpcError; JobServiceError (DATA_LOSS) when the bytes are not the artifact's.
        """
        while not await self._fetch(stub):
            pass
        if self._total.hexdigest() != self._artifact.object.sha256:
            raise JobServiceError(
                grpc.StatusCode.DATA_LOSS,
                "CHECKSUM_MISMATCH",
                f"{self._name} arrived with SHA-256 {self._total.hexdigest()}, not {self._artifact.object.sha256}; "
                "download it again",
            )
        return self._artifact

    def _begin(self, artifact: Artifact) -> None:
        self._artifact = artifact
        self._received = 0
        self._total = hashlib.sha256()

    async def _fetch(self, stub: JobServiceStub) -> bool:
        """Goes on where the file ends; says whether that is all. Another run may have made the artifact anew meanwhile."""
        request = GetArtifactRequest(job_id=self._job_id, name=self._name, offset=self._received)
        stream = stub.GetArtifact(request)
        try:
            with self._part.open("ab" if self._received else "wb") as file:
                async for response in stream:
                    if response.HasField("artifact") and response.artifact.object.sha256 != self._artifact.object.sha256:
                        self._begin(response.artifact)
                        if request.offset:
                            return False
                    await asyncio.to_thread(file.write, response.data)
                    self._total.update(response.data)
                    self._received += len(response.data)
                    self._arrived()
            return True
        finally:
            stream.cancel()
