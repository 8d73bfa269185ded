"""Pods meet the Pod Security Standard "restricted", networks are closed, and checkov finds nothing that is not explained."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from deploy.generate.chart import CHART, Manifest, Render, dump, examples, render
from deploy.generate.readme import read_table

from .conftest import example
from .test_images import DOCKER

ROOT = CHART.parent.parent.parent
CHECKOV = ROOT / ".venv" / "checkov" / "bin" / "checkov"
RESTRICTED_VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}


def containers(pod: Manifest) -> list[Manifest]:
    return [*pod.get("initContainers", []), *pod["containers"], *pod.get("ephemeralContainers", [])]


def violations(pod: Manifest) -> list[str]:
    """Returns what the Pod Security Standard "restricted" (v1.37) would refuse."""
    found = [field for field in ("hostNetwork", "hostPID", "hostIPC") if pod.get(field)]
    for volume in pod.get("volumes", []):
        found += [f"volume {kind}" for kind in volume if kind != "name" and kind not in RESTRICTED_VOLUMES]
    outer = pod.get("securityContext", {})
    found += ["sysctls"] if outer.get("sysctls") else []
    for container in containers(pod):
        context = container.get("securityContext", {})
        merged = {**outer, **context}
        capabilities = context.get("capabilities", {})
        checks = {
            "privileged": not context.get("privileged"),
            "escalation": context.get("allowPrivilegeEscalation") is False,
            "root": merged.get("runAsNonRoot") is True and merged.get("runAsUser", 65532) != 0,
            "seccomp": merged.get("seccompProfile", {}).get("type") in {"RuntimeDefault", "Localhost"},
            "drop": "ALL" in capabilities.get("drop", []),
            "add": set(capabilities.get("add", [])) <= {"NET_BIND_SERVICE"},
            "host ports": not [port for port in container.get("ports", []) if port.get("hostPort")],
            "proc mount": "procMount" not in context,
        }
        found += [f"{container['name']}: {name}" for name, ok in checks.items() if not ok]
    return found


def test_every_pod_is_restricted_the_tests_too(rendered: Render) -> None:
    pods = rendered.pods()
    assert any(name.startswith("Pod/") for name, _ in pods), "the test's pod counts too"
    for name, pod in pods:
        assert not violations(pod), name
        assert pod.get("automountServiceAccountToken") is False, f"{name} has a token that nobody uses"
        for container in pod["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True, name


def test_the_standard_is_really_asked() -> None:
    (_, pod) = example("trial").pods()[0]
    assert violations({**pod, "hostNetwork": True})
    assert violations({**pod, "securityContext": {}})


def test_nothing_needs_rights_in_the_cluster(rendered: Render) -> None:
    assert not {one["kind"] for one in rendered.manifests} & {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"}


def _selects(policy: Manifest, labels: dict[str, str]) -> bool:
    selector = policy["spec"]["podSelector"]
    wanted = selector.get("matchLabels", {}).items() <= labels.items()
    return wanted and all(labels.get(rule["key"]) in rule["values"] for rule in selector.get("matchExpressions", []))


def test_all_traffic_is_denied_but_what_is_needed(rendered: Render) -> None:
    policies = rendered.all("NetworkPolicy")
    for manifest in rendered.manifests:
        template = manifest if manifest["kind"] == "Pod" else manifest.get("spec", {}).get("template")
        if manifest["kind"] not in {"Deployment", "StatefulSet", "Job", "Pod"} or template is None:
            continue
        labels = template["metadata"]["labels"]
        mine = [policy for policy in policies if _selects(policy, labels)]
        name = f"{manifest['kind']}/{manifest['metadata']['name']}"
        assert "s2v-default-deny" in {policy["metadata"]["name"] for policy in mine}, name
        component = labels["app.kubernetes.io/component"]
        out = {port["port"] for policy in mine for rule in policy["spec"].get("egress", []) for port in rule["ports"]}
        if component in {"nats", "s3"}:
            assert not out, f"{name} needs to reach nothing"
        else:
            assert {53, 50051} < out, f"{name} reaches neither DNS nor the gateway"
        inward = [rule for policy in mine for rule in policy["spec"].get("ingress", [])]
        assert bool(inward) == (manifest["kind"] in {"Deployment", "StatefulSet"} and component != "tools"), name
        if component in {"transcription", "analysis", "layout", "rendering", "nats", "s3"}:
            assert all(rule.get("from") for rule in inward), f"{name} lets everybody in"


@pytest.mark.parametrize(
    ("name", "ports"),
    [("minio", {53, 4222, 9000, 50051}), ("external", {53, 4222, 443, 50051}), ("trial", {53, 4222, 8333, 50051})],
)
def test_the_ports_of_nats_and_s3_come_from_their_addresses(name: str, ports: set[int]) -> None:
    rules = example(name).find("NetworkPolicy", "s2v-egress")["spec"]["egress"]
    assert {port["port"] for rule in rules for port in rule["ports"]} == ports


@pytest.mark.parametrize(
    ("url", "ports"),
    [
        ("nats://a:4222,nats://b:4222", [4222]),
        ("nats://a:4222,tls://b:5222,nats://c,10.0.0.1:6222", [4222, 5222, 6222]),
        ("wss://a,ws://b,tls://[::1]:7222", [443, 80, 7222]),
    ],
)
def test_each_server_of_a_nats_cluster_is_reached(url: str, ports: list[int]) -> None:
    values = {"nats": {"url": url}, "s3": {"endpoint": "http://s3:9000", "existingSecret": {"name": "s3"}}}
    rules = render(values).find("NetworkPolicy", "s2v-egress")["spec"]["egress"]
    assert rules[1]["ports"] == [{"port": port, "protocol": "TCP"} for port in ports]


def test_default_values_hold_no_secret() -> None:
    credentials = re.compile(r"(password|token|secret|secret_?key|access_?key)$", re.IGNORECASE)
    assert not [value.path for value in read_table() if credentials.search(value.path) and value.default != '""']
    assert not {one["kind"] for one in example("external").manifests} & {"Secret"}


@pytest.mark.integration
def test_checkov_finds_nothing_that_is_not_explained(tmp_path: Path) -> None:
    """Each skip in deploy/checkov.yaml has its reason beside it."""
    for name in examples():
        (tmp_path / f"{name}.yaml").write_text(dump(example(name).manifests))
    for dockerfile in DOCKER.glob("*.Dockerfile"):
        (tmp_path / dockerfile.name).write_text(dockerfile.read_text())
    config = ROOT / "deploy" / "checkov.yaml"
    command = [CHECKOV, "--config-file", config, "-d", tmp_path, "-o", "json", "--compact", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)
    reports = found if isinstance(found, list) else [found]
    failed = [
        f"{check['check_id']} {check['check_name']}: {check['file_path']} {check['resource']}"
        for report in reports
        for check in report["results"]["failed_checks"]
    ]
    assert not failed, "\n".join(failed)
    assert {report["check_type"] for report in reports} >= {"kubernetes", "dockerfile"}
    assert sum(report["summary"]["passed"] for report in reports) > 1000
    assert not sum(report["summary"]["parsing_errors"] for report in reports)
    lines = config.read_text().splitlines()
    skips = [line for line in lines if line.strip().startswith("- CKV")]
    assert len(yaml.safe_load(config.read_text())["skip-check"]) == len(skips)
    assert all(" # " in line for line in skips), "each skip says why"
