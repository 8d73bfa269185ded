"""Lists of jobs, newest first, page by page: ended ones from the catalogue, the others from their records."""

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
    found: list[Job] = []
    live = {job_id for job_id in await jobs.records.live(tenant) if not token or job_id < token}
    async for floor, ended in jobs.catalogue.newest(tenant, token):
        ids = sorted({*ended, *(job_id for job_id in live if job_id >= floor)}, reverse=True)
        for start in range(0, len(ids), READS):
            reading = [_read(jobs, tenant, job_id, live=job_id in live) for job_id in ids[start : start + READS]]
            for job in await asyncio.gather(*reading):
                if job is None or (state and job.state != state):
                    continue
                if len(found) == size:
                    return found, found[-1].id
                found.append(job)
        live -= set(ids)
    return found, ""


async def _read(jobs: Jobs, tenant: str, job_id: str, *, live: bool) -> Job | None:
    if not live:
        return await jobs.catalogue.find(tenant, job_id)
    try:
        job = (await jobs.get(tenant, job_id)).job
    except NotFoundError:
        return None
    job.ClearField("artifacts")
    job.ClearField("report")
    job.ClearField("edits")
    return job
