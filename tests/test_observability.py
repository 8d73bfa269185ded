"""What the house says of itself: one whole trace a job, metrics of every service, a timeline without holes."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from s2v.cli.administration import find_settings
from s2v.cli.stack import SERVICES, find_stack
from s2v.v1.timeline_pb2 import AttemptOutcome

from .conftest import Stack, cut
from .made import Made
from .telemetry import Collector, Span

pytestmark = pytest.mark.integration

STAGES = ("transcription", "analysis", "layout", "rendering")
CONSUMER, PRODUCER, CLIENT = 5, 4, 3
SECONDS = 60
ENGINES = {
    "transcription": "engine recognize",
    "analysis": "engine analyze_bytes",
    "layout": "engine compose_bytes",
    "rendering": "engine make_clip",
}
EDGES = [
    ("gateway", "publish s2v.work.transcription", "gateway", "/s2v.v1.JobService/CreateJob"),
    ("gateway", "s3 put", "gateway", "/s2v.v1.JobService/CreateJob"),
    *((stage, "queue", stage, f"process s2v.work.{stage}") for stage in STAGES),
    *((stage, "s3 get", stage, f"process s2v.work.{stage}") for stage in STAGES),
    *((stage, "s3 put", stage, f"process s2v.work.{stage}") for stage in STAGES),
    *((stage, ENGINES[stage], stage, f"process s2v.work.{stage}") for stage in STAGES),
    *(
        (after, f"process s2v.work.{after}", before, f"publish s2v.work.{after}")
        for before, after in zip(("gateway", *STAGES), STAGES, strict=False)
    ),
    *(
        (before, f"publish s2v.work.{after}", before, f"process s2v.work.{before}")
        for before, after in itertools.pairwise(STAGES)
    ),
    *((stage, f"process s2v.work.{stage}", stage, f"publish s2v.work.{stage}") for stage in ("transcription", "rendering")),
]
"""Service and name of a span, and of the one above it."""


def wait_until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture(scope="module")
def spans(made: Made, collector: Collector, stack: Stack) -> list[Span]:
    """The trace of the job, when all of it has arrived."""
    timeline = json.loads(stack.run("trace", str(made.job["id"]), "--json").stdout)
    trace_id = bytes.fromhex(timeline["traceId"])
    wait_until(lambda: any(span.name == "engine finish_video" for span in collector.trace(trace_id)))
    time.sleep(6)  # a batch of spans is sent every 5 seconds
    return collector.trace(trace_id)


@pytest.mark.parametrize(("service", "name", "above_service", "above"), EDGES)
def test_each_span_hangs_on_the_one_that_caused_it(
    spans: list[Span], service: str, name: str, above_service: str, above: str
) -> None:
    known = {span.span_id: span for span in spans}
    mine = [span for span in spans if (span.service, span.name) == (service, name)]
    assert mine
    parents = [(known[span.parent_id].service, known[span.parent_id].name) for span in mine if span.parent_id in known]
    assert (above_service, above) in parents


def test_no_span_of_the_trace_has_lost_its_parent(spans: list[Span]) -> None:
    known = {span.span_id for span in spans}
    assert [span.name for span in spans if span.parent_id and span.parent_id not in known] == []


def test_kinds_and_attributes_are_those_of_the_conventions(spans: list[Span]) -> None:
    for span in spans:
        if span.name.startswith(("publish", "process")):
            assert span.kind == (PRODUCER if span.name.startswith("publish") else CONSUMER)
            assert span.attributes["messaging.system"] == "nats"
            assert span.attributes["messaging.destination.name"] == span.name.partition(" ")[2]
        if span.name.startswith("s3 "):
            assert span.kind == CLIENT


def test_a_join_is_linked_to_its_parts(spans: list[Span]) -> None:
    names = {span.span_id: span.attributes.get("s2v.task", "") for span in spans}
    work = [span for span in spans if span.name == "process s2v.work.rendering"]
    join = next(span for span in work if span.attributes["s2v.task"] == "join")
    linked = {names[span_id] for span_id, why in join.links if why == "part"}
    parts = {name for span, name in names.items() if str(name).startswith("part.")}
    assert linked
    assert linked <= parts


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_sends_its_metrics(spans: list[Span], collector: Collector, service: str) -> None:
    own = {"gateway": {"rpc.server.call.duration", "s2v.jobs.created", "s2v.queue.tasks", "s2v.queue.oldest.age"}}
    stage = {"s2v.task.duration", "s2v.task.wait", "s2v.stage.duration", "s2v.cache.lookups", "s2v.engine.processes"}
    common = {"s2v.memory.used", "s2v.memory.limit", "s2v.cpu.time", "s2v.disk.free", "s2v.dependency.up"}
    wait_until(lambda: (common | own.get(service, stage)) <= collector.metrics[service])


def test_measurements_name_a_trace_as_example(made: Made, spans: list[Span], collector: Collector) -> None:
    (trace_id,) = {span.trace_id for span in spans}
    for metric in ("s2v.task.duration", "s2v.stage.duration", "s2v.stage.confidence"):
        wait_until(lambda metric=metric: trace_id in collector.exemplars[metric])


def test_logs_are_json_name_trace_and_job_and_hold_neither_secrets_nor_speech(made: Made, stack: Stack) -> None:
    settings = asyncio.run(find_settings(stack.home))
    secrets = [settings.s3_secret_key.get_secret_value(), settings.nats_token.get_secret_value()]
    assert all(secrets)
    transcript = json.loads((made.folder / "transcript.json").read_text())
    speech = [" ".join(words) for words in _runs(" ".join(one["text"] for one in transcript["segments"]).split(), 4)]
    told = 0
    for service in SERVICES:
        for line in (stack.home / "logs" / f"{service}.log").read_text().splitlines():
            entry = json.loads(line)
            assert {"time", "level", "logger", "message"} <= set(entry)
            assert entry["level"] != "debug"
            assert not [one for one in secrets if one in line]
            assert not [one for one in speech if one in line]
            if entry["message"] == "task done":
                assert len(entry["trace_id"]) == 32
                told += entry["job_id"] == made.job["id"]
    assert told >= 8


def _runs(words: Sequence[str], length: int) -> Iterator[Sequence[str]]:
    return (words[start : start + length] for start in range(len(words) - length + 1))


def test_the_timeline_has_every_step_and_no_hole(made: Made, stack: Stack, tmp_path: Path) -> None:
    timeline = json.loads(stack.run("trace", str(made.job["id"]), "--json").stdout)
    steps = [(one["stage"], one["task"]) for one in timeline["attempts"]]
    for stage in STAGES:
        mine = [task for name, task in steps if name == f"STAGE_{stage.upper()}"]
        assert mine[0] == "plan"
        assert mine[-1] == "join"
        assert sorted(mine[1:-1]) == sorted(f"part.{number}" for number in range(len(mine) - 2))
    assert {one["outcome"] for one in timeline["attempts"]} == {"ATTEMPT_OUTCOME_DONE"}
    shown = stack.run("trace", str(made.job["id"]), "--detail").stdout
    assert "transcription" in shown
    assert "engine make_clip" in shown
    page = tmp_path / "trace.html"
    stack.run("trace", str(made.job["id"]), "--page", page)
    assert page.read_text().count("<tr") == len(steps) + 1
    assert "<script" not in page.read_text()


def test_top_shows_queues_and_workers(stack: Stack) -> None:
    view = json.loads(stack.run("top", "--once", "--json").stdout)
    assert {worker["stage"] for worker in view["workers"]} == {f"STAGE_{stage.upper()}" for stage in STAGES}
    assert {(queue["stage"], queue["priority"]) for queue in view["queues"]} == {
        (stage, priority) for stage in STAGES for priority in ("high", "normal", "low")
    }
    assert "rendering" in stack.run("top", "--once").stdout


def test_a_killed_worker_leaves_its_attempt_in_the_timeline(make_stack: Callable[[], Stack], tmp_path: Path) -> None:
    stack = make_stack()
    stack.up(S2V_ACK_WAIT_SECONDS="8")
    job_id = stack.run("submit", cut("02-where-our-water-comes-from.opus", tmp_path / "talk.opus", 0, 40)).stdout.strip()
    endpoints = find_stack(stack.home)
    assert endpoints is not None

    def busy() -> bool:
        view = json.loads(stack.run("top", "--once", "--json").stdout)
        return any("part" in task["task"] for worker in view["workers"] for task in worker.get("busy", []))

    wait_until(busy)
    for process in psutil.Process(endpoints.pid).children(recursive=True):
        if process.cmdline()[-1:] == ["s2v.transcription"]:
            os.kill(process.pid, signal.SIGKILL)
    stack.run("watch", job_id)
    timeline = json.loads(stack.run("trace", job_id, "--json").stdout)
    lost = [one for one in timeline["attempts"] if one["outcome"] == AttemptOutcome.Name(AttemptOutcome.ATTEMPT_OUTCOME_LOST)]
    assert lost
    for one in lost:
        again = [other for other in timeline["attempts"] if other["task"] == one["task"] and other["stage"] == one["stage"]]
        assert again[-1]["outcome"] == "ATTEMPT_OUTCOME_DONE"
