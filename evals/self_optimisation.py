"""What self-optimisation gains: the same work with S2V_SELF_OPTIMISATION on and off.

    python -m evals.self_optimisation [decode] [layout] [concurrency] [--talks N] [--graphs N]

Prints one JSON object; without names all three are measured.

* decode: copies of the examples that are hard to hear, transcribed with further passes over unsure windows, and without.
* layout: webs of nodes drawn with a quarter of the budget of S2V_LAYOUT_WORK, with the usual one, and with three times that.
* concurrency: talks made at once on an embedded stack with twice as many engine processes as there are cores.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import psutil

from evals.processes import tree_cpu, tree_mb
from evals.recordings import count_word_errors
from evals.sound_guards import Sound, make_noisy, make_reverberant, write_wav
from evals.stacks import standing
from loadtests.talks import EXAMPLES
from s2v.client import Client
from s2v.layout.canvas import WIDE, WORK
from s2v.layout.composition import compose
from s2v.runtime import sandbox
from s2v.transcription.direct import DirectTranscriber, engine_pool, preload_engine
from s2v.transcription.settings import TranscriptionSettings
from s2v.transcription.voice_activity import SAMPLE_RATE, read_samples
from s2v.v1.diagram_pb2 import Diagram, DiagramType, Edge, Node
from s2v.v1.job_pb2 import JobOptions, JobState
from s2v.v1.storyboard_pb2 import Scene, Storyboard
from s2v.v1.transcription_service_pb2 import TranscribeOptions

Switch = Literal["on", "off"]
SWITCH: tuple[Switch, Switch] = ("off", "on")
PARTS = ("decode", "layout", "concurrency")
SEED = 5
HARD = 3
"""Noise is added so often: each time 10 dB below what is there."""


@dataclass(frozen=True)
class Decoded:
    """Copies that are hard to hear, transcribed."""

    words: int
    errors: int
    windows: int
    heard_again: int
    """Windows that were listened to more than once."""
    cpu_s: float


@dataclass(frozen=True)
class Drawn:
    """Webs drawn."""

    graphs: int
    crossings: int
    panned: int
    """Pictures that the camera must move over."""
    text_px: float
    """Smallest text, mean."""
    variants: int
    cpu_s: float


@dataclass(frozen=True)
class Crowded:
    """Talks made at once with more processes than cores."""

    talks: int
    wall_s: float
    cpu_s: float
    peak_mb: float
    processes: int
    """Engine processes of transcription and rendering at the end."""
    decisions: dict[str, int]
    """By stage and reason."""


def main() -> None:
    """Measures what is named on the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m evals.self_optimisation", description="Measure what self-optimisation gains."
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"what to measure: {', '.join(PARTS)}; none: all")
    parser.add_argument("--talks", type=int, default=3, help="examples that are transcribed, or made at once")
    parser.add_argument("--graphs", type=int, default=12, help="webs that are drawn")
    arguments = parser.parse_args()
    wanted = arguments.parts or PARTS
    if unknown := set(wanted) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    talks = sorted(EXAMPLES.glob("*.opus"))[: arguments.talks]
    report: dict[str, object] = {"load_before": round(os.getloadavg()[0], 2)}
    if "decode" in wanted:
        preload_engine(TranscriptionSettings())
        report["decode"] = {switch: asdict(asyncio.run(decode(talks, switch))) for switch in SWITCH}
    if "layout" in wanted:
        report["layout"] = {work: asdict(draw(arguments.graphs, work)) for work in (WORK // 4, WORK, 3 * WORK)}
    if "concurrency" in wanted:
        report["concurrency"] = {switch: asdict(crowd(talks, switch)) for switch in SWITCH}
    print(json.dumps({**report, "load_after": round(os.getloadavg()[0], 2)}, indent=2))


async def decode(talks: Sequence[Path], switch: Switch) -> Decoded:
    """Transcribes hard copies of talks whose text stands beside them."""
    settings, options = TranscriptionSettings(self_optimisation=switch), TranscribeOptions(language="en")
    words = errors = windows = heard_again = 0
    cpu_seconds = 0.0
    async with engine_pool(settings) as (pool, listener):
        transcriber = DirectTranscriber(settings, pool, listener)
        with tempfile.TemporaryDirectory(prefix="s2v-eval-") as folder:
            file = Path(folder) / "hard.wav"
            for number, talk in enumerate(talks):
                for sound in await hard_copies(talk, Path(folder), np.random.default_rng(SEED + number)):
                    write_wav(file, sound)
                    result = [one async for one in transcriber.transcribe(file, talk.name, "", options)][-1].result
                    text = " ".join(segment.text for segment in result.transcript.segments)
                    counted = count_word_errors(talk.with_suffix(".txt").read_text(), text)
                    words, errors = words + counted.words, errors + counted.edits
                    windows += result.report.parts
                    heard_again += int(result.report.measures["windows_heard_again"])
                    cpu_seconds += result.report.cpu_seconds
                    print(f"{switch}: {talk.name}: {counted.edits} of {counted.words} words wrong", file=sys.stderr)
    return Decoded(words, errors, windows, heard_again, round(cpu_seconds, 1))


async def hard_copies(talk: Path, folder: Path, chance: np.random.Generator) -> list[Sound]:
    """Returns a talk in loud noise, and in a hall with noise."""
    pcm = folder / "talk.pcm"
    await sandbox.decode(talk, pcm, talk.name)
    noisy = read_samples(pcm, 0, 3600 * SAMPLE_RATE).astype(np.float64)
    hall = make_reverberant(noisy, chance)
    for _ in range(HARD):
        noisy = make_noisy(noisy, chance)
    return [_within_scale(noisy), _within_scale(make_noisy(hall, chance))]


def _within_scale(sound: Sound) -> Sound:
    scaled: Sound = sound / max(1.0, float(np.abs(sound).max()))
    return scaled


def draw(graphs: int, work: int) -> Drawn:
    """Draws webs of eight to eighteen nodes with a budget."""
    chance = random.Random(SEED)  # noqa: S311 - the same webs each time
    crossings = panned = variants = 0
    text = []
    started = time.process_time()
    for _ in range(graphs):
        _, report = compose(make_web(chance), int(WIDE.height), "dark", strict=False, work=work)
        crossings += int(report.measures["crossings"])
        panned += int(report.measures["panned_scenes"])
        text.append(report.measures["min_text_px"])
        variants += int(report.measures["variants"])
    return Drawn(graphs, crossings, panned, round(sum(text) / graphs, 1), variants, round(time.process_time() - started, 1))


def make_web(chance: random.Random) -> Storyboard:
    """A network of a scene: a tree, and a fifth as many edges again as it has nodes."""
    nodes = [Node(id=f"n{n}", label=f"node {n}", phrase=f"node {n}") for n in range(chance.randint(8, 18))]
    pairs = {(f"n{chance.randrange(n)}", f"n{n}") for n in range(1, len(nodes))}
    while len(pairs) < 1.2 * len(nodes):
        one, other = sorted(chance.sample(range(len(nodes)), 2))
        pairs.add((f"n{one}", f"n{other}"))
    edges = [Edge(id=f"e{n}", source=source, target=target) for n, (source, target) in enumerate(sorted(pairs))]
    diagram = Diagram(type=DiagramType.DIAGRAM_TYPE_NETWORK, nodes=nodes, edges=edges)
    return Storyboard(scenes=[Scene(id="s0", end_seconds=20.0, diagram=diagram)], duration_seconds=20.0, language="en")


def crowd(talks: Sequence[Path], switch: Switch) -> Crowded:
    """Makes talks at once on a stack of its own, whose processes are too many."""
    processes = str(2 * len(os.sched_getaffinity(0)))
    environment = {
        "S2V_SELF_OPTIMISATION": switch,
        "S2V_WHISPER_WORKERS": processes,
        "S2V_RENDERING_WORKERS": processes,
    }
    with tempfile.TemporaryDirectory(prefix="s2v-eval-") as folder, standing(Path(folder) / "stack", environment) as stack:
        root, started = psutil.Process(stack.pid), time.monotonic()
        before = tree_cpu(root)
        with peak(root) as most:
            asyncio.run(make_all(stack.gateway, talks))
        wall, cpu = time.monotonic() - started, tree_cpu(root) - before
        logs = [line for log in (Path(folder) / "stack" / "logs").glob("*.log") for line in log.read_text().splitlines()]
        made = [json.loads(line) for line in logs if '"message": "decision"' in line]
        return Crowded(
            talks=len(talks),
            wall_s=round(wall, 1),
            cpu_s=round(cpu, 1),
            peak_mb=round(max(most)),
            processes=count_engines(root),
            decisions=dict(Counter(f"{one['stage']} {one['knob']} {one['reason']}" for one in made)),
        )


async def make_all(gateway: str, talks: Sequence[Path]) -> None:
    """Makes videos of all talks at once. Errors: SystemExit when one fails."""

    async def make(talk: Path) -> None:
        async with Client(gateway) as client:
            job = await client.create_job(await client.upload(talk), JobOptions())
            async for _ in client.watch(job.id):
                pass
            job = await client.get_job(job.id)
        if job.state != JobState.JOB_STATE_SUCCEEDED:
            raise SystemExit(f"{talk.name} ended as {JobState.Name(job.state)}: {job.error.message}")

    await asyncio.gather(*(make(talk) for talk in talks))


@contextlib.contextmanager
def peak(root: psutil.Process) -> Iterator[list[float]]:
    """Yields the memory of a process tree, looked at twice a second, in MB."""
    seen, over = [tree_mb(root)], threading.Event()

    def look() -> None:
        while not over.wait(0.5):
            seen.append(tree_mb(root))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    yield seen
    over.set()
    thread.join()


def count_engines(root: psutil.Process) -> int:
    """Counts the engine processes of transcription and rendering: those below a fork server."""
    total = 0
    for service in root.children():
        if service.cmdline()[-1:] in (["s2v.transcription"], ["s2v.rendering"]):
            for server in service.children():
                total += len([one for one in server.children() if one.status() != psutil.STATUS_ZOMBIE])
    return total


if __name__ == "__main__":
    main()
