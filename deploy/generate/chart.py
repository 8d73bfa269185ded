"""The chart, rendered offline by Helm's own library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import helm_python
import yaml

CHART = Path(__file__).parent.parent / "helm" / "s2v"
EXAMPLES = CHART / "examples"
KUBERNETES = tuple(f"1.{minor}" for minor in range(29, 38))
"""Versions that the chart is checked for."""
DRAWN = "drawn-at-the-installation"
"""Stands in golden renders for what the chart draws at random."""

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Render:
    """What the chart makes of some values."""

    manifests: tuple[Manifest, ...]
    notes: str

    def find(self, kind: str, name: str) -> Manifest:
        """Returns the object of this kind and name."""
        (found,) = [one for one in self.manifests if one["kind"] == kind and one["metadata"]["name"] == name]
        return found

    def all(self, kind: str) -> list[Manifest]:
        """Returns all objects of a kind."""
        return [one for one in self.manifests if one["kind"] == kind]

    def pods(self) -> list[tuple[str, Manifest]]:
        """Returns the name and the specification of each pod that comes of the objects."""
        return [(f"{one['kind']}/{one['metadata']['name']}", pod) for one in self.manifests if (pod := pod_of(one))]


def pod_of(manifest: Manifest) -> Manifest | None:
    """Returns the specification of the pod that an object makes, or None."""
    kind, spec = manifest["kind"], manifest.get("spec", {})
    if kind == "Pod":
        return dict(spec)
    if kind == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    return dict(spec["template"]["spec"]) if "template" in spec and kind != "ResourceClaimTemplate" else None


def render(values: Manifest, *, kubernetes: str = KUBERNETES[-1], release: str = "s2v", namespace: str = "s2v") -> Render:
    """Renders the chart.

    Errors: helm_python.HelmError for values that the schema or the chart refuses.
    """
    chart = helm_python.Chart.load(CHART)
    files = chart.render({**values, "kubeVersion": kubernetes}, name=release, namespace=namespace, is_install=True)
    notes = "".join(text for path, text in files.items() if path.endswith("NOTES.txt"))
    found = [
        one
        for path, text in sorted(files.items())
        if path.endswith(".yaml")
        for one in yaml.safe_load_all(text)
        if one is not None
    ]
    for one in found:
        if one["kind"] == "Secret":
            one["data"] = dict.fromkeys(one["data"], DRAWN)
    return Render(tuple(found), notes)


def read_values(path: Path) -> Manifest:
    """Reads a file of values."""
    return dict(yaml.safe_load(path.read_text()) or {})


def examples() -> dict[str, Path]:
    """Returns the folders of examples by name."""
    return {path.parent.name: path.parent for path in sorted(EXAMPLES.glob("*/values.yaml"))}


def dump(manifests: list[Manifest] | tuple[Manifest, ...]) -> str:
    """Writes objects as one YAML text."""
    return yaml.safe_dump_all(manifests, sort_keys=True, width=120, explicit_start=True)
