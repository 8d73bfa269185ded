"""What Kubernetes itself has no schema for: the kinds of KEDA, the Gateway API and the Prometheus operator.

An unknown field is an error in all of them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from cloudcoil.models.keda.v1alpha1 import ScaledObject
from pydantic import BaseModel, ConfigDict, Field

from deploy.generate.chart import Manifest


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253)]
Port = Annotated[int, Field(ge=1, le=65535)]


class Metadata(Strict):
    name: Name
    namespace: Name
    labels: dict[str, str]
    annotations: dict[str, str] = {}


class ParentReference(Strict):
    group: str = "gateway.networking.k8s.io"
    kind: Literal["Gateway", "Service"] = "Gateway"
    name: Name
    namespace: Name | None = None
    sectionName: Name | None = None  # noqa: N815 - the API's name
    port: Port | None = None


class Method(Strict):
    type: Literal["Exact", "RegularExpression"] = "Exact"
    service: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z_0-9]*(\.[A-Za-z_][A-Za-z_0-9]*)*$")]
    method: str | None = None


class Match(Strict):
    method: Method


class BackendReference(Strict):
    name: Name
    port: Port
    weight: Annotated[int, Field(ge=0, le=1_000_000)] = 1


class Rule(Strict):
    name: Name | None = None
    matches: Annotated[list[Match], Field(max_length=64)]
    backendRefs: Annotated[list[BackendReference], Field(min_length=1, max_length=16)]  # noqa: N815


class RouteSpec(Strict):
    parentRefs: Annotated[list[ParentReference], Field(min_length=1, max_length=32)]  # noqa: N815
    hostnames: Annotated[
        list[Annotated[str, Field(pattern=r"^(\*\.)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]], Field(max_length=16)
    ] = []
    rules: Annotated[list[Rule], Field(min_length=1, max_length=16)]


class GRPCRoute(Strict):
    """gateway.networking.k8s.io/v1 GRPCRoute, as far as the chart writes it (gateway-api v1.1 and newer)."""

    apiVersion: Literal["gateway.networking.k8s.io/v1"]  # noqa: N815
    kind: Literal["GRPCRoute"]
    metadata: Metadata
    spec: RouteSpec


Duration = Annotated[str, Field(pattern=r"^([0-9]+(ms|s|m|h|d|w|y))+$")]


class Requirement(Strict):
    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: list[str] = []


class Selector(Strict):
    matchLabels: dict[str, str] = {}  # noqa: N815 - the API's name
    matchExpressions: list[Requirement] = []  # noqa: N815


class Endpoint(Strict):
    port: Name
    path: Annotated[str, Field(pattern="^/")]
    interval: Duration


class MonitorSpec(Strict):
    selector: Selector
    podMetricsEndpoints: Annotated[list[Endpoint], Field(min_length=1)]  # noqa: N815


class PodMonitor(Strict):
    """monitoring.coreos.com/v1 PodMonitor, as far as the chart writes it."""

    apiVersion: Literal["monitoring.coreos.com/v1"]  # noqa: N815
    kind: Literal["PodMonitor"]
    metadata: Metadata
    spec: MonitorSpec


class AlertingRule(Strict):
    alert: str
    expr: str
    for_: Annotated[Duration, Field(alias="for")] = "0s"
    keep_firing_for: Duration = "0s"
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class RecordingRule(Strict):
    record: Annotated[str, Field(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*$")]
    expr: str
    labels: dict[str, str] = {}


class Group(Strict):
    name: Annotated[str, Field(min_length=1)]
    interval: Duration = "1m"
    rules: Annotated[list[AlertingRule | RecordingRule], Field(min_length=1)]


class RulesSpec(Strict):
    groups: Annotated[list[Group], Field(min_length=1)]


class PrometheusRule(Strict):
    """monitoring.coreos.com/v1 PrometheusRule."""

    apiVersion: Literal["monitoring.coreos.com/v1"]  # noqa: N815
    kind: Literal["PrometheusRule"]
    metadata: Metadata
    spec: RulesSpec


STRICT: dict[tuple[str, str], type[Strict]] = {
    ("gateway.networking.k8s.io/v1", "GRPCRoute"): GRPCRoute,
    ("monitoring.coreos.com/v1", "PodMonitor"): PodMonitor,
    ("monitoring.coreos.com/v1", "PrometheusRule"): PrometheusRule,
}


def check_foreign(manifest: Manifest) -> bool:
    """Checks an object of a kind that is not Kubernetes's own; says whether there is a model for it."""
    kind = (manifest["apiVersion"], manifest["kind"])
    if kind == ("keda.sh/v1alpha1", "ScaledObject"):
        read = ScaledObject.model_validate(manifest).model_dump(by_alias=True, exclude_none=True, mode="json")
        assert not _lost(manifest, read), "KEDA has no such fields"
        return True
    if kind in STRICT:
        STRICT[kind].model_validate(manifest)
        return True
    return False


def _lost(written: object, read: object, path: str = "") -> list[str]:
    """Returns the paths of `written` that a model did not keep."""
    if isinstance(written, dict):
        kept = read if isinstance(read, dict) else {}
        return [lost for key, value in written.items() for lost in _lost(value, kept.get(key), f"{path}/{key}")]
    if isinstance(written, list):
        kept_list = read if isinstance(read, list) and len(read) == len(written) else [None] * len(written)
        return [lost for number, value in enumerate(written) for lost in _lost(value, kept_list[number], f"{path}/{number}")]
    return [path] if read is None else []
