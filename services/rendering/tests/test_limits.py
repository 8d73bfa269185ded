"""What a job may take: frames, memory, disk; and nothing is kept from clip to clip."""

from __future__ import annotations

import asyncio
import os
import shutil
import wave
from pathlib import Path

import compositions
import pytest

from s2v.rendering import direct
from s2v.rendering.clip import make_clip, plan_clips
from s2v.rendering.encoder import DEFAULT_ENCODING
from s2v.rendering.engine import make_pool, preload_engine
from s2v.rendering.limits import DEFAULT_LIMITS, REASON, Limits, Room
from s2v.runtime.errors import InvalidInputError, LimitError
from s2v.v1.rendering_service_pb2 import ClipOrder


def order() -> bytes:
    return ClipOrder(part=plan_clips(compositions.composition(compositions.flowchart(0, 6)), 30)[0]).SerializeToString()


def resident_bytes() -> int:
    """Memory of this process in RAM."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


def test_a_film_of_more_than_a_day_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="frames") as refused:
        plan_clips(compositions.composition(compositions.phrase(0, 25 * 3600)), 60)
    assert refused.value.field == "composition.duration_seconds"


def data_bytes() -> int:
    """What this process has of the memory that is limited."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData"))


@pytest.mark.integration
@pytest.mark.parametrize("what", ["memory", "disk"])
async def test_a_worker_that_needs_more_than_it_may_take_says_so_and_lives_on(what: str, tmp_path: Path) -> None:
    preload_engine()
    pool = make_pool(1)
    room = 20_000 if what == "disk" else DEFAULT_LIMITS.job_bytes
    try:
        if what == "memory":
            small = Limits(memory_bytes=(await pool.run(data_bytes, timeout=30.0)).value + 30_000_000)
            await asyncio.to_thread(pool.close)
            pool = make_pool(1, small)
        with pytest.raises(LimitError, match="S2V_RENDERING") as refused:
            await pool.run(make_clip, order(), tmp_path / "clip.mp4", False, DEFAULT_ENCODING, room, timeout=60.0)
        assert refused.value.reason == REASON
        # Functions of the library, as this module would be imported there: the limit of disk was the clip's own.
        assert (await pool.run(os.getpid, timeout=10.0)).value > 0
        (tmp_path / "more").write_bytes(bytes(50_000))
        await pool.run(shutil.copyfile, tmp_path / "more", tmp_path / "again", timeout=10.0)
        assert (tmp_path / "again").stat().st_size == 50_000
    finally:
        await asyncio.to_thread(pool.close)


@pytest.mark.parametrize("sizes", [(60, 41), (101,), (50, 50, 1)])
def test_all_files_of_a_job_count_together(sizes: tuple[int, ...]) -> None:
    room = Room(100)
    for size in sizes[:-1]:
        room.take(size, "a clip")
    with pytest.raises(LimitError, match=r"the files of this job are larger than 100 bytes.*S2V_RENDERING_JOB_BYTES"):
        room.take(sizes[-1], "a clip")


@pytest.mark.integration
@pytest.mark.parametrize("hls", [False, True])
async def test_a_job_whose_files_are_too_large_together_fails_though_each_would_do(hls: bool, tmp_path: Path) -> None:
    """Sound and clips alone leave room for the film; with its stream besides they do not."""
    preload_engine()
    composition = compositions.composition(compositions.phrase(0, 3), compositions.phrase(3, 6))
    sound = tmp_path / "sound.wav"
    with wave.open(str(sound), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 16_000 * 6))
    pool = make_pool(1)

    async def render(name: str, job_bytes: int, *, hls: bool) -> direct.Rendered:
        (tmp_path / name).mkdir()
        extras = direct.Extras(hls=hls, job_bytes=job_bytes)
        return await direct.render(
            pool,
            composition,
            sound,
            None,
            tmp_path / name,
            frame_rate=24,
            strict=True,
            progress=direct.ignore_progress,
            extras=extras,
        )

    try:
        made = await render("free", DEFAULT_LIMITS.job_bytes, hls=False)
        used = sum(file.stat().st_size for file in (sound, *(tmp_path / "free").iterdir()))
        await render("exact", used + 1000, hls=False)
        with pytest.raises(LimitError, match="S2V_RENDERING_JOB_BYTES") as refused:
            await render("less", used - 1000 + (made.film.stat().st_size if hls else 0), hls=hls)
        assert refused.value.reason == REASON
    finally:
        await asyncio.to_thread(pool.close)


@pytest.mark.integration
async def test_memory_is_given_back_after_each_clip(tmp_path: Path) -> None:
    preload_engine()
    pool = make_pool(1)
    try:
        sizes = []
        for _ in range(6):
            await pool.run(make_clip, order(), tmp_path / "clip.mp4", True, timeout=60.0)
            sizes.append((await pool.run(resident_bytes, timeout=10.0)).value)
    finally:
        await asyncio.to_thread(pool.close)
    assert sizes[-1] - sizes[2] < 40_000_000  # a picture and x264's are more than 60 MB; the first clips warm the allocator up
