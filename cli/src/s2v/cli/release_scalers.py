"""What scales a release: HorizontalPodAutoscalers, those that KEDA makes among them, and KEDA's own word."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubernetes import client

from s2v.cli.cluster import AnswerError, Cluster

KEDA_GROUP, KEDA_VERSION = "keda.sh", "v1alpha1"


@dataclass(frozen=True)
class Scaler:
    """What scales a Deployment."""

    target: str
    by: str
    """ "HPA" or "KEDA"."""
    minimum: int
    maximum: int
    now: int
    wanted: int
    measured: tuple[str, ...]
    """What it goes by, with the value and the aim, e.g. "cpu 41 % of 70 %"."""
    troubles: tuple[str, ...]


def find_scalers(cluster: Cluster, targets: Collection[str]) -> list[Scaler]:
    """Returns what scales some Deployments.

    Errors: AnswerError, CommandError.
    """
    autoscaling = client.AutoscalingV2Api(cluster.api)
    listed = cluster.ask(autoscaling.list_namespaced_horizontal_pod_autoscaler, cluster.namespace).items
    hpas = {one.spec.scale_target_ref.name: one for one in listed if one.spec.scale_target_ref.name in targets}
    keda = {name: one for one in _scaled_objects(cluster) if (name := one["spec"]["scaleTargetRef"]["name"]) in targets}
    found = []
    for target in sorted({*hpas, *keda}):
        hpa, scaled = hpas.get(target), keda.get(target)
        troubles = [*(_hpa_troubles(hpa) if hpa else ()), *(_keda_troubles(scaled) if scaled else ())]
        spec = (scaled or {}).get("spec", {})
        status: Any = hpa.status if hpa else None
        found.append(
            Scaler(
                target,
                "KEDA" if scaled else "HPA",
                int(spec.get("minReplicaCount", 0)) if scaled or hpa is None else (hpa.spec.min_replicas or 1),
                hpa.spec.max_replicas if hpa else int(spec.get("maxReplicaCount", 100)),
                (status.current_replicas or 0) if status else 0,
                (status.desired_replicas or 0) if status else 0,
                tuple(_measured(hpa)) if hpa else (),
                tuple(troubles),
            )
        )
    return found


def _scaled_objects(cluster: Cluster) -> Sequence[Mapping[str, Any]]:
    """Returns KEDA's objects; none where KEDA is not installed."""
    custom = client.CustomObjectsApi(cluster.api)
    try:
        found: Any = cluster.ask(
            custom.list_namespaced_custom_object, KEDA_GROUP, KEDA_VERSION, cluster.namespace, "scaledobjects"
        )
    except AnswerError as error:
        if error.status == 404:
            return ()
        raise
    items: Sequence[Mapping[str, Any]] = found["items"]
    return items


def _measured(hpa: client.V2HorizontalPodAutoscaler) -> Iterator[str]:
    aims = {_metric_name(one): one for one in hpa.spec.metrics or []}
    for one in hpa.status.current_metrics or [] if hpa.status else []:
        name = _metric_name(one)
        source = one.resource or one.external
        aim = aims.get(name)
        target = (aim.resource or aim.external) if aim else None
        if source is None or target is None:
            continue
        if source.current.average_utilization is not None:
            yield f"{name} {source.current.average_utilization} % of {target.target.average_utilization} %"
        elif source.current.average_value is not None:
            yield f"{name} {source.current.average_value} of {target.target.average_value}"


def _metric_name(one: client.V2MetricSpec | client.V2MetricStatus) -> str:
    if one.resource is not None:
        return str(one.resource.name)
    return "tasks a pod" if one.external is not None else one.type


def _hpa_troubles(hpa: client.V2HorizontalPodAutoscaler) -> Iterator[str]:
    for said in (hpa.status.conditions or []) if hpa.status else []:
        if said.type in {"AbleToScale", "ScalingActive"} and said.status == "False" and said.reason != "ScalingDisabled":
            yield f"{said.reason}: {said.message}"
        if (said.type, said.status, said.reason) == ("ScalingLimited", "True", "TooManyReplicas"):
            yield f"it is at its maximum of {hpa.spec.max_replicas} and would go higher"


def _keda_troubles(scaled: Mapping[str, Any]) -> Iterator[str]:
    for said in scaled.get("status", {}).get("conditions") or []:
        kind, status = said.get("type"), said.get("status")
        if (kind, status) == ("Ready", "False"):
            yield f"KEDA: {said.get('reason')}: {said.get('message')}"
        elif (kind, status) == ("Fallback", "True"):
            yield "KEDA cannot read the queue, and falls back to a fixed number of replicas"
        elif (kind, status) == ("Paused", "True"):
            yield "KEDA is paused"
