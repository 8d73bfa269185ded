"""Embedded stacks as processes of their own, each with its settings, so that several can stand side by side."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from s2v.cli.stack import Endpoints, find_stack

START_SECONDS = 240.0


@contextlib.contextmanager
def standing(home: Path, environment: Mapping[str, str]) -> Iterator[Endpoints]:
    """Runs `s2v up` in a folder. Errors: SystemExit when it does not come up."""
    home.mkdir()
    with (home / "up.log").open("wb") as log:
        command = [sys.executable, "-m", "s2v.cli", "up", "--data-dir", str(home)]
        process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + START_SECONDS
        while (endpoints := find_stack(home)) is None:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the stack did not come up: {(home / 'up.log').read_text()[-2000:]}")
            time.sleep(0.2)
        yield endpoints
    finally:
        process.terminate()
        process.wait(60)
