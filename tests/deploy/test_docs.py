"""The pages about deployment name only what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from deploy.generate.chart import CHART, read_values, render

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "deployment").glob("*.md"))
LINK = re.compile(r"\]\(([^)#:]+)\)")
VALUE = re.compile(r"`([a-zA-Z0-9]+(?:\.[a-zA-Z0-9]+)+)`")
PATH = re.compile(r"(?<![\w/-])(?:docs|deploy|examples|tests)/[\w./-]*\w")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    missing += [path for path in PATH.findall(page.read_text()) if not (ROOT / path).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_values_that_are_named_exist(page: Path) -> None:
    tree = yaml.safe_load((CHART / "values.yaml").read_text())
    for name in VALUE.findall(page.read_text()):
        value = tree
        if name.split(".")[0] not in tree:
            continue  # a file, or a word of another program
        for key in name.split("."):
            assert key in value or key in tree["defaults"], name
            value = value.get(key, {}) if isinstance(value, dict) else {}


def test_the_values_that_open_http_do_so() -> None:
    (values,) = re.findall(r"^```yaml\n(.*?)^```$", (ROOT / "docs" / "http.md").read_text(), flags=re.MULTILINE | re.DOTALL)
    rendered = render({**read_values(CHART / "examples" / "external" / "values.yaml"), **yaml.safe_load(values)})
    (container,) = rendered.find("Deployment", "s2v-gateway")["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    (listen,) = [entry["value"] for entry in container["env"] if entry["name"] == "S2V_HTTP_LISTEN"]
    assert listen == f"0.0.0.0:{ports['http']}"
    assert "http" in {port["targetPort"] for port in rendered.find("Service", "s2v-gateway")["spec"]["ports"]}
    policy = rendered.find("NetworkPolicy", "s2v-gateway")["spec"]["ingress"]
    assert "http" in {port["port"] for rule in policy for port in rule["ports"]}


def test_pages_that_the_chart_names_exist() -> None:
    named = {
        path for file in CHART.rglob("*") if file.suffix in {".md", ".txt", ".yaml"} for path in PATH.findall(file.read_text())
    }
    assert {path for path in named if path.startswith("docs/") and not (ROOT / path).exists()} == set()
