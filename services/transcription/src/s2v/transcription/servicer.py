"""TranscriptionService: a sound streamed in, its windows streamed out as they are ready."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import grpc

from s2v.runtime.reception import receive
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
            options, sha256 = await receive(request_iterator, _payload, source, self._max_bytes, "data")
            async for response in self._transcriber.transcribe(source, SOURCE_NAME, sha256, options):
                yield response


def _payload(request: TranscribeRequest) -> TranscribeOptions | bytes:
    return request.options if request.WhichOneof("payload") == "options" else request.data
