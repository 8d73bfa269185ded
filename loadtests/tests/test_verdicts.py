"""What is good and what is not: figures from records, targets, the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests import baseline
from loadtests.figures import WatchFigures, count, rate, slope, spread
from loadtests.observer import Sample
from loadtests.profiles import PROFILES
from loadtests.records import Call, Outcome, Recorder, Records, StageRun
from loadtests.report import Judged, write
from loadtests.run import Run
from loadtests.verdict import Target, judge

T0 = 1_800_000_000.0


def make_job(number: int, seconds: float = 10.0, priority: str = "normal", state: str = "succeeded") -> Outcome:
    stage = StageRun("transcription", 0.1, 2.0, 1.5, 1, 0, T0 + 2)
    accepted = T0 + number
    return Outcome(
        number, "talk", "", priority, state, accepted - 0.5, accepted, accepted + seconds, 10.0, f"j{number}", 0, "", (stage,)
    )


def make_call(outcome: str = "ok", seconds: float = 0.1, rpc: str = "GetJob", reason: str = "", tenant: str = "") -> Call:
    return Call(rpc, T0, seconds, outcome, "OK", reason, 1.0 if outcome == "refused" else 0.0, 0, tenant)


def verdict(target: Target, calls: Sequence[Call], jobs: Sequence[Outcome], samples: Sequence[Sample] = ()) -> bool:
    (check,) = judge([target], count(Records(calls, jobs), samples))
    return check.passed


def test_records_survive_their_file_and_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    with path.open("w") as file:
        recorder = Recorder(file)
        recorder.note(make_call("refused", reason="QUEUE_FULL"))
        recorder.note(make_job(1))
        file.write('{"call": {"rpc": "Ge')
    assert Records.read(path) == Records([make_call("refused", reason="QUEUE_FULL")], [make_job(1)])


def test_a_clean_refusal_is_no_error() -> None:
    calls = [make_call()] + [make_call("refused", rpc="CreateJob", reason="QUEUE_FULL")] * 99
    assert verdict(Target.FEW_ERRORS, calls, [])
    assert verdict(Target.CLEAN_REFUSALS, calls, [])
    assert not verdict(Target.CLEAN_REFUSALS, [make_call()], []), "a spike that nobody is refused in shows nothing"


def test_a_refusal_without_a_time_to_come_again_is_an_error() -> None:
    calls = [make_call("refused", reason="QUEUE_FULL"), make_call("error", rpc="StartUpload", reason="TOO_MANY_UPLOADS")]
    assert not verdict(Target.FEW_ERRORS, calls, [])
    assert not verdict(Target.CLEAN_REFUSALS, calls, [])


@pytest.mark.parametrize(("errors", "passed"), [(0, True), (1, False)])
def test_less_than_one_call_in_a_hundred_may_fail(errors: int, passed: bool) -> None:
    calls = [make_call("error", reason="INTERNAL")] * errors + [make_call()] * (100 - errors)
    assert verdict(Target.FEW_ERRORS, calls, []) == passed


@pytest.mark.parametrize(("failed", "passed"), [(0, True), (1, True), (2, False)])
def test_more_than_ninety_five_of_a_hundred_accepted_jobs_succeed(failed: int, passed: bool) -> None:
    jobs = [make_job(n, state="failed") for n in range(failed)] + [make_job(n) for n in range(40 - failed)]
    never_in = replace(make_job(99), accepted=0.0, state="refused")
    cancelled = make_job(98, state="cancelled")
    assert verdict(Target.ACCEPTED_SUCCEED, [], [*jobs, never_in, cancelled]) == passed


def test_nothing_at_all_is_no_success() -> None:
    for target in (Target.ACCEPTED_SUCCEED, Target.FEW_ERRORS, Target.FINISHES, Target.REALTIME, Target.HIGH_FIRST):
        assert not verdict(target, [], [])


@pytest.mark.parametrize(("high", "passed"), [(4.9, True), (5.1, False)])
def test_high_priority_waits_at_most_half_as_long(high: float, passed: bool) -> None:
    jobs = [make_job(n, high, "high") for n in range(10)] + [make_job(n, 10.0, "low") for n in range(20)]
    assert verdict(Target.HIGH_FIRST, [], jobs) == passed


def make_samples(grow_mb: float, name: str = "rendering") -> list[Sample]:
    return [
        Sample(T0 + 2 * n, {}, {}, {name: 300.0 + (grow_mb * n / 100 if n > 33 else 10 * n % 30)}, {name: 1.0 * n})
        for n in range(101)
    ]


def test_memory_may_warm_up_but_not_grow() -> None:
    assert verdict(Target.FLAT_MEMORY, [], [], make_samples(5.0))
    assert not verdict(Target.FLAT_MEMORY, [], [], make_samples(120.0))
    assert verdict(Target.FLAT_MEMORY, [], [], make_samples(0.0) + make_samples(500.0, "load generator"))
    assert verdict(Target.FLAT_MEMORY, [], [], make_samples(0.0) + make_samples(150.0, "s3"))
    assert not verdict(Target.FLAT_MEMORY, [], [], make_samples(0.0) + make_samples(500.0, "s3"))


def test_memory_of_a_stack_elsewhere_is_not_judged(tmp_path: Path) -> None:
    figures = count(Records([make_call()], [make_job(1)]), make_samples(500.0, "load generator"))
    targets = (Target.ACCEPTED_SUCCEED, Target.FLAT_MEMORY)
    checks = judge(targets, figures, embedded=False)
    assert [check.passed for check in checks] == [True, None]
    judged = Judged(Run(PROFILES["soak"], figures, [], T0, 2, (0.0, 0.0), "gateway:443"), checks, ())
    assert judged.passed
    write(judged, tmp_path)
    assert "<td>not judged</td>" in (tmp_path / "report.html").read_text()
    assert not judge(targets, figures)[1].passed, "of an embedded stack that nobody saw, memory is not flat"


def test_watches_cost_what_they_add() -> None:
    figures = count(Records([make_call()], []), [], watch=WatchFigures(100, 0.02, 0.065))
    assert judge([Target.CHEAP_WATCHES], figures)[0].passed
    dear = replace(figures, watch=WatchFigures(100, 0.02, 0.075))
    assert not judge([Target.CHEAP_WATCHES], dear)[0].passed


def test_an_honest_tenant_is_never_refused() -> None:
    calm = [make_call(tenant="honest"), make_call("refused", reason="TOO_MANY_READS", tenant="abuser")]
    assert verdict(Target.UNDISTURBED, calm, [])
    assert not verdict(Target.UNDISTURBED, [*calm, make_call("refused", reason="TOO_MANY_CALLS", tenant="honest")], [])
    assert not verdict(Target.UNDISTURBED, [*calm, make_call(seconds=3.0)], [])


def test_what_the_system_can_do_is_counted_when_it_is_full() -> None:
    jobs = [make_job(0, seconds) for seconds in (5.0, 6.0, 8.0, 10.0, 12.0, 14.0)]
    assert rate(jobs, skip=2) == pytest.approx(4 / 8)
    with pytest.raises(SystemExit, match="cannot be measured"):
        rate(jobs[:2], skip=2)


@given(st.floats(-5, 5), st.floats(-50, 50), st.lists(st.integers(0, 1000), min_size=5, max_size=40, unique=True))
def test_a_slope_is_found_though_one_sample_is_wild(rise: float, start: float, times: list[int]) -> None:
    values = [start + rise * at for at in times]
    values[len(values) // 2] += 10_000
    assert slope(times, values) == pytest.approx(rise, abs=1e-6)


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=50))
def test_percentiles_are_in_order(values: list[float]) -> None:
    found = spread(values)
    assert min(values) <= found.p50 <= found.p95 <= found.p99 <= found.max == max(values)


def test_a_run_is_as_good_as_itself(tmp_path: Path) -> None:
    figures = count(Records([make_call()], [make_job(n) for n in range(5)]), make_samples(0.0))
    baseline.save(tmp_path / "base.json", "smoke", figures)
    before = baseline.load(tmp_path / "base.json", "smoke")
    compared = baseline.compare(before, baseline.metrics(figures))
    assert len(compared) == len(before) > 2
    assert all(check.passed for check in compared)


def test_what_is_worse_than_before_is_found() -> None:
    before = {"cpu rendering, s a second of sound": 0.1, "rate of videos a minute": 20.0, "time to video, high, p95 s": 10.0}
    assert all(check.passed for check in baseline.compare(before, {name: value * 1.2 for name, value in before.items()}))
    slower = baseline.compare(before, {"cpu rendering, s a second of sound": 0.13, "rate of videos a minute": 15.0})
    assert [check.passed for check in slower] == [False, False]
    assert "1.30 ×" in slower[0].found
    assert "0.75 ×" in slower[1].found


def test_a_profile_without_a_baseline_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="--save-baseline"):
        baseline.load(tmp_path / "none.json", "smoke")
    baseline.save(tmp_path / "base.json", "smoke", count(Records([make_call()], []), []))
    with pytest.raises(SystemExit, match="holds smoke, not spike"):
        baseline.load(tmp_path / "base.json", "spike")
