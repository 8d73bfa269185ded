"""Errors of the suite: one base class; each class says its gRPC code and whether trying again can help.

The docstring of a class is its default message. An error crosses process borders (it pickles) and gRPC (see
`s2v.runtime.server`).
"""

from __future__ import annotations

import errno
from typing import ClassVar

import grpc

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""Numbers of the OSErrors of a disk that is full: what meets one waits and is done again, which costs no attempt."""


class S2VError(Exception):
    """Something went wrong inside Speech to Visuals."""

    code: ClassVar[grpc.StatusCode] = grpc.StatusCode.INTERNAL
    """gRPC status that a caller sees."""
    retryable: ClassVar[bool] = False
    """Whether the same work may succeed when it is tried again."""
    default_reason: ClassVar[str] = "INTERNAL"
    """Short reason, upper case, for machines."""

    retry_seconds: float = 2.0
    """When a caller may try again, for errors where that helps."""

    def __init__(self, message: str = "", *, reason: str = "", field: str = "") -> None:
        """`message` says what happened, to which file or job, and what to do; `field` names the request's field at fault."""
        self.message = message or (type(self).__doc__ or "").strip()
        self.reason = reason or self.default_reason
        self.field = field
        super().__init__(self.message)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.message, self.reason, self.field)


def _rebuild(cls: type[S2VError], message: str, reason: str, field: str) -> S2VError:
    return cls(message, reason=reason, field=field)


class InvalidInputError(S2VError):
    """The input cannot be used."""

    code = grpc.StatusCode.INVALID_ARGUMENT
    default_reason = "INVALID_INPUT"


class NotFoundError(S2VError):
    """There is no such thing."""

    code = grpc.StatusCode.NOT_FOUND
    default_reason = "NOT_FOUND"


class PreconditionError(S2VError):
    """The thing is not in the state that this needs."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    default_reason = "FAILED_PRECONDITION"


class OutOfRangeError(S2VError):
    """The position is not where the data ends."""

    code = grpc.StatusCode.OUT_OF_RANGE
    default_reason = "OUT_OF_RANGE"


class DataLossError(S2VError):
    """The bytes are not the ones that were announced."""

    code = grpc.StatusCode.DATA_LOSS
    default_reason = "DATA_LOSS"


class LimitError(S2VError):
    """A limit is exceeded."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    default_reason = "LIMIT_EXCEEDED"


class DegradedError(S2VError):
    """A fallback would have been needed, and the job is strict."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    default_reason = "STRICT"


class SetupError(S2VError):
    """The service is not set up: a model, font or setting is missing or damaged."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    default_reason = "SETUP"


class UnauthenticatedError(S2VError):
    """The caller is not known."""

    code = grpc.StatusCode.UNAUTHENTICATED
    default_reason = "UNAUTHENTICATED"


class ForbiddenError(S2VError):
    """The caller may not do this."""

    code = grpc.StatusCode.PERMISSION_DENIED
    default_reason = "FORBIDDEN"


class QuotaError(S2VError):
    """A quota is used up; try again later."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    retryable = True
    default_reason = "QUOTA_EXCEEDED"


class BusyError(S2VError):
    """There is no room for more work at the moment; try again later."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    retryable = True
    default_reason = "BUSY"
    retry_seconds = 30.0


class MaintenanceError(S2VError):
    """New jobs are not taken during maintenance; those that were accepted are finished."""

    code = grpc.StatusCode.UNAVAILABLE
    retryable = True
    default_reason = "MAINTENANCE"
    retry_seconds = 60.0


class EngineError(S2VError):
    """The engine failed."""

    retryable = True
    default_reason = "ENGINE_FAILED"


class EngineTimeoutError(EngineError):
    """The engine did not finish in time."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED
    default_reason = "ENGINE_TIMEOUT"


class UnavailableError(S2VError):
    """A server that this needs (NATS or S3) does not answer; try again in a moment."""

    code = grpc.StatusCode.UNAVAILABLE
    retryable = True
    default_reason = "UNAVAILABLE"


class CancelledError(S2VError):
    """The job was cancelled."""

    code = grpc.StatusCode.CANCELLED
    default_reason = "CANCELLED"


def is_fault_of_input(code: int) -> bool:
    """Whether a job that failed with this gRPC code has an input that cannot be used: it is over, and no alert counts it.

    All else is ours: it leaves a dead letter, and the job may go on once the cause is mended. So SETUP (a model is missing),
    DATA_LOSS (an object is damaged), and STRICT: the talk is good, and what a fallback stands in for is an engine, a model or a
    server of ours.
    """
    return bool(code == InvalidInputError.code.value[0])
