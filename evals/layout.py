"""How well the layout service draws graphs, beside elkjs, dot and dagre: `python -m evals.layout FOLDER`."""

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from elkjs_py import Elk, ElkError
from evals.layout_graphs import Drawing, Faults, SizedGraph, count_faults, quantile, read_graphs
from evals.layout_ours import Spent, draw_ours
from evals.layout_rivals import draw_dagre, draw_dot, draw_elkjs
from evals.layout_sheet import write_sheet
from s2v.layout.validation import MAX_EDGES, MAX_NODES

READABLE_PX = 24.0
SMALL = 30  # nodes that a diagram of a video has at most, usually
DAGRE = Path(__file__).parent / "rivals/node_modules/@dagrejs/dagre"  # where `make rivals` puts it
WARM_UP = 3  # graphs drawn before the clock counts


@dataclass(frozen=True)
class Totals:
    """Sums over graphs."""

    graphs: int
    failures: int
    node_overlaps: int
    edge_through_node: int
    label_hits: int
    crossings: int
    edges: int
    bends_per_edge: float
    share_24px: float | None
    """Part of the drawings of at most 30 nodes whose text is 24 px or more when they fill the diagram area."""


def main() -> None:
    """Reads the arguments, prints the figures, writes the sheet where one is asked for."""
    parser = argparse.ArgumentParser(prog="python -m evals.layout", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of ELK JSON graphs with an index.json")
    parser.add_argument("--dot", default=shutil.which("dot") or "", help="Graphviz's dot")
    parser.add_argument("--dagre", type=Path, default=DAGRE, help="npm's node_modules/@dagrejs/dagre")
    parser.add_argument("--drawings", type=Path, help="where to write what became of each graph, as JSON")
    parser.add_argument("--sheet", type=Path, help="where to write an HTML page that shows the drawings side by side")
    arguments = parser.parse_args()
    every = read_graphs(arguments.folder)
    graphs = [graph for graph in every if count_leaves(graph) <= MAX_NODES and len(graph.edges) <= MAX_EDGES]
    drawings, missing, times = draw_all(graphs, arguments.dot, arguments.dagre)
    faults = {
        name: [count_faults(graph, drawing) if drawing else None for graph, drawing in zip(graphs, made, strict=True)]
        for name, made in drawings.items()
    }
    result = {
        "refused": {"graphs": len(every) - len(graphs), "limit": f"{MAX_NODES} nodes, {MAX_EDGES} edges"},
        "missing": missing,
        "engines": {name: report(graphs, found) for name, found in faults.items()},
    }
    small = [times[graph.name] for graph in graphs if graph.name in times and count_leaves(graph) <= SMALL][WARM_UP:]
    timing = {
        f"p{share}_{unit}ms": round(quantile([getattr(each, name) for each in small], share / 100), 1)
        for unit, name in (("", "wall"), ("cpu_", "processor"))
        for share in (50, 99)
    }
    result["engines"]["ours"].update(timing)  # type: ignore[index]
    if arguments.drawings:
        listed = {name: {g.name: f and asdict(f) for g, f in zip(graphs, found, strict=True)} for name, found in faults.items()}
        arguments.drawings.write_text(json.dumps(listed, indent=1), encoding="utf-8")
    if arguments.sheet:
        write_sheet(arguments.sheet, graphs, drawings, faults)
    json.dump(result, sys.stdout, indent=2)
    print()


def draw_all(
    graphs: Sequence[SizedGraph], dot: str, dagre: Path
) -> tuple[dict[str, list[Drawing | None]], dict[str, str], dict[str, Spent]]:
    """The drawings of each engine (None: it failed), why an engine is missing, and what our single variants take."""
    missing: dict[str, str] = {}
    times: dict[str, Spent] = {}

    def ours(graph: SizedGraph) -> Drawing:
        drawing, times[graph.name] = draw_ours(graph)
        return drawing

    drawings = {"ours": attempt("ours", graphs, ours)}
    with Elk() as elk:
        drawings["elkjs"] = attempt("elkjs", graphs, lambda graph: draw_elkjs(elk, graph))
    if dot:
        drawings["dot"] = attempt("dot", graphs, lambda graph: draw_dot(dot, graph))
    else:
        missing["dot"] = "no dot on the path: run `make rivals`, or name it with --dot"
    if not (dagre / "package.json").exists():
        missing["dagre"] = f"there is none in {dagre}: run `make rivals`, or name its folder with --dagre"
    else:
        drawings["dagre"] = draw_dagre(dagre.resolve(), graphs)
    return drawings, missing, times


def attempt(name: str, graphs: Sequence[SizedGraph], draw: Callable[[SizedGraph], Drawing]) -> list[Drawing | None]:
    """The drawings of one engine, None where it fails; failures are told on standard error."""
    made: list[Drawing | None] = []
    for graph in graphs:
        try:
            drawing = draw(graph)
            routed = all(len(drawing.lines.get(edge.id, ())) > 1 for edge in graph.edges)
            placed = all(node.id in drawing.boxes for node in graph.nodes)
            if not (routed and placed):
                print(f"{name}: {graph.name}: a node or edge is not drawn", file=sys.stderr)
            made.append(drawing if placed and routed else None)
        except (ElkError, RuntimeError) as error:
            print(f"{name}: {graph.name}: {error}", file=sys.stderr)
            made.append(None)
    return made


def report(graphs: Sequence[SizedGraph], faults: Sequence[Faults | None]) -> dict[str, object]:
    """The figures of one engine over all graphs, and over flat and grouped ones apart."""
    pairs = list(zip(graphs, faults, strict=True))
    flat = [(graph, found) for graph, found in pairs if graph.is_flat]
    grouped = [(graph, found) for graph, found in pairs if not graph.is_flat]
    return {**asdict(add_up(pairs)), "flat": asdict(add_up(flat)), "grouped": asdict(add_up(grouped))}


def add_up(pairs: Sequence[tuple[SizedGraph, Faults | None]]) -> Totals:
    """The sums over graphs that were drawn."""
    drawn = [(graph, found) for graph, found in pairs if found is not None]
    edges = sum(len(graph.edges) for graph, _ in drawn)
    small = [found.text_px >= READABLE_PX - 0.01 for graph, found in drawn if count_leaves(graph) <= SMALL]
    return Totals(
        graphs=len(pairs),
        failures=len(pairs) - len(drawn),
        node_overlaps=sum(found.node_overlaps for _, found in drawn),
        edge_through_node=sum(found.edge_through_node for _, found in drawn),
        label_hits=sum(found.label_hits for _, found in drawn),
        crossings=sum(found.crossings for _, found in drawn),
        edges=edges,
        bends_per_edge=round(sum(found.bends for _, found in drawn) / max(edges, 1), 3),
        share_24px=round(sum(small) / len(small), 3) if small else None,
    )


def count_leaves(graph: SizedGraph) -> int:
    """Nodes that are no groups."""
    return sum(not node.is_group for node in graph.nodes)


if __name__ == "__main__":
    main()
