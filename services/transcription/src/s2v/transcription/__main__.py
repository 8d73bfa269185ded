"""The transcription service: `python -m s2v.transcription`."""

from __future__ import annotations

import asyncio

from s2v.runtime.service import running
from s2v.transcription.direct import DirectTranscriber, engine_pool, preload_engine
from s2v.transcription.servicer import TranscriptionServicer
from s2v.transcription.settings import TranscriptionSettings
from s2v.transcription.stage import TranscriptionStage
from s2v.v1 import transcription_service_pb2, transcription_service_pb2_grpc


async def main(settings: TranscriptionSettings) -> None:
    """Engine, servers, gRPC service, stage; until told to stop."""
    async with engine_pool(settings) as (pool, listener), running("transcription", settings) as service:
        service.server.add(
            transcription_service_pb2_grpc.add_TranscriptionServiceServicer_to_server,
            TranscriptionServicer(DirectTranscriber(settings, pool, listener)),
            transcription_service_pb2.DESCRIPTOR.services_by_name["TranscriptionService"].full_name,
        )
        await service.work(TranscriptionStage(listener), pool)


if __name__ == "__main__":
    chosen = TranscriptionSettings()
    preload_engine(chosen)
    asyncio.run(main(chosen))
