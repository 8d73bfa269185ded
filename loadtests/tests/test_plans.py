"""Who comes when: the plan is the same each time, and the shape ends by itself, whatever its visits do."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.agenda import Agenda
from loadtests.plan import Plan, Visit, arrivals
from loadtests.profiles import PROFILES, Profile


def make_plan(count: int, at_once: int = 0, limit: float = 60.0, gap: float = 0.0) -> Plan:
    return Plan("127.0.0.1:1", tuple(Visit("look", arrival_seconds=gap * n) for n in range(count)), limit, at_once)


def test_a_plan_survives_its_file(tmp_path: Path) -> None:
    plan = Plan("127.0.0.1:1", (Visit("talk", 1.5, "a.opus", "high", "honest"), Visit("flood")), 9.0, 2, 3.0, 4.0)
    plan.write(tmp_path / "plan.json")
    assert Plan.read(tmp_path / "plan.json") == plan


@given(st.floats(0.1, 20), st.floats(1, 200), st.integers(0, 50))
def test_arrivals_are_in_order_in_time_and_the_same_again(per_second: float, seconds: float, seed: int) -> None:
    times = arrivals(per_second, seconds, seed)
    assert times == sorted(times) == arrivals(per_second, seconds, seed)
    assert all(0 < at < seconds for at in times)


def test_arrivals_come_as_often_as_they_are_told() -> None:
    assert len(arrivals(5.0, 2000.0, 1)) == pytest.approx(10_000, rel=0.05)


def test_the_shape_ends_when_all_visits_are_over() -> None:
    agenda = Agenda(make_plan(3, at_once=2))
    agenda.start()
    assert agenda.tick() == (2, 200.0)
    while taken := agenda.take():
        assert agenda.tick() is not None
        agenda.finish(taken[0])
    assert agenda.tick() is None
    assert agenda.unfinished() == []


def test_the_shape_ends_at_its_limit_though_a_visit_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    agenda = Agenda(make_plan(2, at_once=2, limit=10.0))
    agenda.start()
    agenda.take()
    monkeypatch.setattr("loadtests.agenda.time.monotonic", lambda now=agenda._started: now + 10.1)
    assert agenda.tick() is None
    assert [number for number, _, _ in agenda.unfinished()] == [0, 1]


def test_nobody_begins_when_it_is_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    agenda = Agenda(Plan("127.0.0.1:1", (Visit("look"), Visit("look")), 60.0, 1, until_seconds=5.0))
    agenda.start()
    taken = agenda.take()
    assert taken is not None
    monkeypatch.setattr("loadtests.agenda.time.monotonic", lambda now=agenda._started: now + 5.1)
    agenda.finish(taken[0])
    assert agenda.take() is None
    assert agenda.over


@given(st.integers(1, 40), st.floats(0, 3), st.floats(0, 100))
def test_each_visit_that_is_due_has_a_user_of_its_own(count: int, gap: float, now: float) -> None:
    plan = make_plan(count, gap=gap)
    due = sum(visit.arrival_seconds <= now for visit in plan.visits)
    assert due <= Agenda(plan).users(now) <= count


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_each_profile_has_an_end_and_something_that_must_hold(profile: Profile) -> None:
    count = profile.count(capacity=0.5, seconds=0.0)
    talks = [Path(f"{number}.opus") for number in range(count)]
    plan = profile.plan("127.0.0.1:1", talks, 0.5, 0.0)
    assert profile.targets
    assert plan.visits
    assert max(visit.arrival_seconds for visit in plan.visits) < plan.limit_seconds < 2000
    assert plan == profile.plan("127.0.0.1:1", talks, 0.5, 0.0)


def test_no_talk_is_brought_twice_but_in_abuse() -> None:
    for profile in PROFILES.values():
        talks = [Path(f"{number}.opus") for number in range(profile.count(0.5, 0.0))]
        brought = [visit.talk for visit in profile.plan("", talks, 0.5, 0.0).visits if visit.kind == "talk"]
        assert len(brought) == len(set(brought))
