"""Dead letters: tasks that were given up, with their cause; each can be given another run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from google.protobuf.message import DecodeError
from nats.js.errors import APIError
from nats.js.errors import NotFoundError as NoMessageError

from s2v.runtime.bus import DEAD_STREAM, Bus
from s2v.runtime.errors import NotFoundError
from s2v.runtime.jobs import FINISHED, Jobs
from s2v.runtime.schema import ERRORS, unavailable
from s2v.v1.work_pb2 import DeadLetter, JobRecord, Task, TaskKind

NO_MESSAGE = frozenset({10037, 10043, 10057})
"""JetStream's error codes for the deletion of a message that is not there."""


@dataclass(frozen=True)
class Buried:
    """A dead letter and its number, which names it for as long as it is kept."""

    number: int
    letter: DeadLetter


class DeadLetters:
    """The dead letters of all stages and tenants."""

    def __init__(self, bus: Bus, jobs: Jobs) -> None:
        self._bus = bus
        self._jobs = jobs

    async def list(self) -> AsyncIterator[Buried]:
        """Yields the dead letters that are kept, oldest first.

        Errors: UnavailableError.
        """
        number = 1
        while found := await self._get(number, following=True):
            yield found
            number = found.number + 1

    async def get(self, number: int) -> Buried:
        """Returns one dead letter.

        Errors: NotFoundError, UnavailableError.
        """
        if found := await self._get(number, following=False):
            return found
        raise NotFoundError(f"there is no dead letter {number}; s2v dead list shows those that are kept", reason="NO_DEAD_LETTER")

    async def redrive(self, number: int) -> JobRecord:
        """Gives the job of a dead letter another run, which goes on where it failed, and removes the letter.

        Killed in between and done again, it goes on: of one letter there is one run.
        Errors: NotFoundError (letter or job), PreconditionError (the job can have no other run), UnavailableError.
        """
        letter = (await self.get(number)).letter
        task = letter.task
        record = await self._jobs.reopen(task.tenant, task.job_id, task.stage, task.epoch)
        if record.job.state not in FINISHED:
            again = Task(
                tenant=task.tenant, job_id=task.job_id, stage=task.stage, kind=TaskKind.TASK_KIND_PLAN, epoch=record.epoch
            )
            await self._bus.publish_task(again, letter.priority)
        await self.drop(number)  # unless another redrive was faster
        return record

    async def is_over(self, buried: Buried) -> bool:
        """Says whether a letter can help no more: its job is gone, or has ended in a later run.

        Errors: UnavailableError.
        """
        task = buried.letter.task
        try:
            record = await self._jobs.get(task.tenant, task.job_id, newest=True)
        except NotFoundError:
            return True
        return record.job.state in FINISHED and record.epoch > task.epoch

    async def drop(self, number: int) -> None:
        """Removes a letter; it may be missing.

        Errors: UnavailableError.
        """
        try:
            await self._bus.jetstream.delete_msg(DEAD_STREAM, number)
        except ERRORS as error:
            if not (isinstance(error, APIError) and error.err_code in NO_MESSAGE):
                raise unavailable(error) from error

    async def _get(self, number: int, *, following: bool) -> Buried | None:
        while True:
            try:
                message = await self._bus.jetstream.get_msg(
                    DEAD_STREAM, seq=number, subject="s2v.v1.dead.>" if following else None, next=following
                )
            except NoMessageError:
                return None
            except ERRORS as error:
                raise unavailable(error) from error
            number = message.seq or number
            try:
                return Buried(number, DeadLetter.FromString(message.data or b""))
            except DecodeError:  # not one of ours: an older form, without a cause that could be shown
                if not following:
                    return None
                number += 1
