"""Where a job's time went, as rows of bars: one for each attempt at a task, with what the attempt did below it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from s2v.v1.report_pb2 import Stage
from s2v.v1.timeline_pb2 import Attempt, AttemptOutcome, Timeline

SHORT_SECONDS = 0.002
"""What took less is left out of the details."""


@dataclass(frozen=True)
class Bar:
    """Something that took time. Times are seconds from the job's acceptance."""

    name: str
    """E.g. "part.3", or of a detail "s3 put"."""
    group: str
    """The stage."""
    depth: int
    """0 for an attempt; more for what it did."""
    waited_from: float
    """When its wait began; the start if it did not wait."""
    start: float
    end: float
    outcome: str
    """How it ended: "done", "cached", "failed", "handed back", "lost"; of a detail "" or "failed"."""
    note: str
    """Reason, worker, how often; for people."""


@dataclass(frozen=True)
class Waterfall:
    """The bars of a job, in order."""

    timeline: Timeline
    bars: Sequence[Bar]
    seconds: float
    """From the job's acceptance to its end, or to the last thing known."""

    @property
    def queued(self) -> float:
        """Seconds in which nothing of the job was at work: waits, and what was lost."""
        reached = idle = 0.0
        for bar in sorted((bar for bar in self.bars if bar.depth == 0), key=lambda bar: bar.start):
            idle += max(0.0, bar.start - reached)
            reached = max(reached, bar.end)
        return idle + max(0.0, self.seconds - reached)


def build(timeline: Timeline, spans: Iterable[Mapping[str, object]] = ()) -> Waterfall:
    """Lays out a job's timeline; `spans` are what a span file holds, and give the details."""
    zero = timeline.created_at.ToNanoseconds() / 1e9
    below = _children(spans)
    bars: list[Bar] = []
    for attempt in timeline.attempts:
        own = _attempt(attempt, zero)
        span_id = attempt.traceparent.split("-")[2] if attempt.traceparent else ""
        # A delivery that makes several steps has one span: each step shows what began in its time.
        details = (bar for bar in _details(below, span_id, own.group, 1, zero) if own.start - 0.001 <= bar.start <= own.end)
        bars.extend((own, *details))
    end = timeline.finished_at.ToNanoseconds() / 1e9 - zero if timeline.HasField("finished_at") else 0.0
    return Waterfall(timeline, bars, max([end, *(bar.end for bar in bars)], default=0.0))


def read_spans(path: Path, trace_ids: frozenset[str]) -> Iterator[Mapping[str, object]]:
    """Yields the finished spans of some traces from a file with one JSON object a line.

    Errors: OSError.
    """
    with path.open(encoding="utf-8") as file:
        for line in file:
            if not any(trace_id in line for trace_id in trace_ids):
                continue
            try:
                yield json.loads(line)
            except json.JSONDecodeError:  # the last line of a killed process
                continue


def _attempt(attempt: Attempt, zero: float) -> Bar:
    end = attempt.finished_at.ToNanoseconds() / 1e9 - zero
    published = attempt.published_at.ToNanoseconds() / 1e9 - zero if attempt.HasField("published_at") else end
    start = attempt.started_at.ToNanoseconds() / 1e9 - zero if attempt.HasField("started_at") else published
    notes = [attempt.reason, f"{attempt.times} times" if attempt.times > 1 else "", attempt.worker]
    outcome = AttemptOutcome.Name(attempt.outcome).removeprefix("ATTEMPT_OUTCOME_").lower().replace("_", " ")
    return Bar(
        name=attempt.task if attempt.epoch == 1 else f"{attempt.task} (run {attempt.epoch})",
        group=Stage.Name(attempt.stage).removeprefix("STAGE_").lower(),
        depth=0,
        waited_from=min(published, start),
        start=start,
        end=end,
        outcome=outcome,
        note=", ".join(note for note in notes if note),
    )


def _children(spans: Iterable[Mapping[str, object]]) -> Mapping[str, Sequence[Mapping[str, object]]]:
    found: dict[str, list[Mapping[str, object]]] = defaultdict(list)
    for span in spans:
        parent = str(span.get("parent_id") or "").removeprefix("0x")
        found[parent].append(span)
    return found


def _details(
    below: Mapping[str, Sequence[Mapping[str, object]]], span_id: str, group: str, depth: int, zero: float
) -> Iterator[Bar]:
    for span in sorted(below.get(span_id, ()), key=lambda one: str(one["start_time"])) if span_id else ():
        name = str(span["name"])
        start, end = _seconds(span["start_time"]) - zero, _seconds(span["end_time"]) - zero
        # The wait has its own bar, and what a published task becomes is the next attempt.
        if name == "queue" or name.startswith(("publish ", "process ")) or end - start < SHORT_SECONDS:
            continue
        status, context = span["status"], span["context"]
        failed = isinstance(status, dict) and status.get("status_code") == "ERROR"
        yield Bar(name, group, depth, start, start, end, "failed" if failed else "", "")
        if isinstance(context, dict):
            yield from _details(below, str(context["span_id"]).removeprefix("0x"), group, depth + 1, zero)


def _seconds(written: object) -> float:
    return datetime.fromisoformat(str(written)).timestamp()
