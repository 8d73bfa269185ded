"""The Kustomize base and its components, rendered from the chart."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import yaml

from deploy.generate.chart import CHART, Manifest, dump, render

KUSTOMIZE = CHART.parent.parent / "kustomize"
_EXTERNAL: Manifest = {
    "nats": {"url": "nats://s2v-nats:4222", "monitor": "s2v-nats.s2v.svc:8222", "existingSecret": {"name": "s2v-nats"}},
    "s3": {"endpoint": "http://s2v-s3:8333", "existingSecret": {"name": "s2v-s3"}},
    "test": {"enabled": False},
}
_BUNDLED: Manifest = {
    "nats": {"bundled": {"enabled": True}, "existingSecret": {"name": "s2v-nats"}},
    "s3": {"bundled": {"enabled": True}, "existingSecret": {"name": "s2v-s3"}},
    "test": {"enabled": False},
}
_HPA: Manifest = {**_EXTERNAL, "autoscaling": {"provider": "hpa"}}
_TOOLS: Manifest = {**_EXTERNAL, "tools": {"enabled": True}}
_GPU: Manifest = {**_EXTERNAL, "transcription": {"gpu": {"enabled": True}}}
_MONITORING: Manifest = {**_EXTERNAL, "metrics": {name: {"enabled": True} for name in ("podMonitor", "rules", "dashboards")}}
HEADER = "# Generated from deploy/helm/s2v by `make deploy-docs`; edit the chart, not this file.\n"


def make_files() -> dict[Path, str]:
    """Returns the generated files below `deploy/kustomize` by path."""
    base = list(render(_EXTERNAL).manifests)
    names = {_name(one) for one in base}
    bundled = [one for one in render(_BUNDLED).manifests if _name(one) not in names]
    autoscalers = [one for one in render(_HPA).manifests if one["kind"] == "HorizontalPodAutoscaler"]
    monitoring = [one for one in render(_MONITORING).manifests if _name(one) not in names]
    tools = [one for one in render(_TOOLS).manifests if _name(one) not in names]
    gpu = render(_GPU).find("Deployment", "s2v-transcription")
    return {
        Path("base/resources.yaml"): _write(base),
        Path("components/bundled/resources.yaml"): _write(bundled),
        Path("components/hpa/resources.yaml"): _write(autoscalers),
        Path("components/monitoring/resources.yaml"): _write(monitoring),
        Path("components/tools/resources.yaml"): _write(tools),
        Path("components/gpu/template.yaml"): HEADER + yaml.safe_dump(_replace_pod(_strip(gpu))),
    }


def _name(manifest: Manifest) -> tuple[str, str]:
    return manifest["kind"], manifest["metadata"]["name"]


def _replace_pod(deployment: Manifest) -> list[Manifest]:
    """Returns the JSON Patch that puts a Deployment's pod in the place of the base's."""
    return [{"op": "replace", "path": "/spec/template", "value": deployment["spec"]["template"]}]


def _write(manifests: Iterable[Manifest]) -> str:
    return HEADER + dump([_strip(one) for one in manifests])


def _strip(manifest: Manifest) -> Manifest:
    """Takes out what belongs to Helm: its hooks, its labels, and the namespace, which overlays choose."""
    metadata = {key: value for key, value in manifest["metadata"].items() if key != "namespace"}
    annotations = {key: value for key, value in metadata.pop("annotations", {}).items() if not key.startswith("helm.sh/")}
    if annotations:
        metadata["annotations"] = annotations
    return {**_without_helm_labels(manifest), "metadata": _without_helm_labels(metadata)}


def _without_helm_labels(node: Manifest) -> Manifest:
    def clean(value: object) -> object:
        if isinstance(value, dict):
            return {
                key: clean(inner) for key, inner in value.items() if key not in {"helm.sh/chart", "app.kubernetes.io/managed-by"}
            }
        return [clean(inner) for inner in value] if isinstance(value, list) else value

    return {key: clean(value) for key, value in node.items() if key not in {"helm.sh/chart", "app.kubernetes.io/managed-by"}}
