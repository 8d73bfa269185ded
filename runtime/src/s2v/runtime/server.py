"""The gRPC server of every service: health, reflection, errors with google.rpc details, traces, limits, drain."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from opentelemetry.instrumentation.grpc import aio_server_interceptor, filters

from s2v.runtime import metrics
from s2v.runtime.errors import BusyError, LimitError, MaintenanceError, QuotaError, S2VError, UnavailableError
from s2v.runtime.security import server_credentials
from s2v.runtime.settings import RuntimeSettings
from s2v.runtime.tenants import Authenticator, current_caller

log = logging.getLogger(__name__)

REFUSALS = (QuotaError, LimitError, BusyError, MaintenanceError)
"""Errors of callers who may do what they ask for, but not now."""
ERROR_DOMAIN = "s2v"
"""Domain of google.rpc.ErrorInfo."""
PING_SECONDS = 10.0
"""Clients may ask so often whether the connection lives; ours does every 20 s (`s2v.client`)."""
TELL_SECONDS = 0.2
"""How long those who watch health have to hear that the server stops."""


class Server:
    """A grpc.aio server."""

    def __init__(self, settings: RuntimeSettings, authenticator: Authenticator | None = None) -> None:
        """Without an authenticator everybody may call."""
        self._settings = settings
        self._server = grpc.aio.server(
            interceptors=(
                # Probes are no part of a job; and the tracer cannot pass on health's Watch.
                aio_server_interceptor(filter_=filters.negate(filters.health_check())),
                CallInterceptor(authenticator),
            ),
            options=(
                ("grpc.max_receive_message_length", settings.max_receive_bytes),
                ("grpc.max_send_message_length", settings.max_receive_bytes),
                ("grpc.so_reuseport", 0),
                # Calls in flight on an old connection go on; the next one finds pods that came later.
                # Pings of a quiet call, such as a watch, more often than this end the connection (too_many_pings); gRPC's own
                # limit is 5 minutes.
                ("grpc.http2.min_ping_interval_without_data_ms", int(PING_SECONDS * 1000)),
                ("grpc.max_connection_age_ms", int(settings.max_connection_age_seconds * 1000)),
            ),
            maximum_concurrent_rpcs=settings.max_concurrent_calls,
        )
        self._health = HealthServicer()
        self._services: list[str] = [health.SERVICE_NAME, reflection.SERVICE_NAME]
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self.port = 0
        """The port that it listens on, once started."""

    def add(self, register: Callable[[Any, grpc.aio.Server], None], servicer: object, service: str) -> None:
        """Adds a service: its generated `add_…Servicer_to_server`, the servicer, its full name, e.g. "s2v.v1.JobService"."""
        register(servicer, self._server)
        self._services.append(service)

    def add_socket(self, address: str) -> None:
        """Also listens at a private address of this machine, "unix:PATH", without TLS. To be called before `start`."""
        self._server.add_insecure_port(address)

    async def start(self) -> None:
        """Listens; health says SERVING from now on.

        Errors: UnavailableError when the address is taken, SetupError when a certificate cannot be used.
        """
        reflection.enable_server_reflection(self._services, self._server)
        try:
            credentials = server_credentials(self._settings)
            if credentials is None:
                self.port = self._server.add_insecure_port(self._settings.listen)
            else:
                self.port = self._server.add_secure_port(self._settings.listen, credentials)
        except RuntimeError as error:
            raise UnavailableError(f"cannot listen on {self._settings.listen}: is another program there?") from error
        await self._server.start()
        for service in ("", *self._services):
            await self._health.set(service, health_pb2.HealthCheckResponse.SERVING)

    async def tell(self, name: str, *, serving: bool) -> None:
        """Sets what health says of one name besides the services, e.g. of a dependency; for good once the server drains."""
        state = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        await self._health.set(name, state)

    async def drain(self) -> None:
        """Health says NOT_SERVING from now on, for good, also if the server starts after it; calls in flight go on."""
        await self._health.enter_graceful_shutdown()

    async def stop(self, grace_seconds: float) -> None:
        """Takes no more calls, ends watches of health, and calls in flight after `grace_seconds`; returns when all have ended."""
        await self._health.end_watches()
        await self._server.stop(grace_seconds)


class HealthServicer(health.aio.HealthServicer):  # type: ignore[misc]
    """gRPC's health; its watches, which last as long as their callers, can be ended."""

    def __init__(self) -> None:
        super().__init__()
        self._watches: set[asyncio.Task[None]] = set()

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: grpc.aio.ServicerContext) -> None:  # noqa: N802
        """Tells of each change, until the caller or the server ends it."""
        watch = asyncio.create_task(super().Watch(request, context))
        self._watches.add(watch)
        try:
            await asyncio.wait({watch})
            if not watch.cancelled():
                watch.result()
        finally:
            self._watches.discard(watch)
            watch.cancel()

    async def end_watches(self) -> None:
        """Ends the watches that there are, once they have told of the last change."""
        if self._watches:
            await asyncio.sleep(TELL_SECONDS)
        for watch in self._watches:
            watch.cancel()


class CallInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Finds out who calls, if that is to be known.

    Turns an S2VError into a gRPC status with its details; anything else into INTERNAL without its text.
    """

    def __init__(self, authenticator: Authenticator | None = None) -> None:
        self._authenticator = authenticator

    async def _admit(self, context: grpc.aio.ServicerContext) -> None:
        if self._authenticator is not None:
            await self._authenticator.admit(context.invocation_metadata() or ())

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        handler = await continuation(handler_call_details)
        if handler is None or handler_call_details.method.startswith("/grpc."):
            return handler
        method = handler_call_details.method
        if handler.response_streaming:
            behaviour = handler.stream_stream or handler.unary_stream

            async def stream(request: object, context: grpc.aio.ServicerContext) -> AsyncIterator[object]:
                with _counted(method, context):
                    try:
                        await self._admit(context)
                        async for response in behaviour(request, context):
                            yield response
                    except Exception as error:
                        await _abort(context, error, method)

            make = grpc.stream_stream_rpc_method_handler if handler.request_streaming else grpc.unary_stream_rpc_method_handler
            return make(stream, handler.request_deserializer, handler.response_serializer)
        answer = handler.stream_unary or handler.unary_unary

        async def call(request: object, context: grpc.aio.ServicerContext) -> object:
            with _counted(method, context):
                try:
                    await self._admit(context)
                    return await answer(request, context)
                except Exception as error:
                    await _abort(context, error, method)
                    raise

        make = grpc.stream_unary_rpc_method_handler if handler.request_streaming else grpc.unary_unary_rpc_method_handler
        return make(call, handler.request_deserializer, handler.response_serializer)


@contextmanager
def _counted(method: str, context: grpc.aio.ServicerContext) -> Iterator[None]:
    """Measures a call, however it ends."""
    start = time.monotonic()
    code = ""
    try:
        yield
    except (asyncio.CancelledError, GeneratorExit):  # the caller went away
        code = grpc.StatusCode.CANCELLED.name
        raise
    finally:
        # A number while nobody has set a code: 0 is OK.
        status = code or getattr(context.code(), "name", "OK" if not context.code() else "UNKNOWN")
        metrics.calls.record(time.monotonic() - start, {"rpc.method": method[1:], "rpc.response.status_code": status})


async def _abort(context: grpc.aio.ServicerContext, error: Exception, method: str) -> None:
    if isinstance(error, grpc.aio.AbortError):
        raise error
    if isinstance(error, S2VError):
        status = to_status(error)
        if isinstance(error, REFUSALS):
            metrics.refusals.add(1, {"tenant": current_caller("").tenant, "reason": error.reason})
        log.info("%s: %s", method, error.message, extra={"reason": error.reason})
        await context.abort(error.code, error.message, (("grpc-status-details-bin", status.SerializeToString()),))
    log.error("%s failed", method, exc_info=error)
    await context.abort(grpc.StatusCode.INTERNAL, "the service failed; its log has the cause")


def to_status(error: S2VError) -> status_pb2.Status:
    """Returns an error as google.rpc.Status with its details."""
    details: list[Any] = [error_details_pb2.ErrorInfo(reason=error.reason, domain=ERROR_DOMAIN)]
    if error.field:
        violation = error_details_pb2.BadRequest.FieldViolation(field=error.field, description=error.message)
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if error.retryable:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(int(error.retry_seconds * 1000))
        details.append(retry)
    packed = []
    for detail in details:
        holder = any_pb2.Any()
        holder.Pack(detail)
        packed.append(holder)
    return status_pb2.Status(code=code_pb2.Code.Value(error.code.name), message=error.message, details=packed)
