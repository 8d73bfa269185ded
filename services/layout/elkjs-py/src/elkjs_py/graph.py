"""The ELK JSON graph, as typed dictionaries: https://eclipse.dev/elk/documentation/tooldevelopers/graphdatastructure/jsonformat.html

Lengths are in the caller's unit, x to the right and y down. What `Elk.layout` adds is marked so.
"""

from __future__ import annotations

from typing import NotRequired, Required, TypedDict

from elkjs_py.options import LayoutOptions


class Point(TypedDict):
    """A point."""

    x: float
    y: float


class Label(TypedDict, total=False):
    """A text at a node, port or edge; ELK places it, the caller measures it."""

    id: str
    text: str
    width: float
    height: float
    x: float
    """Left edge (added)."""
    y: float
    """Top edge (added)."""
    layoutOptions: LayoutOptions


class Port(TypedDict, total=False):
    """A place at a node's border where edges end."""

    id: Required[str]
    width: float
    height: float
    x: float
    y: float
    labels: list[Label]
    layoutOptions: LayoutOptions


class EdgeSection(TypedDict):
    """A connected piece of an edge's route (added)."""

    id: str
    startPoint: Point
    endPoint: Point
    bendPoints: NotRequired[list[Point]]
    incomingShape: NotRequired[str]
    outgoingShape: NotRequired[str]


class Edge(TypedDict, total=False):
    """A connection of nodes or ports, by their ids."""

    id: Required[str]
    sources: Required[list[str]]
    targets: Required[list[str]]
    labels: list[Label]
    layoutOptions: LayoutOptions
    sections: list[EdgeSection]
    """Its route (added)."""
    junctionPoints: list[Point]
    """Where edges that share a piece part (added)."""
    container: str
    """Id of the node whose coordinates the route is in (added)."""


class Node(TypedDict, total=False):
    """A node; one with children is a group, and the root of all is the graph."""

    id: Required[str]
    width: float
    height: float
    x: float
    """Left edge (added)."""
    y: float
    """Top edge (added)."""
    children: list[Node]
    edges: list[Edge]
    ports: list[Port]
    labels: list[Label]
    layoutOptions: LayoutOptions


Graph = Node
"""The root node."""
