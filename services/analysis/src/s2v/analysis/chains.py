"""Chains: what happens in consecutive clauses, told without a word of cause, joined where one takes up what another names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from spacy.tokens import Span, Token

from s2v.analysis.content import EdgeDraft
from s2v.analysis.denials import is_denied, says_no
from s2v.analysis.events import find_events, own_tokens
from s2v.analysis.influences import BRINGING_VERBS, FORWARD_PREPOSITIONS
from s2v.analysis.labels import content_lemmas
from s2v.analysis.propositions import Referent, is_clause, subject_of
from s2v.analysis.webs import Web, likeness
from s2v.v1.diagram_pb2 import EdgeKind

MAX_SENTENCES_BACK = 1
"""A thing follows from this sentence or, at most, from one so many sentences in front."""

Make = Callable[[Token], int | None]
"""Makes the node of a clause; None when it says nothing that can be drawn."""


@dataclass(frozen=True)
class _Unit:
    """A node, or a clause that is none yet."""

    head: Token
    sentence: int
    names: frozenset[str]
    theme: str | None
    """Lemma of what it is about: the noun itself, or the subject of the clause."""
    place: int | None = None


def link_chain(web: Web, sentences: Sequence[Span], referent: Referent, make: Make, cues: AbstractSet[int]) -> None:
    """Joins what nothing has brought about yet to what was told in front, where both name the same thing."""
    units = [unit for number, sentence in enumerate(sentences) for unit in _find_units(web, number, sentence, referent, cues)]
    for rank, unit in enumerate(units):
        place = unit.place
        if place is not None and any(edge.target == place for edge in web.edges):
            continue
        for before in reversed(units[:rank]):
            if unit.sentence - before.sentence > MAX_SENTENCES_BACK:
                break
            if unit.theme is None or not likeness(before.names, frozenset({unit.theme})):
                continue
            source = before.place if before.place is not None else make(before.head)
            target = place if place is not None else make(unit.head)
            if source is None or target is None or source == target:
                continue
            if not _leads(web, target, source):
                web.connect(EdgeDraft(EdgeKind.EDGE_KIND_CAUSE, source, target))
            break


def _leads(web: Web, source: int, target: int) -> bool:
    """Whether the edges lead from one node to another."""
    reached, stack = {source}, [source]
    while stack:
        place = stack.pop()
        for edge in web.edges:
            if edge.source == place and edge.target not in reached:
                reached.add(edge.target)
                stack.append(edge.target)
    return target in reached


def _find_units(web: Web, number: int, sentence: Span, referent: Referent, cues: AbstractSet[int]) -> list[_Unit]:
    units: dict[int, _Unit] = {}
    spoken: set[int] = set()
    for token in sentence:
        place = web.places.get(token.i)
        if place is not None and place not in units:
            units[place] = _Unit(token, number, web.nodes[place].topics, _theme(token, referent), place)
    for token in sentence:
        if any(web.nodes[place].span[0] <= web.talk.word(token) < web.nodes[place].span[1] for place in units):
            spoken.add(token.i)
    spoken |= {
        token.i
        for token in sentence
        if token.i in cues or any(part.i in web.places or part.i in cues for part in own_tokens(token))
    }
    events = [
        _Unit(verb, number, _names(verb, referent), _theme(verb, referent))
        for verb in find_events(sentence)
        if verb.i not in spoken and verb.i not in web.places and not _is_untold(verb)
    ]
    return sorted([*units.values(), *events], key=lambda unit: unit.head.i)


def _is_untold(verb: Token) -> bool:
    """Whether a clause is denied by words outside of it, or denies that something comes about: "sugar does not cause fever"."""
    brings = verb.lemma_ in BRINGING_VERBS or verb.lemma_ in FORWARD_PREPOSITIONS
    return is_denied(verb) and (brings or not says_no(verb))


def _names(verb: Token, referent: Referent) -> frozenset[str]:
    """What a clause names: the lemmas of its own words and of what its pronouns stand for."""
    referents = {token.i: referent(token) for token in own_tokens(verb) if token.pos_ == "PRON"}
    return content_lemmas(referents.get(token.i) or token for token in own_tokens(verb))


def _theme(head: Token, referent: Referent) -> str | None:
    """What is spoken of: a noun itself, of a clause its subject."""
    noun: Token | None = head
    if is_clause(head):
        noun = subject_of(head)
    if noun is not None and noun.pos_ == "PRON":
        noun = referent(noun)
    return noun.lemma_.lower() if noun is not None and noun.pos_ in ("NOUN", "PROPN") else None
