"""From a language model's answer to the content of a scene: what the speaker's words bear out is kept, the rest is counted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from spacy.tokens import Span, Token

from s2v.analysis.answer import TYPES, Answer, AnswerEdge, AnswerNode
from s2v.analysis.assembly import PARTS, TREES, assemble, fits_tree
from s2v.analysis.content import Content, Date, EdgeDraft, Label, NodeDraft
from s2v.analysis.dates import find_dates
from s2v.analysis.denials import CLAIMING_VERBS, DENYING_VERBS, FAILING_VERBS
from s2v.analysis.evidence import MARKS
from s2v.analysis.labels import MAX_CHARACTERS, MAX_WORDS, capitalize, content_lemmas, third_person
from s2v.analysis.language import Talk
from s2v.analysis.lexicon import DENIALS, FREE_WORDS, FUNCTION_WORDS
from s2v.analysis.spoken_edges import denies_meeting
from s2v.v1.diagram_pb2 import DiagramType, EdgeKind, NodeKind

MAX_SPAN_WORDS = 40
"""A node whose words reach further is about everything and shows nothing."""
NEGATION_WORDS = 3
"""Words in front of a label's own in which something may deny it."""
_WORD = re.compile(r"[^\W_]+(?:['’.,][^\W_]+)*")


@dataclass(frozen=True)
class Reading:
    """What of an answer the words bear out."""

    content: Content
    dropped: int
    """Nodes, edges and labels of edges that were left out."""


def read_answer(talk: Talk, sentences: Sequence[Span], answer: Answer) -> Reading:
    """Returns the content of a scene. What is not said, not in its words or no part of such a diagram is dropped and counted."""
    kind = TYPES[answer.type]
    if kind == DiagramType.DIAGRAM_TYPE_NONE:
        return Reading(Content(kind), len(answer.nodes) + len(answer.edges))
    draft = _Draft(talk, talk.words(sentences[0])[0], talk.words(sentences[-1])[1], kind)
    if kind == DiagramType.DIAGRAM_TYPE_TIMELINE:
        draft.dates = [spoken.date for spoken in find_dates(talk, sentences)]
    for place, node in enumerate(answer.nodes):
        draft.add_node(place, node)
    for edge in answer.edges:
        draft.add_edge(edge)
    return Reading(assemble(kind, draft.nodes, draft.edges), draft.dropped)


@dataclass
class _Draft:
    """A content in the making."""

    talk: Talk
    begin: int
    end: int
    """The scene's words, `end` not included."""
    kind: DiagramType.ValueType
    dates: list[Date] = field(default_factory=list)
    nodes: list[NodeDraft] = field(default_factory=list)
    edges: list[EdgeDraft] = field(default_factory=list)
    places: dict[int, int] = field(default_factory=dict)
    """Place of each node of the answer that was kept."""
    dropped: int = 0

    def add_node(self, place: int, node: AnswerNode) -> None:
        """Keeps a node whose label its words bear out; a second one of the same name is the first one told again."""
        span = self._span(node.first, node.last)
        label = None if span is None else find_label(self.talk, node.label, *span)
        if span is None or label is None or span[1] - span[0] > MAX_SPAN_WORDS:
            self.dropped += 1
            return
        date = None
        if self.kind == DiagramType.DIAGRAM_TYPE_TIMELINE:
            inside = [known for known in self.dates if span[0] <= known.label.words[0] < span[1]]
            if not inside:
                self.dropped += 1
                return
            date = inside[0]
        known = next((number for number, other in enumerate(self.nodes) if other.label.text == label.text), None)
        if known is not None:
            first = self.nodes[known]
            if span[0] >= first.span[1]:
                self.nodes[known] = replace(first, repeats=(*first.repeats, span))
            self.places[place] = known
            return
        kind = PARTS[self.kind][0]
        if self.kind == DiagramType.DIAGRAM_TYPE_FLOWCHART and node.decision:
            kind = NodeKind.NODE_KIND_DECISION
        topics = content_lemmas(token for word in label.words for token in self.talk.doc[slice(*self.talk.tokens_of[word])])
        self.places[place] = len(self.nodes)
        self.nodes.append(NodeDraft(kind, self.talk.speech.text(*span).strip(" .,;:!?"), label, span, topics, date=date))

    def add_edge(self, edge: AnswerEdge) -> None:
        """Keeps an edge between two kept nodes, once, unless it would make a ring of a tree; its label only if it is said."""
        source, target = self.places.get(edge.source), self.places.get(edge.target)
        known = {(other.source, other.target) for other in self.edges}
        if (
            source is None
            or target is None
            or source == target
            or (source, target) in known
            or self.kind == DiagramType.DIAGRAM_TYPE_TIMELINE
            or (self.kind in TREES and not fits_tree([(edge.source, edge.target) for edge in self.edges], source, target))
            or self._is_denied(self.nodes[source], self.nodes[target])
        ):
            self.dropped += 1
            return
        decision = self.nodes[source].kind == NodeKind.NODE_KIND_DECISION
        cue = None if edge.first == edge.last == -1 else self._span(edge.first, edge.last)
        text = ""
        if edge.label:
            said = None if cue is None else find_label(self.talk, edge.label, *cue)
            if decision and edge.label.lower() in MARKS:
                text = edge.label.lower()
            elif said is not None:
                text = said.text if said.text[1:2].isupper() else said.text[:1].lower() + said.text[1:]
            else:
                self.dropped += 1
                if cue is not None and _loses_negation(self.talk, _without_denials(self.talk, *cue), *cue):
                    return  # What the words say is that there is no such edge.
        kind = EdgeKind.EDGE_KIND_BRANCH if decision else PARTS[self.kind][1]
        self.edges.append(EdgeDraft(kind, source, target, text, cue))

    def _is_denied(self, source: NodeDraft, target: NodeDraft) -> bool:
        """Whether the sentence that names two nodes denies what would join them: "vaccines do not cause autism"."""
        words = {*source.label.words, *target.label.words}
        one, other = (_head(self.talk, node.label.words) for node in (source, target))
        if one.sent.start != other.sent.start:
            return False
        above = {one, *one.ancestors}
        joint = next((token for token in (other, *other.ancestors) if token in above), one)
        return denies_meeting(self.talk, joint, words)

    def _span(self, first: int, last: int) -> tuple[int, int] | None:
        """The words of the talk that the scene's words `first` to `last` are."""
        begin, end = self.begin + first, self.begin + last + 1
        return (begin, end) if self.begin <= begin < end <= self.end else None


def find_label(talk: Talk, text: str, begin: int, end: int) -> Label | None:
    """Returns a proposed label with the words that it comes from, in their spoken writing; None when it is not evidenced.

    Each of its words is a form of a word of `begin` to `end` (not included), in the order of speech; only `FREE_WORDS` need no
    evidence. A negation of what it says must be in it. Punctuation, symbols and letter case of the proposal are not taken over.
    """
    written: list[str] = []
    words: list[int] = []
    place = begin
    for part in (part for piece in text.split() for part in _WORD.findall(piece)):
        word = next((word for word in range(place, end) if part.lower() in _forms(talk, word)), None)
        if word is not None:
            same = [form for form in _WORD.findall(talk.speech.texts[word]) if form.lower() == part.lower()]
            written.append(same[0] if same and not _opens(talk, word) else part.lower())
            words.append(word)
            place = word
        elif part.lower() in FREE_WORDS:
            written.append(part.lower())
        else:
            return None
    label = capitalize(" ".join(written))
    evident = [
        word for word in words if any(form not in FUNCTION_WORDS for form in _WORD.findall(talk.speech.texts[word].lower()))
    ]
    if not evident or len(label) > MAX_CHARACTERS or len(written) > MAX_WORDS or _loses_negation(talk, set(words), begin, end):
        return None
    return Label(label, tuple(sorted(set(words))))


def _head(talk: Talk, words: Sequence[int]) -> Token:
    """The token among some words that governs them."""
    tokens = [token for word in words for token in _tokens(talk, word)]
    inside = set(tokens)
    return next((token for token in tokens if token.head == token or token.head not in inside), tokens[0])


def _opens(talk: Talk, word: int) -> bool:
    """Whether a word has a capital only because it opens a sentence."""
    token = _tokens(talk, word)[0]
    return bool(token.is_sent_start) and token.pos_ != "PROPN" and token.text[1:].islower()


def _forms(talk: Talk, word: int) -> set[str]:
    forms = set(_WORD.findall(talk.speech.texts[word].lower()))
    tokens = _tokens(talk, word)
    denied = [token for token in tokens if token.dep_ == "neg"]
    # "Doesn't" is no "does".
    for token in denied or tokens:
        lemma = token.lemma_.lower()
        forms |= {token.lower_, lemma}
        if token.pos_ in ("VERB", "AUX"):
            forms.add(third_person(lemma))
    return forms


def _tokens(talk: Talk, word: int) -> list[Token]:
    return list(talk.doc[slice(*talk.tokens_of[word])])


def _without_denials(talk: Talk, begin: int, end: int) -> set[int]:
    """The words of a span, those left out that deny others."""
    return {word for word in range(begin, end) if not any(_is_denial(token) for token in _tokens(talk, word))}


def _is_denial(token: Token) -> bool:
    return token.dep_ == "neg" or token.lower_ in DENIALS


def _loses_negation(talk: Talk, words: set[int], begin: int, end: int) -> bool:
    """Whether a word of the label is negated by one that the label leaves out."""
    return any(
        _denies(talk, token, words)
        for word in range(max(begin - NEGATION_WORDS, 0), end)
        for token in _tokens(talk, word)
        if word not in words
    )


def _denies(talk: Talk, token: Token, words: set[int]) -> bool:
    """Whether a word that a label leaves out denies what the label says: "is not", "don't think that", "failed to"."""
    if _is_denial(token):
        return talk.word(token.head) in words or _governs(talk, token.head, words)
    if token.lemma_ in FAILING_VERBS | DENYING_VERBS:
        return any(_says(talk, child, words) for child in token.children if child.dep_ in ("xcomp", "ccomp"))
    return False


def _governs(talk: Talk, head: Token, words: set[int]) -> bool:
    """Whether a left-out copula or verb, denied, denies a word of the label: of "I don't know that" what is known stays so."""
    claims = head.lemma_ in CLAIMING_VERBS or head.pos_ == "ADJ"
    roles = ("attr", "acomp", "xcomp", "ccomp") if claims else ("xcomp",)
    return any(_says(talk, child, words) for child in head.children if child.dep_ in roles)


def _says(talk: Talk, head: Token, words: set[int]) -> bool:
    """Whether a label holds the head of a clause or, where that is left out, what it governs."""
    return talk.word(head) in words or _governs(talk, head, words)
