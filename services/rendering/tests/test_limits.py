"""What a job may take: frames, memory, disk; and nothing is kept from clip to clip."""

from __future__ import annotations

import asyncio
from pathlib import Path

import compositions
import pytest

from s2v.rendering.clip import make_clip, plan_clips
from s2v.rendering.engine import Limits, make_pool, preload_engine
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


async def limit_for(what: str) -> Limits:
    """Limits that a worker can live with, but not draw."""
    if what == "disk":
        return Limits(file_bytes=20_000)
    pool = make_pool(1)
    try:
        return Limits(memory_bytes=(await pool.run(data_bytes, timeout=30.0)).value + 30_000_000)
    finally:
        await asyncio.to_thread(pool.close)


@pytest.mark.integration
@pytest.mark.parametrize("what", ["memory", "disk"])
async def test_a_worker_that_needs_more_than_it_may_take_says_so_and_lives_on(what: str, tmp_path: Path) -> None:
    preload_engine()
    pool = make_pool(1, await limit_for(what))
    try:
        with pytest.raises(LimitError, match="S2V_RENDERING") as refused:
            await pool.run(make_clip, order(), tmp_path / "clip.mp4", False, timeout=60.0)
        assert refused.value.reason == "RENDERING_LIMIT"
        assert (await pool.run(resident_bytes, timeout=10.0)).value > 0
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
