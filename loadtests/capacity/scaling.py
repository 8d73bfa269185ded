"""The two autoscalers of the chart, as Kubernetes and KEDA describe them."""

from __future__ import annotations

import math
from collections import deque

import simpy

from loadtests.capacity.cluster import Cluster
from loadtests.capacity.stage import SimStage, Steps

SYNC_SECONDS = 15.0
"""How often the HPA decides (kube-controller-manager's default)."""
TOLERANCE = 0.1
"""Deviations that it leaves alone (the same)."""


class Autoscaler:
    """Decides how many pods a stage has."""

    def __init__(self, env: simpy.Environment, stage: SimStage, cluster: Cluster) -> None:
        self._env, self._stage, self._cluster = env, stage, cluster
        self._wishes: deque[tuple[float, int]] = deque()
        self._busy_before = 0.0
        self._active = env.now

    def run(self) -> Steps:
        """Looks and scales for ever."""
        stage, size = self._stage, self._stage.size
        stage.scale(size.least)
        if self._cluster.provider == "none":
            return
        while True:
            yield self._env.timeout(SYNC_SECONDS if stage.living else self._cluster.polling_seconds)
            now, living = self._env.now, len(stage.living)
            wish = self._wish(living)
            self._wishes.append((now, wish))
            longest = max(self._cluster.scale_up_seconds, self._cluster.scale_down_seconds)
            while self._wishes[0][0] < now - longest:
                self._wishes.popleft()
            stage.scale(self._steady(now, living, wish))

    def _wish(self, living: int) -> int:
        """Returns what the metric of this moment asks for."""
        stage, size = self._stage, self._stage.size
        if self._cluster.provider == "keda":
            tasks = stage.waiting + stage.put_off + stage.busy
            if tasks:
                self._active = self._env.now
            if not living:
                return min(size.most, 1) if tasks else 0
            calm = self._env.now - self._active >= self._cluster.scale_down_seconds
            least = size.least if calm else max(1, size.least)
            return self._within(living, tasks / (size.tasks * living), least)
        ready = sum(pod.ready for pod in stage.living)
        # Work that goes on is counted when it ends: the mean over a sync period is what metrics-server shows too.
        used = (stage.busy_seconds - self._busy_before) / SYNC_SECONDS
        self._busy_before = stage.busy_seconds
        used = max(used, 0.0 if stage.busy == 0 else float(stage.busy))
        if not ready:
            return living
        return self._within(living, used / (ready * size.cpus) / (self._cluster.cpu_percent / 100), size.least)

    def _within(self, living: int, ratio: float, least: int) -> int:
        wanted = living if abs(ratio - 1) <= TOLERANCE else math.ceil(living * ratio)
        return min(self._stage.size.most, max(least, wanted))

    def _steady(self, now: float, living: int, wish: int) -> int:
        """Returns the wish as the stabilisation windows leave it: up to the least of the one, down to the most of the other."""
        if not living:
            return wish
        up = min(wanted for at, wanted in self._wishes if at >= now - self._cluster.scale_up_seconds)
        down = max(wanted for at, wanted in self._wishes if at >= now - self._cluster.scale_down_seconds)
        return max(living, up) if wish > living else min(living, down) if wish < living else living
