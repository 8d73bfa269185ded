"""`s2v top`: queues, workers and jobs as they are now."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from google.protobuf.json_format import MessageToDict
from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from s2v.cli.administration import Machinery, machinery
from s2v.cli.exits import results
from s2v.cli.report import format_size, job_table
from s2v.runtime import queues
from s2v.runtime.errors import NotFoundError
from s2v.runtime.queues import Queue
from s2v.runtime.schema import PRIORITY_NAMES
from s2v.runtime.stage import NAMES
from s2v.v1.job_pb2 import Job
from s2v.v1.work_pb2 import WorkerStatus

ANSWER_SECONDS = 0.4
"""How long workers may take to say what they do."""


@dataclass(frozen=True)
class View:
    """What there is at one moment."""

    queues: Sequence[Queue]
    ages: dict[str, float]
    """Age of the oldest task of each stage, in seconds."""
    buried: dict[str, int]
    """Dead letters of each stage."""
    workers: Sequence[WorkerStatus]
    jobs: Sequence[Job]
    """Those that a worker has a task of."""


async def top(data_dir: Path | None, *, once: bool, as_json: bool, seconds: float) -> None:
    """Shows a view again every `seconds` until Ctrl-C, or once; as JSON an object a line.

    Errors: CommandError, UnavailableError.
    """
    async with machinery(data_dir) as behind:
        if as_json or once:
            while True:
                view = await look(behind)
                print(json.dumps(_plain(view)), flush=True) if as_json else results.print(_render(view))
                if once:
                    return
                await asyncio.sleep(seconds)
        with Live(console=results, screen=results.is_terminal, auto_refresh=False) as live:
            while True:
                live.update(_render(await look(behind)), refresh=True)
                await asyncio.sleep(seconds)


async def look(behind: Machinery) -> View:
    """Returns the view of now.

    Errors: UnavailableError.
    """
    jetstream = behind.bus.jetstream
    counted, ages, buried, workers = await asyncio.gather(
        queues.count(jetstream), queues.oldest(jetstream), queues.buried(jetstream), behind.bus.call_roll(ANSWER_SECONDS)
    )
    at_work = sorted({(task.tenant, task.job_id) for worker in workers for task in worker.busy}, key=lambda job: job[1])
    found = await asyncio.gather(*(_job(behind, tenant, job_id) for tenant, job_id in at_work))
    return View(counted, dict(ages), dict(buried), workers, [job for job in found if job is not None])


async def _job(behind: Machinery, tenant: str, job_id: str) -> Job | None:
    try:
        return (await behind.jobs.get(tenant, job_id)).job
    except NotFoundError:  # deleted a moment ago
        return None


def _plain(view: View) -> dict[str, object]:
    return {
        "time": time.time(),
        "queues": [asdict(queue) for queue in view.queues],
        "oldest_seconds": view.ages,
        "dead_letters": view.buried,
        "workers": [MessageToDict(worker) for worker in view.workers],
        "jobs": [job.id for job in view.jobs],
    }


def _render(view: View) -> Group:
    return Group(
        _queue_table(view),
        "",
        _worker_table(view.workers),
        "",
        job_table(view.jobs, time.time()) if view.jobs else "No job is at work.",
    )


def _queue_table(view: View) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("queue")
    for name in (*PRIORITY_NAMES, "at work", "oldest", "dead"):
        table.add_column(name, justify="right")
    for stage in NAMES.values():
        mine = {queue.priority: queue for queue in view.queues if queue.stage == stage}
        dead = view.buried[stage]
        table.add_row(
            stage,
            *(str(mine[name].waiting) for name in PRIORITY_NAMES),
            str(sum(queue.at_work for queue in mine.values())),
            f"{view.ages[stage]:.0f} s" if view.ages[stage] else "",
            f"[red]{dead}[/]" if dead else "0",
        )
    return table


def _worker_table(workers: Sequence[WorkerStatus]) -> Table | str:
    if not workers:
        return "[red]No worker answers.[/]"
    table = Table("worker", "host", "busy", "memory", "does", box=None, pad_edge=False, header_style="bold")
    for worker in workers:
        tasks = ", ".join(f"{task.task} of {task.job_id}" for task in worker.busy)
        state = "ends; " if worker.draining else ""
        table.add_row(
            NAMES[worker.stage],
            f"{escape(worker.host)} ({worker.pid})",
            f"{len(worker.busy)} of {worker.slots}",
            format_size(worker.memory_bytes),
            state + (tasks or "waits"),
        )
    return table
