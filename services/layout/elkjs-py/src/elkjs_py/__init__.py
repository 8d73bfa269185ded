"""The real ELK (Eclipse Layout Kernel) inside V8, in the Python process: no Node, no browser, no server.

from elkjs_py import Elk

with Elk() as elk:
    placed = elk.layout({"id": "root", "children": [...], "edges": [...]}, timeout_seconds=5)
"""

from elkjs_py.engine import ALGORITHMS, ELKJS_VERSION, Elk
from elkjs_py.errors import ElkError, ElkMemoryError, ElkTimeout
from elkjs_py.graph import Edge, EdgeSection, Graph, Label, Node, Point, Port
from elkjs_py.options import LayoutOptions

__all__ = [
    "ALGORITHMS",
    "ELKJS_VERSION",
    "Edge",
    "EdgeSection",
    "Elk",
    "ElkError",
    "ElkMemoryError",
    "ElkTimeout",
    "Graph",
    "Label",
    "LayoutOptions",
    "Node",
    "Point",
    "Port",
]
