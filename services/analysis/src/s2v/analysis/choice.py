"""What a scene shows, of what was found in it: the likeliest diagram that has enough to draw, else a key phrase."""

from __future__ import annotations

from dataclasses import dataclass

from s2v.analysis.classification import NAMES, Ranking
from s2v.analysis.content import Content
from s2v.analysis.extractors import Contents, worth_drawing
from s2v.v1.diagram_pb2 import DiagramType

SURE = 0.5
"""A scene whose likeliest diagram is less probable is cut where each part is surely another diagram."""
RIVAL = 0.2
"""Probability of a second type from which a scene may be of two minds."""
MIN_CONFIDENCE = 0.3
"""Below this probability a diagram is not drawn."""
NONE_SHARE = 0.75
THIN_NODES = 4
"""A picture of so few nodes that is not surely one is not drawn if none has at least this share of its probability."""
SECOND_CONFIDENCE = 0.2
SECOND_SHARE = 0.5
"""A type stands in for a likelier one that has too little to draw, if its probability is at least this share of that one's."""


@dataclass(frozen=True)
class Choice:
    """What a scene shows, and what is to be said about it."""

    content: Content
    ranking: Ranking | None
    undrawn: DiagramType.ValueType = DiagramType.DIAGRAM_TYPE_UNSPECIFIED
    note: str = ""


def choose(ranking: Ranking, contents: Contents, phrase: Content) -> Choice:
    """The likeliest type that is likely enough and has enough to draw; where there is none, the key phrase."""
    best, probability = ranking.types[0], ranking.probabilities[0]
    if best == DiagramType.DIAGRAM_TYPE_NONE:
        return Choice(phrase, ranking)
    if probability < MIN_CONFIDENCE:
        return Choice(phrase, ranking, note=f"{NAMES[best]} is too uncertain ({probability:.2f}); shown as a key phrase")
    none = ranking.probabilities[ranking.types.index(DiagramType.DIAGRAM_TYPE_NONE)]
    thin = len(contents[best].nodes) <= THIN_NODES
    if thin and probability < SURE and none >= NONE_SHARE * probability:
        return Choice(phrase, ranking, note=f"{NAMES[best]} is hardly likelier than no diagram; shown as a key phrase")
    for kind in eligible(ranking):
        if worth_drawing(contents[kind]):
            note = (
                "" if kind == best else f"too little of a {NAMES[best]} was found; shown as the {NAMES[kind]} that it may be too"
            )
            return Choice(contents[kind], ranking, note=note)
    return Choice(phrase, ranking, best, f"too little of a {NAMES[best]} was found to draw it; shown as a key phrase")


def eligible(ranking: Ranking) -> list[DiagramType.ValueType]:
    """Returns the likeliest type of diagram, then those that may stand in for it; none where no diagram is likely enough."""
    kinds: list[DiagramType.ValueType] = []
    if ranking.probabilities[0] < MIN_CONFIDENCE:
        return kinds
    for kind, chance in zip(ranking.types, ranking.probabilities, strict=True):
        far = bool(kinds) and chance < max(SECOND_CONFIDENCE, SECOND_SHARE * ranking.probabilities[0])
        if kind == DiagramType.DIAGRAM_TYPE_NONE or far:
            break
        kinds.append(kind)
    return kinds


def take(read: Content, ranking: Ranking, phrase: Content) -> Choice:
    """What a language model read, if it is enough for a picture; its type keeps the classifier's probability."""
    if read.type == DiagramType.DIAGRAM_TYPE_NONE:
        return Choice(phrase, ranking)
    if worth_drawing(read):
        return Choice(read, ranking)
    return Choice(phrase, ranking, read.type, f"too little of a {NAMES[read.type]} was evidenced; shown as a key phrase")


def is_torn(ranking: Ranking) -> bool:
    """Whether two diagrams are about as likely as each other, and neither is likely."""
    return (
        ranking.probabilities[0] < SURE
        and ranking.probabilities[1] >= RIVAL
        and DiagramType.DIAGRAM_TYPE_NONE not in ranking.types[:2]
    )
