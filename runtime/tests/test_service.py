"""The end of a process: who calls is told at once, while what is at work goes on."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import AsyncExitStack

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

import s2v.runtime.service
from s2v.runtime import server
from s2v.runtime.health import _try
from s2v.runtime.server import Server
from s2v.runtime.service import running
from s2v.runtime.settings import RuntimeSettings
from s2v.v1.job_service_pb2 import GetJobRequest, GetJobResponse
from s2v.v1.job_service_pb2_grpc import JobServiceServicer, JobServiceStub, add_JobServiceServicer_to_server

pytestmark = pytest.mark.integration


async def test_health_says_so_as_soon_as_a_process_is_told_to_end_not_after_its_work(settings: RuntimeSettings) -> None:
    own = settings.model_copy(update={"listen": "127.0.0.1:0"})
    async with running("drained", own) as service:
        await service.server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{service.server.port}") as channel:
            changes = HealthStub(channel).Watch(HealthCheckRequest())
            assert (await changes.read()).status == HealthCheckResponse.SERVING
            os.kill(os.getpid(), signal.SIGTERM)
            async with asyncio.timeout(5):
                assert (await changes.read()).status == HealthCheckResponse.NOT_SERVING
            assert service.stop.is_set()
            changes.cancel()


@pytest.mark.parametrize(("drain_seconds", "answered"), [(20.0, True), (0.0, False)])
async def test_calls_in_flight_have_the_time_to_drain_and_no_watch_holds_it(
    settings: RuntimeSettings, monkeypatch: pytest.MonkeyPatch, drain_seconds: float, answered: bool
) -> None:
    monkeypatch.setattr(s2v.runtime.service, "END_SECONDS", 0.2)
    begun = asyncio.Event()

    class Slow(JobServiceServicer):
        async def GetJob(self, request: GetJobRequest, context: grpc.aio.ServicerContext) -> GetJobResponse:
            begun.set()
            await asyncio.sleep(2)
            return GetJobResponse()

    own = settings.model_copy(update={"listen": "127.0.0.1:0", "drain_seconds": drain_seconds})
    async with asyncio.timeout(15), AsyncExitStack() as stack:
        async with running("slow", own) as service:
            service.server.add(add_JobServiceServicer_to_server, Slow(), "s2v.v1.JobService")
            await service.server.start()
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{service.server.port}"))
            changes = HealthStub(channel).Watch(HealthCheckRequest())
            await changes.read()
            call = JobServiceStub(channel).GetJob(GetJobRequest(job_id="a"))
            await begun.wait()
            os.kill(os.getpid(), signal.SIGTERM)
            await service.stop.wait()
        assert (await changes.read()).status == HealthCheckResponse.NOT_SERVING
        assert await changes.read() is grpc.aio.EOF
        assert (await call.code() == grpc.StatusCode.OK) == answered


async def test_a_process_that_is_told_to_end_before_it_serves_never_says_that_it_does(settings: RuntimeSettings) -> None:
    async with running("early", settings.model_copy(update={"listen": "127.0.0.1:0"})) as service:
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(5):
            await service.stop.wait()
            await asyncio.sleep(0)
        await service.server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{service.server.port}") as channel:
            answer = await HealthStub(channel).Check(HealthCheckRequest())
        assert answer.status == HealthCheckResponse.NOT_SERVING


async def test_health_goes_on_to_be_told_after_a_fault_that_nobody_thought_of(
    settings: RuntimeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = settings.model_copy(update={"listen": "127.0.0.1:0", "health_seconds": 0.05})
    async with running("watched", own) as service:
        faults = 0
        tell = service.server.tell

        async def faulty_tell(name: str, *, serving: bool) -> None:
            nonlocal faults
            faults += 1
            if faults == 1:
                raise ValueError("what nobody thought of")
            await tell(name, serving=serving)

        async def faulty_disk() -> bool:
            raise ValueError("what nobody thought of")

        monkeypatch.setattr(service.server, "tell", faulty_tell)
        assert not await _try(faulty_disk), "the others are still tried"
        await service._start()
        async with asyncio.timeout(20):
            while faults < 8:
                assert service._watching is not None
                assert not service._watching.done()
                await asyncio.sleep(0.05)


async def test_a_quiet_call_lives_on_while_its_client_asks_whether_the_connection_does(
    settings: RuntimeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """gRPC's own limit is a ping every 5 minutes; more end the connection, here after some 3 s."""
    monkeypatch.setattr(server, "PING_SECONDS", 0.1)
    quiet = Server(settings.model_copy(update={"listen": "127.0.0.1:0"}))
    await quiet.start()
    options = (("grpc.keepalive_time_ms", 200), ("grpc.keepalive_timeout_ms", 5000), ("grpc.http2.max_pings_without_data", 0))
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{quiet.port}", options=options) as channel:
            changes = HealthStub(channel).Watch(HealthCheckRequest())
            assert (await changes.read()).status == HealthCheckResponse.SERVING
            with pytest.raises(TimeoutError):  # nothing comes, and it is not broken off
                await asyncio.wait_for(changes.read(), 6)
    finally:
        await quiet.stop(0)
