"""Amounts: a number, or a range of numbers, with its unit, as it is spoken ("125 to 2000 Hz", "about 12 years")."""

from __future__ import annotations

from dataclasses import dataclass

from spacy.tokens import Token

from s2v.analysis.lexicon import COUNTING_NOUNS, FILLERS, UNITS

_JOINING = frozenset({"to", "-", "–", "and", "or"})
_SIGNS = frozenset({"%", "$", "€", "£"})
MAX_TOKENS = 7
_QUALIFYING_DEPS = ("quantmod", "compound", "advmod", "nummod")
_BOUNDS = frozenset({"more", "less", "fewer"})
_SHARED = frozenset({"half", "quarter", "third"}) | _BOUNDS
"""What may be joined to a number besides a number: "two and a half", "five or more"."""
_HEDGES = FILLERS | {"about", "around", "roughly", "approximately", "circa", "some", "perhaps", "maybe", "only", "exactly"}
"""Words without which a number says the same."""


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


def number_tokens(number: Token) -> tuple[Token, ...]:
    """Returns a number with what makes it a range, a share or a bound: "5% to 9", "one in three", "more than 500"."""
    parts = {number.i: number}
    joined = [child for child in number.children if child.dep_ == "conj" and _is_joined(child)]
    for child in number.children:
        bound = child.dep_ == "amod" and child.lower_ in _BOUNDS
        if child in joined or bound or child.dep_ in _QUALIFYING_DEPS or (joined and child.dep_ == "cc"):
            parts |= {part.i: part for part in child.subtree if not part.is_punct and part.lower_ not in _HEDGES}
    return tuple(parts[place] for place in sorted(parts))


def is_range(number: Token) -> bool:
    """Returns whether more than one number is said: "2 to 24", "5 or 6"; not "two hundred and five"."""
    tokens = number_tokens(number)
    if number.lower_ in COUNTING_NOUNS and all(part.tag_ == "CD" or part.lower_ == "and" for part in tokens):
        return False
    return any(part.i != number.i and _is_second(part) for part in tokens)


def multiplies(word: Token) -> bool:
    """Returns whether a word is the "times" of "three times as much"."""
    return word.lower_ == "times" and word.i + 1 < len(word.doc) and word.nbor(1).lower_ == "as"


def _is_second(part: Token) -> bool:
    return part.dep_ == "conj" or (part.tag_ == "CD" and part.dep_ == "quantmod")


def _is_joined(token: Token) -> bool:
    return token.tag_ == "CD" or token.lower_ in _SHARED


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
