"""The embedded stack: NATS, S3, the four services and the gateway as processes of this machine, with all they keep in one folder.

They start in order, start again when they crash, and stop in the reverse order. What they have acknowledged outlives any end:
a job that was cut off goes on when the stack is up again.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

import grpc
import psutil
from grpc_health.v1 import health_pb2, health_pb2_grpc

from s2v.cli.processes import ChildProcess, Guard, set_aside
from s2v.cli.servers import (
    HOST,
    PORT_TRIES,
    SERVICE_PORTS,
    NatsServer,
    PortTakenError,
    S3Server,
    Server,
    keep_ports,
    make_private,
    write_private,
)
from s2v.runtime.errors import PreconditionError, S2VError, UnavailableError

SERVICES = ("transcription", "analysis", "layout", "rendering", "gateway")
"""In the order in which they start: the front door opens last."""
READY_SECONDS = 120.0
"""Time limit for a service to become ready; loading its engine takes most of it."""
DRAIN_SECONDS = 8
"""How long a stopping service goes on with the tasks it has; then it hands them back, to be done when the stack is up again."""
ACK_WAIT_SECONDS = 10
"""How soon a task whose service was killed is done again. On one machine no network makes a living service seem silent."""
MAX_WORK_PATH = 70
"""Bytes in the path of the work folder, in which processes have sockets: all of a socket's path may have 107."""
WATCH_SECONDS = 0.25
"""How often the processes are looked at."""
LOCK_TRIES = 5
LOCK_SECONDS = 0.02
FIRST_BACKOFF_SECONDS = 0.5
LAST_BACKOFF_SECONDS = 30.0
STABLE_SECONDS = 60.0
"""A process that has run for so long starts again with the first back-off."""


def default_home() -> Path:
    """Returns the data folder where none is given: `s2v` in the XDG data home."""
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "s2v"


def work_folder(home: Path) -> Path:
    """Returns where a stack's processes keep what they need for a moment: in its data folder, unless the path is too long."""
    work = home / "work"
    if len(os.fsencode(work)) <= MAX_WORK_PATH:
        return work
    digest = hashlib.sha256(os.fsencode(home.resolve())).hexdigest()
    return Path(tempfile.gettempdir()) / f"s2v-{digest[:12]}"


@dataclass(frozen=True)
class Endpoints:
    """Where a running stack can be reached."""

    pid: int
    """Process that runs the stack."""
    gateway: str
    """Address of the gateway, host:port."""
    nats: str
    """URL of NATS."""
    s3: str
    """URL of S3."""
    services: Mapping[str, str]
    """Address of each service's gRPC server by its name, the gateway's included."""
    metrics: Mapping[str, str] = field(default_factory=dict)
    """Address at which each service's metrics are to be had, over HTTP, by its name."""


def find_stack(home: Path) -> Endpoints | None:
    """Returns where the stack of a data folder can be reached; None if none is up."""
    try:
        found = Endpoints(**json.loads((home / "stack.json").read_text()))
    except FileNotFoundError:  # none, or one that is starting or stopping
        return None
    return found if is_locked(home) and psutil.pid_exists(found.pid) else None


def is_locked(home: Path) -> bool:
    """Says whether some process runs a stack in this data folder, be it ready or not."""
    try:
        with (home / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def is_serving(address: str, name: str = "") -> bool:
    """Asks a service once whether it serves, or one of its dependencies works, by the gRPC health protocol."""
    with grpc.insecure_channel(address) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=name), timeout=2)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


class Service(Server):
    """One of our own services, as `python -m s2v.<name>`."""

    stop_seconds = DRAIN_SECONDS + 7.0

    def __init__(self, name: str, *, port: int, environment: Mapping[str, str], folder: Path, log: Path, guard: Guard) -> None:
        """`environment` holds its settings besides the address."""
        self.name = name
        super().__init__(folder, log)
        self.address = f"{HOST}:{port}"
        self._environment = {**environment, "S2V_LISTEN": self.address}
        self._guard = guard

    def start(self) -> None:
        """Starts the service."""
        self.process = ChildProcess(
            self.name,
            [sys.executable, "-m", f"s2v.{self.name}"],
            log=self.log,
            environment=self._environment,
            folder=self.folder,
            guard=self._guard,
        )
        self.process.start()

    def ready(self) -> bool:
        """Says whether its health is SERVING."""
        return is_serving(self.address)


class Stack:
    """All processes; an asynchronous context manager that starts and stops them. Use it on the main thread."""

    def __init__(self, home: Path, note: Callable[[str], None]) -> None:
        """`note` is told, in a sentence each, what people should know: what starts, what has crashed."""
        self.home = home
        self._note = note
        self._servers: list[Server] = []
        self._watching: asyncio.Task[None] | None = None
        self._lock: TextIO | None = None
        self._guard: Guard | None = None
        self.endpoints = Endpoints(0, "", "", "", {}, {})

    async def __aenter__(self) -> Self:
        """Starts everything and waits until it serves.

        Errors: PreconditionError when a stack is already up in this folder, or it holds what is no stack's; SetupError;
        UnavailableError with the last words of the process that did not start.
        """
        self._take_lock()
        for tries_left in reversed(range(PORT_TRIES)):
            try:
                await self._start()
                break
            except BaseException as error:
                await self._stop_processes()
                if not tries_left or not isinstance(error, PortTakenError):
                    self._release_lock()
                    raise
        self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._stop_processes()
        self._release_lock()

    async def _start(self) -> None:
        logs, work = self.home / "logs", work_folder(self.home)
        shutil.rmtree(work, ignore_errors=True)  # what killed processes have left there
        work.mkdir(mode=0o700)
        self._guard = Guard()
        self._note("Starting NATS and S3")
        nats = NatsServer(self.home / "nats", logs / "nats.log")
        s3 = S3Server(self.home / "s3", logs / "s3.log")
        self._servers = [nats, s3]
        for server in self._servers:
            server.start()
        ports = keep_ports(self.home / "ports.json", 2 * len(SERVICES), SERVICE_PORTS)
        metrics = {name: f"{HOST}:{port}" for name, port in zip(SERVICES, ports[len(SERVICES) :], strict=True)}
        spans = self.home / "traces" / "spans.jsonl"
        set_aside(spans)
        environment = {
            "S2V_NATS_URL": nats.url,
            "S2V_NATS_TOKEN": nats.token,
            "S2V_S3_ENDPOINT": s3.endpoint,
            "S2V_S3_ACCESS_KEY": s3.access_key,
            "S2V_S3_SECRET_KEY": s3.secret_key,
            "S2V_S3_BUCKET": s3.bucket,
            "S2V_S3_WARM_BUCKET": f"{s3.bucket}-warm",
            "S2V_S3_COLD_BUCKET": f"{s3.bucket}-cold",
            "S2V_DRAIN_SECONDS": str(DRAIN_SECONDS),
            "S2V_ACK_WAIT_SECONDS": str(ACK_WAIT_SECONDS),
            "S2V_SPANS_PATH": str(spans),
            "TMPDIR": str(work),
        }
        services = [
            Service(
                name,
                port=port,
                environment={**environment, "S2V_METRICS_LISTEN": metrics[name]},
                folder=work,
                log=logs / f"{name}.log",
                guard=self._guard,
            )
            for name, port in zip(SERVICES, ports, strict=False)
        ]
        # They import their engines while the servers come up, and connect as soon as these answer.
        for service in services:
            self._servers.append(service)
            service.start()
        await asyncio.gather(asyncio.to_thread(nats.wait_ready), asyncio.to_thread(s3.wait_ready))
        self._note("Starting " + ", ".join(SERVICES))
        await asyncio.gather(*(asyncio.to_thread(service.wait_ready, READY_SECONDS) for service in services))
        addresses = {service.name: service.address for service in services}
        self.endpoints = Endpoints(os.getpid(), addresses["gateway"], nats.url, s3.endpoint, addresses, metrics)
        write_private(self.home / "stack.json", json.dumps(asdict(self.endpoints), indent=2))

    async def _stop_processes(self) -> None:
        """Stops everything: first the front door and the services, which drain together, then what they stand on."""
        (self.home / "stack.json").unlink(missing_ok=True)
        if self._watching:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        services = [server for server in self._servers if isinstance(server, Service)]
        for service in reversed(services):
            service.terminate()
        for group in (services, [server for server in self._servers if server not in services]):
            ends = await asyncio.gather(*(asyncio.to_thread(server.stop) for server in group), return_exceptions=True)
            for end in ends:
                if end is not None:
                    self._note(f"While stopping: {end}")
        if self._guard:
            self._guard.close()
        shutil.rmtree(work_folder(self.home), ignore_errors=True)

    def _release_lock(self) -> None:
        if self._lock:
            self._lock.close()

    async def _watch(self) -> None:
        """Starts again whatever ends without being asked to, with a growing wait."""
        await asyncio.gather(*(self._keep_up(server) for server in self._servers))

    async def _keep_up(self, server: Server) -> None:
        backoff = FIRST_BACKOFF_SECONDS
        started = time.monotonic()
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if server.process is None or server.process.running:
                continue
            if time.monotonic() - started > STABLE_SECONDS:
                backoff = FIRST_BACKOFF_SECONDS
            how = describe_exit(server.process.exit_code)
            self._note(f"{server.name} ended ({how}); it starts again in {backoff:g} s. Its log: {server.log}")
            server.process.kill()  # whatever children it has left
            await asyncio.sleep(backoff)
            backoff = min(2 * backoff, LAST_BACKOFF_SECONDS)
            started = time.monotonic()
            try:
                server.start()
            except (S2VError, OSError) as error:
                self._note(f"{server.name} could not be started again: {error}")

    def _take_lock(self) -> None:
        if self.home.is_dir() and not (self.home / "lock").exists() and any(path.is_dir() for path in self.home.iterdir()):
            raise PreconditionError(
                f"{self.home} holds other folders, and a stack's data needs one of its own: "
                f"name one that is new or empty, such as {self.home / 's2v'} (S2V_HOME or --data-dir)"
            )
        make_private(self.home)
        self._lock = (self.home / "lock").open("a+")
        try:
            lock_file(self._lock)
        except BlockingIOError as error:
            self._lock.close()
            running = find_stack(self.home)
            who = f"process {running.pid}" if running else "another process that is starting or stopping"
            raise PreconditionError(
                f"a stack is already up in {self.home}, run by {who}; use it, or stop that process first"
            ) from error
        (self.home / "stack.json").unlink(missing_ok=True)  # of a stack that was killed


async def wait_for_stack(home: Path, seconds: float = READY_SECONDS) -> Endpoints | None:
    """Returns the stack of a data folder, waiting for one that is starting; None if none is up.

    Errors: UnavailableError when it does not come up in time.
    """
    deadline = time.monotonic() + seconds
    while is_locked(home):
        if found := find_stack(home):
            return found
        if time.monotonic() > deadline:
            raise UnavailableError(f"the stack in {home} did not come up within {seconds:.0f} s; its logs are in {home / 'logs'}")
        await asyncio.sleep(WATCH_SECONDS)
    return None


def lock_file(file: TextIO) -> None:
    """Locks a file; tries again for a moment, as whoever looks for a stack holds the lock for an instant.

    Errors: BlockingIOError.
    """
    for attempt in range(LOCK_TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if attempt == LOCK_TRIES - 1:
                raise
            time.sleep(LOCK_SECONDS)


def describe_exit(code: int | None) -> str:
    """Says how a process ended."""
    if code is None:
        return "still running"
    return f"signal {-code}" if code < 0 else f"exit code {code}"
