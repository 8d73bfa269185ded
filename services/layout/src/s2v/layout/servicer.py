"""LayoutService: a storyboard in, its composition out."""

from __future__ import annotations

import time

import grpc

from s2v.layout.canvas import WORK
from s2v.layout.processes import compose_bytes, seconds_for
from s2v.runtime.engine import EnginePool
from s2v.v1.composition_pb2 import Composition
from s2v.v1.layout_service_pb2 import ComposeRequest, ComposeResponse
from s2v.v1.layout_service_pb2_grpc import LayoutServiceServicer
from s2v.v1.report_pb2 import Stage, StageReport


class LayoutServicer(LayoutServiceServicer):
    """Composes without a job: nothing is kept."""

    def __init__(self, pool: EnginePool, longest_seconds: float, work: int = WORK) -> None:
        self._pool = pool
        self._work = work
        self._longest_seconds = longest_seconds

    async def Compose(self, request: ComposeRequest, context: grpc.aio.ServicerContext) -> ComposeResponse:  # noqa: N802 - named by the contract
        """Places a storyboard.

        Errors: InvalidInputError, LimitError, DegradedError, EngineTimeoutError.
        """
        started = time.time()
        remaining = context.time_remaining()
        longest = seconds_for(len(request.storyboard.scenes), self._longest_seconds)
        timeout = longest if remaining is None else min(remaining, longest)
        measured = await self._pool.run(compose_bytes, request.SerializeToString(), self._work, timeout=timeout)
        report = StageReport.FromString(measured.value.report)
        report.stage = Stage.STAGE_LAYOUT
        report.started_at.FromNanoseconds(int(started * 1e9))
        report.finished_at.GetCurrentTime()
        report.wall_seconds = time.time() - started
        report.cpu_seconds = measured.cpu_seconds
        report.parts = 1
        return ComposeResponse(composition=Composition.FromString(measured.value.composition), report=report)
