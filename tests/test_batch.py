"""`s2v batch`, whole and real: videos of a folder; the same command goes on; one bad talk does not keep the others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import av
import pytest

from .conftest import Stack, cut

pytestmark = pytest.mark.integration
EXAMPLE = "02-where-our-water-comes-from.opus"


def test_a_folder_becomes_videos_and_the_same_command_goes_on_where_it_was(stack: Stack, tmp_path: Path) -> None:
    talks, out = tmp_path / "talks", tmp_path / "videos"
    (talks / "more").mkdir(parents=True)
    cut(EXAMPLE, talks / "one.opus", 0, 9)
    cut(EXAMPLE, talks / "more" / "two.opus", 20, 29)
    (talks / "bad.wav").write_bytes(b"no sound at all")
    command = ("batch", talks, "-o", out, "--height", "720", "--fps", "24", "--low", "more/*", "--json")

    first = {line["talk"]: line for line in map(json.loads, stack.run(*command, code=1).stdout.splitlines())}
    assert {talk: line["state"] for talk, line in first.items()} == {
        "one.opus": "made",
        "more/two.opus": "made",
        "bad.wav": "failed",
    }, first
    assert first["more/two.opus"]["priority"] == "low"
    assert "bad.wav" in first["bad.wav"]["message"]
    for talk in ("one", "more/two"):
        with av.open(str(out / f"{talk}.mp4")) as video:
            assert video.duration / 1e6 == pytest.approx(9, abs=0.5)
        assert (out / f"{talk}.vtt").read_text().startswith("WEBVTT")

    (talks / "bad.wav").unlink()
    shutil.copy(talks / "one.opus", talks / "three.opus")
    (out / "more" / "two.vtt").unlink()
    second = {line["talk"]: line for line in map(json.loads, stack.run(*command).stdout.splitlines())}
    assert {talk: line["state"] for talk, line in second.items()} == {
        "one.opus": "kept",
        "more/two.opus": "made",
        "three.opus": "made",
    }
    assert second["one.opus"]["job_id"] == first["one.opus"]["job_id"]
    assert (out / "more" / "two.vtt").exists()
