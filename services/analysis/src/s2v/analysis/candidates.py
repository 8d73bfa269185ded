"""Candidates: whatever a scene says that could be a node of its diagram, for `graph_reader` to choose from.

Every noun phrase, with its complements and without, and every clause, with its subject and without, as the label maker cuts them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from spacy.tokens import Span, Token

from s2v.analysis.content import NodeDraft
from s2v.analysis.language import Talk
from s2v.analysis.propositions import Referent, is_clause, make_noun, make_proposition, subject_of
from s2v.analysis.webs import label_tokens
from s2v.v1.diagram_pb2 import NodeKind

KIND = NodeKind.NODE_KIND_EFFECT
"""What a candidate is until a diagram makes it something else."""
_FUNCTION_WORDS = ("DET", "ADP", "PRON", "AUX", "CCONJ", "SCONJ", "PART")


class Form(IntEnum):
    """How a candidate is said."""

    CLAUSE = 0
    PREDICATE = 1
    NOUN = 2
    BARE_NOUN = 3
    VERB = 4


@dataclass(frozen=True)
class Candidate:
    """Something that could be a node."""

    node: NodeDraft
    head: Token
    form: Form
    terms: frozenset[str]
    """Basic forms of the words of its label that mean something by themselves, or of all: what has the same is one thing."""


def find_candidates(talk: Talk, sentences: Sequence[Span]) -> list[Candidate]:
    """Returns the candidates of consecutive sentences, by their heads; of those with the same words the first."""
    antecedents = talk.references(sentences)

    def refer(pronoun: Token) -> Token | None:
        noun = antecedents.get(pronoun.i)
        return noun if noun is not None and noun.pos_ in ("NOUN", "PROPN") else None

    found: dict[tuple[int, ...], Candidate] = {}
    for sentence in sentences:
        for token in sentence:
            for node, form in _readings(talk, token, refer):
                if node is not None and node.label.words:
                    parts = [part for part in label_tokens(talk, node) if not part.is_punct]
                    meant = [part for part in parts if part.pos_ not in _FUNCTION_WORDS] or parts
                    terms = frozenset(part.lemma_.lower() for part in meant)
                    found.setdefault(node.label.words, Candidate(node, token, form, terms))
    return list(found.values())


def _readings(talk: Talk, token: Token, refer: Referent) -> Iterator[tuple[NodeDraft | None, Form]]:
    """The nodes that a token can head."""
    if is_clause(token):
        yield make_proposition(talk, token, KIND, refer), Form.CLAUSE
        subject = subject_of(token)
        if subject is not None:
            yield make_proposition(talk, token, KIND, refer, frozenset({subject.i})), Form.PREDICATE
    elif token.pos_ in ("NOUN", "PROPN") and token.dep_ != "compound":
        yield make_noun(talk, token, KIND), Form.NOUN
        yield make_noun(talk, token, KIND, bare=True), Form.BARE_NOUN
    elif token.pos_ == "VERB":
        yield make_proposition(talk, token, KIND, refer), Form.VERB
