"""The example for Node: a real talk goes in by gRPC, is watched to its end, and its video comes back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import av
import pytest

from s2v.cli.stack import find_stack

from .conftest import Stack, cut

pytestmark = pytest.mark.integration
FOLDER = Path(__file__).parent.parent / "examples" / "clients" / "node"
NODE = Path(sys.executable).with_name("node")


def make_video(stack: Stack, talk: Path, video: Path) -> subprocess.CompletedProcess[str]:
    found = find_stack(stack.home)
    assert found is not None
    command = [NODE, FOLDER / "make-video.js", talk, video, found.gateway]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=os.environ)


def test_a_talk_becomes_a_video(stack: Stack, tmp_path: Path) -> None:
    talk, video = cut("02-where-our-water-comes-from.opus", tmp_path / "talk.opus", 40, 49), tmp_path / "talk.mp4"
    done = make_video(stack, talk, video)
    assert done.returncode == 0, done.stdout + done.stderr
    size = talk.stat().st_size
    assert f"{size} of {size} bytes are sent" in done.stdout
    for stage in ("TRANSCRIPTION", "ANALYSIS", "LAYOUT", "RENDERING"):
        assert f"STAGE_{stage}: done" in done.stdout
    with av.open(str(video)) as film:
        assert film.duration / 1e6 == pytest.approx(9, abs=0.5)
        assert (film.streams.video[0].height, len(film.streams.audio)) == (720, 1)
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".part"] == []


def test_what_is_no_talk_is_refused_with_the_gateways_own_words(stack: Stack, tmp_path: Path) -> None:
    letter = tmp_path / "letter.wav"
    letter.write_text("Dear reader\n" * 100)
    done = make_video(stack, letter, tmp_path / "letter.mp4")
    assert (done.returncode, done.stderr.startswith("letter.wav is not a sound")) == (1, True), done.stderr
    assert not (tmp_path / "letter.mp4").exists()


def test_the_lockfile_names_no_registry() -> None:
    assert '"resolved"' not in (FOLDER / "package-lock.json").read_text()
