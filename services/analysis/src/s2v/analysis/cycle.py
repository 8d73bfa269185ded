"""Cycles: a ring of stages, closed by an influence that comes back to its start or by the speaker's word that it starts again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from spacy.tokens import Span

from s2v.analysis.cause_effect import weave_influences
from s2v.analysis.content import Content, EdgeDraft, NodeDraft
from s2v.analysis.flowchart import extract_flowchart
from s2v.analysis.language import Talk
from s2v.analysis.stages import MAX_STAGES, MIN_STAGES, announces, name_stages, tell_stages
from s2v.analysis.webs import Web
from s2v.v1.diagram_pb2 import DiagramType, EdgeKind, NodeKind

MAX_VISITS = 4000
"""Paths looked at before the longest ring so far is taken."""


def extract_cycle(talk: Talk, sentences: Sequence[Span]) -> Content:
    """Returns a ring of the stages told in consecutive sentences, each followed by the next and the last by the first.

    Influences that lead back to their start are the ring; else the stages that a list names, else what happens, as it is told.
    """
    causal = weave_influences(talk, sentences)
    web = causal.web
    web.edges = [edge for edge in web.edges if not any(announces(web.nodes[end].topics) for end in (edge.source, edge.target))]
    path = _find_ring(web)
    if path:
        return _close(web, [web.nodes[place] for place in path], path)
    stages = name_stages(causal) or tell_stages(causal)
    if len(stages) < MIN_STAGES:
        # Commands, one after the other, are steps of a flowchart.
        stages = list(extract_flowchart(talk, sentences).nodes)[:MAX_STAGES]
    return _close(web, stages, ()) if len(stages) >= MIN_STAGES else Content(DiagramType.DIAGRAM_TYPE_CYCLE)


def _find_ring(web: Web) -> tuple[int, ...]:
    """Returns the longest ring of influences, empty if none leads back."""
    following: dict[int, list[int]] = {}
    for edge in web.edges:
        following.setdefault(edge.source, []).append(edge.target)
    ring: tuple[int, ...] = ()
    stack: list[tuple[int, ...]] = [(place,) for place in reversed(range(len(web.nodes))) if place in following]
    for _ in range(MAX_VISITS):
        if not stack:
            break
        path = stack.pop()
        for target in following.get(path[-1], ()):
            if target == path[0] and len(path) > max(len(ring), MIN_STAGES - 1):
                ring = path
            elif target not in path and len(path) < MAX_STAGES:
                stack.append((*path, target))
    return ring


def _close(web: Web, stages: list[NodeDraft], path: Sequence[int]) -> Content:
    """Makes the ring; it starts at the stage told first."""
    told = {(edge.source, edge.target): edge for edge in web.edges}
    first = min(range(len(stages)), key=lambda place: stages[place].label.words[0])
    order = [*range(first, len(stages)), *range(first)]
    nodes = tuple(replace(stages[place], kind=NodeKind.NODE_KIND_STEP) for place in order)
    edges: list[EdgeDraft] = []
    for rank, place in enumerate(order):
        target = order[(rank + 1) % len(order)]
        known = told.get((path[place], path[target])) if path else None
        edges.append(
            EdgeDraft(
                EdgeKind.EDGE_KIND_SEQUENCE,
                rank,
                (rank + 1) % len(order),
                known.label if known is not None else "",
                known.cue if known is not None else None,
            )
        )
    return Content(DiagramType.DIAGRAM_TYPE_CYCLE, nodes, tuple(edges))
