"""The analysis service: `python -m s2v.analysis`."""

from __future__ import annotations

import asyncio

from s2v.analysis.engine import LOAD_SECONDS, load, make_pool, preload_engine
from s2v.analysis.servicer import AnalysisServicer
from s2v.analysis.settings import AnalysisSettings
from s2v.analysis.stage import AnalysisStage
from s2v.runtime.service import running
from s2v.v1 import analysis_service_pb2, analysis_service_pb2_grpc


async def main() -> None:
    """Settings, engine, servers, gRPC service, stage; until told to stop."""
    settings = AnalysisSettings()
    pool = make_pool(settings.analysis_workers)
    try:
        await pool.run(load, timeout=LOAD_SECONDS)
        async with running("analysis", settings) as service:
            service.server.add(
                analysis_service_pb2_grpc.add_AnalysisServiceServicer_to_server,
                AnalysisServicer(pool, settings.analysis_seconds),
                analysis_service_pb2.DESCRIPTOR.services_by_name["AnalysisService"].full_name,
            )
            await service.work(AnalysisStage(settings.analysis_seconds), pool)
    finally:
        await asyncio.to_thread(pool.close)


if __name__ == "__main__":
    preload_engine()
    asyncio.run(main())
