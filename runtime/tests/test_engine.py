"""Worker processes: measured, limited in time, killed when nobody waits, replaced when they die."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterator

import psutil
import pytest

from s2v.runtime.engine import EnginePool
from s2v.runtime.errors import EngineError, EngineTimeoutError, InvalidInputError

pytestmark = pytest.mark.integration


@pytest.fixture
def pool() -> Iterator[EnginePool]:
    pool = EnginePool(1)
    yield pool
    pool.close()


def burn(seconds: float) -> int:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
    return os.getpid()


def sleep(path: str) -> None:
    with open(path, "w") as file:
        file.write(str(os.getpid()))
    time.sleep(60)


def refuse() -> None:
    raise InvalidInputError("too odd", reason="ODD")


def die() -> None:
    os._exit(7)


async def test_processor_time_is_counted_where_it_is_spent(pool: EnginePool) -> None:
    measured = await pool.run(burn, 0.2, timeout=30)
    assert measured.value != os.getpid()
    assert 0.2 <= measured.cpu_seconds < 2


async def test_a_hanging_worker_is_killed(pool: EnginePool, tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "pid")
    await pool.run(burn, 0.0, timeout=30)
    with pytest.raises(EngineTimeoutError, match="did not finish within 1 s"):
        await pool.run(sleep, path, timeout=1)
    await _gone(int(open(path).read()))
    assert (await pool.run(burn, 0.0, timeout=30)).value > 0


async def test_a_cancelled_caller_frees_the_worker(pool: EnginePool, tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "pid")
    waiting = asyncio.create_task(pool.run(sleep, path, timeout=60))
    async with asyncio.timeout(30):
        while not os.path.exists(path) or not open(path).read():
            await asyncio.sleep(0.02)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await _gone(int(open(path).read()))


async def test_errors_come_through_as_they_are(pool: EnginePool) -> None:
    with pytest.raises(InvalidInputError, match="too odd"):
        await pool.run(refuse, timeout=30)


async def test_a_dead_worker_is_named_and_replaced(pool: EnginePool) -> None:
    with pytest.raises(EngineError, match="exit code 7"):
        await pool.run(die, timeout=30)
    assert (await pool.run(burn, 0.0, timeout=30)).value > 0


async def test_an_idle_process_that_is_killed_is_replaced(pool: EnginePool) -> None:
    pid = (await pool.run(os.getpid, timeout=30)).value
    os.kill(pid, signal.SIGKILL)
    await asyncio.sleep(1)  # until it is noticed
    assert not pool.working
    async with asyncio.timeout(60):
        assert (await pool.run(os.getpid, timeout=30)).value != pid
        assert (await pool.run(os.getpid, timeout=30)).value != pid
    assert pool.working


def load(path: str, how: str) -> None:
    """Fails, or hangs, the first time."""
    if not os.path.exists(path):
        open(path, "w").close()
        if how == "hangs":
            time.sleep(600)
        raise OSError("no such model")


@pytest.mark.parametrize(("how", "error"), [("fails", EngineError), ("hangs", EngineTimeoutError)])
async def test_an_engine_that_could_not_be_loaded_once_is_loaded_again(
    tmp_path: os.PathLike[str], how: str, error: type[Exception]
) -> None:
    pool = EnginePool(1, load, os.path.join(tmp_path, "tried"), how)
    try:
        async with asyncio.timeout(120):
            with pytest.raises(error):
                await pool.run(os.getpid, timeout=5 if how == "hangs" else 60)
            assert (await pool.run(os.getpid, timeout=60)).value > 0
            assert (await pool.run(os.getpid, timeout=60)).value > 0
        assert pool.working
    finally:
        pool.close()


def nap(path: str) -> None:
    open(path, "w").close()
    time.sleep(3)


async def test_setting_the_clock_kills_nothing(
    pool: EnginePool, monkeypatch: pytest.MonkeyPatch, tmp_path: os.PathLike[str]
) -> None:
    path = os.path.join(tmp_path, "begun")
    running = asyncio.create_task(pool.run(nap, path, timeout=60))
    while not os.path.exists(path):
        await asyncio.sleep(0.05)
    await asyncio.sleep(1)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 3600)
    await running


async def _gone(pid: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        async with asyncio.timeout(10):
            while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                await asyncio.sleep(0.02)


async def test_a_smaller_pool_lets_processes_go_and_a_larger_one_brings_them_back() -> None:
    pool = EnginePool(3)
    try:
        many = {one.value for one in await asyncio.gather(*(pool.run(burn, 0.3, timeout=30) for _ in range(3)))}
        assert len(many) == 3
        pool.resize(1)
        for _ in range(100):
            alive = [pid for pid in many if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]
            if len(alive) == 1:
                break
            await asyncio.sleep(0.1)
        assert len(alive) == 1
        few = {one.value for one in await asyncio.gather(*(pool.run(burn, 0.1, timeout=30) for _ in range(3)))}
        assert few == set(alive)
        pool.resize(3)
        again = {one.value for one in await asyncio.gather(*(pool.run(burn, 0.3, timeout=30) for _ in range(3)))}
        assert len(again) == 3
        assert pool.working
    finally:
        pool.close()
