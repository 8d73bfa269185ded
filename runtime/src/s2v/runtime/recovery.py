"""Records made again from S3, when NATS has lost them: request, checkpoints of finished stages, and the end of each job."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from s2v.runtime.errors import DataLossError, LimitError, NotFoundError
from s2v.runtime.jobs import FINISHED, Jobs, end, prefix, progress, stage_record
from s2v.runtime.stage import NAMES, following
from s2v.runtime.store import ObjectStore
from s2v.v1.job_pb2 import JobState, StageState
from s2v.v1.work_pb2 import Checkpoint, JobRecord, Terminal

log = logging.getLogger(__name__)

AT_ONCE = 16
"""Jobs that are read at once."""


@dataclass(frozen=True)
class Rebuilt:
    """What was found in S3 and put back."""

    ended: int
    """Jobs that had ended."""
    resumed: Sequence[JobRecord]
    """Jobs that go on."""


async def rebuild(jobs: Jobs, store: ObjectStore, resume: Callable[[JobRecord], Awaitable[None]]) -> Rebuilt:
    """Puts back the record of each job that S3 knows and NATS does not; doing it again, or twice at once, changes nothing.

    The newest come first, whoever they belong to, and each that goes on is given to `resume` at once: it does not wait for the
    archive.
    A job of which S3 has damaged objects, or whose record NATS does not take, is left out, and logged.
    Errors: UnavailableError; whatever `resume` raises.
    """
    ended: list[JobRecord] = []
    resumed: list[JobRecord] = []

    async def put_back(tenant: str, job_id: str) -> None:
        try:
            record = await read_record(store, tenant, job_id)
            new = record is not None and await jobs.records.restore(record)
        except (DataLossError, DecodeError) as error:  # one damaged object must not keep all other jobs away
            log.error(
                "not put back, restore it from a backup or delete the job: %s", error, extra={"tenant": tenant, "job_id": job_id}
            )
            return
        except LimitError as error:  # nor must one large record
            log.error("not put back: %s; then s2v reconcile --rebuild", error, extra={"tenant": tenant, "job_id": job_id})
            return
        if record is None or not new:
            return
        if record.job.state in FINISHED:
            await jobs.conclude(record)
            ended.append(record)
        else:
            resumed.append(record)
            await resume(record)

    missing: list[tuple[str, str]] = []
    for tenant in await store.tenants():
        known = set(await jobs.records.list(tenant))
        found = [job_folder.rstrip("/").rsplit("/", 1)[-1] for job_folder in await store.folders(f"{tenant}/jobs/")]
        missing += [(job_id, tenant) for job_id in found if job_id not in known]
    missing.sort(reverse=True)  # ids begin with the time
    for start in range(0, len(missing), AT_ONCE):
        await asyncio.gather(*(put_back(tenant, job_id) for job_id, tenant in missing[start : start + AT_ONCE]))
    return Rebuilt(len(ended), resumed)


async def read_record(store: ObjectStore, tenant: str, job_id: str) -> JobRecord | None:
    """Returns a job's record as S3 knows it; None for what never was accepted.

    An ended job is as it ended. One at work has its finished stages, and a new epoch, which fences whoever still works on it.
    Errors: UnavailableError, DataLossError, DecodeError.
    """
    folder = prefix(tenant, job_id)
    base = await _read(store, f"{folder}reopened.pb") or await _read(store, f"{folder}request.pb")
    if base is None:
        return None
    record = JobRecord.FromString(base)
    if data := await _read(store, f"{folder}terminal.pb"):
        terminal = Terminal.FromString(data)
        if terminal.epoch >= record.epoch:
            record.job.CopyFrom(terminal.job)
            record.epoch = terminal.epoch
            del record.stages[:]
            record.stages.extend(terminal.stages)
            return record
    newest = record.epoch
    for name in NAMES.values():
        data = await _read(store, f"{folder}{name}/checkpoint.pb")
        if data is None:
            continue
        checkpoint = Checkpoint.FromString(data)
        newest = max(newest, checkpoint.epoch)
        if checkpoint.epoch >= record.epoch:
            _apply(record, checkpoint)
    record.epoch = newest + 1
    progress(record)
    return record


def _apply(record: JobRecord, checkpoint: Checkpoint) -> None:
    """Writes a finished stage into the record."""
    entry, job = stage_record(record, checkpoint.stage), record.job
    entry.CopyFrom(checkpoint.record)
    entry.state = StageState.STAGE_STATE_SUCCEEDED
    entry.output.CopyFrom(checkpoint.output)
    entry.parts_total = checkpoint.report.parts
    names = {artifact.name for artifact in job.artifacts}
    job.artifacts.extend(artifact for artifact in checkpoint.artifacts if artifact.name not in names)
    if checkpoint.stage not in {report.stage for report in job.report.stages}:
        job.report.job_id = job.id
        job.report.stages.append(checkpoint.report)
    job.state = JobState.JOB_STATE_RUNNING
    if following(checkpoint.stage) is None:
        end(record, JobState.JOB_STATE_SUCCEEDED)


async def _read(store: ObjectStore, key: str) -> bytes | None:
    try:
        return await store.read(key)
    except NotFoundError:
        return None
