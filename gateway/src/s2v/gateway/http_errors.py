"""Errors of the HTTP front: a gRPC status as JSON, with its google.rpc details."""

from __future__ import annotations

import json
import math

import grpc
from aiohttp import web
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from google.rpc import code_pb2, error_details_pb2, status_pb2

from s2v.runtime.errors import S2VError
from s2v.runtime.server import to_status

HTTP_STATUS = {
    "OK": 200,
    "CANCELLED": 499,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "UNAUTHENTICATED": 401,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
}
"""As google/rpc/code.proto has it; all others are 500."""
DETAILS_KEY = "grpc-status-details-bin"


def read_status(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    """Returns a call's error with its details."""
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            try:
                return status_pb2.Status.FromString(value)
            except DecodeError:
                break
    return status_pb2.Status(code=error.code().value[0], message=error.details() or error.code().name)


def error_json(status: status_pb2.Status) -> str:
    """Returns `{"error": {"code", "status", "message", "details"}}`."""
    name = code_pb2.Code.Name(status.code)
    details = [json_format.MessageToDict(detail) for detail in status.details]
    fields = {"code": HTTP_STATUS.get(name, 500), "status": name, "message": status.message, "details": details}
    return json.dumps({"error": fields}, ensure_ascii=False)


def error_response(status: status_pb2.Status) -> web.Response:
    """Returns the answer for an error; with Retry-After, in seconds, where the same call may do."""
    name = code_pb2.Code.Name(status.code)
    headers = {}
    for detail in status.details:
        retry = error_details_pb2.RetryInfo()
        if detail.Unpack(retry):
            headers["Retry-After"] = str(max(1, math.ceil(retry.retry_delay.ToMilliseconds() / 1000)))
    if name == "UNAUTHENTICATED":
        headers["WWW-Authenticate"] = "Bearer"
    return web.Response(
        text=error_json(status), status=HTTP_STATUS.get(name, 500), content_type="application/json", headers=headers
    )


def refuse(error: S2VError) -> web.Response:
    """Returns the answer for what the front itself refuses."""
    return error_response(to_status(error))
