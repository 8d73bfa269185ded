"""One run of a profile: the system, the talks, the callers as a child process, and what was seen meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from loadtests.figures import Figures, WatchFigures, count, rate
from loadtests.house import House, opened, say, visited
from loadtests.observer import Sample, observed, service_process
from loadtests.plan import KEYS_VARIABLE, Plan, Visit
from loadtests.profiles import SEED, Profile
from loadtests.records import Records
from loadtests.talks import Source, cut_talks, find_sources, join_talk
from s2v.client import Client
from s2v.v1.job_pb2 import JobOptions, JobState
from s2v.v1.report_pb2 import Stage

ROOT = Path(__file__).parents[1]
CALIBRATION_JOBS = 10
CALIBRATION_USERS = 4
CALIBRATION_SKIP = 3
"""Jobs that fill the pipeline, and are not counted."""
WATCHERS = 100
WATCH_BEFORE_SECONDS = 15.0
WATCH_OPEN_SECONDS = 30.0
LONG_TALK_SECONDS = 120.0
"""A talk of this length or more is put together from several narrations."""


@dataclass(frozen=True)
class Request:
    """What the user asked for."""

    profile: Profile
    out: Path
    """Folder for the reports."""
    target: str = ""
    """Gateway, host:port; empty: a stack of its own."""
    talks: Path | None = None
    """Folder of narrations; None: the examples."""
    seconds: float = 0.0
    """How long callers come; 0: as the profile says."""


@dataclass(frozen=True)
class Run:
    """What came of it."""

    profile: Profile
    figures: Figures
    samples: Sequence[Sample]
    started: float
    """In seconds since 1970."""
    cores: int
    load: tuple[float, float]
    """Processes ready to run, a minute's mean, before and after; more than 0 before means that others were at work."""
    target: str


async def run_profile(request: Request) -> Run:
    """Runs a profile. Errors: SystemExit; those of Stack."""
    profile, started, before = request.profile, time.time(), os.getloadavg()[0]
    if request.target and profile.embedded_only:
        raise SystemExit(f"{profile.name} runs on the embedded stack only: {profile.embedded_only}; leave --target out")
    request.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="s2v-load-") as scratch:
        folder = Path(scratch)
        place = visited(request.target) if request.target else opened(folder / "stack", profile.environment, profile.tenants)
        async with place as house:
            sources = find_sources(request.talks or ROOT / "examples")
            capacity = await _calibrate(house, profile, sources, folder) if profile.load else 0.0
            talks = _make_talks(profile, sources, folder, profile.count(capacity, request.seconds))
            async with observed(house) as observer:
                if profile.name == "watch":
                    records, watch = await _watch(house, request, talks[0])
                else:
                    plan, watch = profile.plan(house.gateway, talks, capacity, request.seconds), None
                    say(f"{profile.name}: {len(plan.visits)} visits")
                    records = await swarm(house, plan, request.out)
                samples = list(observer.samples)
    load = (round(before, 2), round(os.getloadavg()[0], 2))
    figures = count(records, samples, capacity, watch)
    return Run(profile, figures, samples, started, len(os.sched_getaffinity(0)), load, request.target or "embedded stack")


def _make_talks(profile: Profile, sources: Sequence[Source], folder: Path, number: int) -> list[Path]:
    if profile.talk_seconds >= LONG_TALK_SECONDS:
        return [join_talk(sources, folder / "talk.opus", profile.talk_seconds)]
    return cut_talks(sources, folder / "talks", number, profile.talk_seconds, SEED)


async def _calibrate(house: House, profile: Profile, sources: Sequence[Source], folder: Path) -> float:
    """Measures how many jobs of this length the system makes in a second, with always some of them there."""
    talks = cut_talks(sources, folder / "calibration", CALIBRATION_JOBS, profile.talk_seconds, SEED + 1)
    visits = tuple(Visit("talk", talk=str(talk)) for talk in talks)
    say(f"Measuring what the system can do: {len(visits)} talks, {CALIBRATION_USERS} at a time")
    out = folder / "calibrated"
    out.mkdir()
    plan = Plan(house.gateway, visits, profile.drain_seconds, CALIBRATION_USERS, profile.patience_seconds)
    capacity = rate((await swarm(house, plan, out)).outcomes, CALIBRATION_SKIP)
    say(f"It makes {60 * capacity:.1f} jobs a minute")
    return capacity


async def swarm(house: House, plan: Plan, out: Path) -> Records:
    """Carries a plan out in a child process. Errors: SystemExit when that fails."""
    plan.write(out / "plan.json")
    with (out / "swarm.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "loadtests.swarm", str(out / "plan.json"), str(out)),
            cwd=ROOT,
            env={**os.environ, KEYS_VARIABLE: json.dumps(dict(house.keys))},
            stdout=log,
            stderr=log,
        )
        try:
            code = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    if code:
        raise SystemExit(f"the callers' process ended with {code}; its log is {out / 'swarm.log'}")
    return Records.read(out / "records.jsonl")


async def _watch(house: House, request: Request, talk: Path) -> tuple[Records, WatchFigures]:
    """Lets rendering stand still, so that a job waits for it, and measures the gateway without and with its watchers."""
    seconds = request.seconds or request.profile.seconds
    rendering = service_process("rendering")
    rendering.suspend()
    try:
        async with Client(house.gateway) as client:
            job = await client.create_job(await client.upload(talk), JobOptions(language="en"))
            async for event in client.watch(job.id):
                if event.stage_finished.report.stage == Stage.STAGE_LAYOUT:
                    break
            share_before = await _gateway_share(WATCH_BEFORE_SECONDS)
            visits = tuple(Visit("idle watch", job_id=job.id) for _ in range(WATCHERS))
            plan = Plan(house.gateway, visits, seconds + request.profile.drain_seconds, at_once=WATCHERS)
            say(f"{WATCHERS} watchers for {seconds:.0f} s")
            callers = asyncio.create_task(swarm(house, plan, request.out))
            await _until_open(request.out / "records.jsonl", callers)
            share_during = await _gateway_share(seconds)
            rendering.resume()
            records = await callers
            ended = await client.get_job(job.id)
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            rendering.resume()
    if ended.state != JobState.JOB_STATE_SUCCEEDED:
        raise SystemExit(f"the job that was watched ended as {JobState.Name(ended.state)}: {ended.error.message}")
    return records, WatchFigures(WATCHERS, share_before, share_during)


async def _until_open(path: Path, callers: asyncio.Task[Records]) -> None:
    """Waits until all watchers have got their first event. Errors: SystemExit when that takes too long."""
    deadline = time.monotonic() + WATCH_OPEN_SECONDS
    while await asyncio.to_thread(_opened, path) < WATCHERS:
        if callers.done() or time.monotonic() > deadline:
            callers.cancel()
            raise SystemExit(f"not all {WATCHERS} watches opened within {WATCH_OPEN_SECONDS:.0f} s; see {path}")
        await asyncio.sleep(0.2)


def _opened(path: Path) -> int:
    """Returns how many watches have got their first event."""
    return sum(call.rpc == "WatchJob first event" for call in Records.read(path).calls) if path.exists() else 0


async def _gateway_share(seconds: float) -> float:
    """Returns the gateway's processor time in the next `seconds`, as a part of one core."""
    gateway = service_process("gateway")
    before, clock = gateway.cpu_times(), time.monotonic()
    await asyncio.sleep(seconds)
    after = gateway.cpu_times()
    return (after.user + after.system - before.user - before.system) / (time.monotonic() - clock)
