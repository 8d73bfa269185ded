"""Evidence: which words a label comes from, and the validator that refuses a storyboard where one comes from nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from s2v.analysis.content import Label
from s2v.analysis.labels import MAX_CHARACTERS, MAX_WORDS, third_person
from s2v.analysis.language import Talk
from s2v.analysis.lexicon import FREE_WORDS
from s2v.analysis.numbers import read_number, read_ordinal, read_year, write_number
from s2v.runtime.captions import WITHOUT_SPACES
from s2v.runtime.errors import S2VError
from s2v.v1.diagram_pb2 import DiagramType, Evidence, SpokenEvidence, WordSpan
from s2v.v1.storyboard_pb2 import Scene, Storyboard

MARKS = frozenset({"yes", "no"})
"""Structural marks that a branch may carry without having been spoken."""
MAX_PHRASE_CHARACTERS = 90
MAX_TITLE_CHARACTERS = 60
MAX_GAP_WORDS = 2
"""Words left out of a label, such as articles, up to which its evidence stays one span."""
TOLERANCE_SECONDS = 1e-6
_WORD = re.compile(r"[^\W_]+(?:['’.,][^\W_]+)*")
_PART = re.compile(r"[^\W_]+")


class EvidenceError(S2VError):
    """A storyboard holds something that nobody said."""

    default_reason = "UNEVIDENCED"


def make_evidence(label: Label) -> Evidence:
    """Returns a label's evidence: spans of its own words in order, then those that stand in for a pronoun."""
    spans = [*_spans(label.words), *_spans(label.antecedents)]
    return Evidence(spoken=SpokenEvidence(spans=[WordSpan(begin=begin, end=end) for begin, end in spans]))


def _spans(words: Iterable[int]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for word in sorted(words):
        if spans and word - spans[-1][1] <= MAX_GAP_WORDS:
            spans[-1] = (spans[-1][0], max(word + 1, spans[-1][1]))
        else:
            spans.append((word, word + 1))
    return spans


def validate(storyboard: Storyboard, talk: Talk) -> int:
    """Checks a storyboard against the words it was made from; returns how many labels it holds.

    Errors: EvidenceError when scenes leave a gap, ids repeat, an edge hangs loose, something is revealed at another word than its
    own or outside its scene, or a label has a word that its evidence does not hold.
    """
    labels = 0
    end = 0.0
    ids: set[str] = set()
    for scene in storyboard.scenes:
        if abs(scene.start_seconds - end) > TOLERANCE_SECONDS or scene.end_seconds <= scene.start_seconds:
            raise EvidenceError(
                f"scene {scene.id} does not start where the one before it ends ({scene.start_seconds} s, {end} s)"
            )
        if scene.id in ids:
            raise EvidenceError(f"two scenes have the id {scene.id}")
        ids.add(scene.id)
        end = scene.end_seconds
        labels += _validate_scene(scene, talk)
    if abs(end - storyboard.duration_seconds) > TOLERANCE_SECONDS:
        raise EvidenceError(f"the last scene ends at {end} s, the sound at {storyboard.duration_seconds} s")
    return labels


def _validate_scene(scene: Scene, talk: Talk) -> int:
    diagram = scene.diagram
    labels = 0
    if scene.title:
        labels += 1
        _check_label(f"title of {scene.id}", scene.title, scene.title_evidence, talk, _TITLE)
    nodes = {node.id: node for node in diagram.nodes}
    if len(nodes) != len(diagram.nodes):
        raise EvidenceError(f"two nodes of scene {scene.id} have the same id")
    phrase = diagram.type == DiagramType.DIAGRAM_TYPE_NONE
    for node in diagram.nodes:
        where = f"node {node.id}"
        labels += 1
        _check_label(where, node.label, node.evidence, talk, _PHRASE if phrase else _LABEL)
        _check_reveal(where, node.reveal_seconds, node.evidence, talk, scene)
        if node.HasField("quantity"):
            labels += 1
            _check_label(f"quantity of {where}", node.quantity.label, node.quantity.evidence, talk, _BESIDE)
            _check_reveal(f"quantity of {where}", node.quantity.reveal_seconds, node.quantity.evidence, talk, scene)
        if node.HasField("date"):
            labels += 1
            _check_label(f"date of {where}", node.date.label, node.date.evidence, talk, _BESIDE)
        for mention in node.mentions:
            if not scene.start_seconds <= mention.start_seconds <= mention.end_seconds <= scene.end_seconds:
                raise EvidenceError(f"{where} is mentioned outside its scene {scene.id}")
    edges = {edge.id for edge in diagram.edges}
    if len(edges) != len(diagram.edges):
        raise EvidenceError(f"two edges of scene {scene.id} have the same id")
    for edge in diagram.edges:
        where = f"edge {edge.id}"
        if edge.source not in nodes or edge.target not in nodes:
            raise EvidenceError(f"{where} ends at a node that scene {scene.id} does not have")
        if edge.label:
            labels += 1
            _check_label(where, edge.label, edge.evidence, talk, _BRANCH)
        latest = max(nodes[edge.source].reveal_seconds, nodes[edge.target].reveal_seconds)
        if not latest - TOLERANCE_SECONDS <= edge.reveal_seconds <= scene.end_seconds:
            raise EvidenceError(f"{where} is revealed at {edge.reveal_seconds} s, before one of its ends or after its scene")
    return labels


def _check_reveal(where: str, reveal: float, evidence: Evidence, talk: Talk, scene: Scene) -> None:
    spoken = talk.speech.starts[evidence.spoken.spans[0].begin]
    if evidence.WhichOneof("origin") == "spoken" and abs(reveal - spoken) > TOLERANCE_SECONDS:
        raise EvidenceError(f"{where} is revealed at {reveal} s, but its word is spoken at {spoken} s")
    if not scene.start_seconds <= reveal <= scene.end_seconds:
        raise EvidenceError(f"{where} is revealed at {reveal} s, outside its scene {scene.id}")


@dataclass(frozen=True)
class _Limits:
    """How long a label may be, and what it may say without evidence."""

    characters: int
    words: int | None = None
    marks: frozenset[str] = frozenset()


_LABEL = _Limits(MAX_CHARACTERS, MAX_WORDS)
_BESIDE = _Limits(MAX_CHARACTERS)
_BRANCH = _Limits(MAX_CHARACTERS, marks=MARKS)
_PHRASE = _Limits(MAX_PHRASE_CHARACTERS)
_TITLE = _Limits(MAX_TITLE_CHARACTERS)


def _check_label(where: str, label: str, evidence: Evidence, talk: Talk, limits: _Limits) -> None:
    if evidence.WhichOneof("origin") != "spoken" or not evidence.spoken.spans:
        raise EvidenceError(f"{where} ({label!r}) has no evidence")
    if not label or len(label) > limits.characters or (limits.words is not None and len(label.split()) > limits.words):
        raise EvidenceError(f"{where} ({label!r}) is empty or longer than {limits.characters} characters or {limits.words} words")
    for span in evidence.spoken.spans:
        if not span.begin < span.end <= len(talk.speech):
            raise EvidenceError(f"{where} has evidence outside the transcript: words {span.begin} to {span.end}")
    if label.lower() in limits.marks:
        return
    allowed = set(_forms(evidence, talk))
    words = _WORD.findall(label.lower())
    if words and label.endswith("…") and any(form.startswith(words[-1]) for form in allowed):
        words.pop()  # a word of text without spaces that was cut to fit
    for word in words:
        if word not in allowed and word not in FREE_WORDS:
            raise EvidenceError(f"{where} ({label!r}) says {word!r}, which its evidence does not hold")


def _forms(evidence: Evidence, talk: Talk) -> Iterator[str]:
    """The forms in which the words of the evidence may stand in a label."""
    for span in evidence.spoken.spans:
        if talk.speech.language in WITHOUT_SPACES:
            yield from _WORD.findall(talk.speech.text(span.begin, span.end).lower())
        for word in range(span.begin, span.end):
            text = talk.speech.texts[word].lower()
            yield from _WORD.findall(text)
            # Of "e,i1" a label may hold the second part alone; of "3.5" not.
            yield from (part for part in _PART.findall(text) if not part.isdigit())
            for token in talk.doc[slice(*talk.tokens_of[word])]:
                lemma = token.lemma_.lower()
                yield from (token.lower_, lemma)
                if token.pos_ in ("VERB", "AUX"):
                    yield third_person(lemma)
        for begin in range(span.begin, span.end):
            for end in range(begin + 1, min(begin + 6, span.end) + 1):
                yield from _number_forms([text.strip('.,;:!?()"') for text in talk.speech.texts[begin:end]])


def _number_forms(words: list[str]) -> Iterator[str]:
    year, digits = read_year(words), write_number(words)
    if year is not None:
        yield str(year)
    if digits is not None:
        yield from digits.split()
    if len(words) == 1:
        value = read_ordinal(words[0])
        if value is not None:
            yield str(value)
        # "1939-45" stands for two years.
        parts = re.split(r"[-–—]", words[0])
        if len(parts) == 2 and parts[0].isdigit() and parts[1].isdigit() and len(parts[1]) == 2:
            yield parts[0][:-2] + parts[1]
    elif (total := read_number(words)) is not None:
        yield str(int(total))
