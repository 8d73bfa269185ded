"""The one error of the client, and how it is read from a gRPC status."""

from __future__ import annotations

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

DETAILS_KEY = "grpc-status-details-bin"
_BROKEN = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED})
_BROKEN_INTERNAL = ("Internal error from Core", "RST_STREAM")
"""What gRPC itself, on this side, says under INTERNAL when a connection breaks while a message is being sent."""
_TOO_LONG = "larger than max"
"""What gRPC says of a message that is too long, which has the same status as too many calls."""
BUSY_SECONDS = 2.0
"""When a gateway that has as many calls as it takes may take another one."""


class JobServiceError(Exception):
    """What the gateway answered instead of doing it."""

    def __init__(self, code: grpc.StatusCode, reason: str, message: str, field: str = "", retry_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.code = code
        """gRPC status."""
        self.reason = reason
        """Short reason, upper case, e.g. "NO_AUDIO"; the status's name where the server gave none."""
        self.message = message
        """What happened, to which file or job, and what to do."""
        self.field = field
        """The request's field at fault; empty: none."""
        self.retry_seconds = retry_seconds
        """When the same call may do, in seconds; 0: the gateway did not say."""

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.code, self.reason, self.message, self.field, self.retry_seconds)


def broken(error: grpc.aio.AioRpcError) -> bool:
    """Says whether the connection broke, or the gateway goes away or has as many calls as it takes: the same call may succeed
    when it is made again.
    """
    if error.code() == grpc.StatusCode.INTERNAL:
        return any(text in (error.details() or "") for text in _BROKEN_INTERNAL)
    return error.code() in _BROKEN or _busy(error)


def translate(error: grpc.aio.AioRpcError, target: str) -> JobServiceError:
    """Returns the error that a status from the server at `target` stands for."""
    code: grpc.StatusCode = error.code()
    reason, field, message, retry_seconds = code.name, "", error.details() or code.name, 0.0
    status = _details(error)
    for detail in status.details:
        info, request, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            reason = info.reason
        elif detail.Unpack(request) and request.field_violations:
            field = request.field_violations[0].field
        elif detail.Unpack(retry):
            retry_seconds = retry.retry_delay.ToMilliseconds() / 1000
    if _busy(error):
        reason, retry_seconds = "BUSY", BUSY_SECONDS
    if code == grpc.StatusCode.UNAVAILABLE and not status.details:
        message = f"the gateway at {target} does not answer ({message}); is it running?"
    return JobServiceError(code, reason, message, field, retry_seconds)


def _busy(error: grpc.aio.AioRpcError) -> bool:
    """Says whether gRPC itself has refused a call, as there were too many: it gives no details."""
    if error.code() != grpc.StatusCode.RESOURCE_EXHAUSTED or _TOO_LONG in (error.details() or ""):
        return False
    return not _details(error).details


def _details(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            try:
                return status_pb2.Status.FromString(value)
            except DecodeError:
                break
    return status_pb2.Status()
