"""The page of the capacity model, its plots, and the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup

from loadtests.capacity import cluster, workload
from loadtests.capacity.limits import Limit, Size
from loadtests.capacity.scenario import Day, Prices
from loadtests.capacity.validation import Validation
from loadtests.costs import Costs
from loadtests.curves import draw_curves


@dataclass(frozen=True)
class Findings:
    """All that the model says."""

    costs: Costs
    prices: Prices
    days: Sequence[Day]
    limits: Sequence[Limit]
    sizes: Sequence[Size]
    validation: Validation | None


def write(findings: Findings, out: Path) -> None:
    """Writes capacity.html, capacity.json and a plot a day as SVG. Errors: OSError."""
    plots = []
    for number, day in enumerate(findings.days):
        curves = {"replicas": _replicas(day), "queue": _queue(day)}
        for kind, curve in curves.items():
            (out / f"{number}-{kind}.svg").write_text(curve)
        plots.append([Markup(curve) for curve in curves.values()])  # noqa: S704 - drawn by matplotlib, which escapes names
    pages = Environment(loader=PackageLoader("loadtests", "pages"), autoescape=select_autoescape(("html",)))
    page = pages.get_template("capacity.html").render(
        found=findings, days=list(zip(findings.days, plots, strict=True)), workload=workload, cluster=cluster
    )
    (out / "capacity.html").write_text(page)
    document = {
        "prices": asdict(findings.prices),
        "days": [{name: value for name, value in asdict(day).items() if name != "moments"} for day in findings.days],
        "sizes": [asdict(size) for size in findings.sizes],
        "limits": [asdict(limit) for limit in findings.limits],
        "validation": asdict(findings.validation) if findings.validation else None,
    }
    (out / "capacity.json").write_text(json.dumps(document, indent=1) + "\n")


def _replicas(day: Day) -> str:
    times = [moment.at for moment in day.moments]
    curves = {name: [float(moment.replicas[name]) for moment in day.moments] for name in day.replicas}
    return draw_curves(times, curves, title=f"{day.name}: replicas", unit="pods", stairs=True)


def _queue(day: Day) -> str:
    times = [moment.at for moment in day.moments]
    curves = {
        "jobs in the system": [float(moment.jobs) for moment in day.moments],
        "tasks that wait": [float(sum(moment.waiting.values())) for moment in day.moments],
        "tasks put off": [float(sum(moment.put_off.values())) for moment in day.moments],
    }
    return draw_curves(times, curves, title=f"{day.name}: queues", unit="", stairs=True)
