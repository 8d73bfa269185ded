"""From what was found in each scene to the storyboard: ids, evidence, the moment of each reveal, and further mentions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spacy.tokens import Span

from s2v.analysis.classification import Ranking
from s2v.analysis.content import Content, EdgeDraft, Label, NodeDraft
from s2v.analysis.evidence import make_evidence
from s2v.analysis.language import Talk
from s2v.v1.diagram_pb2 import (
    Diagram,
    DiagramType,
    Edge,
    EventDate,
    Evidence,
    Node,
    Quantity,
    RankedType,
    SpokenEvidence,
    TimeSpan,
    WordSpan,
)
from s2v.v1.storyboard_pb2 import Scene

MENTION_GAP_SECONDS = 0.25
"""Mentions closer than this are one."""


@dataclass(frozen=True)
class ScenePlan:
    """All that is known of a scene."""

    sentences: Sequence[Span]
    start: float
    end: float
    content: Content
    ranking: Ranking | None
    """None where nothing classified the scene."""
    undrawn: DiagramType.ValueType
    title: Label | None
    continues: str
    """Id of the scene whose diagram goes on here; empty if none."""


def scene_id(number: int) -> str:
    """Returns the id of scene `number`, counted from 0."""
    return f"s{number + 1:02d}"


def make_scene(talk: Talk, number: int, plan: ScenePlan, previous: Scene | None) -> Scene:
    """Makes a scene. A node that the previous scene shows too, by the same label and kind, keeps its id."""
    begin, end = talk.words(plan.sentences[0])[0], talk.words(plan.sentences[-1])[1]
    name = scene_id(number)
    scene = Scene(
        id=name,
        start_seconds=plan.start,
        end_seconds=plan.end,
        words=WordSpan(begin=begin, end=end),
        continues_scene_id=plan.continues,
    )
    if plan.title is not None:
        scene.title = plan.title.text
        scene.title_evidence.CopyFrom(make_evidence(plan.title))
    diagram = scene.diagram
    diagram.type = plan.content.type
    diagram.undrawn_type = plan.undrawn
    if plan.ranking is not None:
        for kind, probability in zip(plan.ranking.types, plan.ranking.probabilities, strict=True):
            if kind == plan.content.type:
                diagram.confidence = probability
            else:
                diagram.alternatives.append(RankedType(type=kind, confidence=probability))
    known = {(node.kind, node.label): node.id for node in previous.diagram.nodes} if previous is not None else {}
    for place, draft in enumerate(plan.content.nodes, start=1):
        # Of two nodes that look alike the first keeps the id.
        identity = known.pop((draft.kind, draft.label.text), f"{name}n{place:02d}")
        diagram.nodes.append(_make_node(talk, identity, draft, plan))
    ordered = sorted(plan.content.edges, key=lambda edge: (edge.target, edge.source))
    for place, edge in enumerate(ordered, start=1):
        diagram.edges.append(_make_edge(talk, f"{name}e{place:02d}", edge, diagram, plan.content))
    return scene


def _make_node(talk: Talk, identity: str, draft: NodeDraft, plan: ScenePlan) -> Node:
    node = Node(
        id=identity,
        kind=draft.kind,
        phrase=draft.phrase,
        label=draft.label.text,
        evidence=make_evidence(draft.label),
        reveal_seconds=talk.speech.starts[draft.label.words[0]],
        level=draft.level,
        mentions=_find_mentions(talk, draft, plan),
    )
    if draft.quantity is not None:
        node.quantity.CopyFrom(
            Quantity(
                label=draft.quantity.text,
                evidence=make_evidence(draft.quantity),
                reveal_seconds=talk.speech.starts[draft.quantity.words[0]],
            )
        )
    if draft.date is not None:
        date = draft.date
        node.date.CopyFrom(
            EventDate(
                label=date.label.text,
                evidence=make_evidence(date.label),
                start_year=date.start_year,
                end_year=date.end_year,
                precision=date.precision,
            )
        )
    return node


def _make_edge(talk: Talk, identity: str, draft: EdgeDraft, diagram: Diagram, content: Content) -> Edge:
    source, target = diagram.nodes[draft.source], diagram.nodes[draft.target]
    edge = Edge(id=identity, kind=draft.kind, source=source.id, target=target.id, label=draft.label)
    edge.reveal_seconds = max(source.reveal_seconds, target.reveal_seconds)
    if draft.cue is not None:
        begin, end = draft.cue
        edge.phrase = talk.speech.text(begin, end).strip(" .,;:!?")
        edge.reveal_seconds = max(edge.reveal_seconds, talk.speech.starts[begin])
        edge.evidence.CopyFrom(Evidence(spoken=SpokenEvidence(spans=[WordSpan(begin=begin, end=end)])))
    else:
        spans = sorted({content.nodes[draft.source].span, content.nodes[draft.target].span})
        edge.evidence.CopyFrom(Evidence(spoken=SpokenEvidence(spans=[WordSpan(begin=begin, end=end) for begin, end in spans])))
    return edge


def _find_mentions(talk: Talk, draft: NodeDraft, plan: ScenePlan) -> list[TimeSpan]:
    """Returns when the node is told once more, and when its words come up outside other nodes' phrases."""
    speech = talk.speech
    spans = list(draft.repeats)
    taken = [node.span for node in plan.content.nodes]
    last = draft.span[1]
    if draft.topics:
        for sentence in plan.sentences:
            for chunk in talk.noun_phrases(sentence):
                begin, end = talk.words(chunk)
                lemmas = {token.lemma_.lower() for token in chunk if token.pos_ in ("NOUN", "PROPN", "ADJ", "NUM")}
                apart = begin >= last and not any(begin < other[1] and other[0] < end for other in taken)
                if apart and lemmas and lemmas <= draft.topics and _is_nearest(lemmas, begin, draft, plan.content):
                    spans.append((begin, end))
    times: list[TimeSpan] = []
    for begin, end in sorted(spans):
        start = max(speech.starts[begin], plan.start)
        stop = min(max(speech.ends[end - 1], start), plan.end)
        if times and start - times[-1].end_seconds <= MENTION_GAP_SECONDS:
            times[-1].end_seconds = max(times[-1].end_seconds, stop)
        else:
            times.append(TimeSpan(start_seconds=start, end_seconds=stop))
    return times


def _is_nearest(lemmas: set[str], word: int, draft: NodeDraft, content: Content) -> bool:
    """Of several nodes that share the words, the one told last is meant."""
    rivals = [node for node in content.nodes if lemmas <= node.topics and node.span[1] <= word]
    return bool(rivals) and max(rivals, key=lambda node: node.span[1]) == draft
