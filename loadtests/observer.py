"""Looks at the system from outside while it is under load: queues in NATS, memory and processor time of each process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import nats
import psutil
from nats.aio.client import Client
from nats.js import JetStreamContext

from loadtests.house import House
from s2v.runtime import queues
from s2v.runtime.errors import UnavailableError
from s2v.runtime.security import nats_context

SAMPLE_SECONDS = 2.0
LOAD_GENERATOR = "load generator"
OBSERVER = "observer"


@dataclass(frozen=True)
class Sample:
    """What was seen at one time."""

    at: float
    """In seconds since 1970."""
    waiting: dict[str, int]
    """Tasks that nobody has taken, by stage; empty where NATS cannot be reached."""
    at_work: dict[str, int]
    """Tasks that a worker has, or has put off, by stage."""
    memory_mb: dict[str, float]
    """Memory of a service with its workers (proportional set size), in MB."""
    cpu_seconds: dict[str, float]
    """Processor time since its start."""


@dataclass
class Observer:
    """Takes samples."""

    house: House
    samples: list[Sample] = field(default_factory=list)
    _cpu: dict[tuple[str, int, float], float] = field(default_factory=dict)
    """Processor time by service, process and its start: what a process has used stays when it ends."""

    async def watch(self) -> None:
        """Takes samples until it is cancelled."""
        client, jetstream = await self._connect()
        try:
            while True:
                self.samples.append(await self.look(jetstream))
                await asyncio.sleep(SAMPLE_SECONDS)
        finally:
            if client is not None:
                await client.close()

    async def look(self, jetstream: JetStreamContext | None) -> Sample:
        """Takes one sample."""
        waiting: dict[str, int] = {}
        at_work: dict[str, int] = {}
        if jetstream is not None:
            # A server that is too busy to answer leaves a hole in the curve, and does not end the test.
            with contextlib.suppress(UnavailableError):
                for queue in await queues.count(jetstream):
                    waiting[queue.stage] = waiting.get(queue.stage, 0) + queue.waiting
                    at_work[queue.stage] = at_work.get(queue.stage, 0) + queue.at_work
        memory_mb, cpu_seconds = await asyncio.to_thread(self.weigh)
        return Sample(time.time(), waiting, at_work, memory_mb, cpu_seconds)

    def weigh(self) -> tuple[dict[str, float], dict[str, float]]:
        """Returns memory, in MB, and processor seconds of each service."""
        memory: dict[str, float] = {}
        for name, process in _processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                memory[name] = memory.get(name, 0.0) + process.memory_full_info().pss / 1e6
                self._count(name, process)
        self._count(OBSERVER, psutil.Process())
        cpu: dict[str, float] = {}
        for (name, _, _), seconds in self._cpu.items():
            cpu[name] = cpu.get(name, 0.0) + seconds
        return memory, cpu

    def own_processes(self) -> list[psutil.Process]:
        """Returns the processes of the system under test."""
        return [process for name, process in _processes() if name != LOAD_GENERATOR]

    def _count(self, name: str, process: psutil.Process) -> None:
        times = process.cpu_times()
        # Its children that have ended too: those that decode a file live too short to be seen.
        spent = times.user + times.system + times.children_user + times.children_system
        self._cpu[name, process.pid, process.create_time()] = spent

    async def _connect(self) -> tuple[Client | None, JetStreamContext | None]:
        settings = self.house.settings
        if settings is None:
            return None, None
        token = settings.nats_token.get_secret_value() or None
        client = await nats.connect(settings.nats_url, token=token, tls=nats_context(settings))
        return client, client.jetstream()


@contextlib.asynccontextmanager
async def observed(house: House) -> AsyncIterator[Observer]:
    """Takes samples for as long as it is entered."""
    observer = Observer(house)
    watching = asyncio.create_task(observer.watch())
    try:
        yield observer
    finally:
        watching.cancel()
        await asyncio.wait([watching])
        if not watching.cancelled() and (error := watching.exception()):
            raise error


def service_process(name: str) -> psutil.Process:
    """Returns the process of one of the embedded stack's services. Errors: SystemExit when there is none."""
    for child in psutil.Process().children():
        if _name(child) == name:
            return child
    raise SystemExit(f"the stack has no process {name}; its logs say why")


def _processes() -> Iterator[tuple[str, psutil.Process]]:
    """Yields each service's process and its workers, with the service's name."""
    for child in psutil.Process().children():
        name = _name(child)
        if name:
            yield from ((name, process) for process in (child, *_children(child)))


def _name(process: psutil.Process) -> str:
    """Names a child of this process; empty for what is no part of the system."""
    try:
        command = process.cmdline()
    except psutil.NoSuchProcess:
        return ""
    if "loadtests.swarm" in command:
        return LOAD_GENERATOR
    module = next((word for word in command if word.startswith("s2v.")), "")
    if module:
        return module.removeprefix("s2v.")
    program = os.path.basename(command[0]) if command else ""
    return {"nats-server": "nats", "weed": "s3"}.get(program, "")


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
