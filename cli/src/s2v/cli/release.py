"""`s2v k8s status`: a release as the Kubernetes API and NATS see it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kubernetes import client
from prometheus_client.parser import text_string_to_metric_families

from s2v.cli.cluster import AnswerError, Cluster, annotations_of, labels_of, name_of, present
from s2v.cli.exits import CommandError, ExitCode
from s2v.cli.preflight_nodes import is_gpu
from s2v.cli.release_scalers import Scaler, find_scalers
from s2v.runtime.queues import Queue
from s2v.runtime.schema import PRIORITY_NAMES, WORK_STREAM
from s2v.runtime.stage import NAMES

INSTANCE, COMPONENT = "app.kubernetes.io/instance", "app.kubernetes.io/component"
MONITOR = "speech-to-visuals/nats-monitor"
"""Annotation of the Deployments that names NATS's monitoring endpoint, host:port."""
RESTARTS = 3
"""Restarts of a container from which on it is worth a word."""


@dataclass(frozen=True)
class Workload:
    """A Deployment or StatefulSet."""

    kind: str
    name: str
    component: str
    image: str
    wanted: int
    updated: int
    """Pods of the newest version."""
    ready: int
    troubles: tuple[str, ...]
    """Why it is not as it should be; what its pods say."""

    @property
    def done(self) -> bool:
        """Whether all pods are there, of the newest version and ready."""
        return self.updated == self.ready == self.wanted


@dataclass(frozen=True)
class Card:
    """What a pod has of GPUs."""

    pod: str
    asked: str
    """What it asks for, e.g. "1 nvidia.com/gpu"."""
    used_bytes: int | None
    """Memory in use on the card; None: not known."""
    limit_bytes: int | None


@dataclass(frozen=True)
class Release:
    """What there is of a release."""

    namespace: str
    name: str
    workloads: Sequence[Workload]
    scalers: Sequence[Scaler]
    queues: Sequence[Queue]
    cards: Sequence[Card]
    notes: Sequence[str]
    """What could not be seen, and why."""


def look(cluster: Cluster, name: str) -> Release:
    """Reads a release.

    Errors: CommandError: there is no such release, the cluster does not answer, or the account may not see even its Deployments.
    """
    selector = f"{INSTANCE}={name}"
    apps, core = client.AppsV1Api(cluster.api), client.CoreV1Api(cluster.api)
    notes: list[str] = []
    try:
        deployments = cluster.ask(apps.list_namespaced_deployment, cluster.namespace, label_selector=selector).items
        servers = cluster.ask(apps.list_namespaced_stateful_set, cluster.namespace, label_selector=selector).items
        pods = cluster.ask(core.list_namespaced_pod, cluster.namespace, label_selector=selector).items
    except AnswerError as error:
        raise CommandError(
            f"the release cannot be read: {error.message}; ask for the right to list deployments, statefulsets and pods in "
            f"{cluster.namespace}",
            ExitCode.SETUP if error.status == 403 else ExitCode.FAILED,
        ) from error
    if not deployments:
        raise CommandError(
            f"no Deployment in {cluster.namespace} has the label {selector}; --release names the release, -n its namespace",
            ExitCode.NOT_FOUND,
        )
    scalers: Sequence[Scaler] = []
    queues: Sequence[Queue] = []
    try:
        scalers = find_scalers(cluster, {name_of(one) for one in deployments})
    except AnswerError as error:
        notes.append(f"autoscalers: {error.message}")
    try:
        queues = _queues(cluster, deployments)
    except AnswerError as error:
        notes.append(f"queues: {error.message}")
    workloads = [_workload("Deployment", one, pods) for one in deployments]
    workloads += [_workload("StatefulSet", one, pods) for one in servers]
    return Release(cluster.namespace, name, workloads, scalers, queues, list(_cards(cluster, pods, notes)), notes)


def read_queues(answer: str) -> list[Queue]:
    """Reads the queues of all stages from NATS's `/jsz?consumers=true`.

    Errors: AnswerError when the stream of tasks is not in it.
    """
    try:
        accounts = json.loads(answer).get("account_details", [])
    except ValueError as error:
        raise AnswerError(0, "what answers there is not NATS's monitoring endpoint") from error
    streams = [stream for account in accounts for stream in account.get("stream_detail") or []]
    work = next((stream for stream in streams if stream["name"] == WORK_STREAM), None)
    if work is None:
        raise AnswerError(0, f"NATS holds no stream {WORK_STREAM}: no service has connected yet")
    consumers = {one["name"]: one for one in work.get("consumer_detail") or []}
    found = []
    for stage in NAMES.values():
        for priority in PRIORITY_NAMES:
            one = consumers.get(f"{stage}-{priority}", {})
            found.append(Queue(stage, priority, int(one.get("num_pending", 0)), int(one.get("num_ack_pending", 0))))
    return found


def _queues(cluster: Cluster, deployments: Sequence[client.V1Deployment]) -> list[Queue]:
    monitor = next((note for one in deployments if (note := annotations_of(one).get(MONITOR))), "")
    if not monitor:
        raise AnswerError(0, "the values name no nats.monitor; s2v top reads them from NATS itself")
    host, _, port = monitor.rpartition(":")
    service, _, rest = host.partition(".")
    namespace, _, kind = rest.partition(".")
    if kind.split(".")[0] != "svc":
        raise AnswerError(0, f"{monitor} is no Service of this cluster; s2v top reads them from NATS itself")
    path = f"/api/v1/namespaces/{namespace}/services/{service}:{port}/proxy/jsz"
    try:
        return read_queues(cluster.fetch(path, consumers="true"))
    except AnswerError as error:
        hint = "" if error.status in {403, 404} else "; networkPolicy.monitorFrom must let the API server in"
        raise AnswerError(error.status, f"{monitor}: {error.message}{hint}") from error


def _cards(cluster: Cluster, pods: Sequence[client.V1Pod], notes: list[str]) -> Iterator[Card]:
    for pod in pods:
        asked = _asked_gpus(pod)
        if not asked:
            continue
        used: int | None = None
        limit: int | None = None
        try:
            used, limit = _gpu_memory(cluster, pod)
        except AnswerError as error:
            notes.append(f"GPU memory of {name_of(pod)}: {error.message}")
        yield Card(name_of(pod), asked, used, limit)


def _asked_gpus(pod: client.V1Pod) -> str:
    """Says what a pod asks for of GPUs: by resource, or by claim; empty: nothing."""
    found = [
        f"{count} {name}"
        for container in present(pod.spec).containers
        for name, count in ((container.resources and container.resources.limits) or {}).items()
        if is_gpu(name)
    ]
    claims = [
        one.resource_claim_template_name or one.resource_claim_name or one.name for one in present(pod.spec).resource_claims or []
    ]
    return ", ".join([*found, *(f"claim {name}" for name in claims)])


def _gpu_memory(cluster: Cluster, pod: client.V1Pod) -> tuple[int | None, int | None]:
    """Reads what a pod says of its cards: bytes used and bytes there, None where it says nothing."""
    port = next(
        (port.container_port for one in present(pod.spec).containers for port in one.ports or [] if port.name == "metrics"), None
    )
    if port is None:
        raise AnswerError(0, "metrics.enabled is false")
    text = cluster.fetch(f"/api/v1/namespaces/{cluster.namespace}/pods/{name_of(pod)}:{port}/proxy/metrics")
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            sums[sample.name] = sums.get(sample.name, 0) + sample.value
    used, limit = sums.get("s2v_gpu_memory_used_bytes"), sums.get("s2v_gpu_memory_limit_bytes")
    return (None if used is None else int(used)), (None if limit is None else int(limit))


def _workload(kind: str, one: client.V1Deployment | client.V1StatefulSet, pods: Sequence[client.V1Pod]) -> Workload:
    component = labels_of(one).get(COMPONENT, "")
    if (spec := one.spec) is None or (status := one.status) is None:
        raise AnswerError(0, f"{kind} {name_of(one)} has no status")
    wanted = 1 if spec.replicas is None else spec.replicas
    own = [pod for pod in pods if labels_of(pod).get(COMPONENT) == component]
    conditions = status.conditions or []
    stuck = [
        f"the rollout stands still: {said.message}" for said in conditions if (said.type, said.status) == ("Progressing", "False")
    ]
    # What keeps pods from being made at all, such as a quota or Pod Security, is told only here.
    failed = [said.message or "" for said in conditions if (said.type, said.status) == ("ReplicaFailure", "True")]
    return Workload(
        kind,
        name_of(one),
        component,
        present(spec.template.spec).containers[0].image or "",
        wanted,
        status.updated_replicas or 0,
        status.ready_replicas or 0,
        tuple(dict.fromkeys([*stuck, *failed, *(trouble for pod in own for trouble in _troubles(pod))])),
    )


def _troubles(pod: client.V1Pod) -> Iterator[str]:
    """Yields why a pod does not run, and what it died of."""
    for said in present(pod.status).conditions or []:
        if (said.type, said.status) == ("PodScheduled", "False"):
            yield f"a pod has no node: {said.message}"
    for one in [*(present(pod.status).init_container_statuses or []), *(present(pod.status).container_statuses or [])]:
        waiting = one.state and one.state.waiting
        if waiting and waiting.reason not in {"ContainerCreating", "PodInitializing"}:
            yield f"{name_of(pod)} waits: {waiting.reason}{f': {waiting.message}' if waiting.message else ''}"
        died = one.last_state and one.last_state.terminated
        if died and (one.restart_count >= RESTARTS or died.reason == "OOMKilled"):
            yield f"{name_of(pod)} was started again {one.restart_count} times: {died.reason}, exit code {died.exit_code}"
