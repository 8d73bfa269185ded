"""RenderingService: a composition and its sound streamed in, the film streamed out."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import grpc

from s2v.rendering.direct import Extras, Rendered, render
from s2v.rendering.encoder import DEFAULT_ENCODING, Encoding
from s2v.rendering.limits import DEFAULT_LIMITS, Limits
from s2v.runtime.engine import EnginePool
from s2v.runtime.reception import receive
from s2v.runtime.stage import Progress
from s2v.v1.rendering_service_pb2 import RenderOptions, RenderProgress, RenderRequest, RenderResponse, RenderResult
from s2v.v1.rendering_service_pb2_grpc import RenderingServiceServicer

CHUNK_BYTES = 256 * 1024
"""Of the film, in one message."""


class RenderingServicer(RenderingServiceServicer):
    """Renders without a job: nothing is kept."""

    def __init__(
        self, pool: EnginePool, max_upload_bytes: int, encoding: Encoding = DEFAULT_ENCODING, limits: Limits = DEFAULT_LIMITS
    ) -> None:
        self._pool = pool
        self._max_bytes = max_upload_bytes
        self._encoding = encoding
        self._limits = limits

    async def Render(  # noqa: N802 - named by the contract
        self, request_iterator: AsyncIterator[RenderRequest], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[RenderResponse]:
        """Takes the options, then the sound; answers progress, the film's bytes, and at last what was made.

        Errors: InvalidInputError, LimitError (too large), DegradedError, EngineError.
        """
        with tempfile.TemporaryDirectory(prefix="s2v-render-") as name:
            folder = Path(name)
            options, _ = await receive(request_iterator, _payload, folder / "sound", self._max_bytes, "audio")
            told: asyncio.Queue[RenderResponse] = asyncio.Queue()

            async def progress(done: int, total: int) -> None:
                await told.put(RenderResponse(progress=RenderProgress(clips_done=done, clips_total=total)))

            work = asyncio.create_task(self._render(options, folder, progress))
            try:
                while not (work.done() and told.empty()):
                    hearing = asyncio.create_task(told.get())
                    await asyncio.wait((work, hearing), return_when=asyncio.FIRST_COMPLETED)
                    if hearing.done():
                        yield hearing.result()
                    else:
                        hearing.cancel()
                made = work.result()
            finally:
                # A caller that has gone needs no film: the workers at it are killed before the folder goes.
                work.cancel()
                await asyncio.wait((work,))
            with made.film.open("rb") as film:
                while data := film.read(CHUNK_BYTES):
                    yield RenderResponse(data=data)
            yield RenderResponse(result=RenderResult(video=made.video, report=made.report))

    async def _render(self, options: RenderOptions, folder: Path, progress: Progress) -> Rendered:
        transcript = options.transcript if options.HasField("transcript") else None
        return await render(
            self._pool,
            options.composition,
            folder / "sound",
            transcript,
            folder,
            frame_rate=options.frame_rate,
            strict=options.strict,
            progress=progress,
            extras=Extras(
                options.brand if options.HasField("brand") else None,
                options.burn_captions,
                encoding=self._encoding,
                job_bytes=self._limits.job_bytes,
            ),
        )


def _payload(request: RenderRequest) -> RenderOptions | bytes:
    return request.options if request.WhichOneof("payload") == "options" else request.audio
