"""Amounts: a number, or a range of numbers, with its unit, as it is spoken ("125 to 2000 Hz", "about 12 years")."""

from __future__ import annotations

from dataclasses import dataclass

from spacy.tokens import Token

from s2v.analysis.lexicon import UNITS

_JOINING = frozenset({"to", "-", "–", "and", "or"})
_SIGNS = frozenset({"%", "$", "€", "£"})
MAX_TOKENS = 7


@dataclass(frozen=True)
class Amount:
    """A measured amount."""

    tokens: tuple[Token, ...]
    unit: str
    """Lemma of its unit."""


def find_amounts(verb: Token) -> list[Amount]:
    """Returns the amounts with a unit that a clause holds, without those of the clauses below it."""
    places = sorted(token.i for token in verb.subtree)
    doc = verb.doc
    inside = set(places)
    found: list[Amount] = []
    done = -1
    for place in places:
        if place <= done or not _is_number(doc[place]):
            continue
        end = place
        while end + 1 in inside and (
            _is_number(doc[end + 1]) or (doc[end + 1].lower_ in _JOINING and end + 2 in inside and _is_number(doc[end + 2]))
        ):
            end += 1
        done = end
        unit = doc[end + 1] if end + 1 in inside else None
        if unit is None or (unit.pos_ not in ("NOUN", "PROPN", "SYM") and unit.text not in _SIGNS) or end - place >= MAX_TOKENS:
            continue
        exact = any(character.isdigit() for character in doc[place].text)
        if not exact and unit.lemma_.lower() not in UNITS:
            continue
        between = _between(doc[place], verb)
        if any(token.pos_ in ("VERB", "AUX") or token.dep_ in ("nsubj", "nsubjpass") for token in between):
            continue
        found.append(Amount(tuple(doc[place : end + 2]), unit.lemma_.lower()))
    return found


def _is_number(token: Token) -> bool:
    return token.tag_ == "CD" or token.text in _SIGNS - {"%"}


def _between(token: Token, verb: Token) -> list[Token]:
    """What stands between a token and its clause's verb in the tree."""
    line: list[Token] = []
    for place in token.ancestors:
        if place.i == verb.i:
            return line
        if place.dep_ not in ("xcomp",):
            line.append(place)
    return line
