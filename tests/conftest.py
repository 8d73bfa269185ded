"""One embedded stack for all tests here, and the `s2v` command as its users run it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import pytest

from evals.artifacts import read_artifacts
from evals.sync import measure
from s2v.cli.stack import find_stack

from .made import TALK, Made
from .telemetry import Collector

START_SECONDS = 180
COMMAND_SECONDS = 600

S2V = Path(sys.executable).with_name("s2v")


class Stack:
    """`s2v up` on a data folder of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.process: subprocess.Popen[bytes] | None = None

    def up(self, **settings: str) -> None:
        """Starts it; `settings` are environment variables."""
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "up.log").open("ab") as log:
            command, environment = [S2V, "up", "--data-dir", self.home], {**os.environ, **settings}
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        deadline = time.monotonic() + START_SECONDS
        while find_stack(self.home) is None:
            assert self.process.poll() is None, (self.home / "up.log").read_text()
            assert time.monotonic() < deadline, (self.home / "up.log").read_text()
            time.sleep(0.1)

    def down(self, number: signal.Signals = signal.SIGTERM) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(60)

    def run(self, *arguments: str | os.PathLike[str], code: int = 0) -> subprocess.CompletedProcess[str]:
        """Runs an `s2v` command on this stack, and expects its exit code."""
        environment = {**os.environ, "S2V_HOME": str(self.home)}
        done = subprocess.run(
            [S2V, *arguments], env=environment, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
        )
        assert done.returncode == code, f"s2v {arguments}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done


def cut(example: str, path: Path, start: float, end: float) -> Path:
    """Copies the packets of some seconds of a narration in examples/."""
    narration = Path(__file__).parent.parent / "examples" / example
    with av.open(str(narration)) as source, av.open(str(path), "w") as file:
        stream = file.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.pts is not None and start <= packet.pts * packet.time_base < end:
                packet.pts = packet.dts = packet.pts - round(start / packet.time_base)
                packet.stream = stream
                file.mux(packet)
    return path


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    collector = Collector()
    collector.start()
    yield collector
    collector.stop()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("stack"))
    stack.up(S2V_OTLP_ENDPOINT=collector.endpoint, S2V_METRICS_SECONDS="3")
    yield stack
    stack.down()


@pytest.fixture(scope="session")
def made(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("made")
    video = folder / "talk.mp4"
    done = stack.run("make", TALK, "-o", video, "--keep", folder / "job", "--json", "--strict")
    report = measure(video, read_artifacts(folder / "job"), TALK.with_suffix(".words.json"), TALK)
    return Made(TALK, video, folder / "job", json.loads(done.stdout), report)


@pytest.fixture
def make_stack(tmp_path: Path) -> Iterator[Callable[[], Stack]]:
    """Makes stacks that a test may kill."""
    made: list[Stack] = []

    def make() -> Stack:
        made.append(Stack(tmp_path / f"stack{len(made)}"))
        return made[-1]

    yield make
    for stack in made:
        if stack.process is not None and stack.process.poll() is None:
            stack.down()
