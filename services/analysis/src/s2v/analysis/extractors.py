"""The extractors: each type of diagram has one that finds its content in a scene."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from spacy.tokens import Span

from s2v.analysis.cause_effect import extract_cause_effect
from s2v.analysis.comparison import extract_comparison
from s2v.analysis.content import Content
from s2v.analysis.cycle import extract_cycle
from s2v.analysis.flowchart import extract_flowchart
from s2v.analysis.hierarchy import extract_hierarchy
from s2v.analysis.language import Talk
from s2v.analysis.mindmap import extract_mindmap
from s2v.analysis.network import extract_network
from s2v.analysis.timeline import extract_timeline
from s2v.v1.diagram_pb2 import DiagramType

MIN_NODES = 3
"""Fewer steps, events or parts are no diagram."""

Contents = Mapping[DiagramType.ValueType, Content]
"""What each extractor finds in a scene, by type."""

EXTRACTORS: Mapping[DiagramType.ValueType, Callable[[Talk, Sequence[Span]], Content]] = {
    DiagramType.DIAGRAM_TYPE_FLOWCHART: extract_flowchart,
    DiagramType.DIAGRAM_TYPE_HIERARCHY: extract_hierarchy,
    DiagramType.DIAGRAM_TYPE_TIMELINE: extract_timeline,
    DiagramType.DIAGRAM_TYPE_CYCLE: extract_cycle,
    DiagramType.DIAGRAM_TYPE_MINDMAP: extract_mindmap,
    DiagramType.DIAGRAM_TYPE_COMPARISON: extract_comparison,
    DiagramType.DIAGRAM_TYPE_NETWORK: extract_network,
    DiagramType.DIAGRAM_TYPE_CAUSE_EFFECT: extract_cause_effect,
}
"""In the order of the features that describe what they find."""


def extract_contents(talk: Talk, sentences: Sequence[Span]) -> Contents:
    """Runs every extractor on consecutive sentences."""
    return {kind: extract(talk, sentences) for kind, extract in EXTRACTORS.items()}


def worth_drawing(content: Content) -> bool:
    """Whether there is enough for a picture: three things that are joined, three dates, or two sides of a comparison."""
    if len(content.nodes) < MIN_NODES:
        return False
    if content.type == DiagramType.DIAGRAM_TYPE_TIMELINE:
        return len({node.date.label.text for node in content.nodes if node.date is not None}) >= MIN_NODES
    joined = {edge.source for edge in content.edges} | {edge.target for edge in content.edges}
    if content.type == DiagramType.DIAGRAM_TYPE_COMPARISON:
        sides = [place for place in joined if content.nodes[place].level == 0]
        # What is said of all sides alike sets nothing against anything.
        own = [sum(edge.target == place for edge in content.edges) < len(sides) for place in joined if place not in sides]
        return len(sides) >= 2 and any(own)
    return len(joined) >= MIN_NODES
