"""What a tenant may do in an hour and at once, kept in NATS so that all gateways agree. Off unless it is set up."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable

from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from s2v.gateway.settings import GatewaySettings
from s2v.runtime.bus import Bus
from s2v.runtime.errors import NotFoundError, QuotaError, UnavailableError
from s2v.runtime.jobs import FINISHED, Jobs
from s2v.runtime.schema import ERRORS, QUOTAS_BUCKET, unavailable
from s2v.v1.tenant_pb2 import HeldJob, QuotaState

HOUR_MS = 3_600_000
HOLD_MS = 600_000
"""A job that has taken a place and is not recorded after so long never came to be."""
TRIES = 50
"""Compare-and-set races that are lost before a call gives up."""
SKEW_MS = 60_000
"""Calls so much later than now were counted by a gateway whose clock is wrong: they do not count."""
JOB_SECONDS = 30.0
"""When to ask again for a place for a job."""


class Quotas:
    """The quotas of all tenants."""

    def __init__(self, bus: Bus, jobs: Jobs, settings: GatewaySettings, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives the seconds since 1970."""
        self._bus = bus
        self._jobs = jobs
        self._settings = settings
        self._clock = clock
        self._states: KeyValue | None = None

    async def prepare(self) -> None:
        """Opens the bucket.

        Errors: UnavailableError.
        """
        self._states = await self._bus.bucket(QUOTAS_BUCKET)

    async def spend_call(self, tenant: str) -> None:
        """Counts a call of StartUpload, CreateJob or RerunJob. Whoever uses up the hour must wait at least for the cool-down.

        Errors: QuotaError (TOO_MANY_CALLS), UnavailableError.
        """
        settings = self._settings

        def spend(state: QuotaState, now: int) -> QuotaError | None:
            cool_down_ms = int(settings.quota_cooldown_seconds * 1000)
            recent = [at for at in state.calls_ms if now - HOUR_MS < at < now + SKEW_MS]
            del state.calls_ms[:]
            state.calls_ms.extend(recent)
            state.cool_until_ms = min(state.cool_until_ms, now + cool_down_ms)
            if len(recent) >= settings.quota_calls_per_hour and state.cool_until_ms <= now:
                state.cool_until_ms = now + cool_down_ms
            if len(recent) >= settings.quota_calls_per_hour or state.cool_until_ms > now:
                free_at = recent[0] + HOUR_MS if len(recent) >= settings.quota_calls_per_hour else now
                return _refusal(
                    f"{settings.quota_calls_per_hour} uploads, jobs and re-runs an hour are allowed",
                    "TOO_MANY_CALLS",
                    (max(free_at, state.cool_until_ms) - now) / 1000,
                )
            state.calls_ms.append(now)
            return None

        if settings.quotas == "on":
            await self._change(tenant, "work", spend)

    async def hold_job(self, tenant: str, job_id: str) -> bool:
        """Takes one of the tenant's places for jobs at work, once for each job; those of jobs that have ended are free.

        Says whether the job had none before. NATS forgets in time what is held; a job that is marked as at work counts all the
        same.
        Errors: QuotaError (TOO_MANY_JOBS), UnavailableError.
        """
        settings = self._settings
        if settings.quotas != "on":
            return False
        state, _ = await self._get(tenant, "work")
        held = {job.job_id: job.held_at_ms for job in state.jobs}
        live = await self._jobs.records.live(tenant)
        now, ended = self._now(), set[str]()
        for other in {*held, *live} - {job_id}:
            if await self._has_ended(tenant, other, held.get(other, 0), now):
                ended.add(other)
        at_work, new = live.keys() - ended, False

        def hold(state: QuotaState, now: int) -> QuotaError | None:
            nonlocal new
            kept = [job for job in state.jobs if job.job_id not in ended]
            del state.jobs[:]
            state.jobs.extend(kept)
            taken = {job.job_id for job in kept}
            new = job_id not in taken
            if not new:
                return None
            if len((taken | at_work) - {job_id}) >= settings.quota_jobs_at_once:
                return _refusal(f"{settings.quota_jobs_at_once} jobs at once are allowed", "TOO_MANY_JOBS", JOB_SECONDS)
            state.jobs.append(HeldJob(job_id=job_id, held_at_ms=now))
            return None

        await self._change(tenant, "work", hold)
        return new

    async def release_job(self, tenant: str, job_id: str) -> None:
        """Gives back the place of a job that did not come to be.

        Errors: UnavailableError.
        """

        def release(state: QuotaState, now: int) -> QuotaError | None:
            kept = [job for job in state.jobs if job.job_id != job_id]
            del state.jobs[:]
            state.jobs.extend(kept)
            return None

        if self._settings.quotas == "on":
            await self._change(tenant, "work", release)

    async def spend_read(self, tenant: str) -> None:
        """Takes a token for a read out of the tenant's bucket.

        Errors: QuotaError (TOO_MANY_READS), UnavailableError.
        """
        rate, burst = self._settings.quota_reads_per_second, self._settings.quota_read_burst

        def spend(state: QuotaState, now: int) -> QuotaError | None:
            gained = (now - state.reads_at_ms) / 1000 * rate if state.reads_at_ms else float(burst)
            state.reads = min(float(burst), state.reads + max(0.0, gained))
            state.reads_at_ms = now
            if state.reads < 1:
                return _refusal(f"{rate:g} reads a second are allowed", "TOO_MANY_READS", (1 - state.reads) / rate)
            state.reads -= 1
            return None

        if self._settings.quotas == "on":
            await self._change(tenant, "reads", spend)

    async def _has_ended(self, tenant: str, job_id: str, held_at_ms: int, now: int) -> bool:
        try:
            return (await self._jobs.get(tenant, job_id)).job.state in FINISHED
        except NotFoundError:
            return now - held_at_ms > HOLD_MS

    async def _change(self, tenant: str, what: str, change: Callable[[QuotaState, int], QuotaError | None]) -> None:
        """Changes a state by compare-and-set. What a refusal has changed is kept too.

        Errors: QuotaError, UnavailableError.
        """
        for attempt in range(TRIES):
            state, revision = await self._get(tenant, what)
            refusal = change(state, self._now())
            try:
                await self._bucket.update(f"{tenant}.{what}", state.SerializeToString(), last=revision)
            except KeyWrongLastSequenceError:
                await asyncio.sleep(random.uniform(0, 0.002 * (attempt + 1)))  # noqa: S311 - jitter
                continue
            except ERRORS as error:
                raise unavailable(error) from error
            if refusal is not None:
                raise refusal
            return
        raise UnavailableError("too many calls of this tenant come at once; try again")

    async def _get(self, tenant: str, what: str) -> tuple[QuotaState, int]:
        try:
            entry = await self._bucket.get(f"{tenant}.{what}")
        except KeyNotFoundError:
            return QuotaState(), 0
        except ERRORS as error:
            raise unavailable(error) from error
        return QuotaState.FromString(entry.value or b""), entry.revision or 0

    def _now(self) -> int:
        return int(self._clock() * 1000)

    @property
    def _bucket(self) -> KeyValue:
        if self._states is None:
            raise UnavailableError("the quotas are not prepared: call Quotas.prepare first")
        return self._states


def _refusal(what: str, reason: str, seconds: float) -> QuotaError:
    error = QuotaError(f"{what}; try again in {max(1, round(seconds))} s", reason=reason)
    error.retry_seconds = max(0.001, seconds)
    return error
