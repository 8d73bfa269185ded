"""What users think of their videos."""

from __future__ import annotations

from s2v.runtime import quality
from s2v.runtime.errors import InvalidInputError, PreconditionError
from s2v.runtime.jobs import Jobs
from s2v.v1.job_pb2 import Job, JobState, Rating
from s2v.v1.work_pb2 import JobRecord

MOST_STARS = 5
REMARK_CHARACTERS = 2000


async def rate(jobs: Jobs, tenant: str, job_id: str, rating: Rating) -> Job:
    """Keeps a rating in the job; a later one takes its place.

    Errors: NotFoundError, InvalidInputError (stars, remark), PreconditionError (JOB_NOT_DONE), UnavailableError.
    """
    if not 1 <= rating.stars <= MOST_STARS:
        raise InvalidInputError(f"stars is {rating.stars}; give 1 (of no use) to {MOST_STARS} (just right)", field="stars")
    if len(rating.remark) > REMARK_CHARACTERS:
        raise InvalidInputError(
            f"the remark has {len(rating.remark)} characters, and {REMARK_CHARACTERS} is the most; shorten it", field="remark"
        )

    def keep(record: JobRecord) -> bool:
        if record.job.state != JobState.JOB_STATE_SUCCEEDED:
            raise PreconditionError(f"job {job_id} has no video that could be rated", reason="JOB_NOT_DONE", field="job_id")
        record.job.rating.CopyFrom(rating)
        record.job.rating.applied_edits = record.job.applied_edits
        record.job.rating.rated_at.GetCurrentTime()
        return True

    job = (await jobs.amend(tenant, job_id, keep)).job
    quality.ratings.record(rating.stars)
    return job
