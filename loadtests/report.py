"""The reports of a run: `report.json` for machines, `report.html`, one file that needs nothing else, for people."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup

from loadtests.curves import draw_curves
from loadtests.observer import Sample
from loadtests.run import Run
from loadtests.verdict import Check


@dataclass(frozen=True)
class Judged:
    """A run and what is thought of it."""

    run: Run
    checks: Sequence[Check]
    compared: Sequence[Check]
    """With the baseline; none without one."""

    @property
    def passed(self) -> bool:
        """Whether all targets that can be judged are reached, and nothing is worse than it may be."""
        return all(check.passed is not False for check in (*self.checks, *self.compared))


def write(judged: Judged, out: Path) -> None:
    """Writes both reports into a folder. Errors: OSError."""
    run = judged.run
    document = {
        "profile": run.profile.name,
        "target": run.target,
        "started": datetime.fromtimestamp(run.started, UTC).isoformat(timespec="seconds"),
        "cores": run.cores,
        "load": run.load,
        "passed": judged.passed,
        "checks": [asdict(check) for check in judged.checks],
        "compared": [asdict(check) for check in judged.compared],
        "figures": asdict(run.figures),
        "samples": [asdict(sample) for sample in run.samples],
    }
    (out / "report.json").write_text(json.dumps(document, indent=1) + "\n")
    pages = Environment(loader=PackageLoader("loadtests", "pages"), autoescape=select_autoescape(("html",)))
    page = pages.get_template("report.html").render(
        judged=judged,
        run=run,
        figures=run.figures,
        started=document["started"],
        curves=[Markup(curve) for curve in _curves(run.samples)],  # noqa: S704 - drawn by matplotlib, which escapes names
    )
    (out / "report.html").write_text(page)


def _curves(samples: Sequence[Sample]) -> list[str]:
    if len(samples) < 2:
        return []
    start = samples[0].at
    drawn = []
    queued = [sample for sample in samples if sample.waiting]
    if queued:
        times = [sample.at - start for sample in queued]
        stages = list(queued[0].waiting)
        waiting = {stage: [float(sample.waiting[stage]) for sample in queued] for stage in stages}
        drawn.append(draw_curves(times, waiting, title="Tasks that wait", unit="tasks", stairs=True))
        at_work = {stage: [float(sample.at_work[stage]) for sample in queued] for stage in stages}
        drawn.append(draw_curves(times, at_work, title="Tasks at work or put off", unit="tasks", stairs=True))
    times = [sample.at - start for sample in samples]
    names = list(dict.fromkeys(name for sample in samples for name in sample.memory_mb))
    memory = {name: [sample.memory_mb.get(name, float("nan")) for sample in samples] for name in names}
    drawn.append(draw_curves(times, memory, title="Memory of each service with its workers", unit="MB"))
    drawn.append(draw_curves(times[1:], _shares(samples, names), title="Processor time", unit="cores"))
    return drawn


def _shares(samples: Sequence[Sample], names: Sequence[str]) -> dict[str, list[float]]:
    """Returns the processor time of each service between samples, in cores."""
    return {
        name: [
            max(0.0, later.cpu_seconds.get(name, 0.0) - sooner.cpu_seconds.get(name, 0.0)) / (later.at - sooner.at)
            for sooner, later in itertools.pairwise(samples)
        ]
        for name in names
    }
