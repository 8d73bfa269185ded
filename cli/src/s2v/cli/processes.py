"""Child processes of the stack: each in a session of its own, with a log file, stopped as a group, and never left behind."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil

from s2v.cli import guard as guard_program
from s2v.runtime.errors import SetupError

GUARD = [sys.executable, "-I", "-S", guard_program.__file__]
"""Isolated and without site-packages: about 15 ms."""
LOG_BYTES = 16 * 1024 * 1024
"""A log larger than this is set aside (one old file is kept) when its process starts."""
ELSEWHERE = ("S2V_TLS_", "S2V_NATS_TLS_")
"""Settings of a gateway or a NATS elsewhere: within one machine nobody speaks TLS."""
KILL_SECONDS = 5.0
"""How long the kernel may take to end a killed process."""


class Guard:
    """A small process that kills the registered process groups when this process is gone."""

    def __init__(self) -> None:
        self._process = subprocess.Popen([*GUARD, "watch"], stdin=subprocess.PIPE, text=True, start_new_session=True)

    def add(self, group: int) -> None:
        """Puts a process group under guard."""
        self._order(f"add {group}")

    def remove(self, group: int) -> None:
        """Takes a process group away, once all its processes have ended."""
        self._order(f"remove {group}")

    def close(self) -> None:
        """Ends the guard, which kills whatever is still registered."""
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        self._process.wait(KILL_SECONDS)

    def _order(self, line: str) -> None:
        if self._process.stdin is None or self._process.poll() is not None:
            raise SetupError("the guard of the stack's processes has ended; stop the stack and start it again")
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()


class ChildProcess:
    """A process of the stack. Start it from a thread that lives as long as it must: on Linux it dies with that thread."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str],
        folder: Path,
        guard: Guard | None = None,
    ) -> None:
        """`environment` is added to this process's own; `folder` is where it runs; `guard` guards its children too."""
        self.name = name
        self.command = list(command)
        self.log = log
        own = {name: value for name, value in os.environ.items() if not name.startswith(ELSEWHERE)}
        self._environment = {**own, **environment}
        self._folder = folder
        self._guard = guard
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int | None:
        """Its process id; None before it is started."""
        return self._process.pid if self._process else None

    @property
    def exit_code(self) -> int | None:
        """How it ended (negative: by that signal); None while it runs or before it is started."""
        return self._process.poll() if self._process else None

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts it; its output goes to the log."""
        with self._open_log() as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                [*GUARD, "exec", str(os.getpid()), *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                cwd=self._folder,
                start_new_session=True,
            )
        if self._guard:
            self._guard.add(self._process.pid)

    def terminate(self) -> None:
        """Asks it to drain and end."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def stop(self, grace_seconds: float) -> bool:
        """Asks it to end, waits for `grace_seconds`, then kills it with all its children. Says whether it ended by itself."""
        if self._process is None:
            return True
        self.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(grace_seconds)
        graceful = self._process.poll() is not None
        self.kill()
        return graceful

    def kill(self) -> None:
        """Kills it and all its children, and waits until they are gone."""
        if self._process is None:
            return
        group = self._process.pid
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
        self._process.wait(KILL_SECONDS)
        _wait_for_group(group)
        if self._guard:
            self._guard.remove(group)

    def last_words(self) -> str:
        """Returns the last line that it has written since its start; of a line of JSON the message and its cause."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            lines = log.read().decode(errors="replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), "")
        try:
            entry = json.loads(last)
        except json.JSONDecodeError:
            return last
        if not isinstance(entry, dict):
            return last
        cause = str(entry.get("exception", "")).strip().rpartition("\n")[2]
        return ": ".join(part for part in (str(entry.get("message", last)), cause) if part)

    def _open_log(self) -> IO[bytes]:
        set_aside(self.log)
        log = self.log.open("ab")
        log.seek(0, os.SEEK_END)
        return log


def set_aside(log: Path) -> None:
    """Sets a log aside when it is large, and makes its folder."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_name(log.name + ".old"))


def _wait_for_group(group: int) -> None:
    """Waits until no process of a killed group is left (their parent may be busy, or init has to collect them)."""
    deadline = time.monotonic() + KILL_SECONDS
    while any(_group(process) == group for process in psutil.process_iter()):
        if time.monotonic() > deadline:
            raise SetupError(f"process group {group} did not end within {KILL_SECONDS:.0f} s of being killed; look at it with ps")
        time.sleep(0.02)


def _group(process: psutil.Process) -> int | None:
    """Returns the group of a living process; None if it has ended."""
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return os.getpgid(process.pid)
    except (psutil.NoSuchProcess, ProcessLookupError):
        return None
