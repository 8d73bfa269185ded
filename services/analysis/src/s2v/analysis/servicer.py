"""AnalysisService: a transcript in, its storyboard out."""

from __future__ import annotations

import time

import grpc

from s2v.analysis.engine import analyze_bytes
from s2v.runtime.engine import EnginePool
from s2v.v1.analysis_service_pb2 import AnalyzeRequest, AnalyzeResponse
from s2v.v1.analysis_service_pb2_grpc import AnalysisServiceServicer
from s2v.v1.report_pb2 import StageReport
from s2v.v1.storyboard_pb2 import Storyboard


class AnalysisServicer(AnalysisServiceServicer):
    """Analyses without a job: nothing is kept."""

    def __init__(self, pool: EnginePool, longest_seconds: float) -> None:
        self._pool = pool
        self._longest_seconds = longest_seconds

    async def Analyze(self, request: AnalyzeRequest, context: grpc.aio.ServicerContext) -> AnalyzeResponse:  # noqa: N802 - named by the contract
        """Analyses a transcript. Errors: InvalidInputError, DegradedError, EngineTimeoutError."""
        started = time.time()
        remaining = context.time_remaining()
        timeout = self._longest_seconds if remaining is None else min(remaining, self._longest_seconds)
        measured = await self._pool.run(analyze_bytes, request.transcript.SerializeToString(), request.strict, timeout=timeout)
        report = StageReport.FromString(measured.value.report)
        report.started_at.FromNanoseconds(int(started * 1e9))
        report.finished_at.GetCurrentTime()
        report.wall_seconds = time.time() - started
        report.cpu_seconds = measured.cpu_seconds
        report.parts = 1
        return AnalyzeResponse(storyboard=Storyboard.FromString(measured.value.storyboard), report=report)
