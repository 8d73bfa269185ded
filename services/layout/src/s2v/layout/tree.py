"""Trees: what hangs on what, and tidy places for it.

Places are those of Reingold and Tilford (1981): subtrees as near as their contours allow, a parent over the middle of its
children, or over the one of them that is nearly there. Along the tree, levels are in line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from s2v.v1.diagram_pb2 import Diagram, Edge

STRAIGHTENED = 36.0
"""A child nearer to the middle than this, in px, stands right below its parent: the two round corners of a line to it would have
no room."""


@dataclass(frozen=True)
class Branch:
    """A node with what hangs on it."""

    id: str
    edge: Edge | None
    """From its parent; None for a root."""
    children: tuple[Branch, ...]

    @property
    def depth(self) -> int:
        """Levels below it."""
        return max((child.depth + 1 for child in self.children), default=0)

    @property
    def is_list(self) -> bool:
        """Whether it has several children, all of them without children."""
        return len(self.children) > 1 and not any(child.children for child in self.children)


@dataclass(frozen=True)
class Extent:
    """How far a node reaches across the tree from its middle, in px."""

    before: float
    after: float


def grow(diagram: Diagram) -> list[Branch] | None:
    """Returns the roots of a diagram in the order of speech; None where its edges form no forest."""
    arriving: dict[str, Edge] = {}
    for edge in diagram.edges:
        if edge.source == edge.target or edge.target in arriving:
            return None
        arriving[edge.target] = edge
    children: dict[str, list[Edge]] = {node.id: [] for node in diagram.nodes}
    for edge in diagram.edges:
        children[edge.source].append(edge)
    order = {node.id: number for number, node in enumerate(diagram.nodes)}

    def branch(node_id: str) -> Branch:
        below = sorted(children[node_id], key=lambda edge: order[edge.target])
        return Branch(node_id, arriving.get(node_id), tuple(branch(edge.target) for edge in below))

    roots = [branch(node.id) for node in diagram.nodes if node.id not in arriving]
    # In a ring every node has a parent, so none of its nodes is reached from a root.
    return roots if sum(count(root) for root in roots) == len(diagram.nodes) else None


def count(branch: Branch) -> int:
    """Returns the number of nodes of a tree."""
    return 1 + sum(count(child) for child in branch.children)


def spread(roots: Sequence[Branch], extent: Callable[[Branch], Extent], gap: float, *, hang: bool = False) -> Mapping[str, float]:
    """Returns the middle of each node across the tree, by its id, the outermost edge at 0.

    `gap` is the least distance of two nodes of a level, in px. With `hang`, the nodes of lists have no place of their own.
    """
    places: dict[str, float] = {}
    offsets: dict[str, float] = {}

    def arrange(branch: Branch) -> list[tuple[float, float]]:
        """Returns the contour below and with `branch`: how far each level reaches on both sides of its middle."""
        own = extent(branch) if branch.id else Extent(0.0, 0.0)
        below = () if hang and branch.id and branch.is_list else branch.children
        contour: list[tuple[float, float]] = []
        at: list[float] = []
        for child in below:
            part = arrange(child)
            shift = max((right + gap - left for (_, right), (left, _) in zip(contour, part, strict=False)), default=0.0)
            at.append(shift)
            for level, (left, right) in enumerate(part):
                if level < len(contour):
                    contour[level] = (contour[level][0], right + shift)
                else:
                    contour.append((left + shift, right + shift))
        middle = (at[0] + at[-1]) / 2 if at else 0.0
        nearest = min(at[1:-1], key=lambda place: abs(place - middle), default=middle)
        if abs(nearest - middle) < STRAIGHTENED:
            middle = nearest
        for child, place in zip(below, at, strict=True):
            offsets[child.id] = place - middle
        return [(-own.before, own.after), *((left - middle, right - middle) for left, right in contour)]

    def settle(branch: Branch, place: float) -> None:
        places[branch.id] = place
        for child in branch.children:
            if child.id in offsets:
                settle(child, place + offsets[child.id])

    # Roots stand side by side like the children of a node that is not there: it has no id.
    forest = Branch("", None, tuple(roots))
    contour = arrange(forest)[1:]
    start = -min((left for left, _ in contour), default=0.0)
    for root in roots:
        settle(root, start + offsets[root.id])
    return places
