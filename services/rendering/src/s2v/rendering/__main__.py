"""The rendering service: `python -m s2v.rendering`."""

from __future__ import annotations

import asyncio

from s2v.rendering.direct import engine_pool
from s2v.rendering.engine import preload_engine
from s2v.rendering.servicer import RenderingServicer
from s2v.rendering.settings import RenderingSettings
from s2v.rendering.stage import RenderingStage
from s2v.runtime.service import running
from s2v.v1 import rendering_service_pb2, rendering_service_pb2_grpc


async def main() -> None:
    """Settings, engine, servers, gRPC service, stage; until told to stop."""
    settings = RenderingSettings()
    async with engine_pool(settings) as pool, running("rendering", settings) as service:
        service.server.add(
            rendering_service_pb2_grpc.add_RenderingServiceServicer_to_server,
            RenderingServicer(pool, settings.max_upload_bytes, settings.encoding, settings.limits),
            rendering_service_pb2.DESCRIPTOR.services_by_name["RenderingService"].full_name,
        )
        await service.work(RenderingStage(settings.encoding, settings.limits), pool)


if __name__ == "__main__":
    preload_engine()
    asyncio.run(main())
