"""How many pods a day of talks needs, what that costs, and where it breaks: `python -m loadtests.capacity --costs FILE`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from loadtests.capacity.cluster import chart_cluster
from loadtests.capacity.limits import find_limits, size
from loadtests.capacity.page import Findings, write
from loadtests.capacity.scenario import Day, Prices, scenarios, simulate
from loadtests.capacity.terminal import show
from loadtests.capacity.validation import validate
from loadtests.costs import Costs
from loadtests.house import say

SIZES = (25_000.0, 100_000.0, 1_000_000.0)
"""Jobs a day for which the page says what they take."""


def main() -> None:
    """Simulates, writes the page, prints a summary; exit code 1 when the model is not validated though it was to be."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.capacity", description="Simulate days of the system.")
    parser.add_argument(
        "--costs", type=Path, default=Path("out/load/costs.json"), help="what python -m loadtests.costs has written"
    )
    parser.add_argument("--cpu-hour", type=float, default=0.04, help="price of a CPU hour")
    parser.add_argument("--gpu-hour", type=float, default=0.60, help="price of a GPU hour")
    parser.add_argument("--validate", action="store_true", help="compare with a real run on this machine first, some minutes")
    parser.add_argument("--talks", type=Path, help="folder of narrations for that, instead of examples/")
    parser.add_argument("--out", type=Path, default=Path("out/load/capacity"), help="folder for the page and its plots")
    arguments = parser.parse_args()
    costs = Costs.read(arguments.costs)
    arguments.out.mkdir(parents=True, exist_ok=True)
    validation = asyncio.run(validate(costs, arguments.talks, arguments.out.absolute())) if arguments.validate else None
    prices = Prices(arguments.cpu_hour, arguments.gpu_hour)
    days: list[Day] = []
    for scenario in scenarios():
        say(f"Simulating {scenario.name}")
        days.append(simulate(scenario, costs, prices))
    chart = chart_cluster("keda")
    sizes = [size(jobs, costs, chart) for jobs in SIZES]
    findings = Findings(costs, prices, days, find_limits(costs, chart), sizes, validation)
    write(findings, arguments.out)
    show(findings)
    print(f"The page is {arguments.out / 'capacity.html'}")
    sys.exit(1 if validation and not all(one.passed for one in validation.figures) else 0)


if __name__ == "__main__":
    main()
