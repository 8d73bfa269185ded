"""What values of the chart ask of a cluster. Defaults are those of deploy/helm/s2v/values.yaml, which a test compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from s2v.runtime.errors import InvalidInputError

COMPONENTS = ("gateway", "transcription", "analysis", "layout", "rendering")
REQUESTS = {
    "gateway": ("500m", "512Mi"),
    "transcription": ("2", "4Gi"),
    "analysis": ("1", "2Gi"),
    "layout": ("1", "1Gi"),
    "rendering": ("3", "6Gi"),
}
"""CPU and memory that a pod of each component asks for unless values say something else."""
GPU_REQUESTS = ("2", "6Gi")
"""The same for transcription on a GPU."""

Tree = Mapping[str, Any]


@dataclass(frozen=True)
class Reference:
    """A Secret or ConfigMap that must be there before."""

    kind: str
    name: str
    keys: tuple[str, ...]
    """Keys that are read from it."""


@dataclass(frozen=True)
class Needs:
    """What some values need."""

    stated: bool = False
    """Whether there are values at all; without them nothing optional is needed."""
    autoscaler: str = "none"
    gpu_resource: str = ""
    """Resource that a pod of transcription asks for; empty: none."""
    gpu_count: int = 1
    device_class: str = ""
    """DeviceClass of the claim; empty: no claim."""
    storage_classes: frozenset[str] = frozenset()
    """Of the bundled servers; the empty name is the cluster's default."""
    ingress_class: str = ""
    gateway_api: bool = False
    prometheus_operator: bool = False
    network_policies: bool = True
    priority_classes: frozenset[str] = frozenset()
    runtime_classes: frozenset[str] = frozenset()
    references: tuple[Reference, ...] = ()
    requests: Mapping[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    """Cores and bytes of a pod of each component."""


def read_needs(paths: Sequence[Path]) -> Needs:
    """Reads files of values, as Helm merges them.

    Errors: InvalidInputError naming the file.
    """
    from yaml import YAMLError, safe_load

    merged: dict[str, Any] = {}
    for path in paths:
        try:
            tree = safe_load(path.read_text()) or {}
        except (YAMLError, UnicodeDecodeError) as error:
            raise InvalidInputError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
        if not isinstance(tree, dict):
            raise InvalidInputError(f"{path} holds no values: the chart takes a mapping, such as nats: {{url: …}}")
        merged = _merge(merged, tree)
    return find_needs(merged, stated=bool(paths))


def find_needs(values: Tree, *, stated: bool) -> Needs:
    """Returns what values ask for on top of the chart's defaults.

    Errors: InvalidInputError for a section that is none.
    """
    components = {name: _merge(_section(values, "defaults"), _section(values, name)) for name in COMPONENTS}
    gpu = _section(components["transcription"], "gpu")
    dra = _section(gpu, "dra")
    on_gpu, by_claim = bool(gpu.get("enabled")), bool(dra.get("enabled"))
    ingress, metrics = _section(values, "ingress"), _section(values, "metrics")
    bundled = [one for name in ("nats", "s3") if (one := _section(_section(values, name), "bundled")).get("enabled")]
    runtime = {str(one.get("runtimeClassName") or "") for one in components.values()}
    return Needs(
        stated=stated,
        autoscaler=str(_section(values, "autoscaling").get("provider", "none")),
        gpu_resource=str(gpu.get("resourceName", "nvidia.com/gpu")) if on_gpu and not by_claim else "",
        gpu_count=int(gpu.get("count", 1)),
        device_class=str(dra.get("deviceClassName", "gpu.nvidia.com")) if on_gpu and by_claim else "",
        storage_classes=frozenset(str(one.get("storageClassName") or "") for one in bundled),
        ingress_class=str(ingress.get("className", "nginx")) if ingress.get("enabled") else "",
        gateway_api=bool(_section(values, "gatewayApi").get("enabled")),
        prometheus_operator=any(_section(metrics, name).get("enabled") for name in ("podMonitor", "rules")),
        network_policies=bool(_section(values, "networkPolicy").get("enabled", True)),
        priority_classes=frozenset(str(one.get("priorityClassName") or "") for one in components.values()) - {""},
        runtime_classes=frozenset(runtime | {str(gpu.get("runtimeClassName") or "") if on_gpu else ""}) - {""},
        references=tuple(_references(values)),
        requests={name: _requests(name, component, on_gpu=on_gpu) for name, component in components.items()},
    )


def _references(values: Tree) -> list[Reference]:
    nats, s3 = (_section(_section(values, name), "existingSecret") for name in ("nats", "s3"))
    found = []
    if nats.get("name"):
        key = str(nats.get("urlKey") or nats.get("tokenKey", "token"))
        found.append(Reference("Secret", str(nats["name"]), (key,) if key else ()))
    if s3.get("name"):
        keys = (str(s3.get("accessKeyKey", "access-key")), str(s3.get("secretKeyKey", "secret-key")))
        found.append(Reference("Secret", str(s3["name"]), keys))
    trust = _section(values, "trust")
    if trust.get("configMap"):
        found.append(Reference("ConfigMap", str(trust["configMap"]), (str(trust.get("key", "ca.crt")),)))
    for one in _section(values, "global").get("imagePullSecrets") or []:
        found.append(Reference("Secret", str(one["name"]), ()))
    ingress = _section(values, "ingress")
    if ingress.get("enabled") and ingress.get("tlsSecret"):
        found.append(Reference("Secret", str(ingress["tlsSecret"]), ("tls.crt", "tls.key")))
    return found


def _requests(name: str, component: Tree, *, on_gpu: bool) -> tuple[Decimal, Decimal]:
    from kubernetes.utils.quantity import parse_quantity

    of_gpu = name == "transcription" and on_gpu
    cpu, memory = GPU_REQUESTS if of_gpu else REQUESTS[name]
    asked = _section(_section(_section(component, "gpu") if of_gpu else component, "resources"), "requests")
    try:
        return parse_quantity(asked.get("cpu", cpu)), parse_quantity(asked.get("memory", memory))
    except ValueError as error:
        raise InvalidInputError(f"{name}.resources.requests: {error}") from error


def _section(tree: Tree, name: str) -> Tree:
    found = tree.get(name) or {}
    if not isinstance(found, dict):
        raise InvalidInputError(f"the value {name} must be a section, not {found!r}")
    return found


def _merge(below: Tree, above: Tree) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = _merge(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged
