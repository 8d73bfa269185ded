"""A talk of hours with a worker killed in its middle: the same words as without, in flat memory.

    python -m evals.long_talk --manifest FILE.tsv [--hours H]

Puts the recordings of a manifest together, with pauses, until they are long enough; transcribes the talk twice on an embedded
stack of its own, the second time with a worker process killed when half of the windows are done; prints one JSON object.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path

import av
import numpy as np
import psutil

from evals.recordings import read_manifest
from s2v.cli.stack import Stack
from s2v.client import Client
from s2v.runtime import sandbox
from s2v.transcription.voice_activity import SAMPLE_RATE, read_samples
from s2v.v1.artifact_pb2 import ArtifactKind
from s2v.v1.job_pb2 import JobOptions
from s2v.v1.report_pb2 import Stage
from s2v.v1.transcript_pb2 import Segment, Transcript

BIT_RATE = 24_000
PAUSES = (0.6, 1.2, 2.5)  # seconds between recordings, by turns


@dataclass(frozen=True)
class Pass:
    """One transcription of the talk."""

    wall_s: float
    peak_mb: float
    """Most memory of the transcription service and its workers, in MB."""
    first_quarter_mb: float
    """The same in the first quarter of the windows: what it may not outgrow."""
    killed: int
    """Workers that were killed."""


@dataclass(frozen=True)
class LongTalkReport:
    """What is printed."""

    hours: float
    windows: int
    words: int
    same_transcript: bool
    """Whether both passes have the same words at the same times."""
    first_difference: str
    """Where they part, in both; empty if they do not."""
    undisturbed: Pass
    disturbed: Pass
    load: float


def main() -> None:
    """Makes the talk and transcribes it."""
    parser = argparse.ArgumentParser(prog="python -m evals.long_talk", description="Transcribe a talk of hours; kill a worker.")
    parser.add_argument("--manifest", type=Path, required=True, help="TSV with a column file")
    parser.add_argument("--hours", type=float, default=4.0)
    arguments = parser.parse_args()
    os.environ["S2V_CACHE_ENABLED"] = "false"
    with tempfile.TemporaryDirectory(prefix="s2v-eval-") as folder:
        talk = Path(folder) / "talk.ogg"
        asyncio.run(make_talk(arguments.manifest, talk, arguments.hours * 3600))
        report = asyncio.run(measure(talk, Path(folder) / "stack", arguments.hours))
    print(json.dumps(asdict(report), indent=2))


async def make_talk(manifest: Path, talk: Path, seconds: float) -> None:
    """Writes Opus, as long as whole recordings make it without passing `seconds`: 4 hours are 43 MB."""
    pieces = []
    with tempfile.TemporaryDirectory() as folder:
        for recording in read_manifest(manifest):
            pcm = Path(folder) / "piece.pcm"
            await sandbox.decode(recording.path, pcm, recording.path.name)
            pieces.append(read_samples(pcm, 0, pcm.stat().st_size))
    with av.open(str(talk), "w") as container:
        stream = container.add_stream("libopus", rate=SAMPLE_RATE, layout="mono", bit_rate=BIT_RATE)
        written = number = 0
        while True:
            pause = np.zeros(int(PAUSES[number % len(PAUSES)] * SAMPLE_RATE), np.float32)
            sound = np.concatenate([pieces[number % len(pieces)], pause])
            if written + len(sound) > seconds * SAMPLE_RATE:
                break
            samples = (np.clip(sound, -1, 1) * 32_767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(samples[None], "s16", "mono")
            frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, written, Fraction(1, SAMPLE_RATE)
            container.mux(stream.encode(frame))
            written, number = written + len(sound), number + 1
        container.mux(stream.encode(None))


async def measure(talk: Path, home: Path, hours: float) -> LongTalkReport:
    """Transcribes the talk twice on one stack."""
    async with Stack(home, say) as stack, Client(stack.endpoints.gateway) as client:
        service = next(
            child for child in psutil.Process().children(recursive=True) if "s2v.transcription" in " ".join(child.cmdline())
        )
        plain, first, windows = await transcribe(client, talk, service, kill=False)
        killed, second, _ = await transcribe(client, talk, service, kill=True)
    words = sum(len(segment.words) for segment in plain.segments)
    parted = find_difference(plain, killed)
    return LongTalkReport(hours, windows, words, plain == killed, parted, first, second, round(os.getloadavg()[0], 2))


def find_difference(one: Transcript, other: Transcript) -> str:
    """Returns the first sentences that differ, with their times."""
    for a, b in zip_longest(one.segments, other.segments, fillvalue=Segment()):
        if a != b:
            return f"{a.start_seconds:.2f} s: {a.text!r}; {b.start_seconds:.2f} s: {b.text!r}"
    return ""


async def transcribe(client: Client, talk: Path, service: psutil.Process, *, kill: bool) -> tuple[Transcript, Pass, int]:
    """Sends the talk, waits for its transcript, and cancels the rest of the job."""
    started = time.monotonic()
    job = await client.create_job(await client.upload(talk), JobOptions())
    peak = quarter = 0.0
    killed = windows = 0
    async for event in client.watch(job.id):
        used = sum(process.memory_full_info().pss for process in [service, *service.children(recursive=True)]) / 1e6
        peak = max(peak, used)
        if event.HasField("part_finished") and event.part_finished.stage == Stage.STAGE_TRANSCRIPTION:
            done, windows = event.part_finished.parts_done, event.part_finished.parts_total
            if done <= windows / 4:
                quarter = max(quarter, used)
            if done % 20 == 0:
                say(f"{done} of {windows} windows after {time.monotonic() - started:.0f} s, {used:.0f} MB")
            if kill and not killed and done >= windows / 2:
                worker = max(service.children(recursive=True), key=lambda process: process.cpu_times().user)
                os.kill(worker.pid, signal.SIGKILL)
                killed += 1
                say(f"killed worker {worker.pid}")
        if event.HasField("stage_finished") and event.stage_finished.report.stage == Stage.STAGE_TRANSCRIPTION:
            break
    wall = time.monotonic() - started
    job = await client.get_job(job.id)
    artifact = next(one for one in job.artifacts if one.kind == ArtifactKind.ARTIFACT_KIND_TRANSCRIPT)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / artifact.name
        await client.download(job.id, artifact.name, path)
        data = path.read_bytes()
    await client.cancel(job.id)
    return Transcript.FromString(data), Pass(round(wall, 1), round(peak), round(quarter), killed), windows


def say(text: str) -> None:
    """Prints progress."""
    print(text, file=sys.stderr)


if __name__ == "__main__":
    main()
