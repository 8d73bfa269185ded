"""Curves over time as SVG, to be put into a page."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import matplotlib as mpl
from matplotlib.figure import Figure

SIZE = (9.0, 2.8)  # inches
COLOURS = ("#2563eb", "#d97706", "#059669", "#e11d48", "#7c3aed", "#0891b2", "#64748b", "#111827")


def draw_curves(
    times: Sequence[float], curves: Mapping[str, Sequence[float]], *, title: str, unit: str, stairs: bool = False
) -> str:
    """Returns an `<svg>` with one curve a name, over minutes; `times` are seconds from the start."""
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "s2v", "font.family": "sans-serif", "font.size": 9}):
        figure = Figure(figsize=SIZE, layout="constrained")
        axes = figure.add_subplot()
        minutes = [time / 60 for time in times]
        for number, (name, values) in enumerate(curves.items()):
            style = "steps-post" if stairs else "default"
            axes.plot(minutes, values, label=name, color=COLOURS[number % len(COLOURS)], linewidth=1.4, drawstyle=style)
        axes.set_title(title, loc="left", fontweight="bold")
        axes.set_xlabel("minutes")
        axes.set_ylabel(unit)
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#e5e7eb", linewidth=0.6)
        if len(curves) > 1:
            axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
        return to_svg(figure)


def to_svg(figure: Figure) -> str:
    """Returns a figure as the `<svg>` element of a page, without date."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()[text.getvalue().index("<svg") :]
