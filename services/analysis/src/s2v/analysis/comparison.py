"""Comparisons: two or more things, and what is said of each and of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from spacy.tokens import Span, Token

from s2v.analysis.content import Content, EdgeDraft, NodeDraft
from s2v.analysis.contrasts import find_subjects, fronted
from s2v.analysis.denials import names_nobody
from s2v.analysis.language import Talk
from s2v.analysis.lexicon import BAD_SIDES, GOOD_SIDES
from s2v.analysis.mentions import Mention, draft, is_pronoun, lemma
from s2v.analysis.outline import REFERRING
from s2v.analysis.statements import Statement, find_statements
from s2v.v1.diagram_pb2 import DiagramType, EdgeKind, NodeKind

_KIND = DiagramType.DIAGRAM_TYPE_COMPARISON
_DIFFERENCES = frozenset({"difference", "distinction", "similarity", "contrast", "comparison", "summary", "example", "question"})
_VAGUE = _DIFFERENCES | {
    "great",
    "good",
    "nice",
    "fine",
    "interesting",
    "interested",
    "important",
    "different",
    "similar",
    "same",
    "big",
}
_BOTH = frozenset({"both", "neither"})


@dataclass
class _Table:
    """A comparison in the making."""

    talk: Talk
    subjects: list[Mention]
    nodes: list[NodeDraft]
    references: Mapping[int, Token]
    """What pronouns stand for, by token number."""
    edges: list[EdgeDraft] = field(default_factory=list)
    last: list[int] = field(default_factory=list)
    """The subjects of the statement told last."""


def extract_comparison(talk: Talk, sentences: Sequence[Span]) -> Content:
    """Returns the things compared in consecutive sentences and what is said of each; nothing when there are no two of them."""
    told = [find_statements(talk, sentence) for sentence in sentences]
    subjects: list[Mention] = []
    nodes: list[NodeDraft] = []
    for mention in find_subjects(sentences, told):
        node = draft(talk, mention, NodeKind.NODE_KIND_TOPIC)
        if node is not None:
            subjects.append(mention)
            nodes.append(node)
    if len(subjects) < 2:
        return Content(_KIND)
    table = _Table(talk, subjects, nodes, talk.references(sentences))
    for statements in told:
        for statement in statements:
            _tell(table, statement)
    return _finish(table)


def _tell(table: _Table, statement: Statement) -> None:
    owners = _owners(table, statement)
    if not owners:
        return
    if statement.denies:
        _deny(table, statement, owners)
        return
    table.last = owners
    named = {mention.head.i for mention in table.subjects}
    for item in statement.items:
        said = {lemma(token) for group in item.groups for token in group.tokens if token.i != item.head.i and not token.is_stop}
        if said and any(said <= mention.key for mention in table.subjects):
            continue
        if item.head.i in named or any(item.key == mention.key for mention in table.subjects) or _is_vague(item):
            continue
        node = draft(table.talk, item, NodeKind.NODE_KIND_ITEM)
        if node is None:
            continue
        place = next((number for number, known in enumerate(table.nodes) if known.label.text == node.label.text), None)
        if place is None:
            place = len(table.nodes)
            table.nodes.append(replace(node, level=1))
        for owner in owners:
            if owner != place and not any(edge.source == owner and edge.target == place for edge in table.edges):
                table.edges.append(EdgeDraft(EdgeKind.EDGE_KIND_PART, owner, place))


def _is_vague(item: Mention) -> bool:
    """Whether an item only says that there is a difference, or what the speaker thinks of it: "a big difference", "great"."""
    tokens = [token for group in item.groups for token in group.tokens if token.pos_ in ("NOUN", "PROPN", "ADJ", "VERB", "NUM")]
    nouns = [lemma(token) for token in tokens if token.pos_ in ("NOUN", "PROPN", "NUM")]
    if any(token.tag_ in ("JJR", "RBR") for token in tokens):
        return False  # "Bigger" is no opinion.
    return bool(tokens) and (all(lemma(token) in _VAGUE for token in tokens) or (bool(nouns) and set(nouns) <= _DIFFERENCES))


def _owners(table: _Table, statement: Statement) -> list[int]:
    """The subjects that a statement is about."""
    subject = statement.subject
    if subject is not None:
        if names_nobody(subject):
            return []
        words = {subject.lower_, *(child.lower_ for child in subject.children)}
        if words & _BOTH and not any(token.dep_ == "conj" for token in subject.children):
            return list(range(len(table.subjects)))
        antecedent = table.references.get(subject.i)
        places = list(subject.subtree) if antecedent is None else [*antecedent.lefts, antecedent]
        found = _named_in(table, places)
        if found:
            return found
    for noun in fronted(statement.verb):
        found = _named_in(table, list(noun.subtree))
        if found:
            return found
    clauses = [child for child in statement.main.children if child.dep_ == "advcl" and _has_subject(child)]
    apart = {token.i for clause in clauses for token in clause.subtree}
    found = _named_in(table, [token for token in statement.main.subtree if not _is_other_side(token) and token.i not in apart])
    if len(found) == 1 and (subject is None or not is_pronoun(subject)):
        return found
    if subject is None or subject.lower_ in ("you", "we", "i"):
        found = _named_in(table, [token for token in statement.verb.sent if not _is_other_side(token)])
        if len(found) == 1:
            return found
    sides = any(table.subjects[number].noun in GOOD_SIDES | BAD_SIDES for number in table.last)
    if sides or subject is None or is_pronoun(subject) or any(child.lower_ in REFERRING for child in subject.children):
        return table.last
    return []


def _deny(table: _Table, statement: Statement, owners: Sequence[int]) -> None:
    """Such as "While hashes do not": what was said last of another is denied, by the edge's own words."""
    if not table.edges or table.edges[-1].source in owners:
        return
    negation = next(child for child in statement.verb.children if child.dep_ == "neg")
    words = (table.talk.word(statement.verb), table.talk.word(negation) + 1)
    text = table.talk.speech.text(*words).strip(" .,;:!?").lower()
    for owner in owners:
        table.edges.append(EdgeDraft(EdgeKind.EDGE_KIND_PART, owner, table.edges[-1].target, text, words))


def _has_subject(verb: Token) -> bool:
    return any(child.dep_ in ("nsubj", "nsubjpass") and not is_pronoun(child) for child in verb.children)


def _is_other_side(token: Token) -> bool:
    """Whether a token stands in a phrase that something else is measured by: "than …"."""
    return any(place.lower_ in ("than", "unlike", "versus") for place in token.ancestors)


def _named_in(table: _Table, tokens: Sequence[Token]) -> list[int]:
    """The subjects named among some words: by all of their words, else by the noun that only one of them has."""
    lemmas = {lemma(token) for token in tokens}
    nouns = [mention.noun for mention in table.subjects]
    whole = [number for number, mention in enumerate(table.subjects) if mention.key <= lemmas]
    if whole:
        return [number for number in whole if not any(table.subjects[number].key < table.subjects[other].key for other in whole)]
    found = []
    for number, mention in enumerate(table.subjects):
        shared = {key for other, rival in enumerate(table.subjects) if other != number for key in rival.key}
        own = mention.key - shared
        if (own and own <= lemmas) or (nouns.count(mention.noun) == 1 and mention.noun in lemmas):
            found.append(number)
    return found


def _drop_repeats(table: _Table) -> None:
    """Drops of "interested" and "interested in context" the first: what another item of the same subject says with more."""
    said = [(edge.source, table.nodes[edge.target].topics) for edge in table.edges]
    kept = [
        edge
        for edge, (owner, topics) in zip(table.edges, said, strict=True)
        if not topics or not any(owner == other and topics < more for other, more in said)
    ]
    ends = {edge.target for edge in kept}
    if all(edge.target in ends or edge.label == "" for edge in table.edges):
        table.edges = kept


def _finish(table: _Table) -> Content:
    _drop_repeats(table)
    owned = {edge.source for edge in table.edges}
    if not table.edges:
        return Content(_KIND)
    count = len(table.subjects)
    told = {edge.target for edge in table.edges}
    kept = [number for number in range(len(table.nodes)) if number in owned or number in told or (number < count == 2)]
    kept.sort(key=lambda number: (table.nodes[number].label.words[0], number))
    place = {number: rank for rank, number in enumerate(kept)}
    edges = tuple(replace(edge, source=place[edge.source], target=place[edge.target]) for edge in table.edges)
    return Content(_KIND, tuple(table.nodes[number] for number in kept), edges)
