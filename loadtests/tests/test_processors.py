"""Shared processors, simulated, and who else wants the real ones."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil
import pytest
import simpy

from loadtests.capacity.processors import TICK_SECONDS, Processors
from loadtests.competition import Competition, Moment, competing, others_weight


def ends(works: list[tuple[float, float]], others: list[tuple[float, float]] | None = None, cores: int = 2) -> list[float]:
    """Returns when works of (start, processor seconds) end."""
    env = simpy.Environment()
    processors, found = Processors(env, cores, others or []), [0.0] * len(works)

    def work(number: int, start: float, seconds: float) -> simpy.events.ProcessGenerator:
        yield env.timeout(start)
        yield processors.use(f"service {number}", seconds)
        found[number] = env.now

    for number, (start, seconds) in enumerate(works):
        env.process(work(number, start, seconds))
    env.run()
    return found


def test_no_task_gets_more_than_a_processor_and_all_the_same() -> None:
    assert ends([(0, 1.0)]) == pytest.approx([1.0])
    assert ends([(0, 1.0)] * 4) == pytest.approx([2.0] * 4)
    assert ends([(0, 1.0), (0, 1.0), (0, 0.5)]) == pytest.approx([1.25, 1.25, 0.75])


def test_tasks_of_one_service_divide_its_share() -> None:
    env = simpy.Environment()
    processors = Processors(env, 2, [(0.0, 1.0)])
    both = [processors.use("transcription", 1.0), processors.use("transcription", 1.0)]
    env.run(until=both[0] & both[1])
    assert env.now == pytest.approx(2.0)


def test_who_comes_later_gets_nothing_of_the_time_before() -> None:
    assert ends([(0, 2.0), (1.03, 1.0)], cores=1) == pytest.approx([3.0, 3.0], abs=2 * TICK_SECONDS)


def test_others_take_their_share_for_as_long_as_they_are_there() -> None:
    assert ends([(0, 1.0)], others=[(0.0, 3.0)]) == pytest.approx([2.0])
    assert ends([(0, 1.0)], others=[(0.0, 3.0), (1.0, 0.0)]) == pytest.approx([1.5], abs=TICK_SECONDS)


def test_who_computes_is_counted_and_our_own_are_not() -> None:
    spin = [sys.executable, "-c", "while True: pass"]
    with subprocess.Popen(spin, start_new_session=True) as process:
        try:
            everybody = {other.pid for other in psutil.process_iter()} - {process.pid}
            deadline = time.monotonic() + 20
            while others_weight(everybody) != 1.0:
                assert time.monotonic() < deadline, "a process that computes was never seen"
            assert others_weight(everybody | {process.pid}) == 0.0
        finally:
            process.kill()


def test_samples_are_taken_and_read_by_their_time() -> None:
    with competing(lambda: [psutil.Process(os.getpid())]) as competition:
        deadline = time.monotonic() + 20
        while not competition.moments:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    seen = Competition([Moment(100.0, 1.0), Moment(101.0, 3.0), Moment(102.0, 8.0)])
    assert (seen.mean(100.0, 101.5), seen.mean(101.4, 101.6), Competition().mean(0.0, 1.0)) == (2.0, 3.0, 0.0)
    assert seen.since(101.0) == [(0.0, 3.0), (1.0, 8.0)]
