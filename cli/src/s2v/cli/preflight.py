"""`s2v k8s check`: what a cluster has of what the chart needs. Each check asks the API and yields what it has found."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial

from kubernetes import client

from s2v.cli import preflight_nodes
from s2v.cli.chart_values import Needs, Reference
from s2v.cli.cluster import AnswerError, Cluster, annotations_of, labels_of, name_of
from s2v.cli.exits import CommandError, ExitCode, results
from s2v.cli.findings import Finding, State, make_table

OLDEST, NEWEST = 29, 37
"""Minor versions of Kubernetes 1 that the chart is checked for."""
ENFORCERS = {"calico": "Calico", "cilium": "Cilium", "antrea": "Antrea", "kube-router": "kube-router", "kindnet": "kindnet"}
"""Network plugins that enforce NetworkPolicies, by how their DaemonSets are called."""
POLICY_ENGINES = {"kyverno.io": "Kyverno", "constraints.gatekeeper.sh": "Gatekeeper", "policies.kubewarden.io": "Kubewarden"}
RESTRICTED = "pod-security.kubernetes.io/enforce"
PAUSE_IMAGE = "registry.k8s.io/pause:3.10"
"""Named by the pod of the dry run, which no node ever sees."""


@dataclass(frozen=True)
class Look:
    """A check: what it is about, and what may be asked for it."""

    name: str
    rights: str
    """What an account must be allowed to do for it."""
    check: Callable[[Cluster, Needs], Iterator[Finding]]


def examine(cluster: Cluster, needs: Needs) -> list[Finding]:
    """Runs all checks. What the account may not see is UNKNOWN.

    Errors: CommandError when the cluster does not answer or refuses the credentials.
    """
    findings: list[Finding] = []
    for look in LOOKS:
        try:
            findings += look.check(cluster, needs)
        except AnswerError as error:
            if error.status == 403:
                detail, remedy = f"your account may not look ({error.message})", f"ask for the right to {look.rights}"
            else:
                detail, remedy = f"no answer to this question: {error.message}", ""
            findings.append(Finding(look.name, State.UNKNOWN, detail, remedy))
    return findings


def report(findings: Sequence[Finding], *, as_json: bool) -> None:
    """Prints what was found.

    Errors: CommandError with exit code 1 when something is missing.
    """
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        results.print(make_table(findings))
    wrong = [finding.name for finding in findings if finding.state is State.FAULT]
    if wrong:
        raise CommandError(f"the cluster is not ready for: {', '.join(dict.fromkeys(wrong))}", ExitCode.FAILED)


def _version(cluster: Cluster, needs: Needs) -> Iterator[Finding]:
    found = cluster.ask(client.VersionApi(cluster.api).get_code)
    minor = int("".join(filter(str.isdigit, found.minor)))  # "34+" with some providers
    if minor < OLDEST:
        yield Finding("version", State.FAULT, f"Kubernetes 1.{minor}", f"upgrade to 1.{OLDEST} or newer")
    elif minor > NEWEST:
        yield Finding("version", State.WARNING, f"Kubernetes 1.{minor}, newer than this chart was checked for (1.{NEWEST})")
    else:
        yield Finding("version", State.OK, f"Kubernetes 1.{minor}")


def _device_class(cluster: Cluster, needs: Needs) -> Iterator[Finding]:
    if not needs.device_class:
        return
    try:
        found = cluster.ask(client.ResourceV1Api(cluster.api).list_device_class)
    except AnswerError as error:
        if error.status != 404:
            raise
        remedy = "upgrade to Kubernetes 1.34, or set transcription.gpu.dra.enabled to false and name a resource"
        yield Finding("device class", State.FAULT, "no resource.k8s.io/v1", remedy)
        return
    names = sorted(name_of(one) for one in found.items)
    if needs.device_class in names:
        yield Finding("device class", State.OK, needs.device_class)
    else:
        remedy = "install the DRA driver of your GPUs, or name another one in transcription.gpu.dra.deviceClassName"
        yield Finding("device class", State.FAULT, f"no {needs.device_class}; there is {_list(names)}", remedy)


def _storage(cluster: Cluster, needs: Needs) -> Iterator[Finding]:
    found = cluster.ask(client.StorageV1Api(cluster.api).list_storage_class).items
    names = sorted(name_of(one) for one in found)
    default = [name_of(one) for one in found if annotations_of(one).get("storageclass.kubernetes.io/is-default-class") == "true"]
    detail = f"{_list(names)}; default: {_list(default)}"
    if not needs.storage_classes:
        yield Finding("storage class", State.NOTE, f"{detail}; only the bundled NATS and SeaweedFS need one")
        return
    for wanted in sorted(needs.storage_classes):
        if wanted and wanted not in names:
            yield Finding("storage class", State.FAULT, f"no {wanted}; there is {_list(names)}", "name another storageClassName")
        elif not wanted and not default:
            remedy = "mark one as the default, or name one in nats.bundled and s3.bundled"
            yield Finding("storage class", State.FAULT, f"no default; there is {_list(names)}", remedy)
        else:
            yield Finding("storage class", State.OK, detail)


@dataclass(frozen=True)
class Kind:
    """A kind of object that something besides Kubernetes brings."""

    by: str
    group: str
    version: str
    kind: str
    remedy: str


METRICS = Kind(
    "metrics-server",
    "metrics.k8s.io",
    "v1beta1",
    "PodMetrics",
    "install metrics-server; without it a HorizontalPodAutoscaler does nothing",
)
KEDA = Kind("KEDA", "keda.sh", "v1alpha1", "ScaledObject", "install KEDA (keda.sh), or set autoscaling.provider to hpa")
GATEWAY = Kind(
    "Gateway API",
    "gateway.networking.k8s.io",
    "v1",
    "GRPCRoute",
    "install the Gateway API 1.1 or newer and a controller, or use ingress",
)
PROMETHEUS = Kind(
    "Prometheus operator",
    "monitoring.coreos.com",
    "v1",
    "PodMonitor",
    "install the Prometheus operator, or set metrics.podMonitor.enabled and metrics.rules.enabled to false",
)


def _added(cluster: Cluster, needs: Needs) -> Iterator[Finding]:
    # KEDA scales the gateway by its processor, which needs metrics-server too.
    yield _served(cluster, METRICS, needed=needs.autoscaler != "none")
    yield _served(cluster, KEDA, needed=needs.autoscaler == "keda")
    yield _served(cluster, GATEWAY, needed=needs.gateway_api)
    yield _served(cluster, PROMETHEUS, needed=needs.prometheus_operator)


def _served(cluster: Cluster, wanted: Kind, *, needed: bool) -> Finding:
    """Says whether the API server serves a kind: by discovery, which every account may use."""
    absent, remedy = (State.FAULT, wanted.remedy) if needed else (State.NOTE, "")
    where = f"{wanted.group}/{wanted.version}"
    try:
        found = cluster.ask(client.CustomObjectsApi(cluster.api).get_api_resources, wanted.group, wanted.version)
    except AnswerError as error:
        if error.status == 404:
            return Finding(wanted.by, absent, f"no {where}", remedy)
        if error.status >= 500:  # an API service that is registered and whose pods do not answer
            return Finding(wanted.by, State.FAULT if needed else State.WARNING, f"{where} is there and broken", wanted.remedy)
        raise
    if wanted.kind in {one.kind for one in found.resources}:
        return Finding(wanted.by, State.OK, where)
    return Finding(wanted.by, absent, f"{where} has no {wanted.kind}", remedy)


def _ingress(cluster: Cluster, needs: Needs) -> Iterator[Finding]:
    names = sorted(name_of(one) for one in cluster.ask(client.NetworkingV1Api(cluster.api).list_ingress_class).items)
    if not needs.ingress_class:
        yield Finding("ingress class", State.NOTE, _list(names))
    elif needs.ingress_class in names:
        yield Finding("ingress class", State.OK, needs.ingress_class)
    else:
        remedy = "install its controller, or name another one in ingress.className"
        yield Finding("ingress class", State.FAULT, f"no {needs.ingress_class}; there is {_list(names)}", remedy)


def _classes(cluster: Cluster, needs: Needs) -> Iterator[Finding]:
    priorities, runtimes = client.SchedulingV1Api(cluster.api), client.NodeV1Api(cluster.api)
    for what, names, read in (
        ("priority class", needs.priority_classes, priorities.read_priority_class),
        ("runtime class", needs.runtime_classes, runtimes.read_runtime_class),
    ):
        for name in sorted(names):
            yield _there(what, name, partial(cluster.ask, read, name))


def _references(cluster: Cluster, needs: Needs) -> Iterator[Finding]:
    core = client.CoreV1Api(cluster.api)
    for reference in needs.references:
        try:
            if reference.kind == "Secret":
                there = set(cluster.ask(core.read_namespaced_secret, reference.name, cluster.namespace).data or {})
            else:
                there = set(cluster.ask(core.read_namespaced_config_map, reference.name, cluster.namespace).data or {})
        except AnswerError as error:
            if error.status != 404:
                raise
            remedy = f"make it in {cluster.namespace} before the installation"
            yield Finding(reference.kind, State.FAULT, f"no {reference.name} in {cluster.namespace}", remedy)
            continue
        yield _keys(reference, there)


def _keys(reference: Reference, there: set[str]) -> Finding:
    missing = sorted(set(reference.keys) - there)
    if missing:
        detail = f"{reference.name} has no {_list(missing)}; it has {_list(sorted(there))}"
        return Finding(reference.kind, State.FAULT, detail, "add the key, or name the one that it has in the values")
    return Finding(reference.kind, State.OK, f"{reference.name}: {_list(list(reference.keys))}")


def _there(what: str, name: str, read: Callable[[], object]) -> Finding:
    try:
        read()
    except AnswerError as error:
        if error.status != 404:
            raise
        return Finding(what, State.FAULT, f"no {name}", "make it, or name another one in the values")
    return Finding(what, State.OK, name)


def _pod_security(cluster: Cluster, _: Needs) -> Iterator[Finding]:
    command = f"kubectl label namespace {cluster.namespace} {RESTRICTED}=restricted"
    try:
        found = cluster.ask(client.CoreV1Api(cluster.api).read_namespace, cluster.namespace)
    except AnswerError as error:
        if error.status != 404:
            raise
        remedy = f"kubectl create namespace {cluster.namespace}; {command}"
        yield Finding("namespace", State.WARNING, f"there is no {cluster.namespace} yet", remedy)
        return
    level = labels_of(found).get(RESTRICTED, "")
    if level == "restricted":
        yield Finding("pod security", State.OK, f"{cluster.namespace} enforces restricted")
    else:
        yield Finding("pod security", State.WARNING, f"{cluster.namespace} enforces {level or 'nothing'}", command)


def _network(cluster: Cluster, needs: Needs) -> Iterator[Finding]:
    if not needs.network_policies:
        yield Finding("network policies", State.NOTE, "switched off in the values")
        return
    sets = cluster.ask(client.AppsV1Api(cluster.api).list_daemon_set_for_all_namespaces).items
    names = sorted(name_of(one) for one in sets)
    known = {title for sign, title in ENFORCERS.items() for name in names if name.startswith((sign, f"{sign}-"))}
    if known:
        yield Finding("network policies", State.OK, f"enforced by {_list(sorted(known))}")
    elif any("flannel" in name for name in names):
        remedy = "install a plugin that enforces them, e.g. Calico beside it"
        yield Finding("network policies", State.WARNING, "Flannel does not enforce them: nothing is closed", remedy)
    else:
        detail = "no network plugin that is known here; see whether yours enforces NetworkPolicies"
        yield Finding("network policies", State.UNKNOWN, detail)


def _admission(cluster: Cluster, needs: Needs) -> Iterator[Finding]:
    """Lets admission judge a pod as strict as the chart's: Pod Security, quotas, limit ranges and policy engines all speak."""
    groups = {one.name for one in cluster.ask(client.ApisApi(cluster.api).get_api_versions).groups}
    engines = sorted(title for group, title in POLICY_ENGINES.items() if group in groups)
    who = f" ({_list(engines)} among those who judge)" if engines else ""
    pods = client.CoreV1Api(cluster.api)
    try:
        cluster.ask(pods.create_namespaced_pod, cluster.namespace, sample_pod(needs), dry_run="All")
    except AnswerError as error:
        if error.status == 404:
            yield Finding("admission", State.NOTE, f"asked once {cluster.namespace} is there")
        elif "cannot create resource" in error.message:
            yield Finding("admission", State.UNKNOWN, "your account may not try", "ask for the right to create pods")
        else:
            remedy = "make an exception for the namespace, or change the values to what is asked for"
            yield Finding("admission", State.FAULT, f"a pod like the chart's is refused: {error.message}", remedy)
    else:
        yield Finding("admission", State.OK, f"a pod like the chart's is taken{who}")


def sample_pod(needs: Needs) -> client.V1Pod:
    """Returns a pod with the chart's security settings and the requests of its largest component."""
    cpu, memory = max(needs.requests.values(), default=(1, 1))
    container = client.V1Container(
        name="s2v",
        image=PAUSE_IMAGE,
        security_context=client.V1SecurityContext(
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            capabilities=client.V1Capabilities(drop=["ALL"]),
        ),
        resources=client.V1ResourceRequirements(
            requests={"cpu": str(cpu), "memory": str(memory)}, limits={"memory": str(memory)}
        ),
    )
    security = client.V1PodSecurityContext(
        run_as_non_root=True,
        run_as_user=65532,
        run_as_group=65532,
        fs_group=65532,
        seccomp_profile=client.V1SeccompProfile(type="RuntimeDefault"),
    )
    return client.V1Pod(
        api_version="v1",
        kind="Pod",
        metadata=client.V1ObjectMeta(generate_name="s2v-check-", labels={"app.kubernetes.io/part-of": "speech-to-visuals"}),
        spec=client.V1PodSpec(containers=[container], security_context=security, automount_service_account_token=False),
    )


def _list(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


LOOKS = (
    Look("version", "get /version", _version),
    Look("nodes", "list nodes", preflight_nodes.look),
    Look("device class", "list deviceclasses.resource.k8s.io", _device_class),
    Look("storage class", "list storageclasses.storage.k8s.io", _storage),
    Look("additions", "get /apis", _added),
    Look("ingress class", "list ingressclasses.networking.k8s.io", _ingress),
    Look("classes", "get priorityclasses.scheduling.k8s.io and runtimeclasses.node.k8s.io", _classes),
    Look("Secrets", "get secrets and configmaps in the namespace", _references),
    Look("pod security", "get namespaces", _pod_security),
    Look("network policies", "list daemonsets.apps", _network),
    Look("admission", "create pods in the namespace (a dry run)", _admission),
)
