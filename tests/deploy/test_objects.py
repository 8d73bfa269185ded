"""What the objects say, read into Kubernetes's own types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

import helm_python
import pytest
import yaml
from kubernetes import client

from deploy.generate.chart import CHART, Manifest, Render, pod_of, render
from deploy.generate.settings import CLASSES, OWNED
from s2v.analysis.settings import AnalysisSettings
from s2v.layout.settings import LayoutSettings
from s2v.rendering.engine import CLIP_SECONDS, FILM_SECONDS
from s2v.runtime.bus import PRIORITIES, WORK_STREAM
from s2v.transcription.talk import EXAMINATION_SECONDS, WINDOW_SECONDS

from .api_server import Answer, ApiServer, resources, serving
from .conftest import example

T = TypeVar("T")
_API = client.ApiClient(client.Configuration(host="http://localhost"))

COMPONENTS = ("gateway", "transcription", "analysis", "layout", "rendering")
STAGES = COMPONENTS[1:]
EXTERNAL: Manifest = {
    "nats": {"url": "nats://nats:4222"},
    "s3": {"endpoint": "http://s3:9000", "existingSecret": {"name": "s3-keys"}},
}


def typed(manifest: Manifest, kind: type[T]) -> T:
    """Reads an object into the class of Kubernetes's client."""
    read: T = _API.deserialize(json.dumps(manifest), kind.__name__, "application/json")
    return read


def deployment(rendered: Render, component: str) -> client.V1Deployment:
    return typed(rendered.find("Deployment", f"s2v-{component}"), client.V1Deployment)


def mebibytes(quantity: str) -> float:
    number = float(quantity.rstrip("GMi"))
    return number * 1024 if quantity.endswith("Gi") else number


@pytest.mark.parametrize(
    ("component", "replicas", "cpu", "memory"),
    [("transcription", 3, "2", "4Gi"), ("analysis", 2, "1", "2Gi"), ("layout", 2, "1", "1Gi"), ("rendering", 4, "3", "6Gi")],
)
def test_defaults_are_the_ones_that_were_planned(component: str, replicas: int, cpu: str, memory: str) -> None:
    read = deployment(example("external"), component)
    assert read.spec.replicas == replicas
    assert read.spec.template.spec.containers[0].resources.requests["cpu"] == cpu
    assert read.spec.template.spec.containers[0].resources.requests["memory"] == memory


def test_each_service_knows_each_variable_that_it_is_given(rendered: Render) -> None:
    """A variable that no settings class has would be ignored in silence."""
    for component in COMPONENTS:
        known = {f"S2V_{field}".upper() for field in CLASSES[component].model_fields}
        container = deployment(rendered, component).spec.template.spec.containers[0]
        given = {entry.name for entry in container.env if entry.name.startswith("S2V_")}
        assert given <= known, component
        assert len({entry.name for entry in container.env}) == len(container.env), "a variable is given twice"


def test_settings_read_what_the_chart_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = example("production")
    for entry in deployment(rendered, "gateway").spec.template.spec.containers[0].env:
        if entry.value is not None:
            monkeypatch.setenv(entry.name, entry.value)
    settings = CLASSES["gateway"]()
    assert settings.model_dump()["max_upload_bytes"] == 500_000_000, "a large number must not become 5e+08"
    assert (settings.nats_url, settings.s3_bucket, settings.listen) == ("tls://nats.example.com:4222", "talks", "[::]:50051")


def test_owned_settings_exist() -> None:
    fields = {field for settings in CLASSES.values() for field in settings.model_fields}
    assert fields >= OWNED


@pytest.mark.parametrize(
    ("component", "longest"),
    [
        ("transcription", max(EXAMINATION_SECONDS, WINDOW_SECONDS)),
        ("analysis", AnalysisSettings.model_fields["analysis_seconds"].default),
        ("layout", 2 * LayoutSettings.model_fields["layout_seconds"].default),
        ("rendering", max(CLIP_SECONDS, FILM_SECONDS)),
    ],
)
def test_grace_is_longer_than_the_longest_step(component: str, longest: float) -> None:
    pod = deployment(example("external"), component).spec.template.spec
    drain = next(float(entry.value) for entry in pod.containers[0].env if entry.name == "S2V_DRAIN_SECONDS")
    assert longest < drain < pod.termination_grace_period_seconds - 30


MEASURED_MEBIBYTES = {"transcription": 870, "analysis": 900, "layout": 240, "rendering": 3 * 220 + 300}
"""Resident memory of a pod with its default workers and models loaded; transcription at its highest in four hours of speech,
rendering at 1080p while it draws."""


@pytest.mark.parametrize("component", STAGES)
def test_resident_models_stay_below_the_memory_target(component: str) -> None:
    """Or the autoscaler would go to its maximum and stay there."""
    rendered = example("hpa" if component != "layout" else "external")
    request = mebibytes(deployment(rendered, component).spec.template.spec.containers[0].resources.requests["memory"])
    assert MEASURED_MEBIBYTES[component] < 0.6 * 0.8 * request


def test_the_files_of_a_rendering_fit_into_its_tmp(rendered: Render) -> None:
    """Or the pod would be evicted, where the job should fail with RENDERING_LIMIT."""
    pod = deployment(rendered, "rendering").spec.template.spec
    (job_bytes,) = [int(entry.value) for entry in pod.containers[0].env if entry.name == "S2V_RENDERING_JOB_BYTES"]
    (tmp,) = [volume.empty_dir for volume in pod.volumes if volume.name == "tmp"]
    limit = mebibytes(pod.containers[0].resources.limits["ephemeral-storage"])
    assert job_bytes / 2**20 < mebibytes(tmp.size_limit) < limit


def test_an_hpa_is_as_it_was_planned() -> None:
    rendered = example("hpa")
    scaled = set()
    for manifest in rendered.all("HorizontalPodAutoscaler"):
        read = typed(manifest, client.V2HorizontalPodAutoscaler).spec
        scaled.add(read.scale_target_ref.name)
        assert (read.min_replicas, read.max_replicas) == (2, 10)
        assert {metric.resource.name: metric.resource.target.average_utilization for metric in read.metrics} == {
            "cpu": 70,
            "memory": 80,
        }
        assert read.behavior.scale_up.stabilization_window_seconds == 60
        assert read.behavior.scale_down.stabilization_window_seconds == 300
    assert scaled == {f"s2v-{component}" for component in COMPONENTS if component != "layout"}
    assert deployment(rendered, "layout").spec.replicas == 2
    assert deployment(rendered, "rendering").spec.replicas is None, "an upgrade would set the replicas back"


@pytest.mark.parametrize(
    ("provider", "live", "said"),
    [("hpa", 5, 5), ("hpa", 0, 2), ("keda", 5, 5), ("keda", 0, 0), ("none", 5, 4), ("hpa", None, None)],
)
def test_an_autoscaler_begins_with_the_replicas_that_there_are(
    tmp_path: Path, provider: str, live: int | None, said: int | None
) -> None:
    """Left out, as without a cluster, they would be one until it knows better."""
    values = {**EXTERNAL, "nats": {"url": "nats://nats:4222", "monitor": "nats:8222"}, "kubeVersion": "1.34"}
    answers: dict[str, Answer | str] = {"GET /apis/apps/v1": resources("apps", "v1", ["Deployment"])}
    if live is not None:
        found = render(values, kubernetes="1.34").find("Deployment", "s2v-rendering")
        answers["GET /apis/apps/v1/namespaces/s2v/deployments/s2v-rendering"] = {
            **found,
            "spec": {**found["spec"], "replicas": live},
        }
    with serving(ApiServer(answers, open=True)) as server:
        cluster = helm_python.Config(kubeconfig_path=server.write_kubeconfig(tmp_path / "config"), namespace="s2v")
        files = cluster.render(
            helm_python.Chart.load(CHART), {**values, "autoscaling": {"provider": provider}}, name="s2v", namespace="s2v"
        )
    (text,) = [text for path, text in files.items() if path.endswith("/deployments.yaml")]
    specs = {one["metadata"]["name"]: one["spec"] for one in yaml.safe_load_all(text) if one}
    assert specs["s2v-rendering"].get("replicas") == said
    if provider != "none":
        assert "replicas" not in specs["s2v-analysis"], "there is none yet"


def test_keda_takes_over_from_an_hpa() -> None:
    """Its webhook lets a ScaledObject be made while the HPA of the release before is still there."""
    for manifest in example("hpa").all("HorizontalPodAutoscaler"):
        assert manifest["metadata"]["annotations"]["validations.keda.sh/hpa-ownership"] == "false"


@pytest.mark.parametrize(("everywhere", "own", "said"), [(True, False, "false"), (5, 0, "0"), ("text", "", ""), (0, 7, "7")])
def test_what_a_component_says_goes_before_what_all_are_told(everywhere: object, own: object, said: str) -> None:
    values = {
        **EXTERNAL,
        "settings": {"log_format": everywhere, "trace_sampling": 0},
        "commonAnnotations": {"a": "common", "b": "common"},
        "layout": {"settings": {"log_format": own}, "podAnnotations": {"a": ""}},
    }
    pod = render(values).find("Deployment", "s2v-layout")["spec"]["template"]
    environment = {entry["name"]: entry.get("value") for entry in pod["spec"]["containers"][0]["env"]}
    assert (environment["S2V_LOG_FORMAT"], environment["S2V_TRACE_SAMPLING"]) == (said, "0")
    assert pod["metadata"]["annotations"] == {"a": "", "b": "common"}


def test_a_setting_is_one_whole() -> None:
    reference = {"valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}
    other = {"valueFrom": {"configMapKeyRef": {"name": "c", "key": "d"}}}
    values = {**EXTERNAL, "settings": {"otlp_endpoint": reference}, "layout": {"settings": {"otlp_endpoint": other}}}
    made = render(values)
    for component, said in (("layout", other), ("analysis", reference)):
        container = made.find("Deployment", f"s2v-{component}")["spec"]["template"]["spec"]["containers"][0]
        assert {"name": "S2V_OTLP_ENDPOINT", **said} in container["env"]


def test_a_backup_has_its_time() -> None:
    jobs = {"backup": {"enabled": True, "deadlineSeconds": 77, "command": ["s2v", "backup", "run", "--to", "file:///backup"]}}
    job = render({**EXTERNAL, "cronJobs": jobs}).find("CronJob", "s2v-backup")
    assert job["spec"]["jobTemplate"]["spec"]["activeDeadlineSeconds"] == 77


def test_keda_follows_each_priority_of_the_real_consumers() -> None:
    rendered = example("keda")
    objects = {one["spec"]["scaleTargetRef"]["name"]: one["spec"] for one in rendered.all("ScaledObject")}
    assert set(objects) == {f"s2v-{component}" for component in COMPONENTS}
    for stage in STAGES:
        spec = objects[f"s2v-{stage}"]
        assert [trigger["metadata"]["consumer"] for trigger in spec["triggers"]] == [
            f"{stage}-{name}" for name in PRIORITIES.values()
        ]
        assert {trigger["metadata"]["stream"] for trigger in spec["triggers"]} == {WORK_STREAM}
        assert spec["advanced"]["scalingModifiers"]["formula"] == " + ".join(PRIORITIES.values())
    assert objects["s2v-transcription"]["minReplicaCount"] == 0


def test_there_is_never_more_than_one_autoscaler(rendered: Render) -> None:
    targets = [
        one["spec"]["scaleTargetRef"]["name"]
        for kind in ("HorizontalPodAutoscaler", "ScaledObject")
        for one in rendered.all(kind)
    ]
    assert len(targets) == len(set(targets))
    for target in targets:
        assert "replicas" not in rendered.find("Deployment", target)["spec"]


def test_each_component_has_its_headless_service_that_finds_its_pods(rendered: Render) -> None:
    for component in COMPONENTS:
        name = "s2v-gateway-headless" if component == "gateway" else f"s2v-{component}"
        service = typed(rendered.find("Service", name), client.V1Service).spec
        read = deployment(rendered, component).spec
        assert service.cluster_ip == "None"
        assert service.selector.items() <= read.template.metadata.labels.items()
        assert read.selector.match_labels.items() <= read.template.metadata.labels.items()
        (port,) = service.ports
        assert port.target_port in {port.name for port in read.template.spec.containers[0].ports}


def test_probes_ask_grpc_health(rendered: Render) -> None:
    for component in COMPONENTS:
        container = deployment(rendered, component).spec.template.spec.containers[0]
        for probe in (container.startup_probe, container.readiness_probe, container.liveness_probe):
            assert probe.grpc.port == container.ports[0].container_port


def test_a_disruption_takes_one_pod_at_a_time_and_pods_are_spread(rendered: Render) -> None:
    for component in COMPONENTS:
        budget = typed(rendered.find("PodDisruptionBudget", f"s2v-{component}"), client.V1PodDisruptionBudget).spec
        read = deployment(rendered, component).spec
        assert budget.max_unavailable == 1
        assert budget.selector.match_labels == read.selector.match_labels
        spread = read.template.spec.topology_spread_constraints
        assert {one.topology_key for one in spread} == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
        assert all(one.label_selector.match_labels == read.selector.match_labels for one in spread)


def test_gpus_are_asked_for_and_off_means_processors() -> None:
    pod = deployment(example("gpu"), "transcription").spec.template.spec
    container = pod.containers[0]
    environment = {entry.name: entry.value for entry in container.env}
    assert container.resources.limits["nvidia.com/mig-1g.10gb"] == "1"
    assert (environment["S2V_WHISPER_DEVICE"], environment["S2V_WHISPER_WORKERS"]) == ("cuda", "1")
    assert pod.runtime_class_name == "nvidia"
    assert pod.tolerations[0].key == "nvidia.com/gpu"
    off = deployment(example("keda"), "transcription").spec.template.spec
    assert {entry.name: entry.value for entry in off.containers[0].env}["S2V_WHISPER_DEVICE"] == "cpu"
    assert "cuda" not in off.containers[0].image
    assert off.node_selector is None


def test_a_claim_is_made_and_used() -> None:
    rendered = example("gpu-dra")
    pod = deployment(rendered, "transcription").spec.template.spec
    (template,) = rendered.all("ResourceClaimTemplate")
    assert pod.resource_claims[0].resource_claim_template_name == template["metadata"]["name"]
    assert pod.containers[0].resources.claims[0].name == pod.resource_claims[0].name
    assert "nvidia.com/gpu" not in pod.containers[0].resources.limits


def test_credentials_come_from_secrets_only(rendered: Render) -> None:
    for name, pod in rendered.pods():
        for container in pod["containers"]:
            for entry in container.get("env", []):
                file = entry["name"].endswith("_TLS_KEY") and entry.get("value", "").startswith("/")
                if entry["name"].endswith(("_TOKEN", "_SECRET_KEY", "_ACCESS_KEY", "_KEY", "_KEY_ID")) and not file:
                    assert "secretKeyRef" in entry.get("valueFrom", {}), f"{name} {entry['name']}"


def test_jobs_have_what_all_pods_have() -> None:
    """A certificate that the services find must be found by the migration, too, or no upgrade goes through."""
    for name, pod in example("extras").pods():
        (container, *_) = pod["containers"]
        assert {"name": "nats-tls", "mountPath": "/etc/nats", "readOnly": True} in container["volumeMounts"], name
        assert {"name": "nats-tls", "secret": {"secretName": "nats-client"}} in pod["volumes"], name
        assert {"name": "OTEL_RESOURCE_ATTRIBUTES", "value": "deployment.environment=staging"} in container["env"], name


def test_the_pod_for_operators_has_what_the_backup_has() -> None:
    (tools, backup) = (
        pod_of(example("production").find(kind, name)) for kind, name in (("Deployment", "s2v-tools"), ("CronJob", "s2v-backup"))
    )
    assert tools is not None
    assert backup is not None
    own = {"name": "tools", "command": tools["containers"][0]["command"]}
    assert tools == {**backup, "restartPolicy": "Always", "containers": [{**backup["containers"][0], **own}]}
    assert "s2v-tools" not in {one["metadata"]["name"] for one in example("external").all("Deployment")}


def test_the_test_has_a_key_where_callers_must_be_known() -> None:
    (container,) = example("production").find("Pod", "s2v-test-talk")["spec"]["containers"]
    key = {"secretKeyRef": {"name": "helm-test", "key": "token"}}
    assert {"name": "S2V_TOKEN", "valueFrom": key} in container["env"]


def test_webhooks_leave_from_the_gateway_only() -> None:
    policy = example("production").find("NetworkPolicy", "s2v-webhooks")
    assert policy["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "gateway"
    assert [rule["ports"] for rule in policy["spec"]["egress"]] == [[{"port": 443, "protocol": "TCP"}]]


def test_a_registry_leaves_images_of_others_where_they_are() -> None:
    values = {**EXTERNAL, "global": {"imageRegistry": "registry.example.com"}, "nats": {"bundled": {"enabled": True}}}
    images = {container["image"] for _, pod in render(values).pods() for container in pod["containers"]}
    assert any(image.startswith("docker.io/library/nats:") for image in images)
    assert all(image.startswith(("registry.example.com/s2v/", "docker.io/library/")) for image in images)


def test_a_registry_and_pull_secrets_hold_for_all_images() -> None:
    for name, pod in example("production").pods():
        assert pod["imagePullSecrets"] == [{"name": "registry"}], name
        for container in pod["containers"]:
            assert container["image"].startswith("registry.example.com/media/s2v/"), name
            assert "@sha256:" in container["image"], name


def test_the_hatch_reaches_every_field() -> None:
    manifest = example("extras").find("Deployment", "s2v-rendering")
    spec = manifest["spec"]["template"]["spec"]
    assert spec["hostname"] == "renderer"
    assert manifest["metadata"]["annotations"] == {"example.com/owner": "media"}
    assert spec["containers"][0]["env"][-1] == {"name": "OMP_NUM_THREADS", "value": "1"}
    assert manifest["spec"]["revisionHistoryLimit"] == 2
    assert "enableServiceLinks" not in spec


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"nats": {"url": ""}}, "nats.url is missing"),
        ({"s3": {"endpoint": ""}}, "s3.endpoint is missing"),
        ({"nats": {"bundled": {"enabled": True}}}, "both set"),
        ({"autoscaling": {"provider": "keda"}}, "nats.monitor"),
        ({"ingress": {"enabled": True}}, "needs TLS"),
        ({"gatewayApi": {"enabled": True}}, "parentRefs is missing"),
        ({"s3": {"existingSecret": {"name": ""}}}, "s3.existingSecret.name is missing"),
        ({"gateway": {"service": {"type": "LoadBalancer"}}}, "nobody is asked who they are"),
        ({"transcription": {"settings": {"whisper_model": "s3://models/small"}}}, "model_cache is missing"),
        ({"cronJobs": {"backup": {"enabled": True}}}, "backup_destinations is missing"),
        ({"analysis": {"settings": {"llm_key": "sk-abc"}}}, "llm_key"),
        ({"settings": {"s3_warm_access_key": "abc"}}, "s3_warm_access_key"),
        ({"gateway": {"replica": 3}}, "additional properties 'replica' not allowed"),
        ({"settings": {"whisper_model": "small"}}, "whisper_model"),
        ({"settings": {"nats_url": "nats://elsewhere:4222"}}, "nats_url"),
        ({"settings": {"log_level": {"secretKeyRef": {"name": "a", "key": "b"}}}}, "log_level"),
        ({"nats": {"url": "nats://user:password@nats:4222"}}, "url"),
        ({"transcription": {"image": {"repository": "a", "digest": "latest"}}}, "digest"),
        ({"overrides": {"Deployment/nothing": {"merge": {}}}}, "Deployment/nothing"),
        ({"overrides": {"Deployment/layout": {"patch": [{"op": "remove", "path": "/spec/nothing"}]}}}, "there is no such place"),
        (
            {
                "overrides": {
                    "Deployment/layout": {"patch": [{"op": "replace", "path": "/spec/template/spec/volumes/7", "value": 1}]}
                }
            },
            "no such place",
        ),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else "",
)
def test_what_cannot_work_is_refused_with_a_remedy(values: Manifest, said: str) -> None:
    merged = {**EXTERNAL, **{key: {**EXTERNAL.get(key, {}), **value} for key, value in values.items()}}
    with pytest.raises(helm_python.HelmError) as refused:
        render(merged)
    assert said in str(refused.value)


def test_a_setting_may_come_from_a_secret() -> None:
    reference = {"valueFrom": {"secretKeyRef": {"name": "llm", "key": "token"}}}
    rendered = render({**EXTERNAL, "analysis": {"settings": {"llm_key": reference}}})
    (found,) = [
        one
        for one in rendered.find("Deployment", "s2v-analysis")["spec"]["template"]["spec"]["containers"][0]["env"]
        if one["name"] == "S2V_LLM_KEY"
    ]
    assert found == {"name": "S2V_LLM_KEY", **reference}


def test_names_stay_short_enough_for_a_label() -> None:
    rendered = render({**EXTERNAL, "fullnameOverride": "a" * 60}, release="r" * 53)
    assert max(len(one["metadata"]["name"]) for one in rendered.manifests) <= 63


def test_the_notes_say_what_to_do_next() -> None:
    notes = example("trial").notes
    assert "helm test s2v -n s2v --logs" in notes
    assert "port-forward service/s2v-gateway" in notes
    assert "talks.example.com:443" in example("ingress").notes
    assert "Nobody is asked" not in example("production").notes
