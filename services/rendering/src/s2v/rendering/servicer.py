"""RenderingService: a composition and its sound streamed in, the film streamed out."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import grpc

from s2v.rendering.direct import Rendered, render
from s2v.runtime.engine import EnginePool
from s2v.runtime.errors import InvalidInputError, LimitError
from s2v.runtime.stage import Progress
from s2v.v1.rendering_service_pb2 import RenderOptions, RenderProgress, RenderRequest, RenderResponse, RenderResult
from s2v.v1.rendering_service_pb2_grpc import RenderingServiceServicer

CHUNK_BYTES = 256 * 1024
"""Of the film, in one message."""


class RenderingServicer(RenderingServiceServicer):
    """Renders without a job: nothing is kept."""

    def __init__(self, pool: EnginePool, max_upload_bytes: int) -> None:
        self._pool = pool
        self._max_bytes = max_upload_bytes

    async def Render(  # noqa: N802 - named by the contract
        self, request_iterator: AsyncIterator[RenderRequest], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[RenderResponse]:
        """Takes the options, then the sound; answers progress, the film's bytes, and at last what was made.

        Errors: InvalidInputError, LimitError (too large), DegradedError, EngineError.
        """
        with tempfile.TemporaryDirectory(prefix="s2v-render-") as name:
            folder = Path(name)
            options = await self._receive(request_iterator, folder / "sound")
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
        )

    async def _receive(self, requests: AsyncIterator[RenderRequest], sound: Path) -> RenderOptions:
        """Spools the sound to a file and returns the options."""
        options: RenderOptions | None = None
        size = 0
        with sound.open("wb") as file:
            async for request in requests:
                if request.WhichOneof("payload") == "options":
                    if options is not None:
                        raise InvalidInputError("options are sent once, in the first message", field="options")
                    options = request.options
                    continue
                if options is None:
                    raise InvalidInputError("the first message must hold the options", field="options")
                size += len(request.audio)
                if size > self._max_bytes:
                    most = self._max_bytes / 1e6
                    raise LimitError(f"the sound is larger than {most:.0f} MB", reason="TOO_LARGE", field="audio")
                file.write(request.audio)
        if options is None:
            raise InvalidInputError("the first message must hold the options", field="options")
        return options
