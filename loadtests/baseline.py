"""Comparison with an earlier run, as ratios."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from loadtests.figures import Figures
from loadtests.verdict import Check

LIMITS: Mapping[str, float] = {"cpu": 1.25, "time": 1.5, "rpc": 2.0, "rate": 1.25}
"""How much worse a figure may be, by its kind: processor time hardly depends on who else uses the machine, short calls do."""
LEAST_SECONDS = 0.02
"""Times below this are compared as if they were this: a call of 2 ms that takes 5 is no regression."""


def metrics(figures: Figures) -> dict[str, float]:
    """Returns what is compared, by a name that begins with its kind; only of "rate" more is better."""
    found = {f"cpu {name}, s a second of sound": one.cpu_per_audio_second for name, one in figures.stages.items()}
    found |= {f"time to video, {name}, p95 s": one.p95 for name, one in figures.to_video.items()}
    found |= {
        f"rpc {name}, p95 s": max(LEAST_SECONDS, one.time.p95)
        for name, one in figures.calls.items()
        if one.ok and "until end" not in name and "slowly" not in name
    }
    if figures.jobs_per_minute:
        found["rate of videos a minute"] = figures.jobs_per_minute
    if figures.watch is not None:
        found["cpu gateway with watches, share of a core"] = figures.watch.share_during
    return found


def save(path: Path, profile: str, figures: Figures) -> None:
    """Keeps the figures of a profile in a file, beside those of others. Errors: OSError."""
    kept = json.loads(path.read_text()) if path.exists() else {}
    kept[profile] = metrics(figures)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n")


def load(path: Path, profile: str) -> dict[str, float]:
    """Returns the figures that are kept of a profile. Errors: SystemExit when there are none."""
    if not path.exists():
        raise SystemExit(f"{path}: there is no such file; make one with --save-baseline {path}")
    kept: dict[str, dict[str, float]] = json.loads(path.read_text())
    if profile not in kept:
        raise SystemExit(f"{path} holds {', '.join(kept) or 'nothing'}, not {profile}; add it with --save-baseline {path}")
    return kept[profile]


def compare(before: Mapping[str, float], now: Mapping[str, float]) -> list[Check]:
    """Returns a check for each figure that both have: the ratio of now to before must stay below its limit."""
    return [_compare(name, before[name], now[name]) for name in before if name in now]


def _compare(name: str, before: float, now: float) -> Check:
    kind = name.split(maxsplit=1)[0]
    limit = LIMITS[kind]
    ratio = now / before if before else 1.0
    passed = ratio >= 1 / limit if kind == "rate" else ratio <= limit
    wanted = f"≥ {1 / limit:.2f} × before" if kind == "rate" else f"≤ {limit:g} × before"
    return Check(name, wanted, f"{ratio:.2f} × ({before:.3g} → {now:.3g})", passed)
