"""How many tasks at once: within bounds, by memory and speed, and back again."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2v.runtime import steering
from s2v.runtime.engine import EnginePool
from s2v.runtime.pace import CALM_SECONDS, PIECES_EACH, ROOM_SECONDS, TRIAL_SECONDS, Pace, Piece
from s2v.runtime.places import Places


def work(pace: Pace, now: float, *, wall: float, cpu: float) -> None:
    """Lets as many pieces of ten seconds of sound end as are measured before speeds are compared."""
    for _ in range(PIECES_EACH * pace.limit):
        pace.finished(Piece(10.0, wall, cpu, now), pace.limit)


def test_full_memory_takes_one_task_at_a_time_and_room_gives_it_back() -> None:
    pace = Pace("rendering", 3)
    decision = pace.decide(0.9, 0.0)
    assert decision is not None
    assert (decision.reason, decision.before, decision.after, decision.measured) == ("memory", 3, 2, 0.9)
    assert pace.decide(0.9, CALM_SECONDS - 1) is None
    assert pace.decide(0.9, CALM_SECONDS) is not None
    assert pace.limit == 1
    assert pace.decide(0.99, 10 * CALM_SECONDS) is None  # one task is always done
    quiet = 10 * CALM_SECONDS + ROOM_SECONDS
    assert pace.decide(0.6, quiet - 1) is None
    again = pace.decide(0.6, quiet)
    assert again is not None
    assert (again.reason, pace.limit) == ("memory_free", 2)


def test_processes_that_wait_for_one_another_are_fewer_if_that_is_as_fast() -> None:
    pace = Pace("rendering", 4)
    work(pace, 0.0, wall=8.0, cpu=4.0)  # 5 s of sound a second
    trial = pace.decide(0.2, 60.0)
    assert trial is not None
    assert (trial.reason, pace.limit, trial.measured) == ("trial", 3, 5.0)
    work(pace, 61.0, wall=6.0, cpu=4.0)  # as fast
    kept = pace.decide(0.2, 120.0)
    assert kept is not None
    assert (kept.reason, kept.before, kept.after) == ("as_fast", 4, 3)
    work(pace, 121.0, wall=6.0, cpu=4.0)
    assert pace.decide(0.2, 120.0 + TRIAL_SECONDS - 1) is None
    assert pace.decide(0.2, 120.0 + TRIAL_SECONDS) is not None


def test_a_trial_that_is_slower_is_undone() -> None:
    pace = Pace("rendering", 4)
    work(pace, 0.0, wall=8.0, cpu=4.0)
    pace.decide(0.2, 60.0)
    work(pace, 61.0, wall=7.0, cpu=4.0)
    undone = pace.decide(0.2, 120.0)
    assert undone is not None
    assert (undone.reason, pace.limit) == ("slower", 4)


def test_processes_that_have_a_core_each_are_left_alone() -> None:
    pace = Pace("transcription", 2)
    work(pace, 0.0, wall=2.0, cpu=1.9)
    assert pace.decide(0.2, 10_000.0) is None


def test_pieces_that_began_before_a_change_or_had_room_do_not_count() -> None:
    pace = Pace("rendering", 4)
    pace.decide(0.9, 100.0)
    work(pace, 99.0, wall=8.0, cpu=1.0)
    for _ in range(100):
        pace.finished(Piece(10.0, 8.0, 1.0, 101.0), pace.limit - 1)
    assert pace.decide(0.2, 1000.0) is None


@given(
    most=st.integers(1, 6),
    looks=st.lists(st.tuples(st.floats(0, 1), st.floats(1, 1000), st.floats(0.1, 100), st.floats(0, 100)), max_size=60),
)
def test_it_never_leaves_its_bounds(most: int, looks: list[tuple[float, float, float, float]]) -> None:
    pace, now, pressed = Pace("layout", most), 0.0, False
    for share, wait, wall, cpu in looks:
        work(pace, now, wall=wall, cpu=cpu)
        now += wait
        pressed = pressed or share >= 0.85
        before = pace.limit
        decision = pace.decide(share, now)
        assert 1 <= pace.limit <= most
        assert pressed or pace.limit >= most / 2
        assert abs(pace.limit - before) <= 1
        assert decision is not None or pace.limit == before


async def test_places_follow_their_limit() -> None:
    places = Places(3)
    for _ in range(3):
        await places.acquire()
    places.resize(1)
    waiting = asyncio.create_task(places.acquire())
    places.release()
    places.release()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not waiting.done()
    places.release()
    await asyncio.wait_for(waiting, 1)
    assert places.taken == 1
    places.resize(2)
    await asyncio.wait_for(places.acquire(), 1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(places.acquire(), 0.05)
    places.resize(0)
    assert places.limit == 1


@dataclass
class TwoAtOnce:
    """A worker as the steering sees it."""

    slots: int = 2
    limit: int = 2
    at_work: int = 0


@pytest.mark.integration
async def test_what_is_decided_is_done_and_said(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(steering, "LOOK_SECONDS", 0.01)
    looks = 0

    def share() -> float:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise ValueError("what nobody thought of")  # does not end the steering
        return 0.95

    monkeypatch.setattr(steering.vitals, "memory_share", share)
    pool, worker = EnginePool(2), TwoAtOnce()
    with caplog.at_level(logging.INFO, "s2v.runtime.decisions"):
        steered = asyncio.create_task(steering.Steering("rendering", worker, pool).run())
        try:
            async with asyncio.timeout(10):
                while worker.limit > 1:
                    await asyncio.sleep(0.01)
            assert await pool.run(abs, -3, timeout=30)
            assert len(pool._processes) == 1
        finally:
            steered.cancel()
            pool.close()
    (record,) = [one for one in caplog.records if one.name == "s2v.runtime.decisions"]
    told = {name: getattr(record, name) for name in ("stage", "knob", "reason", "before", "after", "measured")}
    assert told == {"stage": "rendering", "knob": "concurrency", "reason": "memory", "before": 2, "after": 1, "measured": 0.95}
