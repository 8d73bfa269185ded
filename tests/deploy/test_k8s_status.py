"""`s2v k8s status`, by Kubernetes's real client over HTTP, on answers that are valid to the schemas."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from deploy.generate.chart import Manifest
from s2v.cli import cluster
from s2v.cli.__main__ import app
from s2v.cli.release import MONITOR
from s2v.runtime.schema import PRIORITY_NAMES, WORK_STREAM
from s2v.runtime.stage import NAMES

from .api_server import Answer, ApiServer, failure, forbidden, listed, serving
from .conftest import example

HERE = "GET /api/v1/namespaces/s2v"
APPS = "GET /apis/apps/v1/namespaces/s2v"
DEPLOYMENTS = f"{APPS}/deployments"
PODS = f"{HERE}/pods"
HPAS = "GET /apis/autoscaling/v2/namespaces/s2v/horizontalpodautoscalers"
SCALED = "GET /apis/keda.sh/v1alpha1/namespaces/s2v/scaledobjects"
JSZ = "/api/v1/namespaces/s2v/services/s2v-nats:8222/proxy/jsz"
METRICS = "/api/v1/namespaces/s2v/pods/s2v-transcription-a:9464/proxy/metrics"


def rolled_out(manifest: Manifest, ready: int | None = None, **more: object) -> Answer:
    """A Deployment or StatefulSet of the chart with the status that its controller gives it."""
    wanted = manifest["spec"].get("replicas", 2)
    status = {"replicas": wanted, "updatedReplicas": wanted, "readyReplicas": wanted if ready is None else ready, **more}
    found = {key: value for key, value in manifest.items() if key not in {"kind", "apiVersion"}}
    return {**found, "spec": {**found["spec"], "replicas": wanted}, "status": status}


def pod_of(manifest: Manifest, suffix: str, **status: object) -> Answer:
    """A pod that a Deployment of the chart has made."""
    template = manifest["spec"]["template"]
    name = f"{manifest['metadata']['name']}-{suffix}"
    return {"metadata": {"name": name, "labels": template["metadata"]["labels"]}, "spec": template["spec"], "status": status}


def container(name: str, restarts: int, state: Answer, last: Answer | None = None) -> Answer:
    found = {"name": name, "image": name, "imageID": name, "ready": False, "restartCount": restarts, "state": state}
    return {**found, "lastState": last} if last else found


def jsz(waiting: int = 3, at_work: int = 2) -> str:
    """What NATS says of the queues, as far as it is read; test_bundled.py asks the real server."""
    consumers = [
        {"name": f"{stage}-{priority}", "num_pending": waiting, "num_ack_pending": at_work}
        for stage in NAMES.values()
        for priority in PRIORITY_NAMES
    ]
    stream = {"name": WORK_STREAM, "consumer_detail": consumers}
    return json.dumps({"account_details": [{"name": "$G", "stream_detail": [{"name": "KV_s2v-jobs"}, stream]}]})


def trial() -> dict[str, Answer | str]:
    """The answers for the trial example, all of it up."""
    rendered = example("trial")
    deployments, servers = rendered.all("Deployment"), rendered.all("StatefulSet")
    return {
        DEPLOYMENTS: listed("Deployment", "apps/v1", [rolled_out(one) for one in deployments]),
        f"{APPS}/statefulsets": listed("StatefulSet", "apps/v1", [rolled_out(one) for one in servers]),
        PODS: listed("Pod", "v1", [pod_of(one, "a", phase="Running") for one in deployments]),
        HPAS: listed("HorizontalPodAutoscaler", "autoscaling/v2", []),
        f"GET {JSZ}": jsz(),
    }


Status = Callable[..., Result]


@pytest.fixture
def status(tmp_path: Path) -> Status:
    """Runs the command against some answers."""

    def run(answers: dict[str, Answer | str], *arguments: str, silent: frozenset[str] = frozenset()) -> Result:
        with serving(ApiServer(answers, silent=set(silent))) as server:
            config = server.write_kubeconfig(tmp_path / "config")
            return CliRunner(env={"KUBECONFIG": str(config), "NO_COLOR": "1"}).invoke(app, ["k8s", "status", *arguments])

    return run


def words(result: Result) -> str:
    return " ".join(result.stdout.split())


def test_a_release_that_is_up(status: Status) -> None:
    result = status(trial())
    assert result.exit_code == 0, result.output
    text = words(result)
    assert "s2v in s2v" in text
    assert "✓ s2v-rendering 1/1 1/1 s2v/rendering:0.1.0" in text
    assert "✓ s2v-nats 1/1 1/1" in text
    assert "rendering 3 3 3 6" in text, "waiting by priority, and all that is at work"
    assert "Nothing scales by itself" in text


def test_json_has_all_of_it(status: Status) -> None:
    found = json.loads(status(trial(), "--json").stdout)
    assert {one["name"] for one in found["workloads"]} >= {"s2v-gateway", "s2v-nats", "s2v-s3"}
    assert sum(one["waiting"] for one in found["queues"]) == 3 * 12
    assert found["notes"] == []


SCHEDULING = [
    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes: Insufficient memory."}
]
PULL = container("rendering", 0, {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}})
KILLED = container("rendering", 1, {"running": {}}, {"terminated": {"exitCode": 137, "reason": "OOMKilled"}})
CRASHED = container(
    "rendering", 5, {"waiting": {"reason": "CrashLoopBackOff"}}, {"terminated": {"exitCode": 1, "reason": "Error"}}
)


@pytest.mark.parametrize(
    ("pod", "said"),
    [
        ({"conditions": SCHEDULING}, "a pod has no node: 0/3 nodes: Insufficient memory."),
        ({"containerStatuses": [PULL]}, "waits: ImagePullBackOff: Back-off pulling image"),
        ({"containerStatuses": [KILLED]}, "started again 1 times: OOMKilled, exit code 137"),
        ({"containerStatuses": [CRASHED]}, "started again 5 times: Error, exit code 1"),
    ],
    ids=["no node", "no image", "out of memory", "crash"],
)
def test_why_a_rollout_stands_still(pod: Answer, said: str, status: Status) -> None:
    rendering = example("trial").find("Deployment", "s2v-rendering")
    stuck = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "it timed out"}]
    others = [rolled_out(one) for one in example("trial").all("Deployment") if one is not rendering]
    answers = {
        **trial(),
        DEPLOYMENTS: listed("Deployment", "apps/v1", [*others, rolled_out(rendering, 0, conditions=stuck)]),
        PODS: listed("Pod", "v1", [pod_of(rendering, "x", phase="Pending", **pod)]),
    }
    result = status(answers)
    assert result.exit_code == 1
    assert "not rolled out: s2v-rendering" in result.stderr
    assert "✗ s2v-rendering 0/1" in words(result)
    assert "the rollout stands still: it timed out" in words(result)
    assert said in words(result)


def test_pods_that_are_not_even_made_say_why(status: Status) -> None:
    layout = example("trial").find("Deployment", "s2v-layout")
    failed = [
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": 'violates PodSecurity "restricted"'}
    ]
    answers = {**trial(), DEPLOYMENTS: listed("Deployment", "apps/v1", [rolled_out(layout, 0, conditions=failed)])}
    assert 'violates PodSecurity "restricted"' in words(status(answers))


def hpa(manifest: Manifest, **status: object) -> Answer:
    found = {key: value for key, value in manifest.items() if key not in {"kind", "apiVersion"}}
    return {**found, "status": {"currentReplicas": 4, "desiredReplicas": 6, **status}}


def test_what_autoscalers_go_by_and_why_they_do_not(status: Status) -> None:
    cpu = {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 91, "averageValue": "2730m"}}}
    full = [{"type": "ScalingLimited", "status": "True", "reason": "TooManyReplicas", "message": "the desired count is too many"}]
    blind = [
        {
            "type": "ScalingActive",
            "status": "False",
            "reason": "FailedGetResourceMetric",
            "message": "no metrics from metrics API",
        }
    ]
    rendered = example("hpa")
    one, two = rendered.find("HorizontalPodAutoscaler", "s2v-rendering"), rendered.find("HorizontalPodAutoscaler", "s2v-analysis")
    deployments = [rolled_out(each) for each in rendered.all("Deployment")]
    answers = {
        **trial(),
        DEPLOYMENTS: listed("Deployment", "apps/v1", deployments),
        HPAS: listed(
            "HorizontalPodAutoscaler",
            "autoscaling/v2",
            [hpa(one, currentMetrics=[cpu], conditions=full), hpa(two, conditions=blind)],
        ),
    }
    text = words(status(answers))
    assert "s2v-rendering HPA 4 6 2 and 10 cpu 91 % of 70 %" in text
    assert "it is at its maximum of 10 and would go higher" in text
    assert "scaling s2v-analysis: FailedGetResourceMetric: no metrics from metrics API" in text


def test_keda_and_the_autoscaler_that_it_makes_are_one(status: Status) -> None:
    rendered = example("keda")
    scaled = rendered.find("ScaledObject", "s2v-transcription")
    said = [
        {"type": "Ready", "status": "False", "reason": "ScaledObjectCheckFailed", "message": "failed to ensure HPA"},
        {"type": "Fallback", "status": "True", "reason": "FallbackExists", "message": "At least one trigger is falling back"},
    ]
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "s2v-transcription"}
    metric = {"type": "External", "external": {"metric": {"name": "composite-metric"}}}
    aim, now = {"target": {"type": "AverageValue", "averageValue": "4"}}, {"current": {"averageValue": "2500m"}}
    made = {
        "metadata": {"name": "keda-hpa-s2v-transcription"},
        "spec": {
            "scaleTargetRef": reference,
            "minReplicas": 1,
            "maxReplicas": 10,
            "metrics": [{**metric, "external": {**metric["external"], **aim}}],  # type: ignore[dict-item]
        },
        "status": {
            "currentReplicas": 3,
            "desiredReplicas": 3,
            "currentMetrics": [{**metric, "external": {**metric["external"], **now}}],  # type: ignore[dict-item]
        },
    }
    answers = {
        **trial(),
        DEPLOYMENTS: listed("Deployment", "apps/v1", [rolled_out(one) for one in rendered.all("Deployment")]),
        HPAS: listed("HorizontalPodAutoscaler", "autoscaling/v2", [made]),
        SCALED: listed("ScaledObject", "keda.sh/v1alpha1", [{**scaled, "status": {"conditions": said}}]),
    }
    result = status(answers)
    text = words(result)
    assert "s2v-transcription KEDA 3 3 0 and 10 tasks a pod 2500m of 4" in text, result.output
    assert text.count("scaling s2v-transcription:") == 2
    assert "falls back to a fixed number of replicas" in text


def with_gpu() -> dict[str, Answer | str]:
    transcription = example("gpu").find("Deployment", "s2v-transcription")
    text = (
        "# TYPE s2v_gpu_memory_used_bytes gauge\n"
        's2v_gpu_memory_used_bytes{gpu="0",service_name="transcription"} 3e+09\n'
        "# TYPE s2v_gpu_memory_limit_bytes gauge\n"
        's2v_gpu_memory_limit_bytes{gpu="0",service_name="transcription"} 1e+10\n'
    )
    return {**trial(), PODS: listed("Pod", "v1", [pod_of(transcription, "a", phase="Running")]), f"GET {METRICS}": text}


def test_what_gpus_are_asked_for_and_how_full_they_are(status: Status) -> None:
    assert "s2v-transcription-a 1 nvidia.com/mig-1g.10gb 3.0 GB of 10.0 GB" in words(status(with_gpu()))
    claimed = example("gpu-dra").find("Deployment", "s2v-transcription")
    answers = {**with_gpu(), PODS: listed("Pod", "v1", [pod_of(claimed, "a", phase="Running")])}
    assert "claim s2v-transcription" in words(status(answers))


def test_what_cannot_be_seen_is_said_and_the_rest_is_shown(status: Status, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "PROXY_SECONDS", 0.3)
    answers = {**with_gpu(), HPAS: forbidden("horizontalpodautoscalers.autoscaling")}
    result = status(answers, silent=frozenset({JSZ, METRICS}))
    assert result.exit_code == 0, result.output
    text = words(result)
    assert "not seen: autoscalers: horizontalpodautoscalers.autoscaling is forbidden" in text
    assert "not seen: queues: s2v-nats.s2v.svc:8222: no answer through the Kubernetes API" in text
    assert "networkPolicy.monitorFrom must let the API server in" in text
    assert "not seen: GPU memory of s2v-transcription-a" in text


@pytest.mark.parametrize(
    ("monitor", "said"),
    [("", "the values name no nats.monitor"), ("nats.example.com:8222", "is no Service of this cluster; s2v top")],
)
def test_a_monitor_that_is_not_in_the_cluster_is_said(monitor: str, said: str, status: Status) -> None:
    deployments = [rolled_out(one) for one in example("trial").all("Deployment")]
    for one in deployments:
        one["metadata"] = {**one["metadata"], "annotations": {MONITOR: monitor}}
    assert said in words(status({**trial(), DEPLOYMENTS: listed("Deployment", "apps/v1", deployments)}))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("<html>", "is not NATS's monitoring endpoint"),
        (json.dumps({"account_details": []}), "no service has connected yet"),
        (failure(503, "ServiceUnavailable", 'no endpoints available for service "s2v-nats"'), "no endpoints available"),
    ],
)
def test_an_odd_answer_of_nats_is_said(answer: Answer | str, said: str, status: Status) -> None:
    assert said in words(status({**trial(), f"GET {JSZ}": answer}))


def test_a_release_that_is_not_there_is_told_from_one_that_may_not_be_seen(status: Status) -> None:
    none = status({**trial(), DEPLOYMENTS: listed("Deployment", "apps/v1", [])}, "--release", "other")
    assert none.exit_code == 4
    assert "app.kubernetes.io/instance=other" in none.stderr
    hidden = status({**trial(), DEPLOYMENTS: forbidden("deployments.apps")})
    assert hidden.exit_code == 6
    assert "ask for the right to list deployments" in hidden.stderr
