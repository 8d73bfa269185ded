"""The layout service: `python -m s2v.layout`."""

from __future__ import annotations

import asyncio

from s2v.layout.engine import load
from s2v.layout.processes import LOAD_SECONDS, make_pool, preload_engine
from s2v.layout.servicer import LayoutServicer
from s2v.layout.settings import LayoutSettings
from s2v.layout.stage import LayoutStage
from s2v.runtime.service import running
from s2v.v1 import layout_service_pb2, layout_service_pb2_grpc


async def main() -> None:
    """Settings, engine, servers, gRPC service, stage; until told to stop."""
    settings = LayoutSettings()
    pool = make_pool(settings.layout_workers)
    try:
        await pool.run(load, timeout=LOAD_SECONDS)
        async with running("layout", settings) as service:
            service.server.add(
                layout_service_pb2_grpc.add_LayoutServiceServicer_to_server,
                LayoutServicer(pool, settings.layout_seconds, settings.layout_work),
                layout_service_pb2.DESCRIPTOR.services_by_name["LayoutService"].full_name,
            )
            await service.work(LayoutStage(settings.layout_seconds, settings.layout_work), pool)
    finally:
        await asyncio.to_thread(pool.close)


if __name__ == "__main__":
    preload_engine()
    asyncio.run(main())
