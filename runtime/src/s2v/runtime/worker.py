"""The stage loop: pulls tasks, does them, and moves the job on. Written once, for all stages.

Killing it at any line loses nothing and doubles nothing: a task is acknowledged only after what it made is in S3, the
record has moved by compare-and-set, and the next task is published with a message id. A task that comes again finds what
is recorded and goes on from there.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
import traceback
from collections.abc import Awaitable
from dataclasses import dataclass, field

from s2v.runtime import hops, metrics, vitals
from s2v.runtime.bus import TASK_VERSION, Bus, task_name
from s2v.runtime.errors import (
    DISK_FULL,
    EngineError,
    LimitError,
    NotFoundError,
    S2VError,
    UnavailableError,
    is_fault_of_input,
)
from s2v.runtime.execution import Execution, GoneError
from s2v.runtime.jobs import FINISHED, Jobs, describe, progress, stage_record
from s2v.runtime.leases import Leases
from s2v.runtime.pulling import Delivery
from s2v.runtime.records import Change
from s2v.runtime.schema import LEASE_SECONDS
from s2v.runtime.settings import RuntimeSettings
from s2v.runtime.stage import NAMES
from s2v.runtime.steps import alive, behind, stages_before
from s2v.v1.event_pb2 import AttemptFailed, JobEvent
from s2v.v1.job_pb2 import StageState
from s2v.v1.report_pb2 import Stage
from s2v.v1.timeline_pb2 import Attempt, AttemptOutcome
from s2v.v1.work_pb2 import BusyTask, DeadLetter, JobRecord, Task, WorkerStatus

log = logging.getLogger(__name__)

IDLE_SECONDS = 1.0
"""How long an idle worker waits before it looks again for tasks that came back."""
NEWER_VERSION_SECONDS = 5.0
"""Delay of a task that a newer worker must do."""
STACK_CHARACTERS = 4000
"""What a dead letter keeps of a stack trace: its end, which names the cause."""
FULL_SECONDS, LONGEST_FULL_SECONDS = 1.0, 10.0
"""Least wait of a task whose stage has as many jobs as it may: so long for each time that it was given out, up to the second.
NATS gives out what comes again before what is new: many that come often would keep the parts of the jobs in the stage waiting."""
OUTAGE_SECONDS = 2.0
"""Wait after NATS or S3 did not answer; such a wait costs no attempt."""
REST_SECONDS, LONGEST_REST_SECONDS = 0.25, 15.0
"""How long a worker pulls nothing after a task for which NATS or S3 did not answer: each time twice as long, until one is done.
Each task that is tried in vain costs a change of its record."""


@dataclass
class Worker:
    """Does the tasks of one stage, `slots` at a time."""

    execution: Execution
    bus: Bus
    jobs: Jobs
    settings: RuntimeSettings
    slots: int
    """Most tasks at work at once; as many as the engine has worker processes."""
    _busy: dict[asyncio.Task[None], _Work] = field(default_factory=dict)
    """Tasks at work."""
    _settling: set[asyncio.Task[None] | None] = field(default_factory=set)
    """Those of them that are being acknowledged, handed back or failed: the end of their job does not stop that."""
    _owed: list[tuple[Task, Change]] = field(default_factory=list)
    """Tasks that were handed back while NATS was away, and what their records are still to say of it."""
    _rest_seconds: float = 0.0
    """How long the last rest was; 0: since then a task was done."""
    _rest_until: float = 0.0
    """Monotonic seconds."""

    def __post_init__(self) -> None:
        self._stage = self.execution.work.stage
        self._name = NAMES[self._stage]
        places = {
            Stage.STAGE_TRANSCRIPTION: self.settings.transcription_jobs,
            Stage.STAGE_ANALYSIS: self.settings.analysis_jobs,
            Stage.STAGE_LAYOUT: self.settings.layout_jobs,
            Stage.STAGE_RENDERING: self.settings.rendering_jobs,
        }
        self.limit = self.slots
        """Tasks at work at once: `slots`, or fewer for a while."""
        self._leases = Leases(self.bus, self._name, places[self._stage])
        self.execution.left = self._leases.release

    async def run(self, stop: asyncio.Event) -> None:
        """Pulls and does tasks until `stop` is set; then finishes those it has, or hands them back after `drain_seconds`."""
        puller = await self.bus.pull_tasks(self._stage)
        await self.bus.hear_cancels(self._cancel)
        await self.bus.hear_roll_call(lambda: self._status(stop))
        beating = asyncio.create_task(self._beat())
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                if self.at_work >= self.limit:
                    await asyncio.wait({stopping, *self._busy}, timeout=IDLE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                    continue
                if (rest_seconds := self._rest_until - time.monotonic()) > 0:
                    await asyncio.wait({stopping}, timeout=min(rest_seconds, IDLE_SECONDS))
                    continue
                try:
                    deliveries = await puller.pull(self.limit - self.at_work, idle_seconds=IDLE_SECONDS)
                except UnavailableError as error:
                    log.warning("%s", error)
                    await asyncio.sleep(OUTAGE_SECONDS)
                    continue
                for delivery in deliveries:
                    doing = asyncio.create_task(self._do(delivery))
                    self._busy[doing] = _Work(delivery)
                    doing.add_done_callback(self._busy.pop)
            await self._drain()
        finally:
            beating.cancel()
            stopping.cancel()

    @property
    def at_work(self) -> int:
        """Tasks at work; for a moment more than `limit`, when that was lowered."""
        return len(self._busy)

    async def _status(self, stop: asyncio.Event) -> WorkerStatus:
        memory_bytes = await asyncio.to_thread(vitals.memory_used)
        return WorkerStatus(
            stage=self._stage,
            host=hops.HOST,
            pid=os.getpid(),
            slots=self.limit,
            busy=[one.status() for one in self._busy.values()],
            memory_bytes=memory_bytes,
            draining=stop.is_set(),
        )

    async def _drain(self) -> None:
        if self._busy:
            _, late = await asyncio.wait(set(self._busy), timeout=self.settings.drain_seconds)
            for doing in late:
                doing.cancel()
            if late:
                await asyncio.wait(late)

    async def _cancel(self, job_id: str) -> None:
        for doing, work in list(self._busy.items()):
            if work.delivery.task.job_id == job_id and doing not in self._settling:
                doing.cancel()
        await self._leases.release(job_id)
        await self.execution.making.forget_job(job_id)

    async def _do(self, delivery: Delivery) -> None:
        """Does one task from delivery to acknowledgement; never raises."""
        task = delivery.task
        extra = {"stage": self._name, "task": task_name(task), "delivery": delivery.deliveries}
        with hops.processing(self._name, delivery) as hop:
            try:
                await self._advance(delivery, hop)
                await delivery.ack()
                hop.outcome = AttemptOutcome.ATTEMPT_OUTCOME_DONE
                self._rest_seconds = self._rest_until = 0.0
                log.info("task done", extra=extra)
            except GoneError:
                hop.outcome = AttemptOutcome.ATTEMPT_OUTCOME_DONE
                await self._settle(self._drop(delivery))
            except asyncio.CancelledError as error:
                # Either the job has ended, and its record says so when the task comes again, or this worker is stopping.
                hop.fail(error, retried=True)
                await self._settle(self._hand_back(delivery, "WORKER_STOPPED"))
                log.info("task handed back", extra=extra)
            except _FullError as error:
                hop.fail(error, retried=True)
                wait = min(LONGEST_FULL_SECONDS, FULL_SECONDS * delivery.deliveries)
                await self._settle(self._hand_back(delivery, "STAGE_FULL", wait))
            except _NewerError as error:
                hop.fail(error, retried=True)
                await self._settle(self._hand_back(delivery, "NEWER_TASK", NEWER_VERSION_SECONDS))
            except UnavailableError as error:
                hop.fail(error, retried=True)
                log.warning("task waits: %s", error, extra=extra)
                self._rest()
                await self._settle(self._hand_back(delivery, error.reason, OUTAGE_SECONDS))
            except OSError as error:
                if error.errno not in DISK_FULL:
                    hop.fail(error, retried=False)
                    await self._settle(self._failed(delivery, error))
                    return
                hop.fail(error, retried=True)
                log.warning("task waits, as the disk is full: %s", error, extra=extra)
                await self._settle(self._hand_back(delivery, "DISK_FULL", OUTAGE_SECONDS))
            except Exception as error:  # the loop outlives whatever an engine does
                hop.fail(error, retried=False)
                await self._settle(self._failed(delivery, error))

    def _rest(self) -> None:
        """Lets the worker pull nothing for a while; what fails during a rest began before it, and makes it no longer."""
        now = time.monotonic()
        if now >= self._rest_until:
            self._rest_seconds = min(LONGEST_REST_SECONDS, 2 * self._rest_seconds or REST_SECONDS)
            self._rest_until = now + self._rest_seconds

    async def _settle(self, ending: Awaitable[None]) -> None:
        doing = asyncio.current_task()
        self._settling.add(doing)
        try:
            await ending
        except Exception:
            log.exception("the task could not be settled; NATS gives it out again after %s s", self.settings.ack_wait_seconds)
        finally:
            self._settling.discard(doing)

    async def _drop(self, delivery: Delivery) -> None:
        """Ends a task whose job has ended meanwhile; what it still wrote for an unusable input goes with the rest."""
        await self._leases.release(delivery.task.job_id)
        record = await self.jobs.get(delivery.task.tenant, delivery.task.job_id)
        if record.job.state in FINISHED:
            await self.jobs.conclude(record)
        await delivery.ack()

    async def _hand_back(self, delivery: Delivery, reason: str, delay_seconds: float = 0.0) -> None:
        """Gives a task to whoever pulls next, after `delay_seconds` to twice as long; that was no failed attempt."""
        task = delivery.task
        made = self._attempt(delivery, AttemptOutcome.ATTEMPT_OUTCOME_HANDED_BACK, reason)

        def note(record: JobRecord) -> bool:
            if record.epoch != task.epoch:
                return False
            entry = stage_record(record, self._stage)
            if record.job.state in FINISHED:
                made.reason = "JOB_ENDED"
            entry.handed_back[task_name(task)] += 1
            hops.note(entry, made)
            return True

        try:
            await self.jobs.update(task.tenant, task.job_id, note)
        except UnavailableError:
            self._owed.append((task, note))
            raise
        except LimitError as error:  # the job fails of it when the task comes again
            log.warning("not noted: %s", error, extra={"job_id": task.job_id})
        finally:
            await delivery.hand_back(delay_seconds * random.uniform(1, 2))  # noqa: S311 - jitter

    async def _write_owed(self) -> None:
        """Writes what could not be written during an outage: until then a task that was handed back looks lost."""
        owed, self._owed = self._owed, []
        for task, note in owed:
            if not self.bus.connected:  # to ask would only take time, in which heartbeats are due
                self._owed.append((task, note))
                continue
            try:
                await self.jobs.update(task.tenant, task.job_id, note)
            except NotFoundError:
                continue
            except UnavailableError:
                self._owed.append((task, note))
            except LimitError as error:
                log.warning("not noted: %s", error, extra={"job_id": task.job_id})

    def _attempt(self, delivery: Delivery, outcome: AttemptOutcome.ValueType, reason: str) -> Attempt:
        return hops.attempt(self._stage, task_name(delivery.task), delivery.task.epoch, outcome, reason=reason)

    async def _beat(self) -> None:
        """Says of all tasks at work that they are, often enough that NATS does not give them to others."""
        every = min(self.settings.ack_wait_seconds / 6, LEASE_SECONDS / 3)
        while True:
            await asyncio.sleep(every)
            try:
                await self._write_owed()
            except Exception:  # the tasks at work are still to be spoken for
                log.exception("what is owed to records could not be written")
            due = time.monotonic() - every
            for work in [one for one in self._busy.values() if one.since < due]:
                try:
                    await work.delivery.keep()
                    await self._leases.hold(work.delivery.task.job_id)
                except Exception as error:
                    log.warning("heartbeat failed: %s", error)

    async def _advance(self, delivery: Delivery, hop: hops.Hop) -> None:
        task = delivery.task
        if task.version > TASK_VERSION:
            raise _NewerError
        try:
            record = await self._current(task)
        except NotFoundError:
            log.info("the job is gone; task dropped", extra={"job_id": task.job_id})
            await self._leases.release(task.job_id)
            return
        if record.epoch > task.epoch:
            return
        if record.job.state in FINISHED:
            await self._leases.release(task.job_id)
            await self.jobs.conclude(record)
            return
        succeeded = stage_record(record, self._stage).state == StageState.STAGE_STATE_SUCCEEDED
        if delivery.deliveries > 1 and not succeeded:
            await self._write_owed()
            record = await self._count_crashes(delivery)
        hop.link(stage_record(record, self._stage))
        if not await self._leases.hold(task.job_id):
            raise _FullError
        hop.begin(stage_record(record, self._stage))
        await self.execution.advance(record, task)

    async def _current(self, task: Task) -> JobRecord:
        """Returns the record of a task's job, with all that was in it when the task was published.

        Errors: NotFoundError, UnavailableError.
        """
        record = await self.jobs.get(task.tenant, task.job_id)
        if behind(record, task):
            record = await self.jobs.get(task.tenant, task.job_id, newest=True)
        if behind(record, task):
            raise UnavailableError(f"the record of job {task.job_id} is not yet what {self._name} {task_name(task)} goes on from")
        return record

    async def _count_crashes(self, delivery: Delivery) -> JobRecord:
        """A task that comes again without a recorded failure lost its worker: that was an attempt too.

        Each delivery after the first is noted here when a worker sees it. So one worker at most was lost since the last note;
        what NATS has delivered besides went astray with a connection or one of its servers, and costs no attempt.
        """
        task, name = delivery.task, task_name(delivery.task)

        def count(record: JobRecord) -> bool:
            entry = stage_record(record, self._stage)
            lost = delivery.deliveries - 1 - entry.handed_back[name]
            if record.epoch != task.epoch or lost <= entry.failed_attempts[name]:
                return False
            hops.note(entry, hops.lost(self._stage, name, task.epoch))
            entry.failed_attempts[name] += 1
            entry.handed_back[name] += lost - entry.failed_attempts[name]
            progress(record)
            return True

        record = await self.jobs.update(task.tenant, task.job_id, count)
        lost = stage_record(record, self._stage).failed_attempts[name]
        if lost >= self.settings.max_attempts:
            raise _ExhaustedError(f"{self._name} {name} was given up: its worker died or fell silent in {lost} attempts")
        return record

    async def _failed(self, delivery: Delivery, error: Exception) -> None:
        """Counts a failed attempt and decides whether there is another."""
        task, name = delivery.task, task_name(delivery.task)
        known = error if isinstance(error, S2VError) else _describe_unknown(f"{self._name} {name}", error)
        failed = 0
        made = self._attempt(delivery, AttemptOutcome.ATTEMPT_OUTCOME_FAILED, known.reason)
        metrics.attempt_failures.add(1, {"stage": self._name, "reason": known.reason})

        def count(record: JobRecord) -> bool:
            nonlocal failed
            entry = stage_record(record, self._stage)
            if not alive(record, task.epoch):
                return False
            entry.failed_attempts[name] = failed = entry.failed_attempts[name] + 1
            hops.note(entry, made)
            progress(record)
            return True

        exhausted = isinstance(error, _ExhaustedError)
        if known.retryable and not exhausted:
            try:
                await self.jobs.update(task.tenant, task.job_id, count)
            except LimitError as full:
                known = full
        if known.retryable and not exhausted and failed < self.settings.max_attempts:
            wait = self.settings.retry_base_seconds * 2 ** (failed - 1) * random.uniform(0.75, 1.25) if failed else 0.0  # noqa: S311
            log.warning("attempt %d failed: %s", failed, known, exc_info=error, extra={"job_id": task.job_id})
            attempt = AttemptFailed(stage=self._stage, attempt=failed, error=describe(known, self._stage), retry_in_seconds=wait)
            event = JobEvent(job_id=task.job_id, attempt_failed=attempt)
            await self.bus.publish_event(event, f"{task.epoch}.{self._name}.{name}.failed.{failed}")
            await delivery.hand_back(wait)
            return
        if is_fault_of_input(known.code.value[0]):
            log.info("input refused: %s", known, extra={"job_id": task.job_id, "reason": known.reason})
        else:
            log.error("job failed: %s", known, exc_info=error, extra={"job_id": task.job_id})
            await self._bury(delivery, known)
        await self.jobs.fail(task.tenant, task.job_id, made, known)
        await self._leases.release(task.job_id)
        await delivery.ack()

    async def _bury(self, delivery: Delivery, error: S2VError) -> None:
        """Keeps a dead letter: the task, why it was given up, and what it worked on."""
        task = delivery.task
        record = await self.jobs.get(task.tenant, task.job_id)
        if not alive(record, task.epoch):
            return
        entry = stage_record(record, self._stage)
        inputs = [record.source, *(earlier.output for earlier in stages_before(record, self._stage))]
        stack = "".join(traceback.format_exception(error.__cause__ or error))
        letter = DeadLetter(
            task=task,
            priority=record.job.options.priority,
            error=describe(error, self._stage),
            attempts=entry.failed_attempts.get(task_name(task), 1),
            payload=entry.plan if entry.HasField("plan") else inputs[-1],
            stack=stack[-STACK_CHARACTERS:],
        )
        await self.bus.bury(letter)


@dataclass(frozen=True)
class _Work:
    """A task at work."""

    delivery: Delivery
    since: float = field(default_factory=time.monotonic)
    """Monotonic seconds."""

    def status(self) -> BusyTask:
        """Returns it as it is shown to whoever asks."""
        task = self.delivery.task
        busy = BusyTask(tenant=task.tenant, job_id=task.job_id, task=task_name(task))
        busy.since.FromNanoseconds(time.time_ns() - int((time.monotonic() - self.since) * 1e9))
        return busy


class _FullError(Exception):
    """As many jobs as may be are in the stage."""


class _NewerError(Exception):
    """A newer worker must do this task."""


class _ExhaustedError(EngineError):
    """A task has used all its attempts."""

    default_reason = "ATTEMPTS_EXHAUSTED"


def _describe_unknown(task: str, error: Exception) -> EngineError:
    known = EngineError(f"{task} failed: {type(error).__name__}: {error}")
    known.__cause__ = error
    return known
