"""A talk transcribed without a queue: in a gRPC call, or in the process of the command line."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from s2v.runtime import sandbox
from s2v.runtime.engine import EnginePool, preload
from s2v.runtime.errors import EngineError, InvalidInputError
from s2v.transcription import models, recognition
from s2v.transcription.models import Model
from s2v.transcription.settings import TranscriptionSettings
from s2v.transcription.talk import WINDOW_SECONDS, Compute, Plan, finish_talk, plan_talk
from s2v.v1.report_pb2 import StageReport
from s2v.v1.transcript_pb2 import Transcript, TranscriptWindow
from s2v.v1.transcription_service_pb2 import TranscribeOptions, TranscribeResponse, TranscribeResult
from s2v.v1.work_pb2 import TranscriptionPart

T = TypeVar("T")

LOAD_SECONDS = 120.0  # wall time in which a worker must load the model


class PoolCompute:
    """Runs functions in the worker processes and counts their processor time."""

    def __init__(self, pool: EnginePool) -> None:
        self.cpu_seconds = 0.0
        self._pool = pool

    async def __call__(self, function: Callable[..., T], *args: object, timeout: float) -> T:
        """Runs `function(*args)` in a worker. Errors: as `EnginePool.run`."""
        measured = await self._pool.run(function, *args, timeout=timeout)
        self.cpu_seconds += measured.cpu_seconds
        return measured.value


def preload_engine() -> None:
    """Starts the fork server of the worker processes; before gRPC or NATS have threads."""
    # Each worker has one core: without this NumPy starts a thread for every core in every worker.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    preload(("faster_whisper", "faster_whisper.vad", "s2v.transcription.recognition"))


@asynccontextmanager
async def engine_pool(settings: TranscriptionSettings) -> AsyncIterator[tuple[EnginePool, Model]]:
    """Verifies the model and starts the worker processes; the first has loaded it. Stops them at the end.

    Errors: SetupError, EngineError.
    """
    cache = settings.model_cache.expanduser()
    model = await asyncio.to_thread(models.find_model, settings.whisper_model, cache, settings.whisper_sha256)
    pool = EnginePool(settings.whisper_workers, recognition.load, model)
    try:
        await pool.run(recognition.check_loaded, timeout=LOAD_SECONDS)
        yield pool, model
    finally:
        await asyncio.to_thread(pool.close)


@dataclass(frozen=True)
class DirectTranscriber:
    """Transcribes files on the worker processes of this process."""

    settings: TranscriptionSettings
    pool: EnginePool
    model: Model

    async def transcribe(
        self, source: Path, name: str, sha256: str, options: TranscribeOptions
    ) -> AsyncIterator[TranscribeResponse]:
        """Yields the windows of a file in order of time, then the whole.

        `name` is what people call the file, `sha256` its digest. There is no fallback here: `options.strict` changes nothing.
        Errors: InvalidInputError, LimitError, EngineError.
        """
        started = time.time()
        info = await sandbox.probe(source, name)
        if info.duration_seconds > self.settings.max_source_seconds:
            most = self.settings.max_source_seconds / 60
            raise InvalidInputError(
                f"{name} is {info.duration_seconds / 60:.0f} minutes long and at most {most:.0f} are taken: cut it",
                reason="TOO_LONG",
                field="source",
            )
        compute = PoolCompute(self.pool)
        windows = []
        with tempfile.TemporaryDirectory(prefix="s2v-transcribe-") as folder:
            pcm = Path(folder) / "talk.pcm"
            plan = await plan_talk(source, pcm, name, options.language, compute)
            async for window in _hear(plan, pcm, compute):
                windows.append(window)
                yield TranscribeResponse(window=window)
        transcript, report = finish_talk(windows, name, sha256, self.model)
        report.started_at.FromNanoseconds(int(started * 1e9))
        report.finished_at.GetCurrentTime()
        report.wall_seconds = time.time() - started
        report.cpu_seconds = compute.cpu_seconds
        yield TranscribeResponse(result=TranscribeResult(transcript=transcript, report=report))


async def transcribe_file(path: Path, options: TranscribeOptions) -> tuple[Transcript, StageReport]:
    """Transcribes a file with an engine of its own, set up by the environment (`TranscriptionSettings`).

    Errors: InvalidInputError, LimitError, SetupError, EngineError; OSError when the file cannot be read.
    """
    settings = TranscriptionSettings()
    preload_engine()
    with path.open("rb") as file:
        sha256 = await asyncio.to_thread(lambda: hashlib.file_digest(file, "sha256").hexdigest())
    async with engine_pool(settings) as (pool, model):
        async for response in DirectTranscriber(settings, pool, model).transcribe(path, path.name, sha256, options):
            if response.HasField("result"):
                return response.result.transcript, response.result.report
    raise EngineError(f"the transcription of {path.name} ended without a result")


async def _hear(plan: Plan, pcm: Path, compute: Compute) -> AsyncIterator[TranscriptWindow]:
    """Transcribes all windows, as many at once as there are workers, and yields them in order of time."""
    tasks = [asyncio.create_task(_hear_part(pcm, part, compute)) for part in plan.parts]
    try:
        for task in tasks:
            yield await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _hear_part(pcm: Path, part: TranscriptionPart, compute: Compute) -> TranscriptWindow:
    return await compute(recognition.recognize_file, pcm, part, timeout=WINDOW_SECONDS)
