"""Lists of jobs, newest first, page by page."""

from __future__ import annotations

import asyncio

from s2v.gateway import names
from s2v.runtime.errors import InvalidInputError, NotFoundError
from s2v.runtime.jobs import Jobs
from s2v.v1.job_pb2 import Job, JobState

PAGE_SIZE = 50
"""Jobs on a page when nothing is said."""
LARGEST_PAGE = 200
READS = 16
"""Records that are read at once."""


async def page(jobs: Jobs, tenant: str, size: int, token: str, state: JobState.ValueType) -> tuple[list[Job], str]:
    """Returns some jobs without artifacts and report, and the token of the next page, empty at the end.

    A page token is the id of the last job before it: ids rise with time, so pages stay right while jobs come.
    Errors: InvalidInputError, UnavailableError.
    """
    if not 0 <= size <= LARGEST_PAGE:
        raise InvalidInputError(f"page_size is {size}; use 1 to {LARGEST_PAGE}, or 0 for {PAGE_SIZE}", field="page_size")
    if token and not names.is_ulid(token):
        raise InvalidInputError(
            "page_token is not one that ListJobs gave; leave it empty to start from the newest job",
            reason="INVALID_PAGE_TOKEN",
            field="page_token",
        )
    size = size or PAGE_SIZE
    ids = [job_id for job_id in await jobs.list(tenant) if not token or job_id < token]
    found: list[Job] = []
    for start in range(0, len(ids), READS):
        for job in await asyncio.gather(*(_read(jobs, tenant, job_id) for job_id in ids[start : start + READS])):
            if job is None or (state and job.state != state):
                continue
            if len(found) == size:
                return found, found[-1].id
            found.append(job)
    return found, ""


async def _read(jobs: Jobs, tenant: str, job_id: str) -> Job | None:
    try:
        job = (await jobs.get(tenant, job_id)).job
    except NotFoundError:
        return None
    job.ClearField("artifacts")
    job.ClearField("report")
    job.ClearField("edits")
    return job
