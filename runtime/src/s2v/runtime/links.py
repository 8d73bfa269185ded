"""Edges by what they say: those that two scenes both tell are one, whatever their ids, which are counted anew in each scene."""

from __future__ import annotations

from s2v.v1.diagram_pb2 import Diagram, Edge

Link = tuple[str, str, str, int]
"""Source, target, label as `fold` gives it, and its number among those of its diagram that are alike."""


def find_links(diagram: Diagram) -> dict[Link, Edge]:
    """Returns the edges of a diagram by what they say, in their order."""
    links: dict[Link, Edge] = {}
    for edge in diagram.edges:
        label, number = fold(edge.label), 0
        while (edge.source, edge.target, label, number) in links:
            number += 1
        links[edge.source, edge.target, label, number] = edge
    return links


def fold(label: str) -> str:
    """Returns a label in small letters, with single spaces: what tells it from another."""
    return " ".join(label.casefold().split())
