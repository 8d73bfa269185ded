"""Alerts: tried by promtool, explained by a page each, and asking only for metrics that a real run emits."""

from __future__ import annotations

import re
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from s2v.cli.stack import find_stack

from .conftest import Stack
from .made import Made

ROOT = Path(__file__).parent.parent
OBSERVABILITY = ROOT / "deploy" / "observability"
RULES = sorted((OBSERVABILITY / "rules").glob("*.yaml"))
METRIC = re.compile(r"\b(?:s2v|rpc_server)_[a-z0-9_]+")
SUFFIXES = ("_bucket", "_sum", "_count")


def rules() -> Iterator[dict[str, object]]:
    for path in RULES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from group["rules"]


def alerts() -> list[dict[str, object]]:
    return [rule for rule in rules() if "alert" in rule]


def test_promtool_accepts_the_rules_and_their_tests() -> None:
    subprocess.run(["promtool", "check", "rules", *RULES], check=True, capture_output=True)
    tests = sorted((OBSERVABILITY / "tests").glob("*.yaml"))
    done = subprocess.run(["promtool", "test", "rules", *tests], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: str(alert["alert"]))
def test_each_alert_is_explained_and_tried_both_ways(alert: dict[str, object]) -> None:
    annotations = alert["annotations"]
    assert isinstance(annotations, dict)
    page = (ROOT / annotations["runbook"]).read_text()
    assert str(alert["alert"]) in page
    tests = yaml.safe_load((OBSERVABILITY / "tests" / "s2v_test.yaml").read_text())["tests"]
    mine = [test["promql_expr_test"][0] for test in tests if f'"{alert["alert"]}"' in test["promql_expr_test"][0]["expr"]]
    assert sorted(len(test["exp_samples"]) for test in mine) == [0, 1]


@pytest.mark.integration
def test_rules_ask_only_for_what_a_real_run_emits(made: Made, stack: Stack) -> None:
    stack.run("rate", str(made.job["id"]), "5")
    endpoints = find_stack(stack.home)
    assert endpoints is not None
    emitted: set[str] = set()
    for address in endpoints.metrics.values():
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
            emitted |= {line.split("{")[0].split(" ")[0] for line in answer.read().decode().splitlines() if line[:1] != "#"}
    wanted = {name for rule in rules() for name in METRIC.findall(str(rule["expr"]))}
    recorded = {str(rule["record"]) for rule in rules() if "record" in rule}
    assert wanted
    assert {name for name in wanted if name not in emitted and not any(name in record for record in recorded)} == set()
    documented = {name for name in METRIC.findall((ROOT / "docs" / "observability.md").read_text()) if "_gpu_" not in name}
    families = emitted | {name.removesuffix(suffix) for name in emitted for suffix in SUFFIXES}
    assert documented - families == set()
