"""The gateway as its callers see it: a real server in front of the real NATS and S3, and media made on the spot."""

from __future__ import annotations

import asyncio
import io
import math
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import av
import grpc
import numpy as np
import pytest

from s2v.client.errors import JobServiceError, translate
from s2v.gateway.deletion import Deletion
from s2v.gateway.edits import Edits
from s2v.gateway.housekeeping import Housekeeping
from s2v.gateway.http_front import http_front
from s2v.gateway.intake import Intake
from s2v.gateway.quotas import Quotas
from s2v.gateway.requests import BUCKET, Requests
from s2v.gateway.reruns import Reruns
from s2v.gateway.servicer import Servicer
from s2v.gateway.settings import GatewaySettings
from s2v.gateway.shares import Shares
from s2v.gateway.uploads import Uploads
from s2v.gateway.virus_scanner import VirusScanner
from s2v.gateway.watching import Watching
from s2v.gateway.webhook_http import Outbound
from s2v.gateway.webhooks import Webhooks
from s2v.runtime.bus import WORK_STREAM, Bus
from s2v.runtime.jobs import Jobs
from s2v.runtime.server import Server
from s2v.runtime.settings import RuntimeSettings
from s2v.runtime.store import ObjectStore
from s2v.runtime.tenants import Authenticator
from s2v.runtime.tiers import TieredStore
from s2v.runtime.usage import UsageCounter
from s2v.v1.job_pb2 import Job, JobOptions
from s2v.v1.job_service_pb2 import CreateJobRequest, StartUploadRequest, WriteUploadRequest
from s2v.v1.job_service_pb2_grpc import JobServiceStub, add_JobServiceServicer_to_server

RATE = 16_000  # samples a second


@dataclass
class Door:
    """A gateway, and what stands behind it."""

    stub: JobServiceStub
    settings: GatewaySettings
    bus: Bus
    store: ObjectStore
    jobs: Jobs
    uploads: Uploads
    housekeeping: Housekeeping
    tasks_before: int
    stop: asyncio.Event
    port: int
    webhooks: Webhooks
    http_port: int
    server: Server

    async def start(self, name: str, size_bytes: int, sha256: str = "") -> str:
        request = StartUploadRequest(name=name, size_bytes=size_bytes, sha256=sha256)
        return (await self.stub.StartUpload(request)).upload_id

    async def write(self, upload_id: str, data: bytes, offset: int = 0, step: int = 256 * 1024) -> int:
        async def requests() -> AsyncIterator[WriteUploadRequest]:
            for start in range(0, max(1, len(data)), step):
                yield WriteUploadRequest(upload_id=upload_id, write_offset=offset + start, data=data[start : start + step])

        return (await self.stub.WriteUpload(requests())).committed_size

    async def upload(self, name: str, data: bytes, sha256: str = "") -> str:
        upload_id = await self.start(name, len(data), sha256)
        await self.write(upload_id, data)
        return upload_id

    async def create(self, upload_id: str, request_id: str, options: JobOptions | None = None) -> Job:
        request = CreateJobRequest(request_id=request_id, upload_id=upload_id, options=options)
        return (await self.stub.CreateJob(request)).job

    async def tasks(self) -> int:
        """Tasks that were published since the door opened."""
        return (await self.bus.jetstream.stream_info(WORK_STREAM)).state.messages - self.tasks_before

    async def left(self) -> list[str]:
        """All that the tenant has in S3 and NATS."""
        tenant = self.settings.tenant
        promises = await self.bus.jetstream.stream_info(f"KV_{BUCKET}", subjects_filter=f"$KV.{BUCKET}.{tenant}.>")
        return [
            *(item.key for item in await self.store.list(f"{tenant}/")),
            *(f"record {job_id}" for job_id in await self.jobs.records.list(tenant)),
            *(f"message {subject}" for subject in promises.state.subjects or {}),
            *(["task"] * await self.tasks()),
        ]

    @asynccontextmanager
    async def refusing(self) -> AsyncIterator[list[JobServiceError]]:
        """Collects the error of the call in the block, which must be refused."""
        refused: list[JobServiceError] = []
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            yield refused
        refused.append(translate(caught.value, "gateway"))


OpenDoor = Callable[..., AbstractAsyncContextManager[Door]]


@pytest.fixture
def open_door(settings: RuntimeSettings, bus: Bus, store: ObjectStore, jobs: Jobs, tenant: str) -> OpenDoor:
    @asynccontextmanager
    async def opened(**overrides: object) -> AsyncIterator[Door]:
        own = GatewaySettings.model_validate({**settings.model_dump(), "tenant": tenant, **overrides})
        kept = store
        if own.s3_warm_bucket:
            kept = TieredStore(own)
            await kept.prepare()
        requests = Requests(bus)
        await requests.prepare()
        quotas, usage = Quotas(bus, jobs, own), UsageCounter(bus)
        await quotas.prepare()
        await usage.prepare()
        scanner = VirusScanner(own.clamd) if own.clamd else None
        webhooks = Webhooks(bus, kept, Outbound(frozenset(filter(None, own.webhook_hosts.split(",")))))
        await webhooks.prepare()
        uploads = Uploads(kept, own)
        intake = Intake(uploads, requests, jobs, bus, kept, own, quotas, usage, scanner)
        stop = asyncio.Event()
        server = Server(own, Authenticator(own, store) if own.auth == "on" else None)
        servicer = Servicer(
            tenant,
            uploads=uploads,
            downloads=Shares(own.tenant_downloads),
            intake=intake,
            watching=Watching(bus, jobs, stop, own.tenant_watches),
            edits=Edits(jobs, kept),
            reruns=Reruns(jobs, bus, quotas, usage),
            deletion=Deletion(jobs, requests, bus, kept, webhooks),
            quotas=quotas,
            webhooks=webhooks,
            jobs=jobs,
            store=kept,
        )
        server.add(add_JobServiceServicer_to_server, servicer, "s2v.v1.JobService")
        before = (await bus.jetstream.stream_info(WORK_STREAM)).state.messages
        async with http_front(own, server) as http_port:
            await server.start()
            try:
                async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
                    stub, housekeeping = JobServiceStub(channel), Housekeeping(uploads, jobs, bus, kept, own)
                    yield Door(
                        stub, own, bus, kept, jobs, uploads, housekeeping, before, stop, server.port, webhooks, http_port, server
                    )
            finally:
                await server.stop(0)

    return opened


class Media:
    """Makes small media files."""

    def tone(self, seconds: float) -> np.ndarray:
        time = np.arange(round(seconds * RATE)) / RATE
        return (8000 * np.sin(2 * math.pi * 220 * time)).astype(np.int16)

    def wav(self, seconds: float) -> bytes:
        target = io.BytesIO()
        with wave.open(target, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(self.tone(seconds).tobytes())
        return target.getvalue()

    def flac(self, seconds: float) -> bytes:
        return self._encode("flac", "flac", seconds)

    def mp4(self, seconds: float) -> bytes:
        return self._encode("mp4", "aac", seconds)

    def pictures(self, seconds: float) -> bytes:
        """A video without sound."""
        target = io.BytesIO()
        with av.open(target, "w", format="mp4") as container:
            stream = container.add_stream("mpeg4", rate=10)
            stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
            for number in range(round(seconds * 10)):
                picture = np.full((64, 64, 3), number % 256, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
        return target.getvalue()

    def _encode(self, container_format: str, codec: str, seconds: float) -> bytes:
        target = io.BytesIO()
        with av.open(target, "w", format=container_format) as container:
            stream = container.add_stream(codec, rate=RATE)
            stream.layout = "mono"
            frame = av.AudioFrame.from_ndarray(self.tone(seconds).reshape(1, -1), format="s16", layout="mono")
            frame.sample_rate = RATE
            resampler = av.AudioResampler(format=stream.codec_context.format, layout="mono", rate=RATE)
            fifo = av.AudioFifo()
            for piece in resampler.resample(frame):
                fifo.write(piece)
            while piece := fifo.read(1024, partial=True):
                container.mux(stream.encode(piece))
            container.mux(stream.encode())
        return target.getvalue()


@pytest.fixture(scope="session")
def media() -> Media:
    return Media()
