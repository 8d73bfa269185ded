"""The type of a scene by rules alone, for languages whose scenes no classifier knows: what can be found decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from spacy.tokens import Span

from s2v.analysis import french, french_lists
from s2v.analysis.content import Content
from s2v.analysis.language import Talk
from s2v.v1.diagram_pb2 import DiagramType, NodeKind

MIN_NODES = 3
"""Fewer nodes are no diagram."""
MIN_CUES = 2
"""Words of order or condition that a process needs."""
CODE = "ANALYSIS_RULES"
"""Code of the degradation that a storyboard made by these rules is reported with."""
Extractor = Callable[[Talk, Sequence[Span]], Content]

EXTRACTORS: Mapping[str, Mapping[DiagramType.ValueType, Extractor]] = {
    "fr": {
        DiagramType.DIAGRAM_TYPE_TIMELINE: french.extract_timeline,
        DiagramType.DIAGRAM_TYPE_MINDMAP: french_lists.extract_mindmap,
        DiagramType.DIAGRAM_TYPE_HIERARCHY: french_lists.extract_hierarchy,
        DiagramType.DIAGRAM_TYPE_FLOWCHART: french.extract_flowchart,
    }
}
"""Extractors by language, the most telling structure first: dates tell more than a list, a list more than an order."""


def find_content(talk: Talk, sentences: Sequence[Span]) -> Content:
    """Returns what a scene shows in a language of `EXTRACTORS`; an empty key phrase when none of the structures is there.

    Errors: KeyError for a language without rules.
    """
    for kind, extract in EXTRACTORS[talk.speech.language].items():
        content = extract(talk, sentences)
        if _is_whole(kind, content):
            return content
    return Content(DiagramType.DIAGRAM_TYPE_NONE)


def _is_whole(kind: DiagramType.ValueType, content: Content) -> bool:
    if len(content.nodes) < MIN_NODES:
        return False
    if kind != DiagramType.DIAGRAM_TYPE_FLOWCHART:
        return True
    cues = {edge.cue for edge in content.edges if edge.cue is not None}
    return len(cues) + sum(node.kind == NodeKind.NODE_KIND_DECISION for node in content.nodes) >= MIN_CUES
