"""The smoke profile for real: a stack of its own, two talks, a verdict, both reports; and nothing left behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import av
import pytest

from loadtests.talks import EXAMPLES, cut_talks, find_sources, join_talk

ROOT = Path(__file__).parents[2]


def length(path: Path) -> float:
    with av.open(str(path)) as container:
        return float(container.duration or 0) / av.time_base


def test_cuts_are_of_one_length_and_of_different_places(tmp_path: Path) -> None:
    talks = cut_talks(find_sources(EXAMPLES), tmp_path, 6, 5.0, seed=1)
    assert [length(talk) for talk in talks] == pytest.approx([5.0] * 6, abs=0.1)
    assert len({talk.read_bytes() for talk in talks}) == 6


def test_a_long_talk_is_put_together(tmp_path: Path) -> None:
    assert length(join_talk(find_sources(EXAMPLES), tmp_path / "talk.opus", 100.0)) == pytest.approx(100.0, abs=0.2)


@pytest.mark.integration
def test_smoke(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "loadtests", "smoke", "--out", str(tmp_path)]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=180)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "It holds." in answer.stdout
    report = json.loads((tmp_path / "report.json").read_text())
    figures = report["figures"]
    assert report["passed"]
    assert figures["succeeded"] == 2
    assert {"StartUpload", "WriteUpload", "CreateJob", "WatchJob first event", "GetJob", "GetArtifact"} <= set(figures["calls"])
    assert set(figures["stages"]) == {"transcription", "analysis", "layout", "rendering"}
    assert {"gateway", "transcription", "nats", "s3", "load generator"} <= set(figures["processes"])
    assert any(sum(sample["at_work"].values()) for sample in report["samples"]), "the queues were not seen"
    page = (tmp_path / "report.html").read_text()
    assert "<svg" in page
    assert "src=" not in page, "the page must stand alone"
    assert "CreateJob" in (tmp_path / "locust.html").read_text()
