"""The HTTP front's streams: an upload's bytes in, a job's events and an artifact's bytes out."""

from __future__ import annotations

import asyncio
import contextlib
import urllib.parse

import grpc
from aiohttp import ClientError, web
from aiohttp.web_protocol import RequestPayloadError

from s2v.gateway.http_errors import error_json, read_status, refuse
from s2v.gateway.http_routes import metadata, read_fields, to_json
from s2v.runtime.errors import InvalidInputError, OutOfRangeError, UnavailableError
from s2v.v1.artifact_pb2 import ObjectRef
from s2v.v1.job_service_pb2 import (
    GetArtifactRequest,
    GetArtifactResponse,
    WatchJobRequest,
    WriteUploadRequest,
    WriteUploadResponse,
)
from s2v.v1.job_service_pb2_grpc import JobServiceStub

PIECE_BYTES = 256 * 1024
"""Bytes of a body in one message."""
IDLE_SECONDS = 60.0
"""How long a body may bring nothing, and a reader may take nothing: others wait for the place."""
FIRST_SECONDS = 1.0
"""How long a watcher's answer waits for the first event: what goes wrong meanwhile is an answer of its own."""
ALIVE_SECONDS = 15.0
"""Silence after which a watcher is told that the connection lives; proxies close those that are silent."""
LARGEST = 2**63 - 1
"""Of what the contract has for offsets and lengths."""


class Streams:
    """Answers the three streams."""

    def __init__(self, stub: JobServiceStub) -> None:
        self._stub = stub

    async def write(self, request: web.Request) -> web.Response:
        """Writes the body to an upload, from the query's `offset` on. What has arrived stays, however it ends."""
        upload_id, offset = request.match_info["upload_id"], request.query.get("offset", "0")
        if not (offset.isascii() and offset.isdecimal() and len(offset) <= len(str(LARGEST)) and int(offset) <= LARGEST):
            raise InvalidInputError(f"offset is {offset[:40]!r}; give the number of bytes that have arrived", field="offset")
        call = self._stub.WriteUpload(metadata=metadata(request))
        sending = asyncio.create_task(_send_body(request, call, upload_id, int(offset)))
        try:
            answer: WriteUploadResponse = await call  # a refusal comes while the body still does
            broken = await sending
        finally:
            # What is left of a body is read, and thrown away, behind the answer: nobody else may be reading then.
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            call.cancel()
        if broken:
            raise UnavailableError(f"{broken}; go on from offset {answer.committed_size}", reason="UPLOAD_IDLE")
        return web.Response(text=to_json(answer), content_type="application/json")

    async def watch(self, request: web.Request) -> web.StreamResponse:
        """Sends a job's events as Server-Sent Events, each with its sequence as id, and ends after the last."""
        wanted = WatchJobRequest()
        after = {"after_sequence": request.headers["Last-Event-ID"]} if request.headers.get("Last-Event-ID") else {}
        read_fields(wanted, {**request.query, **after, **request.match_info})
        events = self._stub.WatchJob(wanted, metadata=metadata(request))
        coming = asyncio.ensure_future(events.read())
        try:
            if (await asyncio.wait({coming}, timeout=FIRST_SECONDS))[0]:
                coming.result()
            response = _streamed("text/event-stream")
            await response.prepare(request)
            while True:
                while not (await asyncio.wait({coming}, timeout=ALIVE_SECONDS))[0]:
                    await _send(request, response, b": still here\n\n")
                try:
                    answer = coming.result()
                except grpc.aio.AioRpcError as error:
                    await _send(request, response, f"event: error\ndata: {error_json(read_status(error))}\n\n".encode())
                    return response
                if answer is grpc.aio.EOF:
                    return response
                coming = asyncio.ensure_future(events.read())
                event = answer.event
                text = f"id: {event.sequence}\nevent: {event.WhichOneof('event')}\ndata: {to_json(event)}\n\n"
                await _send(request, response, text.encode())
        finally:
            coming.cancel()
            events.cancel()

    async def fetch(self, request: web.Request) -> web.StreamResponse:
        """Sends an artifact, or the range of it that is asked for. The ETag is its SHA-256.

        One that breaks off is shorter than its Content-Length.
        """
        part = _range(request)
        answers, ref = await self._open(request, part)
        try:
            if part is not None and request.headers.get("If-Range", _etag(ref)) != _etag(ref):  # made anew since
                answers.cancel()
                part = None
                answers, ref = await self._open(request, part)
            if request.headers.get("If-None-Match") == _etag(ref):
                response = _artifact(request, ref)
                response.set_status(304)
                await response.prepare(request)
                return response
            sent = range(ref.size_bytes)[part] if part is not None else range(ref.size_bytes)
            if part is not None and not sent:
                refused = refuse(
                    OutOfRangeError(
                        f"{request.match_info['name']} has {ref.size_bytes} bytes, and the range begins after them",
                        reason="RANGE_NOT_SATISFIABLE",
                        field="range",
                    )
                )
                refused.headers["Content-Range"] = f"bytes */{ref.size_bytes}"
                return refused
            response = _artifact(request, ref)
            if part is not None:
                response.set_status(206)
                response.headers["Content-Range"] = f"bytes {sent.start}-{sent.stop - 1}/{ref.size_bytes}"
            response.content_length = len(sent)
            await response.prepare(request)
            try:
                while request.method != "HEAD" and (answer := await answers.read()) is not grpc.aio.EOF:
                    await _send(request, response, answer.data)
            except grpc.aio.AioRpcError:
                _hang_up(request)  # an answer that ended well would be taken for whole
                raise
            return response
        finally:
            answers.cancel()

    async def _open(
        self, request: web.Request, part: slice | None
    ) -> tuple[grpc.aio.UnaryStreamCall[GetArtifactRequest, GetArtifactResponse], ObjectRef]:
        """Returns a call that brings a part (None: the whole) of an artifact, and which object that is."""
        wanted = GetArtifactRequest(job_id=request.match_info["job_id"], name=request.match_info["name"])
        if part is not None:
            wanted.offset = max(-LARGEST, min(LARGEST, part.start))
            wanted.length = min(LARGEST, part.stop - part.start) if part.stop is not None else 0
        answers = self._stub.GetArtifact(wanted, metadata=metadata(request))
        first: GetArtifactResponse = await answers.read()
        return answers, first.artifact.object


async def _send_body(
    request: web.Request,
    call: grpc.aio.StreamUnaryCall[WriteUploadRequest, WriteUploadResponse],
    upload_id: str,
    place: int,
) -> str:
    """Sends a body from `place` on, and ends the stream in order, so that what has come is stored; returns why it broke off."""
    broken = ""
    try:
        while True:
            async with asyncio.timeout(IDLE_SECONDS):
                data = await request.content.read(PIECE_BYTES)
            if not data:
                break
            await call.write(WriteUploadRequest(upload_id=upload_id, write_offset=place, data=data))
            place += len(data)
    except TimeoutError:
        broken = f"the body brought nothing for {IDLE_SECONDS:g} s after {place} bytes"
    except (ClientError, ConnectionError, RequestPayloadError) as error:
        broken = f"the body broke off after {place} bytes ({type(error).__name__})"
    await call.done_writing()
    return broken


async def _send(request: web.Request, response: web.StreamResponse, data: bytes) -> None:
    """Sends a piece; hangs up on a reader who takes nothing. Errors: ConnectionError."""
    try:
        async with asyncio.timeout(IDLE_SECONDS):
            await response.write(data)
    except TimeoutError as error:
        _hang_up(request)
        raise ConnectionResetError(f"the reader took nothing for {IDLE_SECONDS:g} s") from error


def _hang_up(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _range(request: web.Request) -> slice | None:
    """Returns the range that is asked for; None: the whole, as for several ranges at once, or what is no range of bytes."""
    if request.method == "HEAD" or "Range" not in request.headers:
        return None
    with contextlib.suppress(ValueError):
        return request.http_range
    return None


def _etag(ref: ObjectRef) -> str:
    return f'"{ref.sha256}"'


def _artifact(request: web.Request, ref: ObjectRef) -> web.StreamResponse:
    response = _streamed(ref.content_type or "application/octet-stream")
    response.headers["ETag"] = _etag(ref)
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Content-Disposition"] = f"inline; filename*=UTF-8''{urllib.parse.quote(request.match_info['name'])}"
    # What a talk has brought into an SVG or a page must not run as the gateway's own.
    response.headers["Content-Security-Policy"] = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    return response


def _streamed(content_type: str) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})
    response.content_type, _, parameters = content_type.partition(";")
    if "charset" in parameters or content_type.startswith("text/"):
        response.charset = "utf-8"
    return response
