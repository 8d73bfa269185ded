"""The service's two doors: gRPC, and the queue's stage on the real object store."""

from __future__ import annotations

import wave
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import compositions
import grpc
import pytest
import pytest_asyncio

from s2v.rendering.engine import make_pool, preload_engine
from s2v.rendering.servicer import RenderingServicer
from s2v.rendering.settings import RenderingSettings
from s2v.rendering.stage import RenderingStage
from s2v.runtime.engine import EnginePool
from s2v.runtime.jobs import prefix
from s2v.runtime.server import Server
from s2v.runtime.stage import File
from s2v.runtime.store import ObjectStore
from s2v.runtime.task import JobTask
from s2v.v1.artifact_pb2 import ArtifactKind
from s2v.v1.composition_pb2 import Composition
from s2v.v1.job_pb2 import Job, JobOptions
from s2v.v1.rendering_service_pb2 import RenderOptions, RenderRequest, RenderResponse
from s2v.v1.rendering_service_pb2_grpc import RenderingServiceStub, add_RenderingServiceServicer_to_server
from s2v.v1.report_pb2 import Stage
from s2v.v1.transcript_pb2 import Segment, Transcript, Word
from s2v.v1.video_pb2 import Video
from s2v.v1.work_pb2 import JobRecord, StageRecord

pytestmark = pytest.mark.integration


@pytest.fixture
def pool() -> Iterator[EnginePool]:
    preload_engine()
    pool = make_pool(2)
    yield pool
    pool.close()


def talk() -> Composition:
    made = compositions.composition(compositions.flowchart(0, 3), compositions.phrase(3, 5))
    made.width, made.height = 640, 360
    return made


def sound(path: Path) -> bytes:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 16_000 * 5))
    return path.read_bytes()


@pytest_asyncio.fixture
async def stub(pool: EnginePool) -> AsyncIterator[RenderingServiceStub]:
    server = Server(RenderingSettings())
    server.add(add_RenderingServiceServicer_to_server, RenderingServicer(pool, 1_000_000), "s2v.v1.RenderingService")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield RenderingServiceStub(channel)
    await server.stop(0)


async def ask(stub: RenderingServiceStub, *requests: RenderRequest) -> list[RenderResponse]:
    return [response async for response in stub.Render(iter(requests))]


async def test_a_call_answers_progress_then_the_film_then_what_was_made(stub: RenderingServiceStub, tmp_path: Path) -> None:
    audio = sound(tmp_path / "sound.wav")
    chunks = [RenderRequest(audio=audio[place : place + 50_000]) for place in range(0, len(audio), 50_000)]
    answers = await ask(stub, RenderRequest(options=RenderOptions(composition=talk(), strict=True)), *chunks)
    kinds = [answer.WhichOneof("payload") for answer in answers]
    assert kinds == ["progress"] * 2 + ["data"] * kinds.count("data") + ["result"]
    assert (answers[1].progress.clips_done, answers[1].progress.clips_total) == (2, 2)
    assert b"".join(answer.data for answer in answers)[4:8] == b"ftyp"
    assert answers[-1].result.video.frame_count == 150
    assert answers[-1].result.report.cpu_seconds > 0


async def test_bad_requests_are_refused_with_their_field(stub: RenderingServiceStub, tmp_path: Path) -> None:
    audio = RenderRequest(audio=sound(tmp_path / "sound.wav"))
    bad = talk()
    bad.width = 641
    for requests, code in (
        ([audio], grpc.StatusCode.INVALID_ARGUMENT),
        ([], grpc.StatusCode.INVALID_ARGUMENT),
        ([RenderRequest(options=RenderOptions(composition=bad)), audio], grpc.StatusCode.INVALID_ARGUMENT),
        (
            [RenderRequest(options=RenderOptions(composition=talk())), RenderRequest(audio=b"no sound")],
            grpc.StatusCode.INVALID_ARGUMENT,
        ),
        ([RenderRequest(options=RenderOptions(composition=talk())), *[audio] * 7], grpc.StatusCode.RESOURCE_EXHAUSTED),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await ask(stub, *requests)
        assert refused.value.code() == code


async def test_the_stage_joins_clips_that_came_from_the_cache(
    pool: EnginePool, store: ObjectStore, tenant: str, tmp_path: Path
) -> None:
    """A cached part names its clip in another job's folder; that job, and its folder, may be gone."""
    words = [Word(text="Each", start_seconds=3, end_seconds=3.4)]
    transcript = Transcript(duration_seconds=5, segments=[Segment(start_seconds=3, end_seconds=3.4, text="Each", words=words)])
    record = JobRecord(job=Job(id="01J", tenant=tenant, source_name="talk.wav", options=JobOptions(frame_rate=30, strict=True)))
    record.source.CopyFrom(await store.put(f"{tenant}/jobs/01J/source", sound(tmp_path / "sound.wav")))
    for stage, message in (
        (Stage.STAGE_TRANSCRIPTION, transcript),
        (Stage.STAGE_ANALYSIS, None),
        (Stage.STAGE_LAYOUT, talk()),
        (Stage.STAGE_RENDERING, None),
    ):
        entry = StageRecord(stage=stage)
        if message:
            entry.output.CopyFrom(await store.put(f"{tenant}/jobs/01J/{stage}.pb", message.SerializeToString()))
        record.stages.append(entry)
    work = RenderingStage()

    def task(name: str) -> JobTask:
        (tmp_path / name).mkdir()
        return JobTask(record, Stage.STAGE_RENDERING, store, pool)

    parts = []
    for number, part in enumerate(await work.plan(task("plan"))):
        output = await work.run(task(f"part{number}"), part.message.SerializeToString(deterministic=True))
        kept = await task(f"keep{number}").store(File(ArtifactKind.ARTIFACT_KIND_UNSPECIFIED, "part.pb", "", data=b"-"))
        output.artifact.object.key = f"{tenant}/jobs/gone/rendering/{output.artifact.object.key.rsplit('/', 1)[-1]}"
        parts.append(await store.put(f"{kept.key}{number}", output.artifact.SerializeToString()))
        assert [file.name for file in output.files] == [f"clip-s0{1 + 2 * number}.mp4"]
    made = await work.join(task("join"), parts)
    assert isinstance(made.artifact, Video)
    assert [file.name for file in made.files] == ["video.mp4", "captions.vtt", "poster.png"]
    assert (await store.read(made.artifact.mp4))[4:8] == b"ftyp"
    assert b"Each" in await store.read(made.artifact.captions)
    assert all(clip.object.key.startswith(prefix(tenant, "01J")) for clip in made.artifact.clips)
    assert not made.report.degradations
