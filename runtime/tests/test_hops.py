"""The lines of a job's timeline."""

from __future__ import annotations

from s2v.runtime import hops
from s2v.v1.report_pb2 import Stage
from s2v.v1.timeline_pb2 import Attempt, AttemptOutcome
from s2v.v1.work_pb2 import StageRecord

HANDED_BACK = AttemptOutcome.ATTEMPT_OUTCOME_HANDED_BACK
FAILED = AttemptOutcome.ATTEMPT_OUTCOME_FAILED


def made(task: str, outcome: AttemptOutcome.ValueType, reason: str = "", epoch: int = 1) -> Attempt:
    return hops.attempt(Stage.STAGE_LAYOUT, task, epoch, outcome, reason=reason)


def noted(*attempts: Attempt) -> list[tuple[str, str, int]]:
    entry = StageRecord()
    for attempt in attempts:
        hops.note(entry, attempt)
    return [(attempt.task, attempt.reason, attempt.times) for attempt in entry.attempts]


def test_a_task_that_waits_for_hours_does_not_fill_the_record() -> None:
    waits = [made("plan", HANDED_BACK, "STAGE_FULL") for _ in range(5000)]
    assert noted(*waits) == [("plan", "STAGE_FULL", 5000)]


def test_many_parts_that_wait_by_turns_do_not_fill_the_record() -> None:
    waits = [made(f"part.{number % 3}", HANDED_BACK, "UNAVAILABLE") for number in range(3000)]
    assert noted(*waits) == [(f"part.{number}", "UNAVAILABLE", 1000) for number in range(3)]
    assert noted(waits[0], made("part.0", FAILED, "ENGINE_FAILED"), waits[1], waits[3]) == [
        ("part.0", "UNAVAILABLE", 1),
        ("part.0", "ENGINE_FAILED", 1),
        ("part.1", "UNAVAILABLE", 1),
        ("part.0", "UNAVAILABLE", 1),
    ], "what it did in between stays told"


def test_what_ends_differently_has_a_line_of_its_own() -> None:
    assert noted(
        made("plan", HANDED_BACK, "STAGE_FULL"),
        made("plan", HANDED_BACK, "UNAVAILABLE"),
        made("plan", FAILED, "ENGINE_FAILED"),
        made("plan", FAILED, "ENGINE_FAILED"),
        made("part.0", HANDED_BACK, "STAGE_FULL"),
        made("part.0", HANDED_BACK, "STAGE_FULL", epoch=2),
    ) == [
        ("plan", "STAGE_FULL", 1),
        ("plan", "UNAVAILABLE", 1),
        ("plan", "ENGINE_FAILED", 1),
        ("plan", "ENGINE_FAILED", 1),
        ("part.0", "STAGE_FULL", 1),
        ("part.0", "STAGE_FULL", 1),
    ]


def test_of_an_attempt_whose_worker_died_only_the_end_is_known() -> None:
    lost = hops.lost(Stage.STAGE_LAYOUT, "part.3", 1)
    assert not lost.HasField("started_at")
    assert lost.HasField("finished_at")
    assert (lost.worker, lost.reason) == ("", "WORKER_LOST")
