"""What this process and its children cost: processor time and memory."""

import threading
from types import TracebackType

import psutil


class TreeMeter:
    """Measures a process tree while a block runs, from a thread of its own."""

    INTERVAL_SECONDS = 0.25

    def __init__(self) -> None:
        self.cpu_seconds = 0.0
        """Of all processes; those that have ended are counted by the parents that waited for them."""
        self.peak_mb = 0.0
        """Most memory of all together, shared pages counted once (PSS), in MB."""
        self._process = psutil.Process()
        self._stop = threading.Event()
        self._before = 0.0
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "TreeMeter":
        self._before = self._cpu()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        self.cpu_seconds = self._cpu() - self._before

    def _watch(self) -> None:
        while not self._stop.wait(self.INTERVAL_SECONDS):
            self.peak_mb = max(self.peak_mb, tree_mb(self._process))

    def _cpu(self) -> float:
        return tree_cpu(self._process)


def tree_cpu(root: psutil.Process) -> float:
    """Returns the processor time of a process and all below it, in seconds; those that have ended count in their parents."""
    total = 0.0
    for process in (root, *root.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def tree_mb(root: psutil.Process) -> float:
    """Returns the memory of a process and all below it, shared pages counted once (PSS), in MB."""
    return sum(map(_memory_mb, (root, *root.children(recursive=True))))


def _memory_mb(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss) / 1e6
    except psutil.Error:
        return 0.0
