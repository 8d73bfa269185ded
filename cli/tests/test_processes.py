"""Child processes are stopped as a group and never left behind, whatever happens to the one that started them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from s2v.cli.processes import ChildProcess, Guard

FAMILY = """
import os, subprocess, sys, time, signal
if {stubborn}: signal.signal(signal.SIGTERM, signal.SIG_IGN)
sleep = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", sleep])
print(child.pid, flush=True)
time.sleep(600)
"""
"""A process with a child of its own that ignores being told to end."""


def make(tmp_path: Path, program: str, guard: Guard | None = None) -> ChildProcess:
    command = [sys.executable, "-c", program]
    return ChildProcess("family", command, log=tmp_path / "family.log", environment={"MARK": "1"}, folder=tmp_path, guard=guard)


def read_pid(log: Path) -> int:
    deadline = time.monotonic() + 10
    while not (log.exists() and log.read_text().endswith("\n")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return int(log.read_text().split()[-1])


def is_alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("stubborn", [False, True])
def test_stopping_ends_the_children_too(tmp_path: Path, stubborn: bool) -> None:
    process = make(tmp_path, FAMILY.format(stubborn=stubborn))
    process.start()
    child = read_pid(process.log)
    assert process.stop(grace_seconds=1) is not stubborn
    assert not process.running
    assert not is_alive(child)


def test_a_crashed_process_can_be_started_again(tmp_path: Path) -> None:
    process = make(tmp_path, "import os; print('first words'); print(os.environ['MARK']); raise SystemExit(3)")
    for _ in range(2):
        process.start()
        while process.running:
            time.sleep(0.01)
        assert process.exit_code == 3
        assert process.last_words() == "1"
        process.kill()


def test_last_words_are_read_from_lines_of_json(tmp_path: Path) -> None:
    line = json.dumps({"message": "did not start", "exception": "Traceback:\n  file\nSetupError: weights are missing"})
    process = make(tmp_path, f"print({line!r})")
    process.start()
    while process.running:
        time.sleep(0.01)
    assert process.last_words() == "did not start: SetupError: weights are missing"


def test_grandchildren_die_with_a_killed_parent(tmp_path: Path) -> None:
    """What the guard is for: the kernel ends only direct children."""
    program = f"""
import time, pathlib
from s2v.cli.processes import ChildProcess, Guard
import sys
folder = pathlib.Path({str(tmp_path)!r})
process = ChildProcess("family", [sys.executable, "-c", {FAMILY.format(stubborn=True)!r}], log=folder / "family.log",
                       environment={{}}, folder=folder, guard=Guard())
process.start()
print(process.pid, flush=True)
time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    process = int(parent.stdout.readline())
    child = read_pid(tmp_path / "family.log")
    assert is_alive(process)
    assert is_alive(child)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 5
    while is_alive(process) or is_alive(child):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_guard_leaves_alone_what_was_taken_away(tmp_path: Path) -> None:
    guard = Guard()
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    try:
        guard.add(stranger.pid)
        guard.remove(stranger.pid)
        guard.close()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
