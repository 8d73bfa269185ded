"""What traces, metrics and their sending cost of a job's processor time.

    python -m evals.telemetry_cost [--pairs 10] [--seconds 25]

Prints one JSON object. Two warm embedded stacks stand side by side: one sends spans and metrics by OTLP to a receiver in this
process and is scraped as Prometheus would, the other has OTEL_SDK_DISABLED=true. Each piece of a talk is made by both, one after
the other, now this one first and now that; no piece is heard twice by the same stack. Counted is the processor time of all
processes of a stack while it works on the job. `share` is the median of the pairs' differences, of the time without telemetry.
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import grpc
import psutil

from evals.processes import tree_cpu
from evals.stacks import standing
from loadtests.talks import EXAMPLES, cut_talks, find_sources
from s2v.cli.stack import SERVICES, Endpoints
from s2v.client import Client
from s2v.v1.job_pb2 import JobOptions, JobState

SETTLE_SECONDS = 2.0
"""After a job's end its services still write and tidy up."""
SCRAPE_SECONDS = 15.0
"""How often Prometheus asks, by default."""
WARM_UP = 2
"""Jobs that each stack makes before the clock counts."""
SEED = 11
RECEIVERS = ("trace.v1.TraceService", "metrics.v1.MetricsService")


@dataclass(frozen=True)
class Spent:
    """Processor time of a stack for one job, in seconds."""

    all: float
    services: float
    """Of the services' own processes, which hold all telemetry; without engines, NATS and S3."""


@dataclass(frozen=True)
class Pair:
    """One piece of a talk, made by both stacks."""

    with_telemetry: Spent
    without: Spent


@dataclass(frozen=True)
class CostReport:
    """What is printed."""

    share: float
    """Median over the pairs: more processor time of all processes with telemetry than without, by that without."""
    share_of_services: float
    """The same difference taken of the services' own processes alone, by the time of all without. Engines, NATS and S3 hold no
    telemetry; what they take differs by chance."""
    quartiles: tuple[float, float]
    """Of the pairs that `share` is the median of."""
    seconds_a_job: float
    """Median of the processor time without telemetry."""
    load: tuple[float, float]
    """Processes ready to run, a minute's mean, before and after."""
    pairs: list[Pair]


def main() -> None:
    """Starts both stacks, makes the pieces, prints what it cost."""
    parser = argparse.ArgumentParser(prog="python -m evals.telemetry_cost", description="Measure what telemetry costs.")
    parser.add_argument("--pairs", type=int, default=10, help="pieces that both stacks make")
    parser.add_argument("--seconds", type=float, default=25.0, help="length of a piece")
    arguments = parser.parse_args()
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="s2v-eval-") as name:
        folder = Path(name)
        pieces = cut_talks(find_sources(EXAMPLES), folder / "talks", arguments.pairs + WARM_UP, arguments.seconds, SEED)
        with receiving() as endpoint:
            telling = {"S2V_OTLP_ENDPOINT": endpoint}
            silent = {"OTEL_SDK_DISABLED": "true"}
            with standing(folder / "with", telling) as heard, standing(folder / "without", silent) as unheard, scraping(heard):
                pairs = asyncio.run(compare(heard, unheard, pieces))
    print(json.dumps(asdict(summarize(pairs, before)), indent=2))


def summarize(pairs: list[Pair], before: float) -> CostReport:
    """Returns the medians. `before` is the load before all of it."""
    shares = [pair.with_telemetry.all / pair.without.all - 1 for pair in pairs]
    of_services = [(pair.with_telemetry.services - pair.without.services) / pair.without.all for pair in pairs]
    lower, _, upper = statistics.quantiles(shares, n=4)
    return CostReport(
        share=round(statistics.median(shares), 4),
        share_of_services=round(statistics.median(of_services), 4),
        quartiles=(round(lower, 4), round(upper, 4)),
        seconds_a_job=round(statistics.median(pair.without.all for pair in pairs), 2),
        load=(round(before, 2), round(os.getloadavg()[0], 2)),
        pairs=pairs,
    )


async def compare(heard: Endpoints, unheard: Endpoints, pieces: list[Path]) -> list[Pair]:
    """Makes each piece on both stacks, the one after the other, by turns the one first."""
    pairs = []
    for number, piece in enumerate(pieces):
        order = (heard, unheard) if number % 2 == 0 else (unheard, heard)
        spent = {stack.pid: await make(stack, piece) for stack in order}
        pair = Pair(spent[heard.pid], spent[unheard.pid])
        print(f"{piece.name}: {pair.with_telemetry.all:.2f} s with, {pair.without.all:.2f} s without", file=sys.stderr)
        if number >= WARM_UP:
            pairs.append(pair)
    return pairs


async def make(stack: Endpoints, piece: Path) -> Spent:
    """Makes a video and returns what it cost. Errors: SystemExit when it fails."""
    before = measure(stack)
    async with Client(stack.gateway) as client:
        job = await client.create_job(await client.upload(piece), JobOptions())
        async for _ in client.watch(job.id):
            pass
        job = await client.get_job(job.id)
    if job.state != JobState.JOB_STATE_SUCCEEDED:
        raise SystemExit(f"{piece.name}: job {job.id} ended as {JobState.Name(job.state)}: {job.error.message}")
    await asyncio.sleep(SETTLE_SECONDS)
    after = measure(stack)
    return Spent(round(after.all - before.all, 3), round(after.services - before.services, 3))


def measure(stack: Endpoints) -> Spent:
    """Returns what a stack has spent so far."""
    root = psutil.Process(stack.pid)
    services = 0.0
    for child in root.children():
        with contextlib.suppress(psutil.Error):
            if child.cmdline()[-2:-1] == ["-m"] and child.cmdline()[-1] in {f"s2v.{name}" for name in SERVICES}:
                times = child.cpu_times()
                services += times.user + times.system
    return Spent(tree_cpu(root), services)


@contextlib.contextmanager
def receiving() -> Iterator[str]:
    """Takes whatever is sent by OTLP over gRPC, and yields where."""
    server = grpc.server(ThreadPoolExecutor(2))
    for name in RECEIVERS:
        take = grpc.unary_unary_rpc_method_handler(lambda request, context: b"")  # an empty message: all was taken
        full = f"opentelemetry.proto.collector.{name}"
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(full, {"Export": take}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop(1)


@contextlib.contextmanager
def scraping(stack: Endpoints) -> Iterator[None]:
    """Asks each service for its metrics from time to time."""
    over = threading.Event()

    def scrape() -> None:
        while not over.wait(SCRAPE_SECONDS):
            for address in stack.metrics.values():
                with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
                    answer.read()

    thread = threading.Thread(target=scrape, daemon=True)
    thread.start()
    yield
    over.set()
    thread.join()


if __name__ == "__main__":
    main()
