"""Puts a load on the system and says whether it holds: `python -m loadtests PROFILE`; see README.md."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from loadtests import baseline, report
from loadtests.profiles import PROFILES
from loadtests.run import Request, run_profile
from loadtests.table import show
from loadtests.verdict import judge


def main() -> None:
    """Runs a profile, writes the reports, prints the verdict; exit code 1 when a target is missed."""
    profiles = "\n".join(f"  {profile.name:<10}{profile.question}" for profile in PROFILES.values())
    parser = argparse.ArgumentParser(
        prog="python -m loadtests",
        description="Put a load on the system and say whether it holds.",
        epilog=f"profiles:\n{profiles}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("profile", choices=PROFILES, metavar="PROFILE")
    parser.add_argument("--target", default="", help="gateway, host:port; without it a stack is started and stopped")
    parser.add_argument("--talks", type=Path, help="folder of narrations to cut from, instead of examples/")
    parser.add_argument("--seconds", type=float, default=0.0, help="how long callers come, instead of the profile's own time")
    parser.add_argument("--out", type=Path, help="folder for report.json and report.html (out/load/PROFILE)")
    parser.add_argument("--baseline", type=Path, help="JSON of an earlier run to compare with")
    parser.add_argument("--save-baseline", type=Path, help="JSON to keep this run's figures in")
    arguments = parser.parse_args()
    profile = PROFILES[arguments.profile]
    out = arguments.out or Path("out/load") / profile.name
    before = baseline.load(arguments.baseline, profile.name) if arguments.baseline else {}
    run = asyncio.run(run_profile(Request(profile, out.absolute(), arguments.target, arguments.talks, arguments.seconds)))
    compared = baseline.compare(before, baseline.metrics(run.figures))
    judged = report.Judged(run, judge(profile.targets, run.figures, embedded=not arguments.target), compared)
    report.write(judged, out)
    if arguments.save_baseline:
        baseline.save(arguments.save_baseline, profile.name, run.figures)
    show(judged)
    print(f"The reports are in {out}")
    sys.exit(0 if judged.passed else 1)


if __name__ == "__main__":
    main()
