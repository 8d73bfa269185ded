"""Hostile files at a real gateway: each is answered, and nothing of them stays; a stream costs no more memory than its chunks."""

from __future__ import annotations

from pathlib import Path

import pytest

from evals.uploads import Gateway, measure_speed, send_hostile

pytestmark = pytest.mark.integration
SPREAD_MB = 30.0
"""What the memory of a process may differ by from one stream to the next."""


async def test_each_hostile_file_is_answered_and_leaves_nothing_and_uploads_take_little_memory(tmp_path: Path) -> None:
    with Gateway(tmp_path).running() as gateway:
        found = await send_hostile(gateway, count=30, seed=1)
        assert not found.faults
        assert found.accepted + sum(found.refused.values()) == 30
        assert found.refused, "some were hostile"
        assert not found.gateway_died
        assert (found.processes_left, found.objects_left, found.temporary_left) == (0, [], 0)
        first = await measure_speed(gateway, megabytes=20, rounds=1)
        speed = await measure_speed(gateway, megabytes=90, rounds=1)
        assert speed.memory_after_mb - first.memory_after_mb < SPREAD_MB, "what a stream took is given back"
        assert speed.memory_peak_mb - speed.memory_before_mb < speed.megabytes, "it is not kept whole"
