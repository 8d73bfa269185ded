"""Timelines: events at the dates that are said for them."""

from __future__ import annotations

from collections.abc import Sequence

from spacy.tokens import Span, Token

from s2v.analysis.content import Content, Label, NodeDraft
from s2v.analysis.dates import SpokenDate, find_dates
from s2v.analysis.labels import (
    Group,
    content_lemmas,
    is_plural,
    make_label,
    noun_groups,
    predicate_groups,
    preposition_groups,
    verb_groups,
)
from s2v.analysis.language import Talk
from s2v.analysis.lexicon import VAGUE_NOUNS
from s2v.analysis.steps import is_named, phrase, without_subject
from s2v.v1.diagram_pb2 import DatePrecision, DiagramType, NodeKind

_CLAUSE_DEPS = ("ROOT", "conj", "ccomp", "advcl", "relcl", "parataxis", "acl", "pcomp", "xcomp")
_LINKING = frozenset({"see", "mark", "bring", "witness"})
"""Verbs by which a year has an event as its object: "1989 saw the fall of the wall"."""


def extract_timeline(talk: Talk, sentences: Sequence[Span]) -> Content:
    """Returns the dated events of consecutive sentences in the order of speech; nothing when there are none."""
    dates = find_dates(talk, sentences)
    absolute = [date for date in dates if date.date.precision != DatePrecision.DATE_PRECISION_ORDINAL]
    chosen = absolute if len(absolute) >= 2 else dates
    barred = frozenset(token.i for date in dates for token in date.tokens)
    nodes: list[NodeDraft] = []
    seen: set[int] = set()
    for date in chosen:
        verb = _governor(date.tokens[0])
        root = verb if verb is not None else date.tokens[0].sent.root
        if root.i in seen or _belongs_elsewhere(date, root, barred):
            continue
        node = _make_event(talk, date, root, barred) if verb is not None else _name_event(talk, date, root, barred)
        if node is not None:
            seen.add(root.i)
            nodes.append(node)
    return Content(DiagramType.DIAGRAM_TYPE_TIMELINE, tuple(nodes))


def _belongs_elsewhere(date: SpokenDate, root: Token, barred: frozenset[int]) -> bool:
    """Whether another date stands between a date and its verb: "reaching Saturn in 1981, Uranus in 1986" leaves the verb out."""
    own = {token.i for token in date.tokens}
    low, high = sorted((root.i, date.tokens[0].i))
    return any(low < place < high and place not in own for place in barred)


def _governor(token: Token) -> Token | None:
    """The verb of the clause that a date stands in."""
    for place in (token, *token.ancestors):
        if place.pos_ in ("VERB", "AUX") and place.dep_ in _CLAUSE_DEPS:
            return place.head if place.dep_ == "xcomp" and place.head.pos_ == "VERB" else place
    return None


def _name_event(talk: Talk, date: SpokenDate, noun: Token, barred: frozenset[int]) -> NodeDraft | None:
    """An event told by a noun ("In 1969, the moon landing"), with the participle that the parser may have made of its verb."""
    if noun.pos_ not in ("NOUN", "PROPN") or noun.i in barred:
        return None
    groups = noun_groups(noun, 0.0, barred)
    for child in noun.children:
        if child.dep_ == "acl" and child.tag_ in ("VBN", "VBD"):
            groups += predicate_groups(child, 0.0, barred)
        elif child.dep_ == "prep" and child.i > noun.i and child.lower_ != "of":
            groups += preposition_groups(child, 1.0, barred)
    return _draft(talk, date, make_label(talk, groups), groups)


def _make_event(talk: Talk, date: SpokenDate, verb: Token, barred: frozenset[int]) -> NodeDraft | None:
    subject = next((child for child in verb.children if child.dep_ in ("nsubj", "nsubjpass") and child.i not in barred), None)
    if subject is None and verb.dep_ in ("conj", "advcl") and verb.head.pos_ in ("VERB", "AUX"):
        subject = next(
            (child for child in verb.head.children if child.dep_ in ("nsubj", "nsubjpass") and child.i not in barred), None
        )
    if verb.dep_ == "relcl" and (subject is None or subject.pos_ == "PRON"):
        subject = verb.head if verb.head.i not in barred else None
    named = subject if subject is not None and is_named(subject) else None
    spoken_year = any(child.i in barred and child.dep_ in ("nsubj", "nsubjpass") for child in verb.children)
    predicate = [group for group in predicate_groups(verb, 0.0, barred) if not any(token.i in barred for token in group.tokens)]
    if spoken_year and (verb.lemma_ in _LINKING or verb.lemma_ == "be"):
        predicate = [group for group in predicate if verb not in group.tokens]
    if verb.lemma_ == "be" and named is None:
        if not any(child.dep_ in ("attr", "acomp") for child in verb.children):
            return None
        predicate = [group for group in predicate if verb not in group.tokens]
    if not any(token.pos_ in ("NOUN", "PROPN", "ADJ", "VERB") for group in predicate for token in group.tokens):
        return None
    complete = any(token.pos_ in ("NOUN", "PROPN", "ADJ", "NUM") for group in predicate for token in group.tokens)
    if named is None and not complete:
        return None
    kept: list[Group] = []
    forms: dict[int, str] = {}
    if named is not None or any(child.dep_ == "neg" for child in verb.children):
        kept, forms = verb_groups(verb, "plural" if named is not None and is_plural(named) else "singular")
    groups = [*kept, *predicate, *(noun_groups(named, 0.0, barred) if named is not None else [])]
    label = make_label(talk, groups, forms)
    if label is None and named is not None:
        # Who did it says more than half of what was done.
        label = _name_subject(talk, named, barred)
    if label is None and complete:
        label = make_label(talk, predicate, {})
    if label is not None and named is not None and named.head.i != verb.i:
        label = without_subject(talk, label, named)
    return _draft(talk, date, label, groups)


def _name_subject(talk: Talk, named: Token, barred: frozenset[int]) -> Label | None:
    """The subject with what belongs to it, if that says something by itself: "new version of HTTP"."""
    groups = noun_groups(named, 0.0, barred)
    label = make_label(talk, groups)
    return label if label is not None and len(content_lemmas(named.subtree)) >= 2 and len(label.words) >= 2 else None


def _draft(talk: Talk, date: SpokenDate, label: Label | None, groups: Sequence[Group]) -> NodeDraft | None:
    if label is None or len(label.text.split()) < 2:
        return None
    begin, end = label.words[0], label.words[-1] + 1
    span = (min(begin, date.date.label.words[0]), max(end, date.date.label.words[-1] + 1))
    topics = content_lemmas(token for group in groups for token in group.tokens) - VAGUE_NOUNS
    return NodeDraft(NodeKind.NODE_KIND_EVENT, phrase(talk, begin, end), label, span, topics, date=date.date)
