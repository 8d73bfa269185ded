"""What the house decides by itself, said where people look: the log, the metrics, and the trace of the work it was made in."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass

from opentelemetry import trace

from s2v.runtime import metrics

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Decision:
    """One change that the house has made to how it works, with what it went by."""

    stage: str
    knob: str
    """What was changed: "concurrency", "decode"."""
    reason: str
    """Why, of a small set of words by knob."""
    before: float
    after: float
    """The knob's value before and after; equal where a trial was kept."""
    measured: float
    """What it went by: a share of memory, a realtime factor, a mean log probability, a cost."""


def note(decision: Decision) -> None:
    """Logs a decision, counts it, and adds it to the span of the work at hand."""
    fields = asdict(decision)
    log.info("decision", extra=fields)
    metrics.decisions.add(1, {"stage": decision.stage, "knob": decision.knob, "reason": decision.reason})
    trace.get_current_span().add_event("s2v.decision", {f"s2v.{name}": value for name, value in fields.items()})
