"""Headed lists: points told as a name and, behind a colon, what belongs to it ("- Memory: track usage - Disk: …")."""

from __future__ import annotations

from dataclasses import dataclass

from spacy.tokens import Span, Token

from s2v.analysis.labels import Group, content_lemmas
from s2v.analysis.mentions import Mention, is_nominal, make_mention

MAX_NAME_TOKENS = 5
MIN_POINTS = 2
"""A single colon makes no list of points."""
_BULLETS = frozenset({"-", "•", "*", "–"})


@dataclass(frozen=True)
class Point:
    """A point of a list."""

    name: Mention
    matter: Mention | None
    """What is said behind the colon; None if it can't be drawn."""


def find_points(sentence: Span) -> list[Point]:
    """Returns the points of a headed list; none unless there are several."""
    doc = sentence.doc
    starts = [sentence.start]
    starts += [token.i + 1 for token in sentence if token.text in _BULLETS and token.whitespace_ and _stands_alone(token)]
    points: list[Point] = []
    for begin, end in zip(starts, [*starts[1:], sentence.end], strict=True):
        if begin < end and doc[begin].text in _BULLETS:
            continue
        colon = next((place for place in range(begin, end) if doc[place].text == ":"), None)
        if colon is None or not 0 < colon - begin <= MAX_NAME_TOKENS:
            continue
        name = tuple(token for token in doc[begin:colon] if not token.is_punct)
        if not name or not any(is_nominal(token) for token in name):
            continue
        points.append(Point(Mention(name[-1], (Group(0.0, name),), content_lemmas(name)), _read_matter(doc[colon + 1 : end])))
    return points if len(points) >= MIN_POINTS else []


def _stands_alone(token: Token) -> bool:
    return token.i == 0 or bool(token.nbor(-1).whitespace_)


def _read_matter(span: Span) -> Mention | None:
    """The object of an order, else what the words name."""
    inside = {token.i for token in span}
    for token in span:
        if token.head.i in inside and token.head.i != token.i:
            continue
        if token.pos_ == "VERB" or is_nominal(token):
            found = make_mention(token, frozenset(part.i for part in token.subtree if part.i not in inside))
            alone = found is not None and token.pos_ == "VERB" and len(found.key) < 2
            return None if alone else found
    return None
