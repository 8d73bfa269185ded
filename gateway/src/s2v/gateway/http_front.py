"""HTTP and JSON in front of the gateway's rpcs, for browsers and for programs without gRPC. Off unless `http_listen` is set.

Each request becomes the rpc that it stands for, over a private socket of this process: who calls, quotas, limits, traces and
metrics are the rpc's own, and nothing is decided twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import ssl
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import grpc
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from grpc_health.v1 import health_pb2, health_pb2_grpc

from s2v.gateway.http_errors import error_response, read_status, refuse
from s2v.gateway.http_routes import ROUTES, make_handler
from s2v.gateway.http_streams import Streams
from s2v.gateway.settings import GatewaySettings
from s2v.runtime.errors import ForbiddenError, InvalidInputError, NotFoundError, S2VError, SetupError, UnavailableError
from s2v.runtime.server import Server
from s2v.v1.job_service_pb2_grpc import JobServiceStub

log = logging.getLogger(__name__)

BODY_BYTES = 1024 * 1024
"""Longest JSON body."""
END_SECONDS = 5.0
"""How long connections may take to end after the requests that were in flight."""
HEALTH_PATH = "/healthz"
HEALTH_SECONDS = 5.0
PREFLIGHT_SECONDS = "3600"
"""How long a browser may keep what it was told of another origin."""


@contextlib.asynccontextmanager
async def http_front(settings: GatewaySettings, server: Server) -> AsyncIterator[int]:
    """Listens while it is entered, and yields the port; enter it before the gRPC server starts. Without `http_listen`: 0.

    Errors: UnavailableError when the address is taken, SetupError when certificates or the address cannot be used.
    """
    if not settings.http_listen:
        yield 0
        return
    host, _, port = settings.http_listen.rpartition(":")
    if not host or not port.isdecimal():
        raise SetupError(f"S2V_HTTP_LISTEN is {settings.http_listen!r}; give host:port")
    with tempfile.TemporaryDirectory(prefix="s2v-http-") as folder:  # only this user can enter it
        socket = f"unix:{Path(folder) / 'gateway'}"
        server.add_socket(socket)
        # Size limits are the gRPC server's own.
        async with grpc.aio.insecure_channel(socket, options=(("grpc.max_receive_message_length", -1),)) as channel:
            guard = Guard(settings)
            runner = web.AppRunner(make_app(channel, guard), access_log=None, shutdown_timeout=END_SECONDS)
            await runner.setup()
            try:
                site = web.TCPSite(runner, host.strip("[]"), int(port), ssl_context=_tls(settings))
                await site.start()
            except OSError as error:
                await runner.cleanup()
                raise UnavailableError(f"cannot listen on {settings.http_listen}: {error.strerror}") from error
            try:
                listening = runner.addresses[0][1]
                log.info("HTTP is served on port %d", listening)
                yield listening
            finally:
                await site.stop()
                await asyncio.sleep(0)  # what has come is begun
                if runner.server is not None:
                    runner.server.pre_shutdown()  # no more requests on connections that there are
                await guard.drain(settings.drain_seconds)
                await runner.cleanup()


def make_app(channel: grpc.aio.Channel, guard: Guard) -> web.Application:
    """Makes the application."""
    stub = JobServiceStub(channel)
    app = web.Application(client_max_size=BODY_BYTES, middlewares=(guard.handle,))
    app.on_response_prepare.append(guard.tell_origin)
    for route in ROUTES:
        app.router.add_route(route.method, route.path, make_handler(stub, route))
    streams = Streams(stub)
    app.router.add_put("/v1/uploads/{upload_id}", streams.write)
    app.router.add_get("/v1/jobs/{job_id}/events", streams.watch, allow_head=False)
    app.router.add_get("/v1/jobs/{job_id}/artifacts/{name}", streams.fetch)
    app.router.add_get(HEALTH_PATH, make_health(channel))
    return app


def make_health(channel: grpc.aio.Channel) -> Handler:
    """Returns what tells balancers of load whether this gateway takes calls, as gRPC's own health does."""
    stub = health_pb2_grpc.HealthStub(channel)

    async def handle(request: web.Request) -> web.Response:
        answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=HEALTH_SECONDS)
        if answer.status != health_pb2.HealthCheckResponse.SERVING:
            raise UnavailableError("this gateway is going away; ask another one", reason="DRAINING")
        return web.Response(text="ok\n")

    return handle


class Guard:
    """What holds for every request: how many at once, for which host, from pages of which origin, and how errors look."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._places = asyncio.Semaphore(settings.http_requests)
        self._origins = frozenset(filter(None, (origin.strip() for origin in settings.http_origins.split(","))))
        self._open_to_all = settings.auth == "off"
        self._own_host = settings.http_listen.rpartition(":")[0]
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def drain(self, seconds: float) -> None:
        """Waits until no request is in flight, so long at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()

    @property
    def handle(self) -> Middleware:
        """The middleware."""

        @web.middleware
        async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
            self._in_flight += 1
            self._idle.clear()
            try:
                return await self._answer(request, handler)
            except grpc.aio.AioRpcError as error:
                return error_response(read_status(error))
            except S2VError as error:
                return refuse(error)
            except web.HTTPException as error:
                return refuse(_translate(request, error))
            except ConnectionError:  # who asked has gone: nobody gets this
                return web.Response(status=499)
            finally:
                self._in_flight -= 1
                if not self._in_flight:
                    self._idle.set()

        return handle

    async def tell_origin(self, request: web.Request, response: web.StreamResponse) -> None:
        """Tells a browser that the page may read the answer."""
        origin = request.headers.get("Origin", "")
        if origin in self._origins:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = "Accept-Ranges, Content-Range, ETag, Retry-After"
        response.headers["Vary"] = "Origin"

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == HEALTH_PATH:  # for whoever comes, by whatever name, and however busy
            return await handler(request)
        host, origin = request.url.host or "", request.headers.get("Origin", "")
        # A foreign name that points to this address would let a foreign page read what everybody here may read.
        if self._open_to_all and not _is_plain(host) and host != self._own_host:
            raise ForbiddenError(f"nobody is asked who he is here, so {host[:200]} is not answered; use the address itself")
        if origin and origin not in self._origins and urlsplit(origin).netloc != request.host:
            raise ForbiddenError(f"pages of {origin[:200]} may not call this gateway; S2V_HTTP_ORIGINS names those that may")
        if request.method == "OPTIONS":
            return web.Response(status=204, headers=_preflight())
        if self._places.locked():
            raise UnavailableError("this gateway answers as many requests as it may; try again in some seconds", reason="BUSY")
        async with self._places:
            return await handler(request)


def _preflight() -> dict[str, str]:
    return {
        "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, DELETE",
        "Access-Control-Allow-Headers": "authorization, content-type, if-none-match, if-range, last-event-id, range, traceparent",
        "Access-Control-Max-Age": PREFLIGHT_SECONDS,
    }


def _is_plain(host: str) -> bool:
    """Says whether a host is an address itself, or this machine."""
    if host == "localhost":
        return True
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _translate(request: web.Request, error: web.HTTPException) -> S2VError:
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return InvalidInputError(
            f"the body is longer than {BODY_BYTES} bytes; an upload's bytes go to PUT /v1/uploads/…", field="body"
        )
    if error.status in {404, 405}:
        return NotFoundError(f"there is no {request.method} {request.path[:200]}; see docs/http.md for what there is")
    return InvalidInputError(error.reason)


def _tls(settings: GatewaySettings) -> ssl.SSLContext | None:
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    try:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=settings.tls_client_ca)
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise SetupError(f"the certificates for HTTP cannot be used: {error}") from error
    if settings.tls_client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return context
