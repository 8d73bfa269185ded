"""Conditions: what a decision asks, and whether another condition answers the same question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spacy.tokens import Token

from s2v.analysis.clauses import Clause
from s2v.analysis.content import NodeDraft
from s2v.analysis.labels import Group, content_lemmas, is_plural, make_label, noun_groups, predicate_groups, verb_groups
from s2v.analysis.language import Talk
from s2v.analysis.lexicon import DECIDE_VERBS, NOBODY, OPPOSITES, VAGUE_NOUNS
from s2v.analysis.steps import is_named
from s2v.v1.diagram_pb2 import NodeKind

MAX_BRANCH_CHARACTERS = 20


@dataclass(frozen=True)
class Condition:
    """What is asked."""

    node: NodeDraft
    """The decision, e.g. "Value present?"."""
    open_node: NodeDraft
    """The same without its predicate ("Light?"), for questions whose branches carry their own words."""
    answer: bool
    """The branch that the condition's clause is: False for "unless"."""
    subject: str
    """Lemma of the subject; empty for a pronoun or none."""
    predicate_lemma: str
    predicate: tuple[int, int]
    """Words of the predicate, as (begin, end)."""
    predicate_text: str
    """The predicate as the label of a branch."""
    copular: bool
    negated: bool
    named: Token | None
    """What it is about; a pronoun of the next step may stand for it."""


@dataclass(frozen=True)
class Relation:
    """How a condition answers the question of another."""

    answer: bool
    labels: tuple[str, str] | None = None
    """Labels for the first and the second branch where yes and no do not say it."""
    words: tuple[int, int] = (0, 0)
    """Words of the second label."""


def make_condition(talk: Talk, clauses: Sequence[Clause]) -> Condition | None:
    """Returns the decision for the clauses of a condition ("if A and B"); None when nothing can be drawn for it."""
    clause = clauses[0]
    verb, subject = clause.core, clause.subject
    if verb.lemma_ in DECIDE_VERBS:
        inner = next((child for child in verb.children if child.dep_ == "ccomp" and child.pos_ in ("VERB", "AUX")), None)
        if inner is not None:
            verb = inner
            subject = next((child for child in inner.children if child.dep_ in ("nsubj", "nsubjpass")), None)
    named = (
        subject
        if subject is not None and (is_named(subject) or subject.lower_ in (*NOBODY, "everything", "all", "someone", "anyone"))
        else None
    )
    copular = verb.lemma_ == "be"
    predicate = [group for group in predicate_groups(verb) if not (copular and verb in group.tokens)]
    if not predicate:
        return None
    form = ("plural" if is_plural(named) else "singular") if named is not None else "imperative"
    kept, forms = (
        ([Group(0.0, tuple(child for child in verb.children if child.dep_ == "neg"))], {}) if copular else verb_groups(verb, form)
    )
    groups = [*predicate, *kept, *(noun_groups(named) if named is not None else [])]
    label = make_label(talk, [group for group in groups if group.tokens], forms, suffix="?")
    if label is None:
        return None
    tokens = [token for group in predicate for token in group.tokens]
    if named is None and not any(token.pos_ in ("NOUN", "PROPN", "ADJ", "VERB") and token.lemma_ != "do" for token in tokens):
        return None
    key = _key(verb, predicate, copular)
    words = [talk.word(token) for token in tokens]
    span = (min(label.words), max((*words, *label.words)) + 1)
    topics = content_lemmas([*tokens, *([named] if named is not None else [])])
    if named is None and topics and topics <= VAGUE_NOUNS:
        # "If that was still a thing" asks nothing that could be drawn.
        return None
    phrase = talk.speech.text(*span).strip(' .,;:!?"“”')
    node = NodeDraft(NodeKind.NODE_KIND_DECISION, phrase, label, span, topics)
    short = make_label(talk, noun_groups(named), suffix="?") if named is not None else None
    open_node = NodeDraft(NodeKind.NODE_KIND_DECISION, phrase, short or label, span, topics)
    text = key.text if len(key.text) <= MAX_BRANCH_CHARACTERS else ""
    mark = clause.mark
    return Condition(
        node=node,
        open_node=open_node,
        answer=mark is None or mark.lower_ != "unless",
        subject=named.lemma_.lower() if named is not None and named.lower_ not in NOBODY else "",
        predicate_lemma=key.lemma_.lower(),
        predicate=(talk.word(key), talk.word(key) + 1),
        predicate_text=text,
        copular=copular,
        named=named,
        negated=clause.negated or any(child.dep_ == "neg" for child in verb.children),
    )


def opposite(first: Condition, second: Condition) -> Relation | None:
    """Returns how the second condition answers the question of the first; None when it asks another."""
    if first.subject and second.subject and first.subject != second.subject:
        return None
    if first.predicate_lemma == second.predicate_lemma:
        same = (first.negated == second.negated) == (first.answer == second.answer)
        return Relation(first.answer if same else not first.answer)
    words = {first.predicate_lemma, first.predicate_text.lower()}, {second.predicate_lemma, second.predicate_text.lower()}
    if any(frozenset((one, other)) in OPPOSITES for one in words[0] for other in words[1]):
        return Relation(not first.answer)
    adjectives = first.copular and second.copular and first.predicate_text and second.predicate_text
    if adjectives and first.subject == second.subject != "" and not (first.negated or second.negated):
        return Relation(not first.answer, (first.predicate_text, second.predicate_text), second.predicate)
    return None


def _key(verb: Token, predicate: Sequence[Group], copular: bool) -> Token:
    """The word that an opposite condition would turn round."""
    if not copular:
        return verb
    tokens = [token for group in predicate for token in group.tokens if group.rank == 0]
    return next((token for token in tokens if token.pos_ in ("ADJ", "VERB", "NOUN", "ADV")), tokens[0] if tokens else verb)
