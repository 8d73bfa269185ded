"""What a service's processes use of the machine: memory, processor time, disk, and graphics memory where there is some."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import psutil
import pynvml
from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation

T = TypeVar("T")

CGROUP = Path("/sys/fs/cgroup")
"""Control group of this container (version 2)."""


FAMILY_SECONDS = 10.0
"""How long a list of the children serves."""


def memory_used() -> int:
    """Returns the memory in use, in bytes: of the container as the kubelet counts it, else of this process and its children."""
    if _container_limit() is not None:
        with contextlib.suppress(OSError, ValueError, KeyError):
            counts = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
            return max(0, int((CGROUP / "memory.current").read_text()) - int(counts["inactive_file"]))
    return sum(_of_each(lambda process: int(process.memory_info().rss)))


def memory_limit() -> int:
    """Returns the memory that there is for it, in bytes: the container's limit, else the machine's."""
    return _container_limit() or int(psutil.virtual_memory().total)


def memory_share() -> float:
    """Returns the part of its memory that is in use, 0 to 1; of the graphics memory where that is fuller."""
    shares = [memory_used() / memory_limit()]
    for number in range(_graphics_cards()):
        memory = pynvml.nvmlDeviceGetMemoryInfo(pynvml.nvmlDeviceGetHandleByIndex(number))
        shares.append(int(memory.used) / int(memory.total))
    return max(shares)


def disk_free() -> int:
    """Returns the free space for temporary files, in bytes."""
    return shutil.disk_usage(tempfile.gettempdir()).free


def observe(provider: MeterProvider) -> None:
    """Lets the provider look at all of this whenever it is asked."""
    meter = provider.get_meter("s2v.vitals")

    def used(_: CallbackOptions) -> Iterable[Observation]:
        yield Observation(memory_used())

    def limit(_: CallbackOptions) -> Iterable[Observation]:
        yield Observation(memory_limit())

    spent: dict[int, float] = {}

    def cpu(_: CallbackOptions) -> Iterable[Observation]:
        spent.update(_of_each(_cpu_seconds))  # children that have ended keep what they were last seen with
        yield Observation(sum(spent.values()))

    def free(_: CallbackOptions) -> Iterable[Observation]:
        yield Observation(disk_free())

    meter.create_observable_gauge("s2v.memory.used", [used], "By", "Memory in use.")
    meter.create_observable_gauge("s2v.memory.limit", [limit], "By", "Memory that there is.")
    meter.create_observable_counter("s2v.cpu.time", [cpu], "s", "Processor time of the process and its children.")
    meter.create_observable_gauge("s2v.disk.free", [free], "By", "Free space for temporary files.")
    if _graphics_cards():
        meter.create_observable_gauge("s2v.gpu.memory.used", [_graphics_used], "By", "Graphics memory in use, by gpu.")
        meter.create_observable_gauge("s2v.gpu.memory.limit", [_graphics_limit], "By", "Graphics memory that there is, by gpu.")


@functools.cache
def _container_limit() -> int | None:
    try:
        return int((CGROUP / "memory.max").read_text())
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        return None


class _Family:
    """Own process and its children, looked for now and then: that goes through all processes of the machine."""

    def __init__(self) -> None:
        self._found: list[psutil.Process] = []
        self._until = 0.0

    def __call__(self) -> list[psutil.Process]:
        if time.monotonic() >= self._until or self._found[0].pid != os.getpid():
            own = psutil.Process()
            self._found, self._until = [own, *own.children(recursive=True)], time.monotonic() + FAMILY_SECONDS
        return self._found


_family = _Family()


def _of_each(ask: Callable[[psutil.Process], T]) -> Iterator[T]:
    for process in _family():
        with contextlib.suppress(psutil.Error):  # it has ended
            yield ask(process)


def _cpu_seconds(process: psutil.Process) -> tuple[int, float]:
    times = process.cpu_times()
    return process.pid, float(times.user + times.system)


@functools.cache
def _graphics_cards() -> int:
    try:
        pynvml.nvmlInit()
        return int(pynvml.nvmlDeviceGetCount())
    except pynvml.NVMLError:  # no card of this maker, or no driver
        return 0


def _graphics_used(_: CallbackOptions) -> Iterable[Observation]:
    for number in range(_graphics_cards()):
        memory = pynvml.nvmlDeviceGetMemoryInfo(pynvml.nvmlDeviceGetHandleByIndex(number))
        yield Observation(int(memory.used), {"gpu": number})


def _graphics_limit(_: CallbackOptions) -> Iterable[Observation]:
    for number in range(_graphics_cards()):
        memory = pynvml.nvmlDeviceGetMemoryInfo(pynvml.nvmlDeviceGetHandleByIndex(number))
        yield Observation(int(memory.total), {"gpu": number})
