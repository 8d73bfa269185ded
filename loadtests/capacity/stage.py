"""A stage of the simulation: its queue by priority, its places for jobs, its pods and their workers."""

from __future__ import annotations

import itertools
import random
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import simpy

from loadtests.capacity.cluster import Cluster, StageSize
from loadtests.capacity.jobs import SimTask
from loadtests.capacity.processors import Processors
from loadtests.costs import Costs

TURNS = ("high", "high", "normal", "high", "high", "normal", "high", "high", "normal", "low")
"""Which priority is asked first: 6:3:1, as the bus does it."""
FULL_SECONDS = 1.5
"""A task whose job has no place comes again after 1 to 2 s."""

Steps = Generator[simpy.Event, Any, None]


@dataclass(eq=False)
class Pod:
    """Some workers that start and end together."""

    wishing: float
    """When it was asked for."""
    ready: bool = False
    draining: bool = False
    idle: deque[simpy.Event] = field(default_factory=deque)
    workers: list[simpy.Process] = field(default_factory=list)
    ended: float = -1.0


class SimStage:
    """One stage."""

    def __init__(  # noqa: PLR0917 - where it is, what it costs, and whom it tells
        self,
        env: simpy.Environment,
        name: str,
        cluster: Cluster,
        costs: Costs,
        chance: random.Random,
        processors: Processors | None,
        finished: Callable[[SimTask], None],
        given_up: Callable[[SimTask], None],
    ) -> None:
        """`finished` and `given_up` are told of each task that is done or has failed for good."""
        self.name = name
        self.size: StageSize = cluster.stages[name]
        self.pods: list[Pod] = []
        self.gone: list[Pod] = []
        self.busy = 0
        """Tasks at work."""
        self.busy_seconds = 0.0
        """Worker seconds that were spent, up to the last task that ended."""
        self._env, self._cluster, self._costs, self._chance = env, cluster, costs, chance
        self._processors, self._finished, self._given_up = processors, finished, given_up
        self._waiting: dict[str, deque[SimTask]] = {priority: deque() for priority in ("high", "normal", "low")}
        self._turn = itertools.cycle(TURNS)
        self._holders: set[int] = set()
        self._put_off: list[SimTask] = []

    @property
    def waiting(self) -> int:
        """Tasks that nobody has taken; those put off for want of a place are not counted, as NATS does not."""
        return sum(len(queue) for queue in self._waiting.values())

    @property
    def put_off(self) -> int:
        """Tasks that come again and again as their job has no place."""
        return len(self._put_off)

    @property
    def living(self) -> list[Pod]:
        """Pods that are there or come up, and are to stay."""
        return [pod for pod in self.pods if not pod.draining]

    def publish(self, task: SimTask) -> None:
        """Puts a task into the queue."""
        self._waiting[task.job.arrival.priority].append(task)
        self._match()

    def leave(self, job: int) -> None:
        """Gives a job's place back. Whichever of those put off comes again first takes it: chance, not priority."""
        self._holders.discard(job)
        if self._put_off:
            self._env.process(self._come_again(self._put_off.pop(self._chance.randrange(len(self._put_off)))))

    def scale(self, wanted: int) -> None:
        """Starts pods, or drains some: busy or not, as Kubernetes does not know."""
        living = self.living
        for _ in range(wanted - len(living)):
            pod = Pod(self._env.now)
            self.pods.append(pod)
            self._env.process(self._start(pod))
        for pod in living[wanted:]:
            self._drain(pod)

    def pod_seconds(self, now: float) -> float:
        """Returns what all pods were asked for, from wish to end."""
        return sum((pod.ended if pod.ended >= 0 else now) - pod.wishing for pod in (*self.pods, *self.gone))

    def _start(self, pod: Pod) -> Steps:
        yield self._env.timeout(self.size.start_seconds)
        if pod.draining:
            return
        pod.ready = True
        pod.workers = [self._env.process(self._work(pod)) for _ in range(self.size.workers)]
        if self._cluster.pod_losses_per_hour:
            self._env.process(self._lose(pod))

    def _lose(self, pod: Pod) -> Steps:
        yield self._env.timeout(self._chance.expovariate(self._cluster.pod_losses_per_hour / 3600))
        if pod.ended < 0:
            kept = len(self.living)
            pod.draining = True
            for worker in pod.workers:
                if worker.is_alive:
                    worker.interrupt()
            self._forget(pod)
            self.scale(kept)  # its Deployment makes another one at once

    def _drain(self, pod: Pod) -> None:
        pod.draining = True
        for event in pod.idle:
            if not event.triggered:
                event.succeed(None)
        pod.idle.clear()
        if not pod.ready:
            self._forget(pod)

    def _forget(self, pod: Pod) -> None:
        if pod.ended < 0:
            pod.ended = self._env.now
            self.pods.remove(pod)
            self.gone.append(pod)

    def _match(self) -> None:
        for pod in self.pods:
            while pod.idle:
                task = self._next()
                if task is None:
                    return
                pod.idle.popleft().succeed(task)

    def _next(self) -> SimTask | None:
        """Takes the task whose turn it is; those of jobs without a place are put off."""
        while True:
            first = next(self._turn)
            queue = next((self._waiting[name] for name in (first, "high", "normal", "low") if self._waiting[name]), None)
            if queue is None:
                return None
            task = queue.popleft()
            places, job = self.size.places, task.job.number
            if not places or job in self._holders or len(self._holders) < places:
                self._holders.add(job)
                return task
            self._put_off.append(task)

    def _come_again(self, task: SimTask) -> Steps:
        # The more are put off, the sooner one of them knocks.
        yield self._env.timeout(FULL_SECONDS / (len(self._put_off) + 2))
        self.publish(task)

    def _work(self, pod: Pod) -> Steps:
        task: SimTask | None = None
        try:
            while not pod.draining:
                coming = self._env.event()
                pod.idle.append(coming)
                self._match()
                task = yield coming
                if task is None:
                    break
                self.busy += 1
                started = self._env.now
                yield from self._do(task)
                self._stop_work(started)
                done, task = task, None
                self._settle(done)
        except simpy.Interrupt:
            if task is not None:
                self._stop_work(started)
                self._env.process(self._again(task, self._cluster.ack_wait_seconds))
        if all(not worker.is_alive or worker is self._env.active_process for worker in pod.workers):
            self._forget(pod)

    def _stop_work(self, started: float) -> None:
        self.busy -= 1
        self.busy_seconds += self._env.now - started

    def _do(self, task: SimTask) -> Steps:
        waiting = self._costs.hop(task.stage, task.kind)
        if self._processors is None:
            yield self._env.timeout(waiting + task.cpu / self.size.speed)
            return
        # What the other processes do for a task takes the same processors, partly while it waits for them.
        yield self._env.timeout(max(0.0, waiting - self._costs.overhead_cpu))
        yield self._processors.use(self.name, task.cpu + self._costs.overhead_cpu)

    def _settle(self, task: SimTask) -> None:
        if self._chance.random() >= self._cluster.task_failures:
            self._finished(task)
            return
        self._env.process(self._again(task, self._cluster.retry_seconds * 2**task.attempts * self._chance.uniform(0.75, 1.25)))

    def _again(self, task: SimTask, seconds: float) -> Steps:
        """Gives a task out again after a while, unless it has used its attempts up."""
        task.attempts += 1
        if task.attempts >= self._cluster.max_attempts:
            self._given_up(task)
            return
        yield self._env.timeout(seconds)
        self.publish(task)
