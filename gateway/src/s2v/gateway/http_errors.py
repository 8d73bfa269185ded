"""Errors of the HTTP front: a gRPC status as JSON, with its google.rpc details."""

from __future__ import annotations

import json
import math

import grpc
from aiohttp import web
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from google.rpc import code_pb2, error_details_pb2, status_pb2

from s2v.runtime.errors import S2VError, UnavailableError
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
PERMANENT = 413
"""For a limit at which the same call comes to the same end: libraries repeat 429."""
BY_REASON = {"CHECKSUM_MISMATCH": 400, "RANGE_NOT_SATISFIABLE": 416}
"""Reasons that HTTP has another status for than for theirs."""
DETAILS_KEY = "grpc-status-details-bin"
TOO_LONG = "larger than max"
"""What gRPC says of a message that is too long, which has the same status as too many calls."""


def read_status(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    """Returns a call's error with its details."""
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            try:
                return status_pb2.Status.FromString(value)
            except DecodeError:
                break
    said = error.details() or error.code().name
    if error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED and TOO_LONG not in said:
        # gRPC's own refusal, which has no details
        return to_status(UnavailableError("this gateway has as many calls as it takes; try again in some seconds", reason="BUSY"))
    return status_pb2.Status(code=error.code().value[0], message=said)


def http_status(status: status_pb2.Status) -> int:
    """Returns the number that HTTP has for an error."""
    name = code_pb2.Code.Name(status.code)
    if name == "RESOURCE_EXHAUSTED" and _retry_seconds(status) is None:
        return PERMANENT
    info = error_details_pb2.ErrorInfo()
    reason = next((info.reason for detail in status.details if detail.Unpack(info)), "")
    return BY_REASON.get(reason) or HTTP_STATUS.get(name, 500)


def error_json(status: status_pb2.Status) -> str:
    """Returns `{"error": {"code", "status", "message", "details"}}`."""
    name = code_pb2.Code.Name(status.code)
    details = [json_format.MessageToDict(detail) for detail in status.details]
    fields = {"code": http_status(status), "status": name, "message": status.message, "details": details}
    return json.dumps({"error": fields}, ensure_ascii=False)


def error_response(status: status_pb2.Status) -> web.Response:
    """Returns the answer for an error; with Retry-After, in seconds, where the same call may do."""
    headers = {}
    if (seconds := _retry_seconds(status)) is not None:
        headers["Retry-After"] = str(max(1, math.ceil(seconds)))
    if status.code == code_pb2.UNAUTHENTICATED:
        headers["WWW-Authenticate"] = "Bearer"
    return web.Response(text=error_json(status), status=http_status(status), content_type="application/json", headers=headers)


def refuse(error: S2VError) -> web.Response:
    """Returns the answer for what the front itself refuses."""
    return error_response(to_status(error))


def _retry_seconds(status: status_pb2.Status) -> float | None:
    retry = error_details_pb2.RetryInfo()
    return next((retry.retry_delay.ToMilliseconds() / 1000 for detail in status.details if detail.Unpack(retry)), None)
