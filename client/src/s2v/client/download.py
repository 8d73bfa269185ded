"""One artifact on its way to a file."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import grpc

from s2v.client.errors import JobServiceError
from s2v.v1.artifact_pb2 import Artifact
from s2v.v1.job_service_pb2 import GetArtifactResponse


@dataclass(frozen=True)
class Download:
    """A file that is being written."""

    part: Path
    """Written anew by each attempt."""

    async def run(self, responses: AsyncIterator[GetArtifactResponse]) -> Artifact:
        """Writes what arrives, and checks it.

        Errors: OSError; JobServiceError (DATA_LOSS) when the bytes are not the artifact's.
        """
        artifact = Artifact()
        total = hashlib.sha256()
        with self.part.open("wb") as file:
            async for response in responses:
                if response.HasField("artifact"):
                    artifact = response.artifact
                total.update(response.data)
                await asyncio.to_thread(file.write, response.data)
        if total.hexdigest() != artifact.object.sha256:
            raise JobServiceError(
                grpc.StatusCode.DATA_LOSS,
                "CHECKSUM_MISMATCH",
                f"{artifact.name} arrived with SHA-256 {total.hexdigest()}, not {artifact.object.sha256}; download it again",
            )
        return artifact
