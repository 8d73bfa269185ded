"""Figures of a run: percentiles by rpc and stage, throughput, errors by reason, queues, memory."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from loadtests.observer import Sample
from loadtests.records import Call, Outcome, Records

WARM_PART = 1 / 3
"""The first third of a run warms up: models are loaded, pools are filled. Slopes are taken from what follows."""


@dataclass(frozen=True)
class Spread:
    """Times, in seconds."""

    count: int
    mean: float
    p50: float
    p95: float
    p99: float
    max: float


@dataclass(frozen=True)
class CallFigures:
    """All calls of one rpc."""

    time: Spread
    """Of those that were answered."""
    ok: int
    refused: int
    """Told when to come again: no error."""
    expected: int
    """Errors that were provoked."""
    errors: int


@dataclass(frozen=True)
class StageFigures:
    """One stage over all jobs; parts that the cache answered are counted, their jobs' times are left in."""

    wait: Spread
    """From publishing to start."""
    work: Spread
    cpu_per_audio_second: float
    """Processor seconds a second of sound."""
    parts: int
    cached_parts: int


@dataclass(frozen=True)
class ProcessFigures:
    """A service with its workers."""

    cpu_seconds: float
    cpu_share: float
    """Of one core."""
    peak_mb: float
    end_mb: float
    slope_mb_per_hour: float
    """Theil-Sen estimate after the warm-up: the median of the slopes between all pairs of samples."""
    growth_mb: float
    """What the slope makes of the time after the warm-up."""


@dataclass(frozen=True)
class WatchFigures:
    """Processor time of the gateway, as a part of one core."""

    streams: int
    share_before: float
    share_during: float

    @property
    def cost(self) -> float:
        """What the streams cost."""
        return self.share_during - self.share_before


@dataclass(frozen=True)
class Figures:
    """A run in numbers."""

    seconds: float
    """From the first call to the last."""
    visits: int
    accepted: int
    succeeded: int
    states: Mapping[str, int]
    """Visits by how they ended."""
    refusals: Mapping[str, int]
    """Calls that were told to come again, by reason."""
    errors: Mapping[str, int]
    """Calls that failed, and jobs, by what failed and why."""
    error_share: float
    """Calls that failed, of all calls; what was refused cleanly is none."""
    jobs_per_minute: float
    realtime: float
    """Seconds of sound that became video in a second."""
    capacity_jobs_per_minute: float
    """What the system could do, as measured before; 0: it was not."""
    calls: Mapping[str, CallFigures]
    to_video: Mapping[str, Spread]
    """From acceptance to the video, by priority."""
    stages: Mapping[str, StageFigures]
    processes: Mapping[str, ProcessFigures]
    peak_waiting: Mapping[str, int]
    """Most tasks in a stage's queue, those taken or put off included."""
    tenants: Mapping[str, int] = field(default_factory=dict)
    """Refused calls by tenant."""
    watch: WatchFigures | None = None


def spread(values: Iterable[float]) -> Spread:
    """Returns the percentiles of some times; of none, zeros."""
    given = np.array(list(values), dtype=np.float64)
    if not given.size:
        return Spread(0, 0.0, 0.0, 0.0, 0.0, 0.0)
    p50, p95, p99 = (float(value) for value in np.percentile(given, (50, 95, 99)))
    return Spread(given.size, float(given.mean()), p50, p95, p99, float(given.max()))


def count(records: Records, samples: Sequence[Sample], capacity: float = 0.0, watch: WatchFigures | None = None) -> Figures:
    """Works the figures out; `capacity` in jobs a second."""
    calls, outcomes = records.calls, records.outcomes
    first = min((call.started for call in calls), default=0.0)
    seconds = max((call.started + call.seconds for call in calls), default=0.0) - first
    made = [outcome for outcome in outcomes if outcome.state == "succeeded"]
    failed = [call for call in calls if call.outcome == "error"]
    errors = Counter(f"{call.rpc}: {call.reason}" for call in failed)
    errors.update(
        f"{one.kind}: {one.state} {one.reason.split(':')[0]}".strip()
        for one in outcomes
        if one.state in {"failed", "error", "unfinished"}
    )
    refused = [call for call in calls if call.outcome == "refused"]
    return Figures(
        seconds=seconds,
        visits=len(outcomes),
        accepted=sum(outcome.accepted > 0 for outcome in outcomes),
        succeeded=len(made),
        states=dict(Counter(outcome.state for outcome in outcomes)),
        refusals=dict(Counter(call.reason for call in refused)),
        errors=dict(errors),
        error_share=len(failed) / max(1, len(calls)),
        jobs_per_minute=60 * len(made) / seconds if seconds else 0.0,
        realtime=_realtime(made),
        capacity_jobs_per_minute=60 * capacity,
        calls={rpc: _count_calls([call for call in calls if call.rpc == rpc]) for rpc in sorted({call.rpc for call in calls})},
        to_video={
            priority: spread(one.to_video_seconds for one in made if one.priority == priority)
            for priority in ("high", "normal", "low")
            if any(one.priority == priority for one in made)
        },
        stages=_count_stages(made),
        processes=_count_processes(samples),
        peak_waiting=_peaks(samples),
        tenants=dict(Counter(call.tenant for call in refused if call.tenant)),
        watch=watch,
    )


def rate(outcomes: Sequence[Outcome], skip: int) -> float:
    """Returns jobs a second, from the end of job number `skip` to that of the last: what the system can do when it is full.

    Errors: SystemExit when too few jobs succeeded.
    """
    ends = sorted(one.ended for one in outcomes if one.state == "succeeded")
    if len(ends) <= skip or ends[-1] <= ends[skip - 1]:
        raise SystemExit(f"capacity cannot be measured: {len(ends)} of {len(outcomes)} jobs succeeded")
    return (len(ends) - skip) / (ends[-1] - ends[skip - 1])


def slope(times: Sequence[float], values: Sequence[float]) -> float:
    """Returns the Theil-Sen slope; 0 for fewer than two values."""
    pairs = [
        (values[j] - values[i]) / (times[j] - times[i])
        for i in range(len(times))
        for j in range(i + 1, len(times))
        if times[j] != times[i]
    ]
    return statistics.median(pairs) if pairs else 0.0


def _realtime(made: Sequence[Outcome]) -> float:
    if not made:
        return 0.0
    # From the start of the first upload to the last video.
    wall = max(one.ended for one in made) - min(one.started for one in made)
    return sum(one.audio_seconds for one in made) / wall


def _count_calls(calls: Sequence[Call]) -> CallFigures:
    kinds = Counter(call.outcome for call in calls)
    return CallFigures(
        time=spread(call.seconds for call in calls if call.outcome == "ok"),
        ok=kinds["ok"],
        refused=kinds["refused"],
        expected=kinds["expected"],
        errors=kinds["error"],
    )


def _count_stages(made: Sequence[Outcome]) -> dict[str, StageFigures]:
    runs = [(one.audio_seconds, stage) for one in made for stage in one.stages]
    found = {}
    for name in dict.fromkeys(stage.stage for _, stage in runs):
        mine = [(audio, stage) for audio, stage in runs if stage.stage == name]
        found[name] = StageFigures(
            wait=spread(stage.queue_seconds for _, stage in mine),
            work=spread(stage.wall_seconds for _, stage in mine),
            cpu_per_audio_second=sum(stage.cpu_seconds for _, stage in mine) / sum(audio for audio, _ in mine),
            parts=sum(stage.parts for _, stage in mine),
            cached_parts=sum(stage.cached_parts for _, stage in mine),
        )
    return found


def _count_processes(samples: Sequence[Sample]) -> dict[str, ProcessFigures]:
    found = {}
    names = dict.fromkeys(name for sample in samples for name in sample.memory_mb)
    for name in names:
        mine = [sample for sample in samples if name in sample.memory_mb]
        lasted = mine[-1].at - mine[0].at
        used = mine[-1].cpu_seconds[name] - mine[0].cpu_seconds[name]
        warm = [sample for sample in mine if sample.at >= mine[0].at + WARM_PART * lasted]
        rise = slope([sample.at for sample in warm], [sample.memory_mb[name] for sample in warm])
        found[name] = ProcessFigures(
            cpu_seconds=used,
            cpu_share=used / lasted if lasted else 0.0,
            peak_mb=max(sample.memory_mb[name] for sample in mine),
            end_mb=mine[-1].memory_mb[name],
            slope_mb_per_hour=3600 * rise,
            growth_mb=rise * (warm[-1].at - warm[0].at),
        )
    return found


def _peaks(samples: Sequence[Sample]) -> dict[str, int]:
    peaks: dict[str, int] = {}
    for sample in samples:
        for name, waiting in sample.waiting.items():
            peaks[name] = max(peaks.get(name, 0), waiting + sample.at_work[name])
    return peaks
