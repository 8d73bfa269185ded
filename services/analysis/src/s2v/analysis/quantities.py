"""Measured amounts: a number and its unit, written with digits."""

from __future__ import annotations

from spacy.tokens import Token

from s2v.analysis.content import Label
from s2v.analysis.language import Talk
from s2v.analysis.lexicon import UNITS
from s2v.analysis.numbers import write_number


def find_quantity(talk: Talk, root: Token, barred: frozenset[int] = frozenset()) -> tuple[Label, frozenset[int]] | None:
    """Returns the first quantity below a token and its tokens; `barred` holds verbs of other clauses."""
    for token in root.subtree:
        if token.lemma_.lower() not in UNITS and token.lower_ not in UNITS:
            continue
        if any(ancestor.i in barred for ancestor in token.ancestors if ancestor.i != root.i and root.is_ancestor(ancestor)):
            continue
        number = next((child for child in token.children if child.dep_ == "nummod" and child.i < token.i), None)
        if number is None:
            continue
        parts = [part for part in number.children if part.dep_ in ("compound", "nummod") and part.i < number.i] + [number]
        digits = write_number([part.text for part in parts])
        if digits is None:
            continue
        unit = "%" if token.text == "%" else f" {token.text}"
        words = tuple(sorted({talk.word(part) for part in (*parts, token)}))
        tokens = frozenset(part.i for part in (*parts, token))
        return Label(digits + unit, words), tokens
    return None
