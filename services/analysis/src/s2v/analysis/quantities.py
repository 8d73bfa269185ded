"""Measured amounts: a number and its unit, written with digits."""

from __future__ import annotations

from spacy.tokens import Token

from s2v.analysis.amounts import is_range, multiplies, number_tokens
from s2v.analysis.content import Label
from s2v.analysis.language import Talk
from s2v.analysis.lexicon import UNITS
from s2v.analysis.numbers import write_number


def find_quantity(talk: Talk, verb: Token) -> tuple[Label, frozenset[int]] | None:
    """Returns the quantity that a clause gives ("returns in about one millisecond") and its tokens; None when it gives none.

    A range ("2 to 24 months") is none.
    """
    for token in _complements(verb):
        if multiplies(token) or (token.lemma_.lower() not in UNITS and token.lower_ not in UNITS):
            continue
        number = next((child for child in token.children if child.dep_ == "nummod" and child.i < token.i), None)
        if number is None or is_range(number):
            continue
        parts = number_tokens(number)
        begin = next(place for place, part in enumerate(parts) if part.tag_ == "CD" or part.i == number.i)
        digits = write_number([part.text for part in parts[begin:]])
        if digits is None:
            continue
        unit = "%" if token.text == "%" else f" {token.text}"
        words = tuple(sorted({talk.word(part) for part in (*parts, token)}))
        text = " ".join([*(part.lower_ for part in parts[:begin]), digits])
        return Label(text + unit, words), frozenset(part.i for part in (*parts, token))
    return None


def _complements(verb: Token) -> list[Token]:
    found: list[Token] = []
    for child in verb.children:
        if child.dep_ in ("dobj", "npadvmod", "attr"):
            found.append(child)
        elif child.dep_ == "prep" and child.lower_ not in ("after", "before", "of", "from", "until"):
            found += [part for part in child.children if part.dep_ == "pobj"]
    return found
