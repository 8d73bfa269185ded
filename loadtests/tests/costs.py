"""Costs to try things with: round numbers, not measured."""

from __future__ import annotations

from loadtests.costs import Costs, Line, StageCosts

NOTHING = Line(0.0, 0.0)


def make_costs(spread: float = 0.0) -> Costs:
    return Costs(
        stages={
            "transcription": StageCosts("second", Line(0.0, 0.01), Line(0.5, 0.1), NOTHING),
            "analysis": StageCosts("second", NOTHING, Line(0.1, 0.005), NOTHING),
            "layout": StageCosts("scene", NOTHING, Line(0.1, 0.1), NOTHING),
            "rendering": StageCosts("second", NOTHING, Line(0.2, 0.06), Line(0.1, 0.005)),
        },
        window_seconds=25.0,
        scene_seconds=15.0,
        spread=spread,
        hops={name: {"plan": 0.02, "part": 0.02, "join": 0.02} for name in ("transcription", "analysis", "layout", "rendering")},
        overhead_cpu=0.01,
        idle_cpu=0.0,
        reconcile_seconds=0.0005,
        event_bytes=600.0,
        record_bytes=200.0,
        puts=3.0,
        cores=2,
        load=0.0,
        talks=(),
    )
