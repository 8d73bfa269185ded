"""From the candidates that were chosen, and the edges between them, to a graph of things that are each told once or more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Token

from s2v.analysis.assembly import PARTS, assemble, fits_tree
from s2v.analysis.candidate_features import SAME_NODE
from s2v.analysis.candidates import Candidate, Form
from s2v.analysis.content import Content, EdgeDraft
from s2v.analysis.evidence import MARKS
from s2v.analysis.language import Talk
from s2v.analysis.lexicon import DENIALS
from s2v.analysis.mentions import find_series
from s2v.analysis.spoken_edges import name_edge
from s2v.v1.diagram_pb2 import DiagramType, EdgeKind, NodeKind

SAME_WORDS = 0.5
"""Share of the shorter one's words beyond which two candidates are one thing."""
SAME_TERMS = 1 / 3
"""Share of a candidate's terms from which another, which has no others, is the same thing."""
_NOUNS = (Form.NOUN, Form.BARE_NOUN)


@dataclass(frozen=True)
class Thing:
    """What becomes a node."""

    chosen: Candidate
    mentions: Sequence[Candidate]
    """All that say the same, in the order of speech."""


def connect(
    talk: Talk, drawn: Content, things: Sequence[Thing], edges: Sequence[tuple[int, int]], joints: NDArray[np.int64]
) -> Content:
    """Makes the graph of those things that have edges.

    A node is what is said first of it. What the extractor says of a node or an edge is kept.
    """
    joined = sorted({end for edge in edges for end in edge})
    rank = {place: number for number, place in enumerate(joined)}
    known = {place: _find_node(drawn, frozenset(things[place].chosen.node.label.words)) for place in joined}
    said = {(edge.source, edge.target): edge for edge in drawn.edges}
    told = [said.get((known[source], known[target])) for source, target in edges]
    answers: dict[int, set[str]] = {place: set() for place in joined}
    for (source, _), edge in zip(edges, told, strict=True):
        if edge is not None and edge.label:
            answers[source].add(edge.label)
    node_kind, edge_kind = PARTS[drawn.type]
    nodes = []
    for place in joined:
        node, *again = (mention.node for mention in things[place].mentions)
        spans = [other.span for other in again]
        kind = node_kind
        if known[place] >= 0:
            model = drawn.nodes[known[place]]
            spans += model.repeats
            node = replace(node, quantity=node.quantity or model.quantity)
            if model.kind == NodeKind.NODE_KIND_DECISION and len(answers[place]) > 1:
                kind = model.kind
        repeats = tuple(span for span in sorted(set(spans)) if span[0] >= node.span[1])
        nodes.append(replace(node, kind=kind, repeats=repeats))
    made: list[EdgeDraft] = []
    for (source, target), model_edge in zip(edges, told, strict=True):
        edge = model_edge
        if edge is None:
            label, cue = "", None
            if drawn.type == DiagramType.DIAGRAM_TYPE_NETWORK:
                meeting = talk.doc[int(joints[source, target])]
                label, cue = name_edge(talk, things[source].chosen, things[target].chosen, meeting)
            edge = EdgeDraft(edge_kind, source, target, label, cue)
        if edge.cue is None and any(things[end].chosen is not things[end].mentions[0] for end in (source, target)):
            # The nodes stand there since they were named; what joins them is said now.
            edge = replace(edge, cue=max(things[end].chosen.node.span for end in (source, target)))
        branches = nodes[rank[source]].kind == NodeKind.NODE_KIND_DECISION
        if not branches and edge.label.lower() in MARKS:
            edge = replace(edge, label="", cue=None)
        own_kind = EdgeKind.EDGE_KIND_BRANCH if branches else edge_kind
        made.append(replace(edge, source=rank[source], target=rank[target], kind=own_kind))
    return assemble(drawn.type, nodes, made)


def are_siblings(some: Sequence[Candidate]) -> NDArray[np.bool_]:
    """Returns which two are members of one series ("bone, cartilage and blood"): none is a part of another."""
    series = np.full(len(some), -1)
    for place, candidate in enumerate(some):
        members = find_series(candidate.head) if candidate.form in _NOUNS else []
        series[place] = members[0].i if members else -1
    return np.asarray((series[:, None] == series) & (series[:, None] >= 0))


def complete_series(
    some: Sequence[Candidate], edges: Sequence[tuple[int, int]], candidates: Sequence[Candidate]
) -> tuple[list[Candidate], list[tuple[int, int]]]:
    """Adds the members of a series of which one is drawn as a part: half of what was listed would be a false statement."""
    all_drawn, whole = list(some), list(edges)
    for source, target in edges:
        first = some[target]
        for head in find_series(first.head) if first.form in _NOUNS else ():
            other = _find_member(head, first, all_drawn, candidates)
            if other is None:
                continue
            place = next((place for place, known in enumerate(all_drawn) if known is other), len(all_drawn))
            if place == len(all_drawn):
                all_drawn.append(other)
            if fits_tree(whole, source, place):
                whole.append((source, place))
    return all_drawn, whole


def _find_member(head: Token, model: Candidate, drawn: Sequence[Candidate], candidates: Sequence[Candidate]) -> Candidate | None:
    """The candidate for a member of a series, the one that is drawn if there is one; None where another says the same."""
    own = [one for one in candidates if one.head.i == head.i and one.form in _NOUNS]
    known = next((one for one in drawn if one in own), None)
    if known is not None:
        return known
    others = {member.lemma_.lower() for member in find_series(head) if member.i != head.i}
    for one in sorted(own, key=lambda candidate: candidate.form != model.form):
        words = one.node.label.words
        told = any(are_one(one.terms, other.terms) or overlaps(words, other.node.label.words) for other in drawn)
        if not told and others.isdisjoint(one.terms):
            return one
    return None


def find_mentions(candidate: Candidate, candidates: Sequence[Candidate], chosen: Sequence[Candidate]) -> list[Candidate]:
    """Those that say the same in the same form, itself among them: none denies what it says, or is a part of another node."""
    taken = {word for other in chosen if other is not candidate for word in other.node.label.words}
    return [
        other
        for other in candidates
        if other is candidate
        or (
            other.terms == candidate.terms
            and other.form == candidate.form
            and (other.form in _NOUNS or other.node.label.text.lower() == candidate.node.label.text.lower())
            and _denies(other) == _denies(candidate)
            and taken.isdisjoint(other.node.label.words)
        )
    ]


def _denies(candidate: Candidate) -> bool:
    return any(word in DENIALS or word.endswith(("n't", "n’t")) for word in candidate.node.label.text.lower().split())


def _find_node(drawn: Content, words: frozenset[int]) -> int:
    """The node of the extractor that has the same words; -1 for none."""
    shares = [len(words & set(node.label.words)) / len(words | set(node.label.words)) for node in drawn.nodes]
    best = int(np.argmax(shares)) if shares else -1
    return best if shares and shares[best] >= SAME_NODE else -1


def are_one(terms: frozenset[str], others: frozenset[str]) -> bool:
    """Returns whether one says no more than a part of the other, and no small one: "the heart" and "a beating heart"."""
    shared = len(terms & others)
    return shared == min(len(terms), len(others)) and SAME_TERMS * max(len(terms), len(others)) <= shared


def overlaps(words: Sequence[int], others: Sequence[int]) -> bool:
    """Returns whether most of the words of one stand in the other."""
    return len(set(words).intersection(others)) > SAME_WORDS * min(len(words), len(others))
