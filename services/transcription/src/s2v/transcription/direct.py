"""A talk transcribed without a queue: in a gRPC call, or in the process of the command line."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from s2v.runtime import sandbox
from s2v.runtime.engine import EnginePool, preload
from s2v.runtime.errors import DegradedError, EngineError, InvalidInputError
from s2v.transcription import faster_whisper_engine, openai_whisper_engine, recognition
from s2v.transcription.batching import BatchingPool
from s2v.transcription.devices import Device, choose_device
from s2v.transcription.engine import FASTER_WHISPER, OPENAI_WHISPER, Search
from s2v.transcription.fetching import locate_model
from s2v.transcription.remote import RemoteTranscriber
from s2v.transcription.settings import TranscriptionSettings
from s2v.transcription.talk import Compute, Listener, Plan, check_options, plan_talk
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


def preload_engine(settings: TranscriptionSettings) -> None:
    """Starts the fork server of the worker processes with the engine's modules; before gRPC or NATS have threads."""
    engine = ("torch", "whisper") if settings.whisper_engine == OPENAI_WHISPER else ()
    preload(("faster_whisper", "faster_whisper.vad", "s2v.transcription.recognition", *engine))


@asynccontextmanager
async def engine_pool(settings: TranscriptionSettings) -> AsyncIterator[tuple[EnginePool, Listener]]:
    """Verifies the model and starts the worker processes; the first has loaded it. Stops them at the end.

    Errors: SetupError, EngineError; UnavailableError when the model is in S3 and that does not answer.
    """
    model = await locate_model(settings)
    device = await asyncio.to_thread(find_device, settings)
    search = Search(settings.whisper_beam, settings.passes)
    load = (settings.whisper_engine, model, device, search, settings.whisper_idle_seconds)
    pool = (
        EnginePool(settings.whisper_workers, recognition.load, *load)
        if device.batch_size == 1
        else BatchingPool(settings.whisper_workers, device.batch_size, recognition.load, *load)
    )
    remote = RemoteTranscriber(settings) if settings.remote_url else None
    try:
        await pool.run(recognition.check_loaded, timeout=LOAD_SECONDS)
        yield pool, Listener(settings.whisper_engine, model, device, search, remote)
    finally:
        await asyncio.to_thread(pool.close)


def find_device(settings: TranscriptionSettings) -> Device:
    """Returns where the engine of the settings computes on this machine. Errors: SetupError."""
    module = faster_whisper_engine if settings.whisper_engine == FASTER_WHISPER else openai_whisper_engine
    return choose_device(
        settings.whisper_device,
        settings.whisper_compute_type,
        settings.whisper_batch_size,
        module.count_gpus(),
        has_int8=settings.whisper_engine == FASTER_WHISPER,
    )


@dataclass(frozen=True)
class DirectTranscriber:
    """Transcribes files on the worker processes of this process."""

    settings: TranscriptionSettings
    pool: EnginePool
    listener: Listener

    async def transcribe(
        self, source: Path, name: str, sha256: str, options: TranscribeOptions
    ) -> AsyncIterator[TranscribeResponse]:
        """Yields the windows of a file in order of time, then the whole.

        `name` is what people call the file, `sha256` its digest.
        Errors: InvalidInputError, LimitError, EngineError; DegradedError when strict.
        """
        started = time.time()
        checked = check_options(options)
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
            plan = await plan_talk(source, pcm, name, checked, compute, in_chains=self.listener.hears_in_chains)
            async for window in self._hear(plan, pcm, compute, strict=checked.strict):
                if checked.strict and window.degradations:
                    raise DegradedError(f"{window.degradations[0].reason}; the call is strict")
                windows.append(window)
                yield TranscribeResponse(window=window)
        transcript, report = self.listener.finish(windows, name, sha256)
        report.started_at.FromNanoseconds(int(started * 1e9))
        report.finished_at.GetCurrentTime()
        report.wall_seconds = time.time() - started
        report.cpu_seconds = compute.cpu_seconds
        yield TranscribeResponse(result=TranscribeResult(transcript=transcript, report=report))

    async def _hear(self, plan: Plan, pcm: Path, compute: Compute, *, strict: bool) -> AsyncIterator[TranscriptWindow]:
        """Transcribes all windows, as many at once as there are workers, and yields them in order of time.

        No more wait for a worker: those of a long talk would be heard before any part of a job.
        """
        tasks: list[asyncio.Task[TranscriptWindow]] = []
        free = asyncio.Semaphore(self.pool.workers)

        async def hear(part: TranscriptionPart, before: asyncio.Task[TranscriptWindow] | None) -> TranscriptWindow:
            if before is not None:
                part.context_tokens.extend((await asyncio.shield(before)).context_tokens)
            async with free:
                return await self.listener.hear(pcm, part, compute, strict=strict)

        for part in plan.parts:
            tasks.append(asyncio.create_task(hear(part, tasks[-1] if part.goes_on else None)))
        try:
            for task in tasks:
                yield await task
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def transcribe_file(path: Path, options: TranscribeOptions) -> tuple[Transcript, StageReport]:
    """Transcribes a file with an engine of its own, set up by the environment (`TranscriptionSettings`).

    Errors: InvalidInputError, LimitError, SetupError, EngineError; OSError when the file cannot be read.
    """
    settings = TranscriptionSettings()
    preload_engine(settings)
    with path.open("rb") as file:
        sha256 = await asyncio.to_thread(lambda: hashlib.file_digest(file, "sha256").hexdigest())
    async with engine_pool(settings) as (pool, listener):
        async for response in DirectTranscriber(settings, pool, listener).transcribe(path, path.name, sha256, options):
            if response.HasField("result"):
                return response.result.transcript, response.result.report
    raise EngineError(f"the transcription of {path.name} ended without a result")
