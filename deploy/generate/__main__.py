"""`python -m deploy.generate`: writes all that is generated, or with --check says what is out of date.

The order matters: the schema of settings first, as rendering is checked against it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from deploy.generate.chart import CHART, dump, examples, read_values, render
from deploy.generate.kustomize import KUSTOMIZE, make_files
from deploy.generate.readme import make_readme
from deploy.generate.settings import make_page, make_schema

OBSERVABILITY = CHART.parent.parent / "observability"
COPIES = CHART / "files"
ROOT = CHART.parents[2]


def generated() -> Iterator[tuple[Path, Callable[[], str]]]:
    """Yields each generated file and what makes it."""
    yield CHART / "values.schema.json", make_schema
    yield ROOT / "docs" / "settings.md", make_page
    for source in observability_files():
        yield COPIES / source.relative_to(OBSERVABILITY), source.read_text
    yield CHART / "README.md", make_readme
    for folder in examples().values():
        yield folder / "rendered" / "manifests.yaml", partial(_render_example, folder)
    for path, text in make_files().items():
        yield KUSTOMIZE / path, partial(str, text)


def observability_files() -> list[Path]:
    """Returns the rules and dashboards that the chart brings: a chart can hold only files of its own folder."""
    return sorted([*OBSERVABILITY.glob("rules/*.yaml"), *OBSERVABILITY.glob("dashboards/*.json")])


def left_over() -> list[Path]:
    """Returns the copies whose source is gone."""
    wanted = {COPIES / source.relative_to(OBSERVABILITY) for source in observability_files()}
    return sorted(path for path in COPIES.rglob("*") if path.is_file() and path not in wanted)


def _render_example(folder: Path) -> str:
    return dump(render(read_values(folder / "values.yaml")).manifests)


def main(*, check: bool) -> int:
    """Writes or checks; returns the exit code."""
    stale = left_over()
    if not check:
        for path in stale:
            path.unlink()
        stale = []
    for path, make in generated():
        text = make()
        if path.exists() and path.read_text() == text:
            continue
        if check:
            stale.append(path)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            print(f"wrote {path.relative_to(ROOT)}")
    for path in stale:
        print(f"{path} is out of date: run make deploy-docs")
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
