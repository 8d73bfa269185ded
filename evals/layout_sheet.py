"""A page that shows the drawings of several engines side by side."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from evals.layout_graphs import Drawing, Faults, SizedGraph

WIDTH, HEIGHT = 440, 300  # of a drawing on the page, in CSS pixels
STYLE = """body{font:14px sans-serif;background:#faf8f4;color:#172033}td{vertical-align:top;padding:4px;background:#fff}
rect{fill:#fff;stroke:#1f6fd1;stroke-width:2}rect.group{fill:#1f6fd118}rect.label{fill:#ffb95e88;stroke:none}
polyline{fill:none;stroke:#7c8898;stroke-width:2}small{color:#556277}"""


def write_sheet(
    path: Path,
    graphs: Sequence[SizedGraph],
    drawings: Mapping[str, Sequence[Drawing | None]],
    faults: Mapping[str, Sequence[Faults | None]],
) -> None:
    """Writes the page: a row a graph, a column an engine."""
    rows = []
    for number, graph in enumerate(graphs):
        cells = [f"<td><b>{escape(graph.name)}</b><br><small>{len(graph.nodes)} nodes, {len(graph.edges)} edges</small></td>"]
        for name, made in drawings.items():
            drawing, found = made[number], faults[name][number]
            if drawing is None or found is None:
                cells.append("<td>failed</td>")
                continue
            wrong = found.node_overlaps + found.edge_through_node + found.label_hits
            told = f"{found.crossings} crossings, {found.bends} bends, {found.text_px:.0f} px" + (
                f", {wrong} faults" if wrong else ""
            )
            cells.append(f"<td>{draw_svg(graph, drawing)}<br><small>{told}</small></td>")
        rows.append(f"<tr>{''.join(cells)}</tr>")
    head = "".join(f"<th>{escape(name)}</th>" for name in ("graph", *drawings))
    table = f"<table><tr>{head}</tr>{''.join(rows)}</table>"
    page = f"<!doctype html><meta charset=utf-8><title>Layouts</title><style>{STYLE}</style>{table}"
    path.write_text(page, encoding="utf-8")


def draw_svg(graph: SizedGraph, drawing: Drawing) -> str:
    """A drawing as an SVG element."""
    groups = {node.id for node in graph.nodes if node.is_group}
    boxes = [*drawing.boxes.values(), *drawing.labels.values()]
    points = [point for line in drawing.lines.values() for point in line]
    left = min([box[0] for box in boxes] + [x for x, _ in points])
    top = min([box[1] for box in boxes] + [y for _, y in points])
    right = max([box[0] + box[2] for box in boxes] + [x for x, _ in points])
    bottom = max([box[1] + box[3] for box in boxes] + [y for _, y in points])
    pieces = [
        f'<rect class="{"group" if name in groups else ""}" x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}"/>'
        for name, (x, y, w, h) in sorted(drawing.boxes.items(), key=lambda item: -item[1][2] * item[1][3])
    ]
    pieces += [f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in line)}"/>' for line in drawing.lines.values()]
    pieces += [
        f'<rect class="label" x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}"/>'
        for x, y, w, h in drawing.labels.values()
    ]
    view = f"{left - 5:.1f} {top - 5:.1f} {right - left + 10:.1f} {bottom - top + 10:.1f}"
    return f'<svg width="{WIDTH}" height="{HEIGHT}" viewBox="{view}">{"".join(pieces)}</svg>'
