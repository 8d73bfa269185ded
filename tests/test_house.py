"""The house itself: all wheels install together, no part reaches into another, and nobody takes the namespace for itself."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Mapping, Sequence, Set
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PARTS = [path.parent for path in sorted(ROOT.glob("**/pyproject.toml")) if ".venv" not in path.parts and path.parent != ROOT]
SERVICES = {"transcription", "analysis", "layout", "rendering", "gateway"}


def _imports(part: Path) -> set[str]:
    """Returns the second names of all imports of `s2v.<name>` in a part's sources."""
    found: set[str] = set()
    for file in (part / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module] if node.module != "s2v" else [f"s2v.{alias.name}" for alias in node.names]
            found |= {name.split(".")[1] for name in names if name.startswith("s2v.")}
    return found


def test_there_are_all_parts() -> None:
    assert len(PARTS) == 11


def test_nobody_owns_the_namespace() -> None:
    assert not list(ROOT.glob("*/src/s2v/__init__.py")) + list(ROOT.glob("services/*/src/s2v/__init__.py"))


@pytest.mark.parametrize("part", [part for part in PARTS if part.name in SERVICES], ids=lambda part: part.name)
def test_a_service_imports_no_other_service(part: Path) -> None:
    assert not _imports(part) & (SERVICES - {part.name}) - {"v1"}


def test_the_runtime_imports_no_service_and_no_tool() -> None:
    assert _imports(ROOT / "runtime") <= {"runtime", "v1"}
    assert _imports(ROOT / "typeset") <= {"typeset", "v1"}
    assert _imports(ROOT / "client") <= {"client", "v1"}


@pytest.mark.integration
def test_all_wheels_import_together(tmp_path: Path) -> None:
    """Each part's wheel is built and unpacked into one folder, which then must serve alone."""
    wheels, site = tmp_path / "wheels", tmp_path / "site"
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(wheels)]
    subprocess.run([*command, *(str(part) for part in PARTS)], check=True)
    assert len(list(wheels.glob("*.whl"))) == len(PARTS)
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
            assert "s2v/__init__.py" not in names
            assert not [name for name in names if (site / name).exists() and not name.endswith("/")], (
                "two wheels hold the same file"
            )
            archive.extractall(site)
    modules = ["s2v.v1.job_pb2", "s2v.runtime.worker", "s2v.typeset.shaping", "s2v.gateway.servicer", "s2v.transcription.stage"]
    modules += ["s2v.analysis.stage", "s2v.layout.stage", "s2v.rendering.stage", "s2v.client", "s2v.cli.stack", "elkjs_py"]
    check = (
        f"import sys; sys.path.insert(0, {str(site)!r})\n"
        "sys.meta_path = [finder for finder in sys.meta_path if 'editable' not in repr(finder)]\n"
        f"sys.path = [entry for entry in sys.path if not (entry.startswith({str(ROOT)!r}) and entry.endswith('/src'))]\n"
        f"import importlib\nfor name in {modules!r}:\n    module = importlib.import_module(name)\n"
        f"    assert module.__file__.startswith({str(site)!r}), module.__file__\n"
    )
    subprocess.run([sys.executable, "-c", check], check=True)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_a_part_names_what_it_imports(part: Path) -> None:
    """What is imported must come with the part: named by itself, or brought by what it names (grpc by s2v-proto, …)."""
    wanted: set[str] = set()
    for file in (part / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            wanted |= {name for name in names if name.split(".")[0] not in {*sys.stdlib_module_names, "s2v"}}
    name = tomllib.loads((part / "pyproject.toml").read_text())["project"]["name"]
    brought = _closure(name)
    for module in wanted:
        assert _distributions(module) & brought, f"{name} imports {module}, and nothing that it depends on brings it"


EXTRAS = {"s2v-runtime": "media", "s2v-transcription": "openai-whisper", "s2v-cli": "k8s"}
"""Extras by the part that offers them: what they bring may be imported, by those who have them."""


def _closure(name: str) -> set[str]:
    """Returns the canonical names of a distribution and all that it installs, its extras included."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        current = canonicalize_name(waiting.pop())
        if current in found:
            continue
        found.add(current)
        try:
            requires = metadata.requires(current) or []
        except metadata.PackageNotFoundError:
            continue
        for line in requires:
            requirement = Requirement(line)
            extra = EXTRAS.get(current, "")
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                waiting.append(requirement.name)
    return found


@cache
def _holders() -> Mapping[str, Sequence[str]]:
    """Returns the distributions that hold each top-level module: they are all read for it."""
    return metadata.packages_distributions()


@cache
def _files(name: str) -> Set[str]:
    return {str(file) for file in metadata.files(name) or []}


@cache
def _distributions(module: str) -> set[str]:
    """Returns the canonical names of the distributions that hold a module."""
    if module.split(".", maxsplit=1)[0] == "elkjs_py":
        return {"elkjs-py"}  # ours, and editable: its metadata lists no module
    spec = importlib.util.find_spec(module.split(".", maxsplit=1)[0])
    assert spec is not None, module
    path = module.replace(".", "/")
    holders = set()
    for name in _holders().get(module.split(".", maxsplit=1)[0], []):
        files = _files(name)
        editable = not any(file.endswith(".py") and "/" in file for file in files)
        if editable or any(file.startswith((f"{path}/", f"{path}.")) for file in files):
            holders.add(canonicalize_name(name))
    return holders


def test_what_the_docs_run_as_a_module_runs() -> None:
    """`python -m NAME` of a module that only defines its `main` would do nothing, and say nothing."""
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("evals/*.md"), *ROOT.glob("loadtests/*.md")]
    named = {name for page in pages for name in re.findall(r"python -m ((?:evals|loadtests|deploy)[\w.]*)", page.read_text())}
    assert len(named) > 10
    for name in named:
        place = ROOT / name.replace(".", "/")
        source = (place / "__main__.py" if place.is_dir() else place.with_suffix(".py")).read_text()
        assert 'if __name__ == "__main__":' in source, f"python -m {name} does nothing"
