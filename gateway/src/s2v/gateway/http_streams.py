"""The HTTP front's streams: an upload's bytes in, a job's events and an artifact's bytes out."""

from __future__ import annotations

import asyncio
import urllib.parse
from collections.abc import AsyncIterator

import grpc
from aiohttp import ClientError, web

from s2v.gateway.http_errors import error_json, read_status
from s2v.gateway.http_routes import metadata, read_fields, to_json
from s2v.runtime.errors import InvalidInputError
from s2v.v1.job_service_pb2 import GetArtifactRequest, GetArtifactResponse, WatchJobRequest, WriteUploadRequest
from s2v.v1.job_service_pb2_grpc import JobServiceStub

PIECE_BYTES = 256 * 1024
"""Bytes of a body in one message."""
IDLE_SECONDS = 60.0
"""How long a body may bring nothing."""
ALIVE_SECONDS = 15.0
"""Silence after which a watcher is told that the connection lives; proxies close those that are silent."""


class Streams:
    """Answers the three streams."""

    def __init__(self, stub: JobServiceStub) -> None:
        self._stub = stub

    async def write(self, request: web.Request) -> web.Response:
        """Writes the body to an upload, from the query's `offset` on. What has arrived stays, however it ends."""
        upload_id, offset = request.match_info["upload_id"], request.query.get("offset", "0")
        if not offset.isascii() or not offset.isdecimal():
            raise InvalidInputError(f"offset is {offset[:40]!r}; give the number of bytes that have arrived", field="offset")

        broken = ""

        async def requests() -> AsyncIterator[WriteUploadRequest]:
            nonlocal broken
            place = int(offset)
            while True:
                try:
                    async with asyncio.timeout(IDLE_SECONDS):
                        data = await request.content.read(PIECE_BYTES)
                except (TimeoutError, ClientError, ConnectionError) as error:
                    broken = f"the body broke off after {place} bytes ({type(error).__name__})"
                    return  # the stream ends in order, so that what has come is stored
                if not data:
                    return
                yield WriteUploadRequest(upload_id=upload_id, write_offset=place, data=data)
                place += len(data)

        answer = await self._stub.WriteUpload(requests(), metadata=metadata(request))
        if broken:
            raise InvalidInputError(f"{broken}; go on from offset {answer.committed_size}", reason="BODY_CUT", field="body")
        return web.Response(text=to_json(answer), content_type="application/json")

    async def watch(self, request: web.Request) -> web.StreamResponse:
        """Sends a job's events as Server-Sent Events, each with its sequence as id, and ends after the last."""
        wanted = WatchJobRequest()
        after = {"after_sequence": request.headers["Last-Event-ID"]} if request.headers.get("Last-Event-ID") else {}
        read_fields(wanted, {**request.query, **after, **request.match_info})
        events = self._stub.WatchJob(wanted, metadata=metadata(request))
        coming = asyncio.ensure_future(events.read())
        try:
            first = await coming  # an error before it is an answer of its own
            response = _streamed("text/event-stream")
            await response.prepare(request)
            answer = first
            while answer is not grpc.aio.EOF:
                event = answer.event
                await response.write(
                    f"id: {event.sequence}\nevent: {event.WhichOneof('event')}\ndata: {to_json(event)}\n\n".encode()
                )
                coming = asyncio.ensure_future(events.read())
                while not (await asyncio.wait({coming}, timeout=ALIVE_SECONDS))[0]:
                    await response.write(b": still here\n\n")
                try:
                    answer = coming.result()
                except grpc.aio.AioRpcError as error:
                    await response.write(f"event: error\ndata: {error_json(read_status(error))}\n\n".encode())
                    break
            return response
        finally:
            coming.cancel()
            events.cancel()

    async def fetch(self, request: web.Request) -> web.StreamResponse:
        """Sends an artifact. One that breaks off is shorter than its Content-Length; the ETag is its SHA-256."""
        wanted = GetArtifactRequest(job_id=request.match_info["job_id"], name=request.match_info["name"])
        answers = self._stub.GetArtifact(wanted, metadata=metadata(request))
        try:
            first: GetArtifactResponse = await answers.read()
            ref = first.artifact.object
            response = _streamed(ref.content_type or "application/octet-stream")
            response.headers["ETag"] = f'"{ref.sha256}"'
            if request.headers.get("If-None-Match") == response.headers["ETag"]:
                response.set_status(304)
                await response.prepare(request)
                return response
            response.headers["Content-Disposition"] = f"inline; filename*=UTF-8''{urllib.parse.quote(wanted.name)}"
            # What a talk has brought into an SVG or a page must not run as the gateway's own.
            response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
            response.content_length = ref.size_bytes
            await response.prepare(request)
            try:
                while (answer := await answers.read()) is not grpc.aio.EOF:
                    await response.write(answer.data)
            except grpc.aio.AioRpcError:
                if request.transport is not None:
                    request.transport.abort()  # an answer that ended well would be taken for whole
                raise
            return response
        finally:
            answers.cancel()


def _streamed(content_type: str) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})
    response.content_type, _, parameters = content_type.partition(";")
    if "charset" in parameters or content_type.startswith("text/"):
        response.charset = "utf-8"
    return response
