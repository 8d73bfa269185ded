"""Alerts and dashboards: tried by promtool, explained by a page each, and asking only for what a real run emits."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from deploy.observability.__main__ import FOLDER, text_of
from deploy.observability.boards import DASHBOARDS, GPU_ONLY
from s2v.cli.stack import find_stack

from .conftest import Stack
from .made import Made

ROOT = Path(__file__).parent.parent
OBSERVABILITY = ROOT / "deploy" / "observability"
RULES = sorted((OBSERVABILITY / "rules").glob("*.yaml"))
TESTS = sorted((OBSERVABILITY / "tests").glob("*.yaml"))
METRIC = re.compile(r"(?<![\w:])(?:s2v|rpc_server)_[a-z0-9_]+")
SELECTOR = re.compile(rf"({METRIC.pattern})(?:\{{([^}}]*)\}})?")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
BY = re.compile(r"\bby\s*\(([^)]*)\)")
LEGEND = re.compile(r"\{\{\s*(\w+)\s*\}\}")
SUFFIXES = ("_bucket", "_sum", "_count")
OF_THE_SCRAPE = {"instance"}
"""Labels that Prometheus itself adds."""

Emitted = Mapping[str, Mapping[str, set[str]]]
"""Values by metric and label."""


@dataclass(frozen=True)
class Asked:
    """An expression of a rule or a panel."""

    where: str
    expr: str
    legend: str = ""

    def faults(self, emitted: Emitted) -> Iterator[str]:
        """Yields what it asks for and nobody emits."""
        groups = {label.strip() for names in BY.findall(self.expr) for label in names.split(",") if label.strip()}
        labels = set(OF_THE_SCRAPE)
        for metric, matchers in SELECTOR.findall(self.expr):
            if metric not in emitted:
                yield f"{self.where}: {metric}"
                continue
            labels |= set(emitted[metric])
            for label, operator, value in MATCHER.findall(matchers):
                if value not in emitted[metric].get(label, ()) and (operator == "=" or label not in emitted[metric]):
                    yield f"{self.where}: {metric}{{{label}{operator}{value!r}}}"
        yield from (f"{self.where}: by ({label})" for label in groups - labels)
        yield from (f"{self.where}: legend {label}" for label in set(LEGEND.findall(self.legend)) - (groups or labels))


def rules() -> Iterator[dict[str, object]]:
    for path in RULES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from group["rules"]


def alerts() -> list[dict[str, object]]:
    return [rule for rule in rules() if "alert" in rule]


def asked() -> list[Asked]:
    """All expressions of rules and dashboards, as the files say them."""
    found = [Asked(str(rule.get("alert") or rule["record"]), str(rule["expr"])) for rule in rules()]
    for path in sorted(FOLDER.glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                expr = target["expr"].replace("$__rate_interval", "5m").replace("$stage", ".+")
                found.append(Asked(f"{path.name}, {panel['title']}", expr, target["legendFormat"]))
    return found


def scrape(address: str) -> Iterator[tuple[str, dict[str, str]]]:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        for line in answer.read().decode().splitlines():
            if line[:1] != "#":
                name, _, rest = line.partition("{")
                yield name.split(" ")[0], dict(re.findall(r'(\w+)="([^"]*)"', rest))


def test_promtool_accepts_rules_and_panels_and_their_tests(tmp_path: Path) -> None:
    panels = tmp_path / "panels.yaml"
    records = [{"record": f"panel:{number}", "expr": one.expr} for number, one in enumerate(asked())]
    panels.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": records}]}))
    done = subprocess.run(["promtool", "check", "rules", *RULES, panels], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    done = subprocess.run(["promtool", "test", "rules", *TESTS], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: str(alert["alert"]))
def test_each_alert_is_explained_and_tried_both_ways(alert: dict[str, object]) -> None:
    annotations = alert["annotations"]
    assert isinstance(annotations, dict)
    page = (ROOT / annotations["runbook"]).read_text()
    assert str(alert["alert"]) in page
    tests = [test for path in TESTS for test in yaml.safe_load(path.read_text())["tests"]]
    mine = [test["promql_expr_test"][0] for test in tests if f'"{alert["alert"]}"' in test["promql_expr_test"][0]["expr"]]
    assert sorted(len(test["exp_samples"]) for test in mine) == [0, 1]


def test_dashboards_are_what_their_description_makes() -> None:
    assert {path.name for path in FOLDER.glob("*.json")} == {f"{dashboard.name}.json" for dashboard in DASHBOARDS}
    for dashboard in DASHBOARDS:
        written = (FOLDER / f"{dashboard.name}.json").read_text()
        assert written == text_of(dashboard), "run python -m deploy.observability"
        for panel in json.loads(written)["panels"]:
            assert panel["datasource"]["uid"] == "${datasource}"
            assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24


def test_what_nobody_emits_is_found() -> None:
    emitted = {"s2v_a_total": {"stage": {"layout"}}}
    assert list(Asked("x", 'sum by (stage) (rate(s2v_a_total{stage="layout"}[5m]))', "{{stage}}").faults(emitted)) == []
    for expr, legend in [
        ("s2v_b_total", ""),
        ('s2v_a_total{tier="hot"}', ""),
        ('s2v_a_total{stage="laying"}', ""),
        ("sum by (tier) (s2v_a_total)", ""),
        ("sum by (stage) (s2v_a_total)", "{{instance}}"),
    ]:
        assert list(Asked("x", expr, legend).faults(emitted)), expr


@pytest.mark.integration
def test_rules_and_panels_ask_only_for_what_a_real_run_emits(made: Made, stack: Stack) -> None:
    stack.run("rate", str(made.job["id"]), "5")
    endpoints = find_stack(stack.home)
    assert endpoints is not None
    emitted: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for address in endpoints.metrics.values():
        for name, labels in scrape(address):
            emitted[name]  # a metric without labels is there too
            for label, value in labels.items():
                emitted[name][label].add(value)
    for name in GPU_ONLY - set(emitted):
        emitted[name] = {"gpu": {"0"}, "service_name": {"transcription"}}
    everything = asked()
    assert len(everything) > 80
    assert [fault for one in everything for fault in one.faults(emitted)] == []
    documented = set(METRIC.findall((ROOT / "docs" / "observability.md").read_text()))
    families = set(emitted) | {name.removesuffix(suffix) for name in emitted for suffix in SUFFIXES}
    assert documented - families == set()
