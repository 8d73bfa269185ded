"""Influences told by nouns: "the cause of Y is X", "X is why Y", "the effect of X on Y"."""

from __future__ import annotations

from collections.abc import Iterator

from spacy.tokens import Token

from s2v.analysis.coordination import VERBAL, coordinated, members, prepositional, prepositional_objects
from s2v.analysis.denials import has_no, is_denied
from s2v.analysis.influences import CAUSE_NOUNS, RESULT_NOUNS, Influence

_UPON = frozenset({"on", "upon"})


def by_copula(verb: Token) -> Iterator[Influence]:
    """Reads "The cause of Y is X", "X is the reason for Y", "X is why Y", "X is responsible for Y", "the result is Y"."""
    if verb.lemma_ not in ("be", "include") or is_denied(verb):
        return
    subject = next((child for child in verb.children if child.dep_ == "nsubj"), None)
    meant = next((child for child in verb.children if child.dep_ == "csubj" and child.lemma_ == "mean"), None)
    if meant is not None and any(child.lower_ == "what" for child in meant.children):
        # "What that means is that we wait": from what was said before.
        for clause in verb.children:
            if clause.dep_ == "ccomp" and clause.i > verb.i:
                for effect in coordinated(clause):
                    yield Influence(None, effect, (meant,))
        return
    if subject is None:
        yield from _by_list(verb)
        return
    if verb.lemma_ == "include":
        named = next((child for child in verb.children if child.dep_ == "dobj"), None)
        yield from _between_lists(subject, [] if named is None else members(named), (subject, verb))
        return
    reason = next((child for child in verb.children if child.dep_ in ("ccomp", "advcl") and _asks_why(child)), None)
    if reason is not None:
        for effect in coordinated(reason):
            for cause in coordinated(subject):
                yield Influence(cause, effect, (verb, next(part for part in reason.children if part.lower_ == "why")))
        return
    told = next((child for child in verb.children if child.dep_ in ("attr", "ccomp", "advcl") and child.i > verb.i), None)
    name = subject.lemma_.lower()
    if name in CAUSE_NOUNS and told is not None:
        for effect in _of(subject):
            for cause in coordinated(told):
                yield Influence(cause, effect, (subject, verb))
    elif name in RESULT_NOUNS and told is not None:
        causes: list[Token | None] = [*_of(subject)] or [None]
        for effect in coordinated(told):
            for source in causes:
                yield Influence(source, effect, (subject, verb))
    elif told is not None and told.dep_ == "attr" and told.lemma_.lower() in CAUSE_NOUNS:
        for effect in _of(told):
            for cause in coordinated(subject):
                yield Influence(cause, effect, (verb, told))
    elif told is not None and told.dep_ == "attr" and told.lemma_.lower() in RESULT_NOUNS:
        for cause in _of(told):
            yield Influence(cause, subject, (verb, told))
    for child in verb.children:
        if child.dep_ == "acomp" and child.lower_ == "responsible":
            for _, target in prepositional(child, frozenset({"for"})):
                for effect in coordinated(target):
                    for cause in coordinated(subject):
                        yield Influence(cause, effect, (verb, child))


def _asks_why(clause: Token) -> bool:
    return any(child.lower_ == "why" and child.i < clause.i for child in clause.children)


def _by_list(verb: Token) -> Iterator[Influence]:
    """Reads "There are three causes of Y: A, B and C"."""
    noun = next((child for child in verb.children if child.dep_ == "attr"), None)
    if noun is not None:
        named = [part for child in noun.children if child.dep_ == "appos" for part in members(child)]
        yield from _between_lists(noun, named, (noun,))


def _between_lists(noun: Token, named: list[Token], cue: tuple[Token, ...]) -> Iterator[Influence]:
    """What a noun of cause or result is of, and the causes or results that are named."""
    lemma = noun.lemma_.lower()
    for whole in _of(noun) if lemma in CAUSE_NOUNS | RESULT_NOUNS else []:
        for part in named:
            yield Influence(part, whole, cue) if lemma in CAUSE_NOUNS else Influence(whole, part, cue)


def by_impact(noun: Token) -> Iterator[Influence]:
    """Reads "The effect of X on Y", "X's effect on Y"."""
    verb = next((place for place in noun.ancestors if place.pos_ in VERBAL), None)
    if has_no(noun) or any(child.lower_ == "little" for child in noun.children) or (verb is not None and is_denied(verb)):
        return
    sources = [child for child in noun.children if child.dep_ == "poss" and child.pos_ in ("NOUN", "PROPN")]
    holders = [noun]
    for child in noun.children:
        if child.dep_ == "prep" and child.lower_ == "of":
            holders += prepositional_objects(child)
            sources += [part for target in prepositional_objects(child) for part in coordinated(target)]
    for holder in holders:
        # "On Y" may hang on X; as a part of the cue it is left out of it.
        for preposition, target in prepositional(holder, _UPON):
            for source in sources:
                for effect in coordinated(target):
                    yield Influence(source, effect, (noun, preposition))


def _of(noun: Token) -> list[Token]:
    """What a cause or result is of: its prepositional object, or the clause of "the reason why …"."""
    found: list[Token] = []
    for child in noun.children:
        if child.dep_ == "prep" and child.lower_ in ("of", "for", "behind", "in"):
            for target in prepositional_objects(child):
                found += coordinated(target)
        elif child.dep_ in ("relcl", "acl") and child.i > noun.i and noun.lemma_.lower() in CAUSE_NOUNS and child.pos_ in VERBAL:
            found.append(child)
    return found
