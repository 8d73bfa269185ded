"""One delivery of a task as it is seen from outside: its span and waits, its metrics, and its lines in the job's timeline.

A delivery may make several steps (plan, part and join of a stage with one part); each is an `Attempt` of its own in the record,
written in the same change as what the step has made.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from opentelemetry import trace
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from s2v.runtime import logs, metrics, telemetry
from s2v.runtime.bus import task_name
from s2v.runtime.moments import stamp
from s2v.runtime.pulling import Delivery
from s2v.v1.report_pb2 import Stage
from s2v.v1.timeline_pb2 import Attempt, AttemptOutcome
from s2v.v1.work_pb2 import StageRecord

HOST = socket.gethostname()
UNBEGUN = frozenset({"STAGE_FULL", "NEWER_TASK"})
"""Why tasks are handed back before their work begins."""
_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_current: ContextVar[Hop | None] = ContextVar("hop", default=None)


@dataclass
class Hop:
    """A delivery at work."""

    stage: str
    delivery: Delivery
    waited_from_ns: int
    """When the wait of the step at work began, in nanoseconds since 1970: of a delivery's first step, when it was published."""
    started_ns: int
    """When that step began."""
    span: trace.Span
    traceparent: str
    """The span's own, as W3C writes it."""
    outcome: AttemptOutcome.ValueType = AttemptOutcome.ATTEMPT_OUTCOME_LOST
    """How the delivery ends."""

    def fail(self, error: BaseException, *, retried: bool) -> None:
        """Notes that the delivery ends with an error; one that is retried without cost is no failure of the task."""
        self.outcome = AttemptOutcome.ATTEMPT_OUTCOME_HANDED_BACK if retried else AttemptOutcome.ATTEMPT_OUTCOME_FAILED
        self.span.set_status(Status(StatusCode.ERROR, type(error).__name__))
        if not retried:
            self.span.record_exception(error)

    def begin(self, entry: StageRecord) -> None:
        """Traces and measures how long the task has waited, now that its work begins; `entry` tells whether it has begun before.

        Once a task: what comes again after an attempt or an outage did not wait in the queue.
        """
        task = self.delivery.task
        for attempt in entry.attempts:
            if (attempt.epoch, attempt.task) == (task.epoch, task_name(task)) and attempt.reason not in UNBEGUN:
                return
        seconds = max(0, self.started_ns - self.waited_from_ns) / 1e9
        metrics.task_waits.record(seconds, {"stage": self.stage, "priority": self.delivery.priority})
        telemetry.tracer.start_span("queue", start_time=min(self.waited_from_ns, self.started_ns)).end(self.started_ns)

    def link(self, entry: StageRecord) -> None:
        """Links the span to those of earlier attempts at the task, and that of a join to the parts that it puts together."""
        name = task_name(self.delivery.task)
        for attempt in entry.attempts:
            if attempt.epoch != self.delivery.task.epoch or not (context := _span_context(attempt.traceparent)):
                continue
            if attempt.task == name:
                self.span.add_link(context, {"s2v.link": "retry"})
            elif name == "join" and attempt.task.startswith("part."):
                self.span.add_link(context, {"s2v.link": "part"})


@contextmanager
def processing(stage: str, delivery: Delivery) -> Iterator[Hop]:
    """Traces and measures a delivery of a stage's task; the hop that it yields is told how it ends."""
    task = delivery.task
    published_ns = task.published_at.ToNanoseconds()
    started_ns = time.time_ns()
    with telemetry.tracer.start_as_current_span(
        f"process s2v.work.{stage}",
        context=delivery.context,
        kind=SpanKind.CONSUMER,
        attributes={
            "messaging.system": "nats",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.destination.name": f"s2v.work.{stage}",
            "s2v.job.id": task.job_id,
            "s2v.task": task_name(task),
            "s2v.priority": delivery.priority,
            "s2v.delivery": delivery.deliveries,
        },
    ) as span:
        hop = Hop(stage, delivery, published_ns, started_ns, span, telemetry.inject().get("traceparent", ""))
        tokens = _current.set(hop), logs.job.set(task.job_id)
        try:
            yield hop
        finally:
            _current.reset(tokens[0])
            logs.job.reset(tokens[1])
            name = AttemptOutcome.Name(hop.outcome).removeprefix("ATTEMPT_OUTCOME_").lower()
            span.set_attribute("s2v.outcome", name)
            kind = task_name(task).partition(".")[0]
            metrics.task_ended(stage, kind, hop.outcome, (time.time_ns() - started_ns) / 1e9)


def attempt(
    stage: Stage.ValueType,
    task: str,
    epoch: int,
    outcome: AttemptOutcome.ValueType,
    *,
    reason: str = "",
    cpu_seconds: float = 0.0,
) -> Attempt:
    """Returns the line of the timeline for the step that ends now; the delivery's next step begins here."""
    made = Attempt(
        stage=stage, task=task, epoch=epoch, outcome=outcome, reason=reason, worker=HOST, cpu_seconds=cpu_seconds, times=1
    )
    stamp(made.finished_at)
    hop = _current.get()
    if hop is None:  # a task that is done outside the loop
        made.started_at.CopyFrom(made.finished_at)
        made.published_at.CopyFrom(made.finished_at)
        return made
    stamp(made.published_at, hop.waited_from_ns)
    stamp(made.started_at, hop.started_ns)
    hop.waited_from_ns = hop.started_ns = made.finished_at.ToNanoseconds()
    made.traceparent = hop.traceparent
    return made


def lost(stage: Stage.ValueType, task: str, epoch: int) -> Attempt:
    """Returns the line for an attempt whose worker died: all that is known is that it is over."""
    made = Attempt(stage=stage, task=task, epoch=epoch, outcome=AttemptOutcome.ATTEMPT_OUTCOME_LOST, times=1)
    made.reason = "WORKER_LOST"
    stamp(made.finished_at)
    hop = _current.get()
    if hop is not None:  # it was over at the latest when the task came again
        made.published_at.CopyFrom(hop.delivery.task.published_at)
        made.finished_at.FromNanoseconds(hop.started_ns)
    return made


def note(entry: StageRecord, made: Attempt) -> None:
    """Writes a line into the record. A task that is handed back again and again has one line, which says how often."""
    lines = (line for line in reversed(entry.attempts) if (line.task, line.epoch) == (made.task, made.epoch))
    last = next(lines, None) if made.outcome == AttemptOutcome.ATTEMPT_OUTCOME_HANDED_BACK else None
    if last is not None and (last.outcome, last.reason) == (made.outcome, made.reason):
        last.finished_at.CopyFrom(made.finished_at)
        last.times += made.times
    else:
        entry.attempts.append(made)


def _span_context(traceparent: str) -> SpanContext | None:
    found = _TRACEPARENT.fullmatch(traceparent)
    if found is None:
        return None
    trace_id, span_id, flags = (int(group, 16) for group in found.groups())
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
