"""Sees to it that no process of the stack outlives the one that started it, even if that one is killed with SIGKILL.

Run by path, with the standard library only, so that it starts within milliseconds:

    guard.py exec PARENT COMMAND…   becomes COMMAND, which the kernel kills when its parent dies (Linux)
    guard.py watch                  reads "add GROUP" and "remove GROUP" lines, and kills all groups left when its input ends

The first covers a process from its first instruction; the second covers its children too, such as a fork server's workers.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from typing import TextIO

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that a process gets when its parent dies."""


def become(parent: int, command: list[str]) -> None:
    """Replaces this process by `command`, bound to the life of `parent`."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # the parent died before the kernel was asked
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - the stack's own command, no shell


def watch(orders: TextIO) -> None:
    """Keeps the list of process groups until `orders` ends, then kills those that are left."""
    groups: set[int] = set()
    for line in orders:
        verb, group = line.split()
        if verb == "add":
            groups.add(int(group))
        else:
            groups.discard(int(group))
    for left in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(left, signal.SIGKILL)


if __name__ == "__main__":
    if sys.argv[1] == "exec":
        become(int(sys.argv[2]), sys.argv[3:])
    else:
        for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # it ends with its input, not before
            signal.signal(ignored, signal.SIG_IGN)
        watch(sys.stdin)
