"""What is rendered is what Kubernetes 1.29 to 1.37 takes: strictly, with no field and no kind that they do not know."""

from __future__ import annotations

import functools
import json

import helm_python
import jsonschema
import pytest
import referencing
from kubernetes_validate.utils import all_versions, schema_contents
from referencing.exceptions import NoSuchResource

from deploy.generate.chart import CHART, KUBERNETES, Manifest, examples, read_values, render
from deploy.generate.kustomize import KUSTOMIZE

from .models import check_foreign
from .test_kustomize import OVERLAYS, build

NEWEST_ONLY = {"gpu-dra": "1.34"}
"""Examples that need a newer Kubernetes than the oldest."""


@functools.cache
def schema(kind: str, api_version: str, kubernetes: str) -> jsonschema.protocols.Validator | None:
    release = next(version for version in all_versions() if version.startswith(f"{kubernetes}."))
    group, _, version = api_version.rpartition("/")
    name = f"{group.split('.')[0]}-{version}" if group else version
    folder = f"kubernetes-json-schema/v{release}-local-strict"
    try:
        found = schema_contents(f"{folder}/{kind.lower()}-{name}.json", kubernetes)
    except FileNotFoundError:
        return None
    definitions = _definitions(folder, kubernetes)
    registry = referencing.Resource.from_contents(found) @ definitions
    return jsonschema.Draft202012Validator(found, registry=registry)


@functools.cache
def _definitions(folder: str, kubernetes: str) -> referencing.Registry[object]:
    definitions: referencing.Resource[object] = referencing.Resource.from_contents(
        schema_contents(f"{folder}/_definitions.json", kubernetes)
    )
    return definitions @ referencing.Registry()


@functools.cache
def _check(text: str, kubernetes: str) -> None:
    manifest = json.loads(text)
    validator = schema(manifest["kind"], manifest["apiVersion"], kubernetes)
    if validator is None:
        assert check_foreign(manifest), f"Kubernetes {kubernetes} has no {manifest['apiVersion']} {manifest['kind']}"
        return
    error = jsonschema.exceptions.best_match(validator.iter_errors(manifest))
    assert error is None, f"{manifest['kind']}/{manifest['metadata']['name']} in {kubernetes}: {error.json_path}: {error.message}"


def check(manifests: list[Manifest] | tuple[Manifest, ...], kubernetes: str) -> None:
    assert manifests
    for manifest in manifests:
        _check(json.dumps(manifest, sort_keys=True), kubernetes)


@pytest.mark.parametrize("kubernetes", KUBERNETES)
@pytest.mark.parametrize("name", sorted(examples()))
def test_kubernetes_takes_each_example(name: str, kubernetes: str) -> None:
    values = read_values(examples()[name] / "values.yaml")
    if tuple(map(int, kubernetes.split("."))) < tuple(map(int, NEWEST_ONLY.get(name, "1.0").split("."))):
        with pytest.raises(helm_python.HelmError, match=r"1\.34 or newer: use transcription\.gpu\.resourceName"):
            render(values, kubernetes=kubernetes)
        return
    check(render(values, kubernetes=kubernetes).manifests, kubernetes)


@pytest.mark.parametrize("kubernetes", [KUBERNETES[0], KUBERNETES[-1]])
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kubernetes_takes_each_overlay(overlay: str, kubernetes: str) -> None:
    check(build(KUSTOMIZE / "overlays" / overlay), kubernetes)


@pytest.mark.parametrize(
    "manifest",
    [
        {"apiVersion": "v1", "kind": "Servise", "metadata": {"name": "a"}},
        {"apiVersion": "extensions/v1beta1", "kind": "Ingress", "metadata": {"name": "a"}},
        {"apiVersion": "keda.sh/v2", "kind": "ScaledObject", "metadata": {"name": "a"}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"port": []}},
    ],
    ids=lambda manifest: f"{manifest['apiVersion']} {manifest['kind']}",
)
def test_an_unknown_kind_or_field_is_found(manifest: Manifest) -> None:
    with pytest.raises((AssertionError, NoSuchResource)):
        check([manifest], KUBERNETES[-1])


def test_an_unknown_field_of_keda_is_found() -> None:
    from .conftest import example

    (one, *_) = example("keda").all("ScaledObject")
    with pytest.raises(AssertionError, match="no such fields"):
        check_foreign({**one, "spec": {**one["spec"], "minReplicas": 1}})


@pytest.mark.parametrize("name", sorted(examples()))
def test_helm_finds_nothing_to_say(name: str) -> None:
    found = helm_python.lint(CHART, read_values(examples()[name] / "values.yaml"), strict=True)
    messages = [message for message in found.get("messages", []) if "icon is recommended" not in json.dumps(message)]
    assert not messages
