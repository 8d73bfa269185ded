"""What is generated is up to date, and every value is described."""

from __future__ import annotations

import json

from deploy.generate.__main__ import main
from deploy.generate.chart import CHART, examples
from deploy.generate.readme import read_table

from .conftest import example


def test_generated_files_are_up_to_date() -> None:
    assert main(check=True) == 0, "run make deploy-docs"


def test_every_value_is_described() -> None:
    table = read_table()
    assert len(table) > 100
    assert not [value.path for value in table if not value.text]


def test_overrides_knows_every_object_and_no_other() -> None:
    """A key that no object has would be taken and do nothing."""
    known = set(json.loads((CHART / "values.schema.json").read_text())["properties"]["overrides"]["properties"])
    made = {
        f"{one['kind']}/{one['metadata']['name'].removeprefix('s2v-')}" for name in examples() for one in example(name).manifests
    }
    assert made == known
