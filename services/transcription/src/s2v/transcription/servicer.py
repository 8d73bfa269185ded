"""TranscriptionService: a sound streamed in, its windows streamed out as they are ready."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import grpc

from s2v.runtime.errors import InvalidInputError, LimitError
from s2v.transcription.direct import DirectTranscriber
from s2v.v1.transcription_service_pb2 import TranscribeOptions, TranscribeRequest, TranscribeResponse
from s2v.v1.transcription_service_pb2_grpc import TranscriptionServiceServicer

SOURCE_NAME = "the sent file"
"""What a direct call's sound is called in messages."""


class TranscriptionServicer(TranscriptionServiceServicer):
    """Transcribes without a job: nothing is kept."""

    def __init__(self, transcriber: DirectTranscriber) -> None:
        self._transcriber = transcriber
        self._max_bytes = transcriber.settings.max_upload_bytes

    async def Transcribe(  # noqa: N802 - named by the contract
        self, request_iterator: AsyncIterator[TranscribeRequest], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[TranscribeResponse]:
        """Takes the options, then the bytes; answers windows in order of time, then the whole.

        Errors: InvalidInputError, LimitError (too large; too much to decode).
        """
        with tempfile.TemporaryDirectory(prefix="s2v-transcribe-") as folder:
            source = Path(folder) / "source"
            options, sha256 = await self._receive(request_iterator, source)
            async for response in self._transcriber.transcribe(source, SOURCE_NAME, sha256, options):
                yield response

    async def _receive(self, requests: AsyncIterator[TranscribeRequest], source: Path) -> tuple[TranscribeOptions, str]:
        """Spools the sound to a file. Returns the options and the SHA-256 of the bytes."""
        options: TranscribeOptions | None = None
        digest, size = hashlib.sha256(), 0
        with source.open("wb") as file:
            async for request in requests:
                if request.WhichOneof("payload") == "options":
                    if options is not None:
                        raise InvalidInputError("options are sent once, in the first message", field="options")
                    options = request.options
                    continue
                if options is None:
                    raise InvalidInputError("the first message must hold the options, even if they are empty", field="options")
                size += len(request.data)
                if size > self._max_bytes:
                    most = self._max_bytes / 1e6
                    raise LimitError(
                        f"the sound is larger than {most:.0f} MB; send it as MP3 or Opus", reason="TOO_LARGE", field="data"
                    )
                digest.update(request.data)
                file.write(request.data)
        return options or TranscribeOptions(), digest.hexdigest()
