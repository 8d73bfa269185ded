"""Events: what a sentence says happens, in the order in which it happens, on the dependency parse."""

from __future__ import annotations

from collections.abc import Iterator

from spacy.tokens import Span, Token

from s2v.analysis.coordination import VERBAL, shares_denial
from s2v.analysis.labels import main_verb
from s2v.analysis.propositions import SUBJECTS


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TALKING_VERBS = _words(
    """
    think know mean say guess believe suppose remember see look let consider imagine talk name call define describe discuss
    note explain show seem appear feel want like love hope wish wonder call refer tell ask understand agree assume involve
    consist include contain summarize illustrate compare mention suggest indicate depict represent please begin
    locate vary last associate resemble differ depend exist remain stay matter belong
    """
)
"""Verbs of speech, of opinion and of being made up: nothing happens."""
_EARLIER_MARKS = _words("when once after if whenever as since because unless where")
"""Words that open a clause that comes first, wherever it is told."""
_LATER_MARKS = _words("so until that before till")
_RELATIVES = _words("which who that")


def find_events(sentence: Span) -> list[Token]:
    """Returns the heads of the clauses that tell what happens, in the order in which it happens."""
    return list(dict.fromkeys(_visit(sentence.root)))


def happens(verb: Token) -> bool:
    """Returns whether a clause tells something that happens, rather than an opinion, a definition or speech about speech."""
    core = main_verb(verb)
    if core.pos_ not in VERBAL or core.lower_[:1] == "'":
        return False
    if core.lemma_.lower() in _TALKING_VERBS or (verb.dep_ in ("ccomp", "xcomp") and verb.head.lemma_.lower() == "let"):
        return False
    if core.lemma_ == "be":
        # "Demand is high" is a state that may follow and be followed; "a star is a ball" is a definition.
        return any(child.dep_ == "acomp" for child in core.children) and any(child.dep_ in SUBJECTS for child in core.children)
    return not any(child.dep_ in ("csubj", "expl") for child in core.children)


def _visit(verb: Token) -> Iterator[Token]:
    before: list[Token] = []
    after: list[Token] = []
    for child in verb.children:
        if child.dep_ == "conj" and shares_denial(verb, child):
            continue
        if child.dep_ in ("conj", "parataxis") and child.i > verb.i:
            after.append(child)
        elif child.dep_ == "advcl":
            (before if _comes_first(verb, child) else after).append(child)
        elif child.dep_ == "ccomp":
            # "I think that water rises", "water rises, he says": what is said is what happens.
            if not happens(verb):
                after.append(child)
            elif child.i < verb.i:
                before.append(child)
        elif child.dep_ in ("nsubj", "nsubjpass", "dobj", "attr", "prep", "agent", "conj"):
            after += _relatives(child)
    for child in before:
        yield from _visit(child)
    if happens(verb):
        yield verb
    for child in sorted(after, key=lambda token: token.i):
        yield from _visit(child)


def _comes_first(verb: Token, clause: Token) -> bool:
    mark = next((child.lower_ for child in clause.children if child.dep_ in ("mark", "advmod") and child.i < clause.i), "")
    if mark in _LATER_MARKS:
        return mark not in ("until", "till", "so", "that") and clause.i < verb.i
    return mark in _EARLIER_MARKS or clause.i < verb.i


def _relatives(noun: Token) -> Iterator[Token]:
    """Clauses that go on from a noun ("…, which heats the air"), not those that tell which one is meant."""
    for token in noun.subtree:
        if token.dep_ == "relcl" and any(child.lower_ in _RELATIVES for child in token.children):
            opener = next((child for child in token.children if child.lower_ in _RELATIVES), token)
            if opener.i and (opener.lower_ == "which" or opener.nbor(-1).text == ","):
                yield token


def own_tokens(verb: Token) -> list[Token]:
    """Returns the tokens of a clause without those of the clauses that hang on it."""
    own: list[Token] = []
    stack = [verb]
    while stack:
        token = stack.pop()
        own.append(token)
        stack += [
            child
            for child in token.children
            if child.dep_ not in ("advcl", "relcl", "ccomp", "parataxis") and not (child.dep_ == "conj" and child.pos_ in VERBAL)
        ]
    return own
