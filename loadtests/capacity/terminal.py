"""What the model says, in the terminal."""

from __future__ import annotations

from rich.markup import escape

from loadtests.capacity.page import Findings
from loadtests.table import console, make_table


def show(findings: Findings) -> None:
    """Prints limits, days and how near the model is."""
    limits = make_table("bound", "jobs a day", "then")
    for limit in findings.limits:
        limits.add_row(escape(limit.name), f"{limit.jobs_a_day:,.0f}", escape(limit.remedy))
    console.print(limits)
    days = make_table("day", "made", "lost", "p50 s", "p95 s", "high p95", "low p95", "replicas (t, a, l, r)", "a day", "a job")
    for day in findings.days:
        made = day.states.get("succeeded", 0)
        times = (day.to_video["all"].p50, day.to_video["all"].p95, day.to_video["high"].p95, day.to_video["low"].p95)
        replicas = ", ".join(f"{mean:.1f}" for mean, _ in day.replicas.values())
        cells = (f"{made:,}", str(day.jobs - made), *(f"{value:,.0f}" for value in times), replicas)
        days.add_row(escape(day.name), *cells, f"{day.cost:.2f}", f"{day.cost_per_job:.4f}")
    console.print(days)
    if findings.validation is None:
        return
    compared = make_table(f"{findings.validation.jobs} talks on this machine", "measured", "simulated", "ratio", "")
    for one in findings.validation.figures:
        mark = "[green]yes[/green]" if one.passed else "[red bold]NO[/red bold]"
        compared.add_row(one.name, f"{one.measured:.2f}", f"{one.simulated:.2f}", f"{one.ratio:.2f}", mark)
    console.print(compared)
