"""`s2v k8s check`, by Kubernetes's real client over HTTP, on answers that are valid to the schemas."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from click.testing import Result
from typer.testing import CliRunner

from deploy.generate.chart import CHART, KUBERNETES, examples
from s2v.cli import cluster
from s2v.cli.__main__ import app
from s2v.cli.chart_values import GPU_REQUESTS, REQUESTS, find_needs, read_needs
from s2v.cli.preflight import NEWEST, OLDEST

from .api_server import VERSION, Answer, ApiServer, failure, forbidden, listed, resources, serving


def node(name: str, cpu: str = "8", memory: str = "32Gi", arch: str = "amd64", ready: str = "True", **more: str) -> Answer:
    quantities = {"cpu": cpu, "memory": memory, "pods": "110", **more}
    info = {"machineID": "a", "systemUUID": "b", "bootID": "c", "kernelVersion": "6.1", "osImage": "Debian GNU/Linux 12"}
    info |= {"containerRuntimeVersion": "containerd://2.1", "kubeletVersion": "v1.34.1", "kubeProxyVersion": ""}
    condition = {"type": "Ready", "status": ready, "reason": "KubeletReady", "message": ""}
    status = {"capacity": quantities, "allocatable": quantities, "conditions": [condition]}
    return {
        "metadata": {"name": name},
        "spec": {},
        "status": {**status, "nodeInfo": {**info, "operatingSystem": "linux", "architecture": arch}},
    }


def daemon_set(name: str) -> Answer:
    labels = {"k8s-app": name}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": name, "image": name}]}}
    status = {"currentNumberScheduled": 2, "numberMisscheduled": 0, "desiredNumberScheduled": 2, "numberReady": 2}
    return {
        "metadata": {"name": name, "namespace": "kube-system"},
        "spec": {"selector": {"matchLabels": labels}, "template": pod},
        "status": status,
    }


def ready_cluster() -> dict[str, Answer | str]:
    """A cluster that has everything."""
    default = {"storageclass.kubernetes.io/is-default-class": "true"}
    namespace = {"name": "s2v", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}
    container = {"name": "s2v", "image": "registry.k8s.io/pause:3.10"}
    core, apis = "GET /api/v1", "GET /apis"
    return {
        "GET /version/": VERSION,
        f"{core}/nodes": listed("Node", "v1", [node("a"), node("b", **{"nvidia.com/gpu": "2"})]),
        f"{apis}/storage.k8s.io/v1/storageclasses": listed(
            "StorageClass",
            "storage.k8s.io/v1",
            [{"metadata": {"name": "fast", "annotations": default}, "provisioner": "csi.example.com"}],
        ),
        f"{apis}/metrics.k8s.io/v1beta1": resources("metrics.k8s.io", "v1beta1", ["PodMetrics", "NodeMetrics"]),
        f"{apis}/keda.sh/v1alpha1": resources("keda.sh", "v1alpha1", ["ScaledObject", "ScaledJob"]),
        f"{apis}/gateway.networking.k8s.io/v1": resources("gateway.networking.k8s.io", "v1", ["HTTPRoute", "GRPCRoute"]),
        f"{apis}/monitoring.coreos.com/v1": resources("monitoring.coreos.com", "v1", ["PodMonitor", "PrometheusRule"]),
        f"{apis}/networking.k8s.io/v1/ingressclasses": listed(
            "IngressClass",
            "networking.k8s.io/v1",
            [{"metadata": {"name": "nginx"}, "spec": {"controller": "k8s.io/ingress-nginx"}}],
        ),
        f"{apis}/resource.k8s.io/v1/deviceclasses": listed(
            "DeviceClass", "resource.k8s.io/v1", [{"metadata": {"name": "gpu.nvidia.com"}, "spec": {}}]
        ),
        f"{apis}/scheduling.k8s.io/v1/priorityclasses/media-batch": {
            "kind": "PriorityClass",
            "apiVersion": "scheduling.k8s.io/v1",
            "metadata": {"name": "media-batch"},
            "value": 1000,
        },
        f"{apis}/node.k8s.io/v1/runtimeclasses/nvidia": {
            "kind": "RuntimeClass",
            "apiVersion": "node.k8s.io/v1",
            "metadata": {"name": "nvidia"},
            "handler": "nvidia",
        },
        f"{core}/namespaces/s2v": {"kind": "Namespace", "apiVersion": "v1", "metadata": namespace},
        f"{core}/namespaces/s2v/secrets/nats-credentials": secret("nats-credentials", "token"),
        f"{core}/namespaces/s2v/secrets/s3-credentials": secret("s3-credentials", "access-key", "secret-key"),
        f"{core}/namespaces/s2v/secrets/registry": secret("registry", ".dockerconfigjson"),
        f"{core}/namespaces/s2v/configmaps/company-authorities": {
            "kind": "ConfigMap",
            "apiVersion": "v1",
            "metadata": {"name": "company-authorities"},
            "data": {"ca.crt": "-----BEGIN"},
        },
        f"{apis}/apps/v1/daemonsets": listed("DaemonSet", "apps/v1", [daemon_set("cilium"), daemon_set("kube-proxy")]),
        "GET /apis/": {"kind": "APIGroupList", "apiVersion": "v1", "groups": [group("kyverno.io", "v1"), group("apps", "v1")]},
        "POST /api/v1/namespaces/s2v/pods": {
            "kind": "Pod",
            "apiVersion": "v1",
            "metadata": {"name": "s2v-check-x"},
            "spec": {"containers": [container]},
        },
    }


def group(name: str, version: str) -> Answer:
    served = {"groupVersion": f"{name}/{version}", "version": version}
    return {"name": name, "versions": [served], "preferredVersion": served}


def secret(name: str, *keys: str) -> Answer:
    return {
        "kind": "Secret",
        "apiVersion": "v1",
        "metadata": {"name": name},
        "type": "Opaque",
        "data": dict.fromkeys(keys, "c2VjcmV0"),
    }


Check = Callable[..., Result]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Runs the command against some answers."""

    def run(
        answers: dict[str, Answer | str], *arguments: str, silent: frozenset[str] = frozenset(), token: str = "test-token"
    ) -> Result:
        with serving(ApiServer(answers, silent=set(silent))) as server:
            config = server.write_kubeconfig(tmp_path / "config", token=token)
            result = CliRunner(env={"KUBECONFIG": str(config), "NO_COLOR": "1"}).invoke(app, ["k8s", "check", *arguments])
            result.server = server  # type: ignore[attr-defined]
            return result

    return run


def states(result: Result) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one in json.loads(result.stdout):
        found.setdefault(one["name"], set()).add(one["state"])
    return found


def values(tmp_path: Path, tree: Answer) -> str:
    path = tmp_path / "values.yaml"
    path.write_text(yaml.safe_dump(tree))
    return str(path)


@pytest.mark.parametrize("name", ["production", "keda", "gpu", "gpu-dra", "gateway-api", "ingress", "trial"])
def test_a_cluster_that_has_everything_is_ready_for_each_example(name: str, check: Check) -> None:
    answers = ready_cluster()
    answers["GET /api/v1/nodes"] = listed("Node", "v1", [node("a", **{"nvidia.com/mig-1g.10gb": "7"})])
    answers["GET /api/v1/namespaces/s2v/secrets/talks-tls"] = secret("talks-tls", "tls.crt", "tls.key")
    result = check(answers, "-f", str(examples()[name] / "values.yaml"), "--json")
    assert result.exit_code == 0, result.output
    assert not {state for found in states(result).values() for state in found} & {"fault", "warning", "unknown"}, result.stdout


def test_the_table_says_what_there_is(check: Check) -> None:
    result = check(ready_cluster())
    assert result.exit_code == 0, result.output
    for words in (
        "Kubernetes 1.34",
        "2 of 2 ready",
        "2 nvidia.com/gpu on 1 nodes",
        "default: fast",
        "keda.sh/v1alpha1",
        "enforced by Cilium",
        "Kyverno",
    ):
        assert words in result.stdout
    (pod,) = result.server.bodies  # type: ignore[attr-defined]
    assert any("dryRun=All" in line for line in result.server.asked)  # type: ignore[attr-defined]
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True


MISSING = [
    ("keda", "GET /apis/keda.sh/v1alpha1", "KEDA", "install KEDA"),
    ("hpa", "GET /apis/metrics.k8s.io/v1beta1", "metrics-server", "install metrics-server"),
    ("gateway-api", "GET /apis/gateway.networking.k8s.io/v1", "Gateway API", "install the Gateway API"),
    ("production", "GET /apis/monitoring.coreos.com/v1", "Prometheus operator", "metrics.podMonitor.enabled"),
    ("production", "GET /apis/scheduling.k8s.io/v1/priorityclasses/media-batch", "priority class", "no media-batch"),
    ("production", "GET /api/v1/namespaces/s2v/configmaps/company-authorities", "ConfigMap", "before the installation"),
    ("external", "GET /api/v1/namespaces/s2v/secrets/s3-credentials", "Secret", "no s3-credentials in s2v"),
    ("gpu-dra", "GET /apis/resource.k8s.io/v1/deviceclasses", "device class", "upgrade to Kubernetes 1.34"),
    ("gpu", "GET /apis/node.k8s.io/v1/runtimeclasses/nvidia", "runtime class", "no nvidia"),
]


@pytest.mark.parametrize(("name", "path", "about", "said"), MISSING, ids=lambda value: value if value in examples() else "")
def test_what_is_missing_is_named_with_its_remedy(name: str, path: str, about: str, said: str, check: Check) -> None:
    answers = ready_cluster()
    del answers[path]
    result = check(answers, "-f", str(examples()[name] / "values.yaml"))
    assert result.exit_code == 1
    assert about in result.stderr
    assert said in " ".join(result.stdout.split())


def test_what_nothing_needs_is_a_note(check: Check) -> None:
    answers = {path: answer for path, answer in ready_cluster().items() if not path.startswith("GET /apis/keda")}
    result = check(answers, "--json")
    assert result.exit_code == 0, result.output
    assert states(result)["KEDA"] == {"note"}


NODES = "GET /api/v1/nodes"
GPU = {"transcription": {"gpu": {"enabled": True}}}
BROKEN = failure(503, "ServiceUnavailable", "the server is currently unable to handle the request")
QUOTA = 'pods "s2v-check-x" is forbidden: exceeded quota: team, requested: memory=6Gi, limited: memory=4Gi'
FAULTS: list[tuple[str, str, Answer, Answer, str]] = [
    ("too old", "GET /version/", {**VERSION, "minor": "27+"}, {}, "upgrade to 1.29"),
    ("arm", NODES, listed("Node", "v1", [node("a", arch="arm64")]), {}, "built for linux/amd64"),
    ("not ready", NODES, listed("Node", "v1", [node("a", ready="False")]), {}, "0 of 1 ready"),
    ("small", NODES, listed("Node", "v1", [node("a", cpu="2", memory="4Gi")]), {}, "a pod of rendering asks for 3 cores"),
    ("no GPU", NODES, listed("Node", "v1", [node("a")]), GPU, "no nvidia.com/gpu"),
    (
        "no default class", "GET /apis/storage.k8s.io/v1/storageclasses", listed("StorageClass", "storage.k8s.io/v1", []),
        {"s3": {"bundled": {"enabled": True}}}, "no default",
    ),
    (
        "key", "GET /api/v1/namespaces/s2v/secrets/nats-credentials", secret("nats-credentials", "password"),
        {"nats": {"existingSecret": {"name": "nats-credentials"}}}, "nats-credentials has no token; it has password",
    ),
    ("broken", "GET /apis/metrics.k8s.io/v1beta1", BROKEN, {"autoscaling": {"provider": "hpa"}}, "is there and broken"),
    ("admission", "POST /api/v1/namespaces/s2v/pods", failure(403, "Forbidden", QUOTA), {}, "exceeded quota: team"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "answer", "tree", "said"), [case[1:] for case in FAULTS], ids=[case[0] for case in FAULTS])
def test_what_would_not_work_is_found(path: str, answer: Answer, tree: Answer, said: str, check: Check, tmp_path: Path) -> None:
    result = check({**ready_cluster(), path: answer}, "-f", values(tmp_path, tree))
    assert result.exit_code == 1, result.output
    assert said in " ".join(result.stdout.split())


def test_what_the_account_may_not_see_is_unknown_and_says_which_right_is_missing(check: Check) -> None:
    path = "GET /api/v1/nodes"
    result = check({**ready_cluster(), path: forbidden("nodes")})
    assert result.exit_code == 0, "the rest is there"
    assert "?" in result.stdout
    assert "ask for the right to list nodes" in " ".join(result.stdout.split())
    assert states(check({**ready_cluster(), path: forbidden("nodes")}, "--json"))["nodes"] == {"unknown"}


def test_an_account_that_may_not_make_pods_is_no_fault_of_admission(check: Check) -> None:
    said = 'pods is forbidden: User "dev" cannot create resource "pods" in API group "" in the namespace "s2v"'
    result = check({**ready_cluster(), "POST /api/v1/namespaces/s2v/pods": failure(403, "Forbidden", said)}, "--json")
    assert result.exit_code == 0, result.output
    assert states(result)["admission"] == {"unknown"}


@pytest.mark.parametrize(
    ("labels", "said"), [({}, "enforces nothing"), ({"pod-security.kubernetes.io/enforce": "baseline"}, "enforces baseline")]
)
def test_pod_security_that_is_not_enforced_is_a_warning_with_the_command(labels: Answer, said: str, check: Check) -> None:
    namespace = {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "s2v", "labels": labels}}
    result = check({**ready_cluster(), "GET /api/v1/namespaces/s2v": namespace})
    assert result.exit_code == 0
    text = " ".join(result.stdout.split())
    assert said in text
    assert "kubectl label namespace s2v pod-security" in text


def test_a_namespace_that_is_not_there_yet_is_no_fault(check: Check) -> None:
    answers = {path: answer for path, answer in ready_cluster().items() if "/namespaces/s2v" not in path}
    result = check(answers)
    assert result.exit_code == 0, result.output
    assert "kubectl create namespace s2v" in " ".join(result.stdout.split())


@pytest.mark.parametrize(("name", "state"), [("kube-flannel-ds", "warning"), ("calico-node", "ok"), ("aws-node", "unknown")])
def test_network_plugins_are_known_by_their_daemon_sets(name: str, state: str, check: Check) -> None:
    daemon_sets = listed("DaemonSet", "apps/v1", [daemon_set(name)])
    result = check({**ready_cluster(), "GET /apis/apps/v1/daemonsets": daemon_sets}, "--json")
    assert states(result)["network policies"] == {state}


def one_line(result: Result, code: int, *words: str) -> None:
    assert result.exit_code == code, result.output
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1, result.stderr
    for word in words:
        assert word in result.stderr


def test_credentials_that_are_not_taken_end_it(check: Check) -> None:
    one_line(check(ready_cluster(), token="expired"), 6, "does not take your credentials (401)", "kubectl config get-contexts")


def test_a_server_that_is_silent_ends_it(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "ANSWER_SECONDS", 0.3)
    one_line(check(ready_cluster(), silent=frozenset({"/version/"})), 5, "does not answer", "is the cluster up")


def run_with(config: str, *arguments: str) -> Result:
    return CliRunner(env={"KUBECONFIG": config, "NO_COLOR": "1"}).invoke(app, ["k8s", "check", *arguments])


def test_a_server_that_is_not_there_ends_it(tmp_path: Path) -> None:
    server = ApiServer({}, port=9)
    one_line(run_with(str(server.write_kubeconfig(tmp_path / "config"))), 5, "http://127.0.0.1:9 does not answer", "refused")


def test_no_kubeconfig_is_said_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one_line(run_with(str(tmp_path / "none")), 6, "no cluster is set up: KUBECONFIG names", "which is not there")
    monkeypatch.setenv("HOME", str(tmp_path))
    one_line(run_with(""), 6, "there is no ~/.kube/config", "set KUBECONFIG")


def test_without_the_client_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command works without it: the client is an extra."""
    for name in ("kubernetes.client", "kubernetes.config"):
        monkeypatch.setitem(sys.modules, name, None)
    for command in ("check", "status"):
        one_line(CliRunner().invoke(app, ["k8s", command]), 6, "pip install 's2v-cli[k8s]'")


def test_a_context_that_is_not_there_is_said(tmp_path: Path) -> None:
    config = ApiServer({}, port=9).write_kubeconfig(tmp_path / "config")
    one_line(run_with(str(config), "--context", "nothing"), 6, "cannot be used", "nothing")


@pytest.mark.parametrize(("text", "said"), [("a: [", "is no YAML"), ("- a", "holds no values"), ("nats: 3", "must be a section")])
def test_values_that_are_none_are_refused(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "values.yaml"
    path.write_text(text)
    one_line(run_with(str(ApiServer({}, port=9).write_kubeconfig(tmp_path / "config")), "-f", str(path)), 3, said)


def test_its_defaults_are_the_charts() -> None:
    tree = yaml.safe_load((CHART / "values.yaml").read_text())
    assert find_needs(tree, stated=True) == find_needs({}, stated=True)
    for name, (cpu, memory) in REQUESTS.items():
        assert (tree[name]["resources"]["requests"]["cpu"], tree[name]["resources"]["requests"]["memory"]) == (cpu, memory)
    asked = tree["transcription"]["gpu"]["resources"]["requests"]
    assert (asked["cpu"], asked["memory"]) == GPU_REQUESTS
    assert [f"1.{OLDEST}", f"1.{NEWEST}"] == [KUBERNETES[0], KUBERNETES[-1]]


def test_later_values_win_and_sections_are_merged(tmp_path: Path) -> None:
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("layout: {resources: {requests: {cpu: 2, memory: 3Gi}}}\nautoscaling: {provider: hpa}\n")
    second.write_text("layout: {resources: {requests: {cpu: 250m}}}\n")
    needs = read_needs([first, second])
    assert needs.autoscaler == "hpa"
    assert needs.requests["layout"] == (Decimal("0.25"), Decimal(3 * 1024**3))
