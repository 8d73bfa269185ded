"""`s2v trace`: where a job's time went."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from google.protobuf.json_format import MessageToJson
from rich.table import Table
from rich.text import Text

from s2v.cli.connection import Target, connected
from s2v.cli.exits import CommandError, ExitCode, errors, results
from s2v.cli.waterfall import Bar, Waterfall, build, read_spans
from s2v.cli.waterfall_page import page
from s2v.v1.job_pb2 import JobState
from s2v.v1.timeline_pb2 import Timeline

COLUMNS = 48
"""Width of the bars."""
_COLOURS = {"transcription": "blue", "analysis": "magenta", "layout": "yellow", "rendering": "green"}


async def trace(job_id: str, target: Target, *, as_json: bool, write_page: Path | None, detail: bool) -> None:
    """Prints the waterfall of a job, or writes it as a page.

    Errors: CommandError (no span file for the details, a page that cannot be written), JobServiceError.
    """
    async with connected(target) as client:
        timeline = await client.get_timeline(job_id)
    if as_json:
        print(MessageToJson(timeline))
        return
    waterfall = build(timeline, _spans(timeline, target.home / "traces" / "spans.jsonl") if detail else ())
    if write_page is None:
        results.print(_heading(waterfall), soft_wrap=True)
        results.print(_table(waterfall))
        return
    try:
        await asyncio.to_thread(write_page.write_text, page(waterfall), encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{write_page} cannot be written: {error.strerror}; name another file", ExitCode.FAILED) from error
    errors.print(f"wrote {write_page}", soft_wrap=True)


def _spans(timeline: Timeline, path: Path) -> Sequence[Mapping[str, object]]:
    traces = frozenset(attempt.traceparent.split("-")[1] for attempt in timeline.attempts if attempt.traceparent)
    try:
        return list(read_spans(path, traces))
    except OSError as error:
        raise CommandError(
            f"there are no spans in {path}: --detail needs the stack of this machine; elsewhere look up trace "
            f"{timeline.trace_id} where the collector sends it",
            ExitCode.NOT_FOUND,
        ) from error


def _heading(waterfall: Waterfall) -> str:
    timeline = waterfall.timeline
    state = JobState.Name(timeline.state).removeprefix("JOB_STATE_").lower()
    return (
        f"[bold]{timeline.job_id}[/] {state}: {timeline.source_seconds:.1f} s of sound, {waterfall.seconds:.1f} s since it was "
        f"accepted, {waterfall.queued:.1f} s of them waiting; trace {timeline.trace_id or 'none'}"
    )


def _table(waterfall: Waterfall) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("stage", no_wrap=True)
    table.add_column("task", no_wrap=True)
    table.add_column(f"0 s{f'{waterfall.seconds:.1f} s':>{COLUMNS - 3}}", no_wrap=True, min_width=COLUMNS)
    table.add_column("wait", justify="right", no_wrap=True)
    table.add_column("work", justify="right", no_wrap=True)
    table.add_column("ended", overflow="fold")
    group = ""
    for bar in waterfall.bars:
        first, group = bar.group != group, bar.group
        wait = f"{bar.start - bar.waited_from:.2f}" if bar.start - bar.waited_from >= 0.005 else ""
        bad = bar.outcome in {"failed", "lost"}
        ended = Text(" ".join(filter(None, (bar.outcome, f"({bar.note})" if bar.note else ""))), "red" if bad else "dim")
        name = Text("  " * bar.depth + bar.name, "dim" if bar.depth else "")
        table.add_row(bar.group if first else "", name, _draw(bar, waterfall.seconds), wait, f"{bar.end - bar.start:.2f}", ended)
    return table


def _draw(bar: Bar, whole: float) -> Text:
    scale = COLUMNS / max(whole, 1e-9)
    begin, start = math.floor(bar.waited_from * scale), math.floor(bar.start * scale)
    begin, start = min(begin, COLUMNS - 1), min(start, COLUMNS - 1)
    end = min(COLUMNS, max(start + 1, math.ceil(bar.end * scale)))
    colour = "red" if bar.outcome in {"failed", "lost"} else _COLOURS.get(bar.group, "white")
    text = Text(" " * begin)
    text.append("░" * (start - begin), "dim")
    text.append(("▪" if bar.depth else "█") * (end - start), colour)
    return text
