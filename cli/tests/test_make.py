"""The whole way on the real stack: a talk becomes a video, a cancelled job leaves nothing, and a killed stack loses no job."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import psutil
import pytest

from s2v.cli.stack import find_stack

pytestmark = pytest.mark.integration


def command(home: Path, *arguments: str) -> tuple[list[str], dict[str, str]]:
    environment = {**os.environ, "S2V_HOME": str(home), "COLUMNS": "130", "NO_COLOR": "1"}
    return [sys.executable, "-m", "s2v.cli", *arguments], environment


def s2v(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    line, environment = command(home, *arguments)
    return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=300, check=False)


def start(home: Path, *arguments: str, log: Path) -> subprocess.Popen[bytes]:
    line, environment = command(home, *arguments)
    with log.open("wb") as file:
        return subprocess.Popen(line, env=environment, stdout=file, stderr=file, start_new_session=True)


def wait_until(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


def leftovers(home: Path) -> list[list[str]]:
    """Commands of living processes that run in a data folder or name it."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.pid != os.getpid():
                line = process.cmdline()
                if str(home) in " ".join(line) or str(home) in process.cwd():
                    found.append(line)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


@pytest.fixture
def talk(examples: Path) -> Path:
    return next(examples.glob("01-*.opus"))


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "home"
    yield folder
    if found := find_stack(folder):  # of a test that failed
        os.kill(found.pid, signal.SIGKILL)


def test_a_talk_becomes_a_video_with_captions_and_a_report(talk: Path, home: Path, tmp_path: Path) -> None:
    done = s2v(home, "make", str(talk), "-o", str(tmp_path / "talk.mp4"), "--height", "720", "--keep", str(tmp_path / "kept"))
    assert done.returncode == 0, done.stderr
    with av.open(str(tmp_path / "talk.mp4")) as film, av.open(str(talk)) as sound:
        assert film.streams.video[0].height == 720
        assert film.duration == pytest.approx(sound.duration, abs=av.time_base / 30)
    assert (tmp_path / "talk.vtt").read_text().startswith("WEBVTT")
    assert {"storyboard.pb", "composition.pb"} <= {path.name for path in (tmp_path / "kept").iterdir()}
    for part in ("upload: done", "transcription: started", "rendering: done"):
        assert part in done.stderr
    for part in ("flowchart", "faster-whisper", "whisper-base", "elk", "1280×720", "talk.mp4", "talk.vtt"):
        assert part in done.stdout, done.stdout
    assert not leftovers(home)

    again = s2v(home, "make", str(talk), "-o", str(tmp_path / "again.mp4"), "--height", "720", "--json")
    assert again.returncode == 0, again.stderr
    report = json.loads(again.stdout)["report"]
    assert [stage["cachedParts"] for stage in report["stages"]] == [stage["parts"] for stage in report["stages"]]
    assert (tmp_path / "again.mp4").read_bytes() == (tmp_path / "talk.mp4").read_bytes()


def test_an_interrupted_make_cancels_its_job_and_leaves_no_process(talk: Path, home: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    making = start(home, "make", str(talk), "-o", str(tmp_path / "talk.mp4"), log=log)
    wait_until(lambda: "transcription: started" in log.read_text())
    os.killpg(making.pid, signal.SIGINT)  # as a terminal does
    assert making.wait(60) == 128 + signal.SIGINT
    assert "Traceback" not in log.read_text()
    assert not leftovers(home)
    assert not (tmp_path / "talk.mp4").exists()
    up = start(home, "up", log=tmp_path / "up")
    wait_until(lambda: find_stack(home) is not None)
    listed = s2v(home, "list", "--state", "cancelled", "--json")
    assert json.loads(listed.stdout)["sourceName"] == talk.name
    up.terminate()
    assert up.wait(60) == 0


def test_a_stack_that_is_killed_in_the_middle_of_a_job_finishes_it_later(
    talk: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S2V_ACK_WAIT_SECONDS", "8")
    up = start(home, "up", log=tmp_path / "up")
    wait_until(lambda: find_stack(home) is not None)
    submitted = s2v(home, "submit", str(talk), "--height", "720")
    assert submitted.returncode == 0, submitted.stderr
    job = submitted.stdout.strip()
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{26}", job)
    wait_until(lambda: "transcription" in s2v(home, "list").stdout)
    up.kill()
    up.wait()
    wait_until(lambda: not leftovers(home), seconds=10)

    up = start(home, "up", log=tmp_path / "up")
    wait_until(lambda: find_stack(home) is not None)
    watched = s2v(home, "watch", job)
    assert watched.returncode == 0, watched.stderr
    assert "1280×720" in watched.stdout
    got = s2v(home, "get", job, "-o", str(tmp_path / "got"), "video.mp4", "transcript.vtt")
    assert got.returncode == 0, got.stderr
    assert sorted(path.name for path in (tmp_path / "got").iterdir()) == ["transcript.vtt", "video.mp4"]
    none = s2v(home, "get", job, "-o", str(tmp_path / "got"), "nothing.txt")
    assert none.returncode == 4
    assert "video.mp4" in none.stderr
    up.send_signal(signal.SIGINT)
    assert up.wait(60) == 0
    assert not leftovers(home)


def test_bad_input_is_told_in_one_line_at_the_end(home: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.wav"
    text.write_text("This is not a sound. " * 1000)
    done = s2v(home, "make", str(text), "-o", str(tmp_path / "x.mp4"))
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith("Error: text.wav")
    assert not leftovers(home)
    assert not (tmp_path / "x.mp4").exists()
