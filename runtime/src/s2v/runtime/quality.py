"""How good results are: the measures of the stages' reports, and what users say, as metrics of all jobs together.

What one job's report says of its own result, these say of all of them, so that a drift is seen that no single job shows.
"""

from __future__ import annotations

from opentelemetry import metrics

from s2v.runtime.metrics import histogram
from s2v.runtime.stage import NAMES
from s2v.v1.report_pb2 import StageReport

_meter = metrics.get_meter("s2v.quality")

_SHARES = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 1)
_PIXELS = (8, 12, 16, 18, 20, 22, 24, 28, 32)
_SYNC_SECONDS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 1, 2, 5)

confidences = histogram("s2v.stage.confidence", "1", "Mean confidence of a result, 0 to 1, by stage.", _SHARES)
uncertain = histogram(
    "s2v.transcription.uncertain", "1", "Share of a talk's sentences of which the engine is not sure, 0 to 1.", _SHARES
)
diagrams = histogram("s2v.analysis.diagrams", "1", "Share of a talk's scenes that show a diagram, 0 to 1.", _SHARES)
text_sizes = histogram("s2v.layout.text.size", "{pixel}", "Smallest text of a video at 1080p, in pixels.", _PIXELS)
area_used = histogram("s2v.layout.area_used", "1", "Share of the canvas that diagrams use, 0 to 1.", _SHARES)
layout_faults = _meter.create_counter(
    "s2v.layout.faults", "{fault}", "Overlaps, routes through shapes and label hits that the search has left in, by fault."
)
sync_errors = histogram(
    "s2v.rendering.sync_error", "s", "How far from its word a thing is seen, 95th percentile of a video.", _SYNC_SECONDS
)
degradations = _meter.create_counter("s2v.degradations", "{fallback}", "Fallbacks in finished stages, by stage and code.")
ratings = histogram("s2v.job.rating", "{star}", "What users think of their videos, 1 to 5.", (1, 2, 3, 4, 5))

LAYOUT_FAULTS = ("shape_overlaps", "routes_through_shapes", "label_hits")


def begin(stage: str) -> None:
    """Starts the counts of a stage at 0, so that the first fallback is an increase."""
    degradations.add(0, {"stage": stage, "code": "NONE"})


def observe(report: StageReport) -> None:
    """Takes in the report of a finished stage, whether it was made or came from the cache."""
    stage, measures = {"stage": NAMES[report.stage]}, report.measures
    if report.HasField("confidence"):
        confidences.record(report.confidence, stage)
    for fallback in report.degradations:
        degradations.add(1, {**stage, "code": fallback.code})
    if measures.get("sentences"):
        uncertain.record(measures["uncertain_sentences"] / measures["sentences"])
    if measures.get("scenes"):
        diagrams.record(measures["diagrams"] / measures["scenes"])
    if "min_text_px" in measures:
        text_sizes.record(measures["min_text_px"])
        area_used.record(measures["area_used"])
        for fault in LAYOUT_FAULTS:
            layout_faults.add(measures[fault], {"fault": fault})
    if "sync_error_p95_seconds" in measures:
        sync_errors.record(measures["sync_error_p95_seconds"])
