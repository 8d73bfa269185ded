"""The service as callers meet it: gRPC in front, a worker process behind."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
import pytest

from s2v.analysis.engine import LOAD_SECONDS, load, make_pool
from s2v.analysis.servicer import AnalysisServicer
from s2v.analysis.settings import AnalysisSettings
from s2v.analysis.stage import AnalysisStage
from s2v.analysis.text import make_transcript
from s2v.runtime.server import Server
from s2v.v1 import analysis_service_pb2, analysis_service_pb2_grpc
from s2v.v1.analysis_service_pb2 import AnalyzeRequest
from s2v.v1.job_pb2 import JobOptions
from s2v.v1.report_pb2 import Stage
from s2v.v1.transcript_pb2 import Transcript

pytestmark = pytest.mark.integration


@pytest.fixture
async def stub() -> AsyncIterator[analysis_service_pb2_grpc.AnalysisServiceStub]:
    settings = AnalysisSettings()
    pool = make_pool(settings.analysis_workers)
    server = Server(settings)
    try:
        await pool.run(load, timeout=LOAD_SECONDS)
        server.add(
            analysis_service_pb2_grpc.add_AnalysisServiceServicer_to_server,
            AnalysisServicer(pool, settings.analysis_seconds),
            analysis_service_pb2.DESCRIPTOR.services_by_name["AnalysisService"].full_name,
        )
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            yield analysis_service_pb2_grpc.AnalysisServiceStub(channel)
    finally:
        await server.stop(0)
        pool.close()


async def test_a_transcript_becomes_a_storyboard(stub: analysis_service_pb2_grpc.AnalysisServiceStub) -> None:
    transcript = make_transcript("First, open the lid. Then pour in the water. Next, add the tea. Finally, press the button.")
    response = await stub.Analyze(AnalyzeRequest(transcript=transcript, strict=True))
    assert response.storyboard.scenes[0].diagram.nodes[0].label == "Open lid"
    assert response.report.stage == Stage.STAGE_ANALYSIS
    assert {model.name for model in response.report.models} >= {"all-MiniLM-L6-v2-onnx-int8", "diagram-types"}
    assert not response.report.degradations
    assert response.report.cpu_seconds > 0


async def test_no_words_is_an_invalid_argument(stub: analysis_service_pb2_grpc.AnalysisServiceStub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Analyze(AnalyzeRequest(transcript=Transcript(language="en", duration_seconds=5)))
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "no words" in (caught.value.details() or "")


def test_the_cache_key_knows_strictness_only() -> None:
    stage = AnalysisStage(1.0)
    plain = stage.identity(JobOptions())
    assert plain == stage.identity(JobOptions(theme="light", height=720)), "how it is drawn does not change the storyboard"
    assert plain != stage.identity(JobOptions(strict=True))
