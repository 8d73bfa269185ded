"""Prometheus reaches each component, and no other port; the chart brings the repository's own rules and dashboards."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import helm_python
import pytest
import yaml

from deploy.generate.__main__ import main, observability_files
from deploy.generate.chart import Render, render

from .conftest import example
from .test_objects import COMPONENTS, EXTERNAL, deployment


def test_each_component_serves_metrics_at_a_port_that_the_monitor_names() -> None:
    (monitor,) = example("production").all("PodMonitor")
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    for component in COMPONENTS:
        template = deployment(example("production"), component).spec.template
        (port,) = [port for port in template.spec.containers[0].ports if port.name == endpoint["port"]]
        environment = {entry.name: entry for entry in template.spec.containers[0].env}
        assert environment["S2V_METRICS_LISTEN"].value == f"[$(POD_IP)]:{port.container_port}"
        assert environment["POD_IP"].value_from.field_ref.field_path == "status.podIP"
        names = list(environment)
        assert names.index("POD_IP") < names.index("S2V_METRICS_LISTEN"), "a variable sees only those before it"
        assert monitor["spec"]["selector"]["matchLabels"].items() <= template.metadata.labels.items()
        (rule,) = monitor["spec"]["selector"]["matchExpressions"]
        assert template.metadata.labels[rule["key"]] in rule["values"]


def test_who_scrapes_reaches_the_port_of_metrics_only(rendered: Render) -> None:
    policy = rendered.find("NetworkPolicy", "s2v-metrics")["spec"]
    ((ports, peers),) = [(rule["ports"], rule["from"]) for rule in policy["ingress"]]
    assert ports == [{"port": "metrics", "protocol": "TCP"}]
    assert peers, "an empty list would let everybody in"


def test_metrics_can_be_off() -> None:
    off = render({**EXTERNAL, "metrics": {"enabled": False}})
    assert "9464" not in json.dumps(off.manifests)
    closed = render({**EXTERNAL, "networkPolicy": {"metricsFrom": []}})
    assert "s2v-metrics" not in {one["metadata"]["name"] for one in closed.all("NetworkPolicy")}
    with pytest.raises(helm_python.HelmError, match=r"set metrics\.enabled"):
        render({**EXTERNAL, "metrics": {"enabled": False, "podMonitor": {"enabled": True}}})


def test_nothing_of_the_operator_is_asked_for_unless_it_is_wanted() -> None:
    kinds = {one["kind"] for one in example("external").manifests}
    assert not kinds & {"PodMonitor", "PrometheusRule"}
    assert "s2v-dashboards" not in {one["metadata"]["name"] for one in example("external").all("ConfigMap")}


def test_the_rules_are_those_of_the_repository(tmp_path: Path) -> None:
    """Also to promtool, after two passes through YAML."""
    (rule,) = example("production").all("PrometheusRule")
    sources = [path for path in observability_files() if path.suffix == ".yaml"]
    assert rule["spec"]["groups"] == [group for path in sources for group in yaml.safe_load(path.read_text())["groups"]]
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump(rule["spec"]))
    subprocess.run(["promtool", "check", "rules", path], check=True, capture_output=True)


def test_the_dashboards_are_those_of_the_repository() -> None:
    found = example("production").find("ConfigMap", "s2v-dashboards")
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    sources = {path.name: path.read_text() for path in observability_files() if path.suffix == ".json"}
    assert found["data"] == sources
    assert len(json.dumps(found)) < 1_000_000, "etcd takes no more than 1 MiB of an object"


def test_a_copy_whose_source_is_gone_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    left = tmp_path / "rules" / "left-over.yaml"
    left.parent.mkdir()
    left.write_text("groups: []\n")
    monkeypatch.setattr("deploy.generate.__main__.COPIES", tmp_path)
    monkeypatch.setattr("deploy.generate.__main__.generated", lambda: iter(()))
    assert main(check=True) == 1
    assert "left-over.yaml" in capsys.readouterr().out
    assert main(check=False) == 0
    assert not left.exists()
