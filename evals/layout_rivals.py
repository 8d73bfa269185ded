"""The same graphs drawn by others: elkjs as it comes, Graphviz dot, dagre. Each as far as it is installed."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from elkjs_py import Elk, Graph, LayoutOptions
from evals.layout_graphs import Drawing, GraphNode, SizedGraph

SECONDS = 60.0  # for one graph
INCH = 72.0
ELK_OPTIONS: LayoutOptions = {
    "elk.algorithm": "layered",
    "elk.direction": "RIGHT",
    "elk.edgeRouting": "ORTHOGONAL",
    "elk.hierarchyHandling": "INCLUDE_CHILDREN",
    "elk.json.edgeCoords": "ROOT",
    "elk.json.shapeCoords": "ROOT",
}
DAGRE_SCRIPT = """
const dagre = require(process.argv[1]);
const graphs = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const out = graphs.map((graph) => {
  try {
    const g = new dagre.graphlib.Graph({ multigraph: true, compound: true });
    g.setGraph({ rankdir: 'LR' });
    for (const n of graph.nodes) g.setNode(n.id, { width: n.width, height: n.height });
    for (const n of graph.nodes) if (n.parent) g.setParent(n.id, n.parent);
    for (const e of graph.edges)
      g.setEdge(e.source, e.target, { width: e.label[0], height: e.label[1], labelpos: 'c' }, e.id);
    dagre.layout(g);
    return {
      boxes: g.nodes().map((id) => [id, g.node(id).x, g.node(id).y, g.node(id).width, g.node(id).height]),
      edges: g.edges().map((e) => [e.name, g.edge(e).points.map((p) => [p.x, p.y]), g.edge(e).x, g.edge(e).y]),
    };
  } catch (error) {
    return { error: String(error) };
  }
});
console.log(JSON.stringify(out));
"""


def draw_elkjs(elk: Elk, graph: SizedGraph) -> Drawing:
    """The drawing by elkjs with its own distances. Errors: elkjs_py.ElkError."""
    placed = elk.layout(cast(Graph, graph.source), ELK_OPTIONS, timeout_seconds=SECONDS)
    drawing = Drawing({}, {}, {})

    def read(parent: Graph) -> None:
        for child in parent.get("children", []):
            drawing.boxes[child["id"]] = (child["x"], child["y"], child.get("width", 0.0), child.get("height", 0.0))
            read(child)
        for edge in parent.get("edges", []):
            for section in edge.get("sections", [])[:1]:
                line = [section["startPoint"], *section.get("bendPoints", []), section["endPoint"]]
                drawing.lines[edge["id"]] = [(point["x"], point["y"]) for point in line]
            for label in edge.get("labels", [])[:1]:
                if label.get("width") and "x" in label:
                    drawing.labels[edge["id"]] = (label["x"], label["y"], label["width"], label["height"])

    read(placed)
    return drawing


def draw_dot(program: str, graph: SizedGraph) -> Drawing:
    """The drawing by Graphviz dot with polylines. Errors: RuntimeError when it fails or takes too long."""
    try:
        done = subprocess.run(
            [program, "-Tjson"], input=write_dot(graph), capture_output=True, text=True, timeout=SECONDS, check=True
        )
    except (subprocess.SubprocessError, OSError) as error:
        raise RuntimeError(f"dot failed on {graph.name}: {error}") from error
    answer = json.loads(done.stdout)
    drawing = Drawing({}, {}, {})
    for thing in answer.get("objects", []):
        name = json.loads(thing["nodeid"]) if "nodeid" in thing else ""
        if name and "bb" in thing:
            left, bottom, right, top = (float(value) for value in thing["bb"].split(","))
            drawing.boxes[name] = (left, -top, right - left, top - bottom)
        elif name and "pos" in thing:
            x, y = (float(value) for value in thing["pos"].split(","))
            width, height = float(thing["width"]) * INCH, float(thing["height"]) * INCH
            drawing.boxes[name] = (x - width / 2, -y - height / 2, width, height)
    for edge in answer.get("edges", []):
        name = json.loads(edge["edgeid"])
        drawing.lines[name] = read_spline(edge["pos"])
        if "lp" in edge:
            x, y = (float(value) for value in edge["lp"].split(","))
            width, height = (float(value) for value in edge["size"].split(","))
            drawing.labels[name] = (x - width / 2, -y - height / 2, width, height)
    return drawing


def write_dot(graph: SizedGraph) -> str:
    """The graph in dot's language; an edge of a group ends at the first node in it."""
    leaves = {node.id: first_leaf(graph, node) for node in graph.nodes}
    lines = ["digraph G {", "rankdir=LR; splines=polyline; compound=true;", 'node [shape=box, fixedsize=true, label=""];']

    def write(parent: str) -> None:
        for number, node in enumerate(graph.nodes):
            if node.parent != parent:
                continue
            if node.is_group:
                lines.append(f"subgraph cluster_{number} {{ nodeid={quote(json.dumps(node.id))};")
                write(node.id)
                lines.append("}")
            else:
                size = f"width={node.width / INCH:.5f}, height={node.height / INCH:.5f}"
                lines.append(f"{quote(node.id)} [{size}, nodeid={quote(json.dumps(node.id))}];")

    write("")
    numbers = {node.id: number for number, node in enumerate(graph.nodes) if node.is_group}
    for edge in graph.edges:
        extra = "".join(
            f", {name}=cluster_{numbers[end]}" for name, end in (("ltail", edge.source), ("lhead", edge.target)) if end in numbers
        )
        if edge.label[0]:
            width, height = edge.label
            extra += (
                f', size="{width},{height}", label=<<TABLE BORDER="0" FIXEDSIZE="TRUE" WIDTH="{width:.0f}" HEIGHT="{height:.0f}">'
            )
            extra += "<TR><TD></TD></TR></TABLE>>"
        lines.append(
            f"{quote(leaves[edge.source])} -> {quote(leaves[edge.target])} [edgeid={quote(json.dumps(edge.id))}{extra}];"
        )
    return "\n".join([*lines, "}"])


def first_leaf(graph: SizedGraph, node: GraphNode) -> str:
    """The node itself, or the first node in it."""
    while node.is_group:
        node = next(each for each in graph.nodes if each.parent == node.id)
    return node.id


def quote(text: str) -> str:
    """A string of dot's language."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def read_spline(text: str) -> list[tuple[float, float]]:
    """The corners of a polyline that dot writes as Bézier curves, with the tips of its arrows."""
    start: list[tuple[float, float]] = []
    end: list[tuple[float, float]] = []
    points: list[tuple[float, float]] = []
    for word in text.split():
        kind, _, rest = word.partition(",") if word[0] in "se" else ("", "", word)
        x, y = (float(value) for value in rest.split(","))
        {"s": start, "e": end, "": points}[kind].append((x, -y))
    return [*start, *points[::3], *end]


def draw_dagre(module: Path, graphs: Sequence[SizedGraph]) -> list[Drawing | None]:
    """The drawings by dagre in Node, None where it fails. Errors: RuntimeError when Node does."""
    asked = [
        {
            "nodes": [{"id": n.id, "width": n.width, "height": n.height, "parent": n.parent} for n in graph.nodes],
            "edges": [{"id": e.id, "source": e.source, "target": e.target, "label": e.label} for e in graph.edges],
        }
        for graph in graphs
    ]
    try:
        done = subprocess.run(
            ["node", "-e", DAGRE_SCRIPT, str(module)],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=SECONDS * 5,
            check=True,
        )
    except (subprocess.SubprocessError, OSError) as error:
        raise RuntimeError(f"dagre failed: {error}") from error
    return [read_dagre(graph, answer) for graph, answer in zip(graphs, json.loads(done.stdout), strict=True)]


def read_dagre(graph: SizedGraph, answer: Mapping[str, list[list[object]]]) -> Drawing | None:
    """What dagre has made of a graph; None when it has failed."""
    if "error" in answer:
        return None
    drawing = Drawing({}, {}, {})
    for name, x, y, width, height in cast(list[tuple[str, float, float, float, float]], answer["boxes"]):
        drawing.boxes[name] = (x - width / 2, y - height / 2, width, height)
    sizes = {edge.id: edge.label for edge in graph.edges}
    for name, points, x, y in cast(list[tuple[str, list[tuple[float, float]], float, float]], answer["edges"]):
        drawing.lines[name] = [(point[0], point[1]) for point in points]
        width, height = sizes[name]
        if width and x is not None:
            drawing.labels[name] = (x - width / 2, y - height / 2, width, height)
    return drawing if set(drawing.boxes) >= {node.id for node in graph.nodes} else None
