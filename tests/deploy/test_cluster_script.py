"""`make test-cluster` says what is missing before it touches anything. What it does in a cluster is not run: there is none."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from .api_server import Answer, ApiServer, resources, serving
from .test_images import ROOT
from .test_k8s_check import ready_cluster

SCRIPT = ROOT / "deploy" / "test-cluster.sh"


def run(tmp_path: Path, *, helm: bool, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the script; with a helm that ends the test if it is ever called."""
    programs = tmp_path / "bin"
    programs.mkdir(exist_ok=True)
    for name in ("bash", "dirname", "env"):
        (programs / name).symlink_to(f"/usr/bin/{name}")
    if helm:
        (programs / "helm").write_text("#!/bin/sh\necho helm was called >&2\nexit 99\n")
        (programs / "helm").chmod(0o755)
    settings = {"PATH": str(programs), "HOME": str(tmp_path), "NO_COLOR": "1", **environment}
    return subprocess.run([SCRIPT], env=settings, capture_output=True, text=True, check=False, cwd=tmp_path)


def test_it_is_sound_to_the_shell() -> None:
    subprocess.run(["bash", "-n", SCRIPT], check=True)
    assert os.access(SCRIPT, os.X_OK)


def test_without_helm_it_refuses(tmp_path: Path) -> None:
    done = run(tmp_path, helm=False)
    assert done.returncode == 6
    assert "there is no helm on this machine" in done.stderr


@pytest.mark.parametrize(
    ("environment", "code", "said"),
    [
        ({}, 6, "no cluster is set up: there is no ~/.kube/config"),
        ({"KUBECONFIG": "/nowhere"}, 6, "KUBECONFIG names /nowhere, which is not there"),
        ({"VALUES": "/nowhere.yaml"}, 6, "there is no /nowhere.yaml"),
    ],
)
def test_without_a_cluster_it_refuses(environment: dict[str, str], code: int, said: str, tmp_path: Path) -> None:
    done = run(tmp_path, helm=True, **environment)
    assert done.returncode == code
    assert said in done.stderr
    assert "helm was called" not in done.stderr


def test_a_cluster_that_lacks_something_is_left_alone(tmp_path: Path) -> None:
    answers = {path: answer for path, answer in ready_cluster().items() if "storageclasses" not in path}
    answers["GET /apis/storage.k8s.io/v1/storageclasses"] = {
        "kind": "StorageClassList",
        "apiVersion": "storage.k8s.io/v1",
        "metadata": {},
        "items": [],
    }
    with serving(ApiServer(answers)) as server:
        done = run(tmp_path, helm=True, KUBECONFIG=str(server.write_kubeconfig(tmp_path / "config")))
        posted = [body["kind"] for body in server.bodies]
    assert done.returncode == 1
    assert "the cluster is not ready for: storage class" in done.stderr
    assert posted == ["Pod"], "only the dry run"


def test_a_namespace_that_is_there_is_left_alone(tmp_path: Path) -> None:
    """It could be somebody's."""
    namespaces = resources("", "v1", ["Namespace"])
    namespaces["groupVersion"] = "v1"
    namespaces["resources"][0]["namespaced"] = False
    discovery: dict[str, Answer | str] = {  # kubectl learns what there is first
        "GET /api": {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
        "GET /api/v1": namespaces,
        "GET /apis": ready_cluster()["GET /apis/"],
    }
    with serving(ApiServer({**ready_cluster(), **discovery}, open=True)) as server:
        config = str(server.write_kubeconfig(tmp_path / "config"))
        done = run(tmp_path, helm=True, KUBECONFIG=config, NAMESPACE="s2v")
        posted = [body["kind"] for body in server.bodies]
    assert "the namespace s2v is there already" in done.stderr
    assert done.returncode == 6
    assert posted == ["Pod"], "only the dry run"
