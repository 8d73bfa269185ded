"""What must hold, and whether it does."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadtests.figures import Figures

SUCCESS_SHARE = 0.95
ERROR_SHARE = 0.01
REALTIME = 4.0
PRIORITY_RATIO = 0.5
WATCH_CPU_SHARE = 0.05
GROWTH_SHARE = 0.1
"""What memory may grow by after the warm-up, as a part of its peak …"""
GROWTH_MB = 40.0
"""… or by this, whichever is more: allocators keep what they had once."""
SERVICES = frozenset({"gateway", "transcription", "analysis", "layout", "rendering"})
"""Whose growth is judged: ours. NATS and S3 keep in memory what they serve while there is room; the report shows them."""
S3_MB = 500.0
"""What the embedded SeaweedFS may take. Its buffers grow while its first 150 MB are written, to some 370 MB, and hardly after:
400 MB when 380 MB are written."""
QUIET_CALL_SECONDS = 1.0
"""A short call of an honest tenant, at the 95th percentile, while another one misbehaves."""
WAIT_JOBS = 8.0
"""How many jobs' time a job may take, at the 95th percentile, when arrivals stay at 0.7 of what the system can do. Where two
are made at once a job alone takes 2; the wait of a perfect queue with equal jobs (M/D/1) comes to 4.1 more. More says that it
grows."""


class Target(enum.Enum):
    """Something that must hold."""

    ACCEPTED_SUCCEED = "accepted jobs that succeed"
    FEW_ERRORS = "calls that fail"
    FINISHES = "visits that are neither failed nor cut off"
    CLEAN_REFUSALS = "refusals that say when to come again"
    REALTIME = "seconds of sound a second"
    HIGH_FIRST = "p95 to the video, high to low priority"
    QUEUE_BOUNDED = "p95 to the video, in jobs that the system makes meanwhile"
    FLAT_MEMORY = "growth of memory after the warm-up"
    CHEAP_WATCHES = "processor share of the watches"
    UNDISTURBED = "the honest tenant: p95 of a short call"


@dataclass(frozen=True)
class Check:
    """A target and what was found."""

    name: str
    wanted: str
    found: str
    passed: bool | None
    """None: it cannot be judged here, and does not count."""


def judge(targets: Sequence[Target], figures: Figures, *, embedded: bool = True) -> list[Check]:
    """Checks each target. Memory is not judged unless the stack is embedded: no process of another one is seen."""
    return [
        _JUDGES[target](target.value, figures)
        if embedded or target is not Target.FLAT_MEMORY
        else Check(target.value, "not judged", "its processes are elsewhere", passed=None)
        for target in targets
    ]


def _accepted_succeed(name: str, figures: Figures) -> Check:
    # Whoever cancels his own job has got what he wanted.
    wanted = figures.accepted - figures.states.get("cancelled", 0)
    share = figures.succeeded / wanted if wanted else 0.0
    return Check(name, f"> {SUCCESS_SHARE:.0%}", f"{share:.1%} ({figures.succeeded} of {wanted})", share > SUCCESS_SHARE)


def _few_errors(name: str, figures: Figures) -> Check:
    calls = sum(one.ok + one.refused + one.expected + one.errors for one in figures.calls.values())
    errors = sum(one.errors for one in figures.calls.values())
    found = f"{figures.error_share:.2%} ({errors} of {calls})"
    return Check(name, f"< {ERROR_SHARE:.0%}", found, calls > 0 and figures.error_share < ERROR_SHARE)


def _finishes(name: str, figures: Figures) -> Check:
    bad = sum(figures.states.get(state, 0) for state in ("failed", "error", "unfinished", "refused"))
    return Check(name, f"{figures.visits}", f"{figures.visits - bad}", figures.visits > 0 and not bad)


def _clean_refusals(name: str, figures: Figures) -> Check:
    clean = sum(figures.refusals.values())
    # Refusals for want of room that do not say when to come again count as errors of their call.
    blunt = sum(many for what, many in figures.errors.items() if "TOO_MANY" in what or "RESOURCE_EXHAUSTED" in what)
    return Check(name, "all, and some", f"{clean} of {clean + blunt}", clean > 0 and not blunt)


def _realtime(name: str, figures: Figures) -> Check:
    return Check(name, f"≥ {REALTIME:g}", f"{figures.realtime:.2f}", figures.realtime >= REALTIME)


def _high_first(name: str, figures: Figures) -> Check:
    high, low = figures.to_video.get("high"), figures.to_video.get("low")
    if high is None or low is None:
        return Check(name, f"≤ {PRIORITY_RATIO:g}", "no jobs to compare", passed=False)
    ratio = high.p95 / low.p95
    return Check(name, f"≤ {PRIORITY_RATIO:g}", f"{ratio:.2f} ({high.p95:.1f} s to {low.p95:.1f} s)", ratio <= PRIORITY_RATIO)


def _queue_bounded(name: str, figures: Figures) -> Check:
    worst = max((one.p95 for one in figures.to_video.values()), default=0.0)
    jobs = worst * figures.capacity_jobs_per_minute / 60
    return Check(name, f"≤ {WAIT_JOBS:g}", f"{jobs:.1f} ({worst:.1f} s)", 0 < jobs <= WAIT_JOBS)


def _flat_memory(name: str, figures: Figures) -> Check:
    def too_much(mb: float, peak: float) -> bool:
        return mb > max(GROWTH_MB, GROWTH_SHARE * peak)

    ours = {process: one for process, one in figures.processes.items() if process in SERVICES}
    grown = {process: one for process, one in ours.items() if too_much(one.growth_mb, one.peak_mb)}
    worst = max(ours.items(), key=lambda entry: entry[1].growth_mb, default=None)
    found = ", ".join(f"{process} {one.growth_mb:+.0f} MB" for process, one in grown.items())
    if not found and worst is not None:
        found = f"most: {worst[0]} {worst[1].growth_mb:+.0f} MB of {worst[1].peak_mb:.0f} MB"
    store = figures.processes.get("s3")
    full = store is not None and store.peak_mb > S3_MB
    if store is not None:
        found += f"; s3 at most {store.peak_mb:.0f} MB"
    wanted = f"≤ {GROWTH_SHARE:.0%} or {GROWTH_MB:.0f} MB a service; s3 below {S3_MB:.0f} MB"
    return Check(name, wanted, found or "no samples", worst is not None and not grown and not full)


def _cheap_watches(name: str, figures: Figures) -> Check:
    watch = figures.watch
    if watch is None:
        return Check(name, f"< {WATCH_CPU_SHARE:.0%} of a core", "not measured", passed=False)
    found = f"{watch.cost:.1%} for {watch.streams} ({watch.share_before:.1%} before, {watch.share_during:.1%} with them)"
    return Check(name, f"< {WATCH_CPU_SHARE:.0%} of a core", found, watch.cost < WATCH_CPU_SHARE)


def _undisturbed(name: str, figures: Figures) -> Check:
    refused = figures.tenants.get("honest", 0)
    # GetJob and QueryUpload of both tenants alike: the gateway is one.
    worst = max((figures.calls[rpc].time.p95 for rpc in ("GetJob", "StartUpload") if rpc in figures.calls), default=0.0)
    found = f"{worst:.2f} s, refused {refused} times"
    return Check(name, f"< {QUIET_CALL_SECONDS:g} s, never refused", found, worst < QUIET_CALL_SECONDS and not refused)


_JUDGES: Mapping[Target, Callable[[str, Figures], Check]] = {
    Target.ACCEPTED_SUCCEED: _accepted_succeed,
    Target.FEW_ERRORS: _few_errors,
    Target.FINISHES: _finishes,
    Target.CLEAN_REFUSALS: _clean_refusals,
    Target.REALTIME: _realtime,
    Target.HIGH_FIRST: _high_first,
    Target.QUEUE_BOUNDED: _queue_bounded,
    Target.FLAT_MEMORY: _flat_memory,
    Target.CHEAP_WATCHES: _cheap_watches,
    Target.UNDISTURBED: _undisturbed,
}
