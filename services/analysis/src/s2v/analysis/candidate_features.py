"""What is told of candidates and of pairs of them beside their words: grammar, places, and what the extractor makes of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Span, Token

from s2v.analysis.candidates import Candidate, Form
from s2v.analysis.content import Content

ROLES = (
    *("nsubj", "nsubjpass", "dobj", "pobj", "ROOT", "advcl", "relcl", "acl", "ccomp", "xcomp", "conj", "attr", "pcomp", "appos"),
    *("csubj", "agent"),
)
"""Parts of a sentence that a head can play."""
SIZE = len(Form) + len(ROLES) + 10
OWN_PAIR_FLAGS, FLAGS = 17, 15
"""What is told of two candidates where they stand, and how many of these, from the first, hold or do not."""
PAIR_SIZE = OWN_PAIR_FLAGS + FLAGS + 3
SAME, SAME_NODE = 0.99, 0.5
"""Share of words from which a candidate is as the extractor draws it, and from which it is that node."""
_FAR = 4
"""Steps in the tree of a sentence beyond which two words are equally far apart."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Features:
    """Candidates and their pairs in numbers."""

    single: Floats
    """Shape (candidates, SIZE)."""
    pair: Floats
    """Shape (candidates, candidates, PAIR_SIZE): of the first to the second."""
    joint: NDArray[np.int64]
    """Shape (candidates, candidates): number of the token where their branches of the tree meet; of two sentences the later one's
    first."""
    same: NDArray[np.bool_]
    """Whether the extractor draws a candidate as it is, shape (candidates,)."""
    like: NDArray[np.bool_]
    """Whether it draws something with most of its words."""


def describe(sentences: Sequence[Span], candidates: Sequence[Candidate], drawn: Content) -> Features:
    """Describes candidates of consecutive sentences, of which the extractor draws `drawn`."""
    sentence_of = {token.i: place for place, sentence in enumerate(sentences) for token in sentence}
    words = [frozenset(candidate.node.label.words) for candidate in candidates]
    nodes = [frozenset(node.label.words) | frozenset(node.label.antecedents) for node in drawn.nodes]
    shares = np.zeros((len(candidates), len(nodes) + 1), dtype=np.float32)
    for row, own in enumerate(words):
        shares[row, :-1] = [len(own & other) / len(own | other) for other in nodes]
    said = Counter(token.lemma_.lower() for sentence in sentences for token in sentence)
    most = shares.max(axis=1)
    best = np.where(most >= SAME_NODE, shares.argmax(axis=1), len(nodes))
    single = np.zeros((len(candidates), SIZE), dtype=np.float32)
    for row, candidate in enumerate(candidates):
        single[row] = _describe_one(candidate, sentences, sentence_of[candidate.head.i], float(most[row]), said)
    return Features(single, *_describe_pairs(sentences, candidates, sentence_of, best, drawn), most > SAME, most >= SAME_NODE)


def _describe_one(candidate: Candidate, sentences: Sequence[Span], place: int, share: float, said: Counter[str]) -> list[float]:
    head, node = candidate.head, candidate.node
    return [
        *(float(candidate.form == form) for form in Form),
        *(float(head.dep_ == role) for role in ROLES),
        len(node.label.words) / 6,
        place / len(sentences),
        float(place == 0),
        float(head.i - sentences[place].start < 4),
        float(share > SAME),
        float(share >= SAME_NODE),
        share,
        min(said[head.lemma_.lower()], 4) / 4,
        float(bool(node.label.antecedents)),
        float(head.pos_ == "PROPN"),
    ]


def _describe_pairs(
    sentences: Sequence[Span],
    candidates: Sequence[Candidate],
    sentence_of: dict[int, int],
    best: NDArray[np.int64],
    drawn: Content,
) -> tuple[Floats, NDArray[np.int64]]:
    """`best` is each candidate's node among those drawn, or their number for none."""
    if not candidates:
        return np.zeros((0, 0, PAIR_SIZE), dtype=np.float32), np.zeros((0, 0), dtype=np.int64)
    places = np.asarray([sentence_of[candidate.head.i] for candidate in candidates])
    tokens = np.asarray([candidate.head.i for candidate in candidates])
    words = [set(candidate.node.label.words) for candidate in candidates]
    joined = np.zeros((len(drawn.nodes) + 1, len(drawn.nodes) + 1), dtype=np.bool_)
    for edge in drawn.edges:
        joined[edge.source, edge.target] = True
    forward = joined[best[:, None], best[None]]
    apart = places[None] - places[:, None]
    up, joint = _measure_tree(sentences, candidates, sentence_of)
    down = up.T
    near = apart == 0
    common = np.asarray([[bool(one & other) for other in words] for one in words])
    flags = (
        *(forward, forward.T, (best[:, None] == best[None]) & (best < len(drawn.nodes))[:, None]),
        *(near, apart == 1, apart == -1, apart > 1, apart < -1),
        *(tokens[:, None] < tokens[None], tokens[:, None] == tokens[None], common),
        *(near & (up == 0), near & (down == 0), near & (up == 1), near & (down == 1)),
        *(np.where(near, np.minimum(up, _FAR) / _FAR, 0.0), np.where(near, np.minimum(down, _FAR) / _FAR, 0.0)),
    )
    told = np.stack([np.asarray(flag, dtype=np.float32) for flag in flags], axis=2)
    terms = _share_terms(candidates)
    # Mentions of one thing have the same terms: what is named often is joined at one place.
    alike = terms[..., 0] * terms[..., 1]
    anywhere = np.moveaxis(alike @ np.moveaxis(told[..., :FLAGS], 2, 0) @ alike > 0, 0, 2)
    return np.concatenate([told, anywhere, terms], axis=2, dtype=np.float32), joint


def _share_terms(candidates: Sequence[Candidate]) -> Floats:
    """Whether all terms of the first are the second's, the reverse, and the F1 of both."""
    number = {term: place for place, term in enumerate(sorted(set().union(*(candidate.terms for candidate in candidates))))}
    said = np.zeros((len(candidates), len(number)), dtype=np.float32)
    for row, candidate in enumerate(candidates):
        said[row, [number[term] for term in candidate.terms]] = 1
    counts, shared = said.sum(axis=1), said @ said.T
    within = shared >= counts[:, None]
    return np.stack([within, within.T, 2 * shared / (counts[:, None] + counts[None])], axis=2).astype(np.float32)


def _measure_tree(
    sentences: Sequence[Span], candidates: Sequence[Candidate], sentence_of: dict[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Steps from each head up to where its branch meets another's, and the token where they meet."""
    heads = sorted({candidate.head.i for candidate in candidates})
    by_number = {candidate.head.i: candidate.head for candidate in candidates}
    lines = [_line(by_number[number]) for number in heads]
    ranks = [{number: step for step, number in enumerate(line)} for line in lines]
    up, joint = np.zeros((2, len(heads), len(heads)), dtype=np.int64)
    for one, line in enumerate(lines):
        for other, rank in enumerate(ranks):
            here, there = sentence_of[heads[one]], sentence_of[heads[other]]
            if here == there:
                up[one, other], joint[one, other] = next(
                    ((step, number) for step, number in enumerate(line) if number in rank), (_FAR, line[-1])
                )
            else:
                joint[one, other] = sentences[max(here, there)].start
    place = {number: row for row, number in enumerate(heads)}
    rows = np.asarray([place[candidate.head.i] for candidate in candidates])
    return up[np.ix_(rows, rows)], joint[np.ix_(rows, rows)]


def _line(token: Token) -> list[int]:
    """A token and those above it, up to the root."""
    return [token.i, *(ancestor.i for ancestor in token.ancestors)]
