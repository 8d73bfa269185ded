"""How fast a file comes in beside a bare gRPC stream, in how much memory; and whether hostile files are each answered.

    python -m evals.uploads [--megabytes N] [--hostile N] [--seed N]

Prints one JSON object. A real gateway in a process of its own, the real NATS and S3. The bare stream is the same client, messages
and gRPC server, whose servicer counts the bytes and keeps none. Hostile files are small recordings in eight containers with bits
turned, parts cut out, doubled or exchanged, lengths set to extremes, two containers in one, or noise behind a true beginning.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import multiprocessing
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import av
import grpc
import numpy as np
import psutil

from s2v.cli.processes import Guard
from s2v.cli.servers import HOST, NatsServer, S3Server, free_ports
from s2v.cli.stack import Service
from s2v.client.client import Client
from s2v.client.errors import JobServiceError
from s2v.runtime.server import Server
from s2v.runtime.settings import RuntimeSettings
from s2v.v1.job_service_pb2 import (
    QueryUploadRequest,
    QueryUploadResponse,
    StartUploadRequest,
    StartUploadResponse,
    WriteUploadRequest,
    WriteUploadResponse,
)
from s2v.v1.job_service_pb2_grpc import JobServiceServicer, add_JobServiceServicer_to_server

RATE = 16_000
"""Samples a second of the recordings that are made hostile."""
SECONDS = 4.0
CONTAINERS: Mapping[str, tuple[str, str]] = {
    "wav": ("wav", "pcm_s16le"),
    "flac": ("flac", "flac"),
    "mp3": ("mp3", "libmp3lame"),
    "ogg": ("ogg", "libopus"),
    "mp4": ("mp4", "aac"),
    "mkv": ("matroska", "aac"),
    "webm": ("webm", "libopus"),
    "aac": ("adts", "aac"),
}
"""Container and codec of each kind of file."""
AT_ONCE = 4
"""Hostile files on their way at once."""
ALLOWED_CODES = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.DATA_LOSS,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)
"""Answers to a hostile file that name its fault or a limit. Any other is a fault of ours."""


@dataclass(frozen=True)
class Speed:
    """One file through the gateway and as a bare stream."""

    megabytes: float
    bare_mb_s: float
    gateway_mb_s: float
    ratio: float
    """The gateway's speed for that of the bare stream; ½ is asked for."""
    memory_before_mb: float
    memory_peak_mb: float
    memory_after_mb: float
    """Resident, of the gateway's process."""


@dataclass(frozen=True)
class Hostile:
    """What became of the hostile files."""

    files: int
    seed: int
    accepted: int
    """Files in which enough was left to be a recording: made a job, and deleted."""
    refused: Mapping[str, int]
    """By reason."""
    faults: Sequence[str]
    """Answers that are none, by file; empty is asked for."""
    gateway_died: bool
    memory_before_mb: float
    """After the first tenth of the files."""
    memory_after_mb: float
    files_before: int
    """Open files and sockets of the gateway, then."""
    files_after: int
    processes_left: int
    """Child processes of the gateway that there were not before."""
    objects_left: Sequence[str]
    """Objects of uploads and jobs that stay in S3; none is asked for."""
    temporary_left: int
    """Files that stay in the gateway's temporary folder."""


class Counting(JobServiceServicer):
    """Counts what a stream brings."""

    async def StartUpload(self, request: StartUploadRequest, context: object) -> StartUploadResponse:  # noqa: N802
        """Starts nothing."""
        return StartUploadResponse(upload_id="bare")

    async def QueryUpload(self, request: QueryUploadRequest, context: object) -> QueryUploadResponse:  # noqa: N802
        """Says that nothing has come yet: each file comes in one stream."""
        return QueryUploadResponse()

    async def WriteUpload(  # noqa: N802
        self, requests: AsyncIterator[WriteUploadRequest], context: object
    ) -> WriteUploadResponse:
        """Returns how many bytes came."""
        size = 0
        async for request in requests:
            size += len(request.data)
        return WriteUploadResponse(committed_size=size)


class Gateway:
    """A gateway of its own with its servers, as long as the block."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.temporary = home / "tmp"

    @contextmanager
    def running(self) -> Iterator[Gateway]:
        """Starts and stops everything."""
        self.temporary.mkdir()
        with NatsServer(self.home / "nats") as nats, S3Server(self.home / "s3") as s3:
            environment = {
                "S2V_NATS_URL": nats.url,
                "S2V_NATS_TOKEN": nats.token,
                "S2V_S3_ENDPOINT": s3.endpoint,
                "S2V_S3_ACCESS_KEY": s3.access_key,
                "S2V_S3_SECRET_KEY": s3.secret_key,
                "S2V_MIN_FREE_BYTES": "0",
                "S2V_MIN_SOURCE_SECONDS": "1",
                "TMPDIR": str(self.temporary),
            }
            (port,) = free_ports(1)
            log = self.home / "gateway.log"
            with Service("gateway", port=port, environment=environment, folder=self.home, log=log, guard=Guard()) as service:
                self.address = service.address
                self.process = _serving_process(port)
                self.s3 = s3
                yield self

    def memory_mb(self) -> float:
        """Returns the resident memory of its process."""
        return float(self.process.memory_info().rss) / 1e6


def main() -> None:
    """Measures both."""
    parser = argparse.ArgumentParser(prog="python -m evals.uploads", description="Speed of uploads; hostile files.")
    parser.add_argument("--megabytes", type=float, default=100.0, help="size of the file whose speed is measured; 0: none")
    parser.add_argument("--hostile", type=int, default=1000, help="hostile files; 0: none")
    parser.add_argument("--seed", type=int, default=1, help="repeats the same hostile files")
    arguments = parser.parse_args()
    report: dict[str, object] = {"cores": os.cpu_count(), "load_before": round(os.getloadavg()[0], 2)}
    with tempfile.TemporaryDirectory(prefix="s2v-uploads-") as folder, Gateway(Path(folder)).running() as gateway:
        if arguments.hostile:
            report["hostile"] = asdict(asyncio.run(send_hostile(gateway, arguments.hostile, arguments.seed)))
        if arguments.megabytes:
            report["speed"] = asdict(asyncio.run(measure_speed(gateway, arguments.megabytes)))
    print(json.dumps(report, indent=2))


async def measure_speed(gateway: Gateway, megabytes: float, rounds: int = 3) -> Speed:
    """Sends the same file to the gateway and to a bare server by turns; the best of each counts."""
    path = gateway.home / "long.wav"
    path.write_bytes(os.urandom(round(megabytes * 1e6)))
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    bare = context.Process(target=_serve_bare, args=(theirs,), daemon=True)
    bare.start()
    try:
        address = await asyncio.to_thread(ours.recv)
        best = dict.fromkeys(("bare", "gateway"), float("inf"))
        before = peak = gateway.memory_mb()
        for _ in range(rounds):
            for name, target in (("bare", address), ("gateway", gateway.address)):
                sending = asyncio.create_task(_time_upload(target, path))
                while not sending.done():
                    await asyncio.wait({sending}, timeout=0.05)
                    peak = max(peak, gateway.memory_mb())
                best[name] = min(best[name], await sending)
    finally:
        bare.kill()
        bare.join()
        path.unlink()
    after = gateway.memory_mb()
    bare_speed, speed = megabytes / best["bare"], megabytes / best["gateway"]
    return Speed(
        megabytes=megabytes,
        bare_mb_s=round(bare_speed, 1),
        gateway_mb_s=round(speed, 1),
        ratio=round(speed / bare_speed, 3),
        memory_before_mb=round(before, 1),
        memory_peak_mb=round(peak, 1),
        memory_after_mb=round(after, 1),
    )


async def send_hostile(gateway: Gateway, count: int, seed: int) -> Hostile:
    """Sends hostile files, and makes a job of each: it must be refused for a reason, or be a job."""
    chance = random.Random(seed)  # noqa: S311 - the same files again
    bases = {name: record(*kind) for name, kind in CONTAINERS.items()}
    files = iter([mutate(bases, chance, number) for number in range(count)])
    refused: Counter[str] = Counter()
    faults: list[str] = []
    accepted = 0
    settled: tuple[float, int] | None = None
    children = len(gateway.process.children(recursive=True))
    answered = 0

    async with Client(gateway.address, patience_seconds=20) as client:

        async def send_some(worker: int) -> None:
            nonlocal accepted, answered, settled
            for name, data in files:
                path = gateway.home / f"{worker}-{name}"
                await asyncio.to_thread(path.write_bytes, data)
                try:
                    job = await client.create_job(await client.upload(path))
                    accepted += 1
                    await client.delete(job.id)
                except JobServiceError as error:
                    if error.code in ALLOWED_CODES and error.reason:
                        refused[error.reason] += 1
                    else:
                        faults.append(f"{name}: {error.code.name} {error.reason}: {error}")
                finally:
                    path.unlink()
                answered += 1
                if settled is None and answered >= count // 10:
                    settled = gateway.memory_mb(), gateway.process.num_fds()

        await asyncio.gather(*(send_some(worker) for worker in range(AT_ONCE)))
    died = not gateway.process.is_running()
    before, files_before = settled or (0.0, 0)
    from minio import Minio

    store = Minio(gateway.s3.endpoint.removeprefix("http://"), gateway.s3.access_key, gateway.s3.secret_key, secure=False)
    left = [item.object_name for item in store.list_objects(gateway.s3.bucket, recursive=True)]
    return Hostile(
        files=count,
        seed=seed,
        accepted=accepted,
        refused=dict(refused.most_common()),
        faults=faults,
        gateway_died=died,
        memory_before_mb=round(before, 1),
        memory_after_mb=0.0 if died else round(gateway.memory_mb(), 1),
        files_before=files_before,
        files_after=0 if died else gateway.process.num_fds(),
        processes_left=0 if died else max(0, len(gateway.process.children(recursive=True)) - children),
        objects_left=[str(name) for name in left if "/uploads/" in str(name) or "/jobs/" in str(name)],
        temporary_left=sum(1 for path in gateway.temporary.rglob("*") if path.is_file()),
    )


def record(container_format: str, codec: str) -> bytes:
    """Returns some seconds of a tone in a container."""
    target = io.BytesIO()
    samples = (8000 * np.sin(2 * np.pi * 220 * np.arange(round(SECONDS * RATE)) / RATE)).astype(np.int16)
    with av.open(target, "w", format=container_format) as container:
        stream = container.add_stream(codec, rate=48_000 if codec == "libopus" else RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        frame.pts = 0
        for packets in (stream.encode(frame), stream.encode()):  # type: ignore[union-attr, arg-type]
            container.mux(packets)
    return target.getvalue()


def mutate(bases: Mapping[str, bytes], chance: random.Random, number: int) -> tuple[str, bytes]:
    """Returns a hostile file and its name."""
    kind = chance.choice(sorted(bases))
    data = bytearray(bases[kind])
    for _ in range(chance.choice((1, 1, 2, 4))):
        place, length = chance.randrange(len(data)), chance.randrange(1, 2000)
        how = chance.randrange(8)
        if how == 0:  # bits of the head, where lengths and kinds are
            for _ in range(chance.randrange(1, 30)):
                data[chance.randrange(min(512, len(data)))] ^= 1 << chance.randrange(8)
        elif how == 1:  # bits anywhere
            for _ in range(chance.randrange(1, 300)):
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        elif how == 2:
            del data[max(8, place) :]
        elif how == 3:
            del data[place : place + length]
        elif how == 4:
            data[place:place] = data[place : place + length]
        elif how == 5:  # a length that cannot be
            extreme = chance.choice((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x00\x00\x00\x00", b"\x80\x00\x00\x00"))
            start = chance.randrange(min(256, len(data)))
            data[start : start + 4] = extreme
        elif how == 6:  # two in one
            other = bases[chance.choice(sorted(bases))]
            data[place:] = other[chance.randrange(len(other)) :]
        else:
            data[max(8, place) :] = chance.randbytes(length)
        data = data or bytearray(b"\x00")
    return f"hostile-{number}.{chance.choice((kind, 'wav', 'mp4'))}", bytes(data)


async def _time_upload(target: str, path: Path) -> float:
    async with Client(target) as client:
        started = time.perf_counter()
        await client.upload(path)
        return time.perf_counter() - started


def _serve_bare(pipe: Connection) -> None:
    async def serve() -> None:
        server = Server(RuntimeSettings(listen=f"{HOST}:0"), None)
        servicer = Counting()  # type: ignore[abstract]  # only what an upload needs
        server.add(add_JobServiceServicer_to_server, servicer, "s2v.v1.JobService")
        await server.start()
        pipe.send(f"{HOST}:{server.port}")
        await asyncio.Event().wait()

    asyncio.run(serve())


def _serving_process(port: int) -> psutil.Process:
    """Returns the process that listens at a port."""
    for process in psutil.Process().children(recursive=True):
        if any(one.laddr.port == port and one.status == psutil.CONN_LISTEN for one in process.net_connections("tcp")):
            return process
    raise LookupError(f"no process of ours listens at port {port}")


if __name__ == "__main__":
    main()
