"""The overlays build with kubectl's own Kustomize, and keep what the chart promises."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from deploy.generate.chart import Manifest, pod_of
from deploy.generate.kustomize import KUSTOMIZE

OVERLAYS = sorted(path.name for path in (KUSTOMIZE / "overlays").iterdir())


@functools.cache
def build(folder: Path) -> tuple[Manifest, ...]:
    kubectl = Path(sys.executable).with_name("kubectl")
    done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


def find(manifests: tuple[Manifest, ...], kind: str, name: str) -> Manifest:
    (found,) = [one for one in manifests if one["kind"] == kind and one["metadata"]["name"] == name]
    return found


def test_there_are_the_four_overlays() -> None:
    assert OVERLAYS == ["cpu", "dev", "gpu", "production"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_has_all_five_deployments_in_its_namespace(overlay: str) -> None:
    manifests = build(KUSTOMIZE / "overlays" / overlay)
    names = {one["metadata"]["name"] for one in manifests if one["kind"] == "Deployment"}
    others = {"s2v-tools"} if overlay == "production" else set()
    assert names == {f"s2v-{name}" for name in ("gateway", "transcription", "analysis", "layout", "rendering")} | others
    assert {one["metadata"]["namespace"] for one in manifests} == {"s2v"}
    assert not [one for one in manifests if one["kind"] == "Secret"], "credentials are made by hand, never in the repository"


def test_dev_brings_its_servers() -> None:
    manifests = build(KUSTOMIZE / "overlays/dev")
    assert {one["metadata"]["name"] for one in manifests if one["kind"] == "StatefulSet"} == {"s2v-nats", "s2v-s3"}
    services = {one["metadata"]["name"] for one in manifests if one["kind"] == "Service"}
    gateway = pod_of(find(manifests, "Deployment", "s2v-gateway"))
    assert gateway is not None
    environment = {entry["name"]: entry.get("value") for entry in gateway["containers"][0]["env"]}
    assert environment["S2V_NATS_URL"] == "nats://s2v-nats:4222"
    assert environment["S2V_S3_ENDPOINT"] == "http://s2v-s3:8333"
    assert {"s2v-nats", "s2v-s3"} <= services


def test_gpu_asks_for_a_gpu() -> None:
    pod = pod_of(find(build(KUSTOMIZE / "overlays/gpu"), "Deployment", "s2v-transcription"))
    assert pod is not None
    assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert pod["containers"][0]["image"].startswith("s2v/transcription-cuda")


@pytest.mark.parametrize("overlay", ["cpu", "production"])
def test_autoscaled_replicas_are_not_set_by_hand(overlay: str) -> None:
    manifests = build(KUSTOMIZE / "overlays" / overlay)
    scaled = {one["spec"]["scaleTargetRef"]["name"] for one in manifests if one["kind"] == "HorizontalPodAutoscaler"}
    assert len(scaled) == 5
    for one in manifests:
        if one["kind"] == "Deployment":
            assert ("replicas" in one["spec"]) == (one["metadata"]["name"] not in scaled)


def test_production_pins_images_and_knows_its_servers() -> None:
    manifests = build(KUSTOMIZE / "overlays/production")
    for one in manifests:
        if one["kind"] == "Deployment":
            pod = pod_of(one)
            assert pod is not None
            container = pod["containers"][0]
            assert "@sha256:" in container["image"]
            environment = {entry["name"]: entry.get("value") for entry in container["env"]}
            assert environment["S2V_NATS_URL"] == "tls://nats.example.com:4222"
            assert environment["S2V_S3_ENDPOINT"] == "https://s3.example.com"
    configs = {one["metadata"]["name"] for one in manifests if one["kind"] == "ConfigMap"}
    assert configs == {"s2v-dashboards"}, "connections.yaml is for the build only"
    assert {"PodMonitor", "PrometheusRule"} <= {one["kind"] for one in manifests}
    for entry in find(manifests, "Job", "s2v-migration")["spec"]["template"]["spec"]["containers"][0]["env"]:
        assert entry.get("value") not in {"nats://s2v-nats:4222", "http://s2v-s3:8333"}, "the migration would look elsewhere"
