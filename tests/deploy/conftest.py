"""Each example's values, rendered once."""

from __future__ import annotations

import functools

import pytest

from deploy.generate.chart import Render, examples, read_values, render


@functools.cache
def example(name: str) -> Render:
    return render(read_values(examples()[name] / "values.yaml"))


@pytest.fixture(params=sorted(examples()))
def rendered(request: pytest.FixtureRequest) -> Render:
    """What the chart makes of each example's values, in turn."""
    return example(request.param)
