"""Graphs in ELK JSON, as a folder with an `index.json` lists them, and drawings of them with what is wrong with each."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

TEXT_PX = 18.0  # size of the text that the graphs' sizes were measured with
ROOM_PX = (1760.0, 782.0)  # the diagram area of a 16:9 canvas
OVERLAP_PX = 1.0
INSET_PX = 1.5  # a line may touch a box so deep

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class GraphNode:
    """A node or group."""

    id: str
    width: float
    height: float
    parent: str
    """Id of its group; empty for none."""
    is_group: bool
    title: tuple[float, float] = (0.0, 0.0)
    """Width and height of a group's label."""


@dataclass(frozen=True)
class GraphEdge:
    """An edge from node to node."""

    id: str
    source: str
    target: str
    label: tuple[float, float] = (0.0, 0.0)
    """Width and height of its label; 0: none."""


@dataclass(frozen=True)
class SizedGraph:
    """A graph with sizes in pixels; groups before what is in them."""

    name: str
    nodes: Sequence[GraphNode]
    edges: Sequence[GraphEdge]
    source: Mapping[str, object] = field(repr=False)
    """The ELK JSON itself."""

    @property
    def is_flat(self) -> bool:
        """Whether it has no groups."""
        return not any(node.is_group for node in self.nodes)

    def holders(self, node_id: str) -> set[str]:
        """Ids of the groups around a node, and its own."""
        parents = {node.id: node.parent for node in self.nodes}
        found = set()
        while node_id:
            found.add(node_id)
            node_id = parents[node_id]
        return found


@dataclass
class Drawing:
    """What an engine made of a graph, in the graph's pixels: boxes and labels as left, top, width, height."""

    boxes: dict[str, tuple[float, float, float, float]]
    lines: dict[str, list[tuple[float, float]]]
    labels: dict[str, tuple[float, float, float, float]]


@dataclass(frozen=True)
class Faults:
    """Counts on one drawing."""

    node_overlaps: int
    edge_through_node: int
    label_hits: int
    crossings: int
    bends: int
    text_px: float
    """Size of its text when it is as large as the diagram area allows."""


def read_graphs(folder: Path) -> list[SizedGraph]:
    """The graphs that `index.json` lists. Errors: SystemExit, naming the file."""
    index = folder / "index.json"
    if not index.exists():
        raise SystemExit(f"{folder}: has no index.json that lists its graphs")
    return [read_graph(folder / entry["file"], entry["file"]) for entry in json.loads(index.read_text("utf-8"))]


def read_graph(path: Path, name: str) -> SizedGraph:
    """One graph; ports are taken for their nodes."""
    source = json.loads(path.read_text("utf-8"))
    nodes: list[GraphNode] = []
    edges: list[GraphEdge] = []
    owners: dict[str, str] = {}

    def walk(parent: dict[str, object], parent_id: str) -> None:
        for child in parent.get("children", []):  # type: ignore[attr-defined]
            size = label_size(child)
            node = GraphNode(
                child["id"], child.get("width", 0.0), child.get("height", 0.0), parent_id, bool(child.get("children")), size
            )
            nodes.append(node)
            owners[node.id] = node.id
            owners.update({port["id"]: node.id for port in child.get("ports", [])})
            walk(child, node.id)
        edges.extend(
            GraphEdge(edge["id"], edge["sources"][0], edge["targets"][0], label_size(edge))
            for edge in parent.get("edges", [])  # type: ignore[attr-defined]
        )

    walk(source, "")
    ends = [GraphEdge(edge.id, owners[edge.source], owners[edge.target], edge.label) for edge in edges]
    return SizedGraph(name, nodes, ends, source)


def label_size(element: Mapping[str, object]) -> tuple[float, float]:
    """Width and height of an element's first label that has a size; 0 without."""
    for label in element.get("labels", []):  # type: ignore[attr-defined]
        if label.get("width") and label.get("height"):
            return float(label["width"]), float(label["height"])
    return 0.0, 0.0


def count_faults(graph: SizedGraph, drawing: Drawing) -> Faults:
    """Counts what is wrong; a group may hold what is in it, and edges that end in it or on it may cross its border."""
    ids = [node.id for node in graph.nodes]
    boxes = corners([drawing.boxes[each] for each in ids])
    around = {node_id: graph.holders(node_id) for node_id in ids}
    related = np.array([[a in around[b] or b in around[a] for b in ids] for a in ids], bool).reshape(len(ids), len(ids))
    overlaps = int(np.triu(overlapping(boxes, boxes) & ~related, 1).sum())
    lines = {edge.id: simplify(drawing.lines[edge.id]) for edge in graph.edges if len(drawing.lines.get(edge.id, ())) > 1}
    owner: list[int] = []
    pieces: list[tuple[float, float, float, float]] = []
    for number, line in enumerate(lines.values()):
        for a, b in pairwise(line):
            owner.append(number)
            pieces.append((*a, *b))
    segments = np.array(pieces, float).reshape(-1, 4)
    of_edge = np.array(owner, int)
    through = crossing_boxes(segments, boxes)
    ends = {edge.id: around[edge.source] | around[edge.target] for edge in graph.edges}
    hits = set()
    for edge_number, edge_id in enumerate(lines):
        for column in np.nonzero(through[of_edge == edge_number].any(axis=0))[0]:
            if ids[column] not in ends[edge_id]:
                hits.add((edge_id, ids[column]))
    labels = corners(list(drawing.labels.values()))
    leaves = boxes[[not node.is_group for node in graph.nodes]]
    label_hits = int(overlapping(labels, leaves).sum() + np.triu(overlapping(labels, labels), 1).sum())
    everything = np.concatenate([boxes, labels, segments[:, [0, 1, 0, 1]], segments[:, [2, 3, 2, 3]]])
    width, height = everything[:, 2].max() - everything[:, 0].min(), everything[:, 3].max() - everything[:, 1].min()
    return Faults(
        node_overlaps=overlaps,
        edge_through_node=len(hits),
        label_hits=label_hits,
        crossings=count_crossings(segments, of_edge),
        bends=sum(len(line) - 2 for line in lines.values()),
        text_px=TEXT_PX * min(ROOM_PX[0] / max(width, 1.0), ROOM_PX[1] / max(height, 1.0)),
    )


def corners(boxes: Sequence[tuple[float, float, float, float]]) -> Floats:
    """Boxes as left, top, right, bottom; shape (n, 4)."""
    array = np.array(boxes, float).reshape(-1, 4)
    return np.concatenate([array[:, :2], array[:, :2] + array[:, 2:]], axis=1)


def overlapping(a: Floats, b: Floats) -> npt.NDArray[np.bool_]:
    """Which boxes share an area; shape (len(a), len(b))."""
    wide = np.minimum(a[:, None, 2], b[None, :, 2]) - np.maximum(a[:, None, 0], b[None, :, 0])
    high = np.minimum(a[:, None, 3], b[None, :, 3]) - np.maximum(a[:, None, 1], b[None, :, 1])
    result: npt.NDArray[np.bool_] = (wide > OVERLAP_PX) & (high > OVERLAP_PX)
    return result


def crossing_boxes(segments: Floats, boxes: Floats) -> npt.NDArray[np.bool_]:
    """Which segments run through which boxes (slab method); shape (segments, boxes)."""
    start, way = segments[:, None, :2], segments[:, None, 2:] - segments[:, None, :2]
    low, high = boxes[None, :, :2] + INSET_PX, boxes[None, :, 2:] - INSET_PX
    still = np.abs(way) < 1e-9
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = (low - start) / way, (high - start) / way
    enter = np.where(still, np.where((start > low) & (start < high), 0.0, np.inf), np.minimum(a, b))
    leave = np.where(still, np.where((start > low) & (start < high), 1.0, -np.inf), np.maximum(a, b))
    result: npt.NDArray[np.bool_] = np.maximum(enter.max(axis=2), 0.0) < np.minimum(leave.min(axis=2), 1.0)
    return result


def count_crossings(segments: Floats, of_edge: npt.NDArray[np.int_]) -> int:
    """Pairs of segments of different edges that cross at an inner point of both."""
    total = 0
    for number in range(len(segments) - 1):
        others = number + 1 + np.nonzero(of_edge[number + 1 :] != of_edge[number])[0]
        a, b = segments[number, :2], segments[number, 2:]
        c, d = segments[others, :2], segments[others, 2:]
        apart = side(a, b, c) * side(a, b, d) < -1e-6
        total += int((apart & (side(c, d, a) * side(c, d, b) < -1e-6)).sum())
    return total


def side(start: Floats, end: Floats, point: Floats) -> Floats:
    """On which side of a line points lie: positive, negative, 0 on it."""
    way, to = end - start, point - start
    result: Floats = way[..., 0] * to[..., 1] - way[..., 1] * to[..., 0]
    return result


def simplify(line: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The line without doubled points and without those on the straight way between their neighbours."""
    kept: list[tuple[float, float]] = []
    for point in line:
        if kept and abs(point[0] - kept[-1][0]) + abs(point[1] - kept[-1][1]) < 1e-6:
            continue
        if len(kept) > 1 and is_straight(kept[-2], kept[-1], point):
            kept[-1] = point
        else:
            kept.append(point)
    return kept


def is_straight(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    """Whether the way from a to c over b goes straight on, within a thousandth."""
    (ux, uy), (vx, vy) = (b[0] - a[0], b[1] - a[1]), (c[0] - b[0], c[1] - b[1])
    lengths = ((ux**2 + uy**2) * (vx**2 + vy**2)) ** 0.5
    return abs(ux * vy - uy * vx) < 1e-3 * max(lengths, 1e-9) and ux * vx + uy * vy >= 0


def quantile(values: Iterator[float] | Sequence[float], share: float) -> float:
    """The value below which `share` of the values lie."""
    return float(np.quantile(np.array(list(values) or [0.0]), share))
