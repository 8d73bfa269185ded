"""What is coordinated with a word ("rain, snow and ice"), and what a preposition governs, on the dependency parse."""

from __future__ import annotations

from collections.abc import Iterator

from spacy.tokens import Token

from s2v.analysis.lexicon import COLLECTIVE_NOUNS
from s2v.analysis.propositions import is_bare_pair

VERBAL = ("VERB", "AUX")
_LISTING_NOUNS = COLLECTIVE_NOUNS | {"episode", "bout", "feeling", "symptom", "sign", "risk", "form"}


def coordinated(head: Token) -> list[Token]:
    """Returns a noun or verb and all that is coordinated with it; of nouns without modifiers ("oxygen and carbon") the first."""
    if is_bare_pair(head):
        return [head]
    listed = _listed(head)
    return listed if len(listed) > 1 else members(head)


def _listed(head: Token) -> list[Token]:
    """What a noun of amount or of happening lists behind its "of": "episodes of pain, fever and cough", "a mix of A and B"."""
    if head.lemma_.lower() not in _LISTING_NOUNS or any(child.dep_ == "conj" for child in head.children):
        return []
    behind = (part for child in head.children if child.lower_ == "of" for part in child.children)
    inner = next((part for part in behind if part.dep_ == "pobj"), None)
    found: list[Token] = [] if inner is None else [inner]
    for noun in found:
        joined = [child for child in noun.children if child.dep_ == "conj"]
        found += [child for child in joined if not any(part.dep_ == "nsubj" for part in child.children)]
    return found


def members(head: Token) -> list[Token]:
    """Returns a noun or verb and all that is coordinated with it."""
    chain = [head]
    for child in head.children:
        if child.dep_ in ("conj", "appos") and child.i > head.i and (child.dep_ == "conj" or child.pos_ == head.pos_ == "VERB"):
            clause = child.pos_ in VERBAL
            if not clause and _belongs_inside(head, child):
                continue
            if clause and shares_denial(head, child):
                continue
            if clause == (head.pos_ in VERBAL) and not (
                clause and any(part.dep_ in ("nsubj", "nsubjpass") for part in child.children)
            ):
                chain += members(child)
    return chain


def prepositional_objects(preposition: Token) -> list[Token]:
    """Returns the nouns and clauses that a preposition governs."""
    return [
        child for child in preposition.children if child.dep_ in ("pobj", "pcomp") and child.pos_ not in ("ADP", "SCONJ", "PRON")
    ]


def prepositional(verb: Token, prepositions: frozenset[str]) -> Iterator[tuple[Token, Token]]:
    """Returns what stands behind some of the prepositions of a word, each with its preposition."""
    for child in verb.children:
        if child.dep_ in ("prep", "agent") and child.lower_ in prepositions:
            # "Came out of the strike", "led up to the strike".
            inner = [part for part in child.children if part.dep_ == "prep" and part.lower_ in ("of", "to")]
            for preposition in (child, *inner):
                for target in prepositional_objects(preposition):
                    yield child, target


def shares_denial(verb: Token, other: Token) -> bool:
    """Returns whether a second verb is denied with the first: of "could not unload and return" no return is told."""
    denied = any(child.dep_ == "neg" for child in verb.children)
    alone = not any(child.dep_ in ("aux", "auxpass") for child in other.children) and other.tag_ == verb.tag_
    return denied and alone and all(child.lower_ in ("and", "or", "nor") for child in verb.children if child.dep_ == "cc")


def _belongs_inside(head: Token, other: Token) -> bool:
    """Whether a bare noun is coordinated with what a noun is of, not with the noun: the T4 of "levels of T3 and T4"."""
    inside = any(child.dep_ == "prep" and child.lower_ == "of" and head.i < child.i < other.i for child in head.children)
    return inside and not any(child.dep_ not in ("punct", "cc", "conj") for child in other.children)
