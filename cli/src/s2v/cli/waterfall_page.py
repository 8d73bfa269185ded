"""A waterfall as a page of its own: no server, no script, nothing to fetch."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from s2v.cli.waterfall import Bar, Waterfall
from s2v.v1.job_pb2 import JobState

_STYLE = """
:root { color-scheme: light dark; --ink: #16202a; --paper: #fbfaf7; --faint: #8a949e; --line: #d9dce0; --wait: #c9ced4;
  --transcription: #2f7dd1; --analysis: #7a55c7; --layout: #c77d1e; --rendering: #2c9a63; --bad: #d03b3b; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8ecf0; --paper: #10151b; --faint: #8a95a1; --line: #2a323b; --wait: #3b4550; } }
body { margin: 2rem auto; max-width: 1200px; padding: 0 1rem; background: var(--paper); color: var(--ink);
  font: 14px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.3rem; margin: 0 0 .2rem; } p { color: var(--faint); margin: .1rem 0 1.2rem; }
table { width: 100%; border-collapse: collapse; } td, th { padding: 2px 8px 2px 0; text-align: left; white-space: nowrap; }
td.bar { width: 60%; position: relative; border-left: 1px solid var(--line); border-right: 1px solid var(--line); padding: 0; }
td.time { text-align: right; font-variant-numeric: tabular-nums; } td.note, tr.detail td { color: var(--faint); }
tr.first td { border-top: 1px solid var(--line); } tr.detail td.name { padding-left: 1.2rem; font-size: 12px; }
i { position: absolute; top: 4px; bottom: 4px; min-width: 2px; border-radius: 3px; } i.wait { background: var(--wait); }
tr.detail i { top: 7px; bottom: 7px; opacity: .55; }
.failed, .lost { color: var(--bad) !important; }
"""


def page(waterfall: Waterfall) -> str:
    """Returns the page as HTML. Every text in it is escaped."""
    timeline = waterfall.timeline
    state = JobState.Name(timeline.state).removeprefix("JOB_STATE_").lower()
    title = f"Job {escape(timeline.job_id)}"
    facts = [
        state,
        f"{timeline.source_seconds:.1f} s of sound",
        f"{waterfall.seconds:.1f} s since it was accepted, {waterfall.queued:.1f} s of them waiting",
        f"trace {escape(timeline.trace_id)}" if timeline.trace_id else "not traced",
    ]
    rows = "\n".join(_rows(waterfall))
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>\n'
        f"<h1>{title}</h1><p>{' · '.join(facts)}</p>\n"
        "<table><thead><tr><th>Stage</th><th>Task</th><th>Grey: waiting; colour: at work</th><th>Wait</th><th>Work</th>"
        f"<th>Ended</th><th></th></tr></thead><tbody>\n{rows}\n</tbody></table></html>\n"
    )


def _rows(waterfall: Waterfall) -> Iterator[str]:
    whole = max(waterfall.seconds, 1e-9)
    group = ""
    for bar in waterfall.bars:
        first = bar.group != group and bar.depth == 0
        group = bar.group if bar.depth == 0 else group
        classes = " ".join(filter(None, ("first" if first else "", "detail" if bar.depth else "")))
        colour = "var(--bad)" if bar.outcome in {"failed", "lost"} else f"var(--{bar.group})"
        wait = f"{bar.start - bar.waited_from:.2f} s" if bar.start > bar.waited_from else ""
        yield (
            f'<tr class="{classes}"><td>{bar.group if first else ""}</td><td class="name">{escape(bar.name)}</td>'
            f'<td class="bar">{_piece(bar.waited_from, bar.start, whole, "wait", "")}'
            f'{_piece(bar.start, bar.end, whole, "", colour)}</td><td class="time">{wait}</td>'
            f'<td class="time">{bar.end - bar.start:.2f} s</td><td class="{_word(bar)}">{escape(bar.outcome)}</td>'
            f'<td class="note">{escape(bar.note)}</td></tr>'
        )


def _piece(start: float, end: float, whole: float, name: str, colour: str) -> str:
    if end <= start:
        return ""
    style = f"left:{100 * start / whole:.3f}%;width:{100 * (end - start) / whole:.3f}%"
    return f'<i class="{name}" style="{style}{";background:" + colour if colour else ""}"></i>'


def _word(bar: Bar) -> str:
    return bar.outcome.split(" ", maxsplit=1)[0]
