"""The stack starts, starts again what crashes, lets itself be found, and leaves nothing behind, however it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from s2v.cli import stack as stack_module
from s2v.cli.stack import (
    MAX_WORK_PATH,
    Stack,
    default_home,
    describe_exit,
    find_stack,
    is_locked,
    is_serving,
    wait_for_stack,
    work_folder,
)
from s2v.runtime.errors import PreconditionError, UnavailableError

PROGRAM = """
import sys
from pathlib import Path
from s2v.cli import stack
from s2v.cli.exits import run
from s2v.cli.up import run_stack
stack.SERVICES = ("gateway",)
run(run_stack(Path(sys.argv[1])))
"""
"""`s2v up` with one service that is quick to start."""


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


def processes_of(home: Path) -> list[psutil.Process]:
    """All living processes that have to do with a data folder: by their command, or the folder they run in."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.pid != os.getpid():
                told = " ".join(process.cmdline())
                if str(home) in told or str(home) in process.cwd():
                    found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


@pytest.fixture
def running(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path / "home")], stdout=out, stderr=out)
        yield process
        process.terminate()
        process.wait(60)
        wait_until(lambda: not processes_of(tmp_path / "home"))


@pytest.mark.parametrize(("code", "text"), [(3, "exit code 3"), (-9, "signal 9"), (None, "still running")])
def test_the_way_a_process_ended_is_told(code: int | None, text: str) -> None:
    assert describe_exit(code) == text


def test_the_data_folder_follows_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere")
    assert default_home() == Path("/somewhere/s2v")
    monkeypatch.delenv("XDG_DATA_HOME")
    assert default_home() == Path.home() / ".local/share/s2v"


def test_no_stack_is_found_where_none_is(tmp_path: Path) -> None:
    assert not is_locked(tmp_path)
    assert find_stack(tmp_path) is None
    assert asyncio.run(wait_for_stack(tmp_path)) is None


@pytest.mark.integration
def test_a_folder_with_folders_of_others_is_left_as_it_is(tmp_path: Path) -> None:
    thesis = tmp_path / "work" / "thesis.txt"
    thesis.parent.mkdir()
    thesis.write_text("all of it")
    mode = tmp_path.stat().st_mode

    async def up() -> None:
        async with Stack(tmp_path, print):
            pass

    with pytest.raises(PreconditionError, match="holds other folders"):
        asyncio.run(up())
    assert thesis.read_text() == "all of it"
    assert tmp_path.stat().st_mode == mode


def test_sockets_find_room_under_a_long_path(tmp_path: Path) -> None:
    short, long = Path("/srv/s2v"), tmp_path / "firstname.lastname" / "projects" / "speech-to-visuals" / "out" / "stack"
    assert work_folder(short) == short / "work"
    assert work_folder(long) == work_folder(long) != work_folder(long.with_name("other"))
    assert len(os.fsencode(work_folder(long))) <= MAX_WORK_PATH


def test_a_stack_that_starts_is_not_taken_for_the_one_before(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    (tmp_path / "stack.json").write_text('{"pid": 1, "gateway": "127.0.0.1:1", "nats": "", "s3": "", "services": {}}')
    starting = subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)])
    try:
        wait_until(lambda: is_locked(tmp_path))
        wait_until(lambda: find_stack(tmp_path) is not None)
        found = find_stack(tmp_path)
        assert found is not None
        assert found.pid == starting.pid
    finally:
        starting.terminate()
        starting.wait()


def test_the_file_of_a_dead_stack_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    (tmp_path / "stack.json").write_text('{"pid": 1, "gateway": "127.0.0.1:1", "nats": "", "s3": "", "services": {}}')
    assert find_stack(tmp_path) is None


@pytest.mark.integration
def test_a_stack_is_found_drains_and_leaves_nothing(running: subprocess.Popen[bytes], tmp_path: Path) -> None:
    home = tmp_path / "home"
    wait_until(lambda: find_stack(home) is not None)
    found = find_stack(home)
    assert found is not None
    assert found.pid == running.pid
    assert is_serving(found.gateway)
    assert len(processes_of(home)) >= 4  # itself, NATS, S3, the gateway
    running.send_signal(signal.SIGTERM)
    assert running.wait(60) == 0
    assert not processes_of(home)
    assert find_stack(home) is None


@pytest.mark.integration
def test_a_killed_stack_leaves_no_process_and_starts_again(running: subprocess.Popen[bytes], tmp_path: Path) -> None:
    home = tmp_path / "home"
    wait_until(lambda: find_stack(home) is not None)
    running.kill()
    running.wait()
    wait_until(lambda: not processes_of(home), seconds=10)
    assert find_stack(home) is None
    again = subprocess.Popen([sys.executable, "-c", PROGRAM, str(home)])
    try:
        wait_until(lambda: find_stack(home) is not None)
    finally:
        again.send_signal(signal.SIGINT)
        assert again.wait(60) == 0
    assert not processes_of(home)


@pytest.mark.integration
def test_what_crashes_starts_again(running: subprocess.Popen[bytes], tmp_path: Path) -> None:
    home = tmp_path / "home"
    wait_until(lambda: find_stack(home) is not None)
    found = find_stack(home)
    assert found is not None
    for name in ("s2v.gateway", "nats-server"):
        (before,) = [process for process in processes_of(home) if any(name in part for part in process.cmdline())]
        before.kill()
        wait_until(lambda before=before: not before.is_running())  # type: ignore[misc]
        wait_until(lambda: is_serving(found.gateway))
        wait_until(lambda name=name: any(name in part for one in processes_of(home) for part in one.cmdline()))  # type: ignore[misc]


@pytest.mark.integration
def test_a_second_stack_in_the_same_folder_is_refused(running: subprocess.Popen[bytes], tmp_path: Path) -> None:
    home = tmp_path / "home"
    wait_until(lambda: find_stack(home) is not None)

    async def second() -> None:
        async with Stack(home, print):
            pass

    with pytest.raises(PreconditionError, match=f"process {running.pid}"):
        asyncio.run(second())
    assert find_stack(home) is not None


@pytest.mark.integration
def test_a_service_that_does_not_start_takes_the_stack_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack_module, "SERVICES", ("no_such_service",))

    async def start() -> None:
        async with Stack(tmp_path, print):
            pass

    with pytest.raises(UnavailableError, match=r"No module named s2v\.no_such_service"):
        asyncio.run(start())
    assert not processes_of(tmp_path)
    assert not is_locked(tmp_path)
