"""Where a job's time went, as its record says: every attempt at each task was written with what it made."""

from __future__ import annotations

from s2v.v1.timeline_pb2 import Attempt, Timeline
from s2v.v1.work_pb2 import JobRecord


def timeline(record: JobRecord) -> Timeline:
    """Returns the timeline of a job, whether it has ended or not."""
    job = record.job
    attempts = [attempt for entry in record.stages for attempt in entry.attempts]
    found = Timeline(
        job_id=job.id,
        state=job.state,
        trace_id=record.traceparent.split("-")[1] if record.traceparent else "",
        created_at=job.created_at,
        source_seconds=job.source_seconds,
        attempts=sorted(attempts, key=_start),
    )
    if job.HasField("finished_at"):
        found.finished_at.CopyFrom(job.finished_at)
    return found


def _start(attempt: Attempt) -> tuple[int, int]:
    """Orders attempts; one whose worker died has only an end."""
    begin = attempt.started_at if attempt.HasField("started_at") else attempt.finished_at
    return begin.ToNanoseconds(), attempt.finished_at.ToNanoseconds()
