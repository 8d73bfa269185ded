"""The HTTP front's calls that have one answer: which path is which rpc, and JSON on both sides."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import grpc
from aiohttp import web
from aiohttp.typedefs import Handler
from google.protobuf import json_format
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from s2v.runtime.errors import InvalidInputError, UnavailableError
from s2v.v1 import job_service_pb2
from s2v.v1.job_service_pb2_grpc import JobServiceStub

CALL_SECONDS = 60.0
CREATE_SECONDS = 300.0
"""The gateway reads the whole file."""
BODY_SECONDS = 20.0
"""How long a body of JSON may take to come: others wait for the place."""
FORWARDED = ("authorization", "traceparent", "tracestate")
"""Headers that the rpc gets as metadata."""


@dataclass(frozen=True)
class Route:
    """A path that is an rpc. Parts of the path in braces, the query and the body are fields of its request."""

    method: str
    path: str
    rpc: str
    seconds: float = CALL_SECONDS
    """How long it may take."""


ROUTES = (
    Route("POST", "/v1/uploads", "StartUpload"),
    Route("GET", "/v1/uploads/{upload_id}", "QueryUpload"),
    Route("POST", "/v1/jobs", "CreateJob", CREATE_SECONDS),
    Route("GET", "/v1/jobs", "ListJobs"),
    Route("GET", "/v1/jobs/{job_id}", "GetJob"),
    Route("DELETE", "/v1/jobs/{job_id}", "DeleteJob"),
    Route("GET", "/v1/jobs/{job_id}/timeline", "GetTimeline"),
    Route("POST", "/v1/jobs/{job_id}:cancel", "CancelJob"),
    Route("POST", "/v1/jobs/{job_id}:edit", "EditJob"),
    Route("POST", "/v1/jobs/{job_id}:rerun", "RerunJob"),
    Route("POST", "/v1/jobs/{job_id}:rate", "RateJob"),
    Route("POST", "/v1/webhooks", "CreateWebhook"),
    Route("GET", "/v1/webhooks", "ListWebhooks"),
    Route("DELETE", "/v1/webhooks/{webhook_id}", "DeleteWebhook"),
    Route("GET", "/v1/webhooks/{webhook_id}/deliveries", "ListDeliveries"),
)


def make_handler(stub: JobServiceStub, route: Route) -> Handler:
    """Returns what answers a route. It raises InvalidInputError and grpc.aio.AioRpcError."""
    call = getattr(stub, route.rpc)
    kind = GetMessageClass(job_service_pb2.DESCRIPTOR.message_types_by_name[f"{route.rpc}Request"])

    async def handle(request: web.Request) -> web.Response:
        message = kind()
        if request.method == "POST":
            # What a foreign page may send without being asked first is never this type.
            if request.content_type != "application/json":
                raise InvalidInputError(
                    f"the body is {request.content_type}; send JSON, with Content-Type: application/json", field="body"
                )
            parse(message, await _read_body(request))
        read_fields(message, {**request.query, **request.match_info})
        answer = await call(message, timeout=route.seconds, metadata=metadata(request))
        return web.Response(text=to_json(answer), content_type="application/json")

    return handle


async def _read_body(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError as error:
        raise UnavailableError(f"the body did not come within {BODY_SECONDS:g} s; send it again", reason="BODY_CUT") from error


def parse(message: Message, body: bytes) -> None:
    """Reads JSON into a message. Errors: InvalidInputError."""
    try:
        json_format.Parse(body.decode() or "{}", message)
    except (json_format.ParseError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInputError(f"the body is not a {message.DESCRIPTOR.name}: {error}", field="body") from error


def read_fields(message: Message, fields: Mapping[str, str]) -> None:
    """Reads fields by their names, on top of what is there. Errors: InvalidInputError."""
    try:
        json_format.ParseDict(dict(fields), message)
    except json_format.ParseError as error:
        raise InvalidInputError(f"path or query do not make a {message.DESCRIPTOR.name}: {error}", field="query") from error


def to_json(message: Message) -> str:
    """Returns a message by the JSON mapping of Protocol Buffers, on one line."""
    return json_format.MessageToJson(message, indent=None)


def metadata(request: web.Request) -> grpc.aio.Metadata:
    """Returns what the rpc is told of the caller; gRPC takes printable ASCII only."""
    given = ((name, request.headers.get(name, "")) for name in FORWARDED)
    return grpc.aio.Metadata(*((name, value) for name, value in given if value and value.isascii() and value.isprintable()))
