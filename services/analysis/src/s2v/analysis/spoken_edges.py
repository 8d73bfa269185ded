"""What is said between two nodes that are joined: the verb that stands on an edge, and the denial that forbids it."""

from __future__ import annotations

from collections.abc import Collection

from spacy.tokens import Token

from s2v.analysis.candidates import Candidate
from s2v.analysis.denials import is_denied
from s2v.analysis.labels import is_plural
from s2v.analysis.language import Talk
from s2v.analysis.webs import cue_span, verb_label


def denies_edge(talk: Talk, source: Candidate, target: Candidate, joint: Token) -> bool:
    """Returns whether a sentence denies what would join two of its nodes: "rain does not cause floods".

    `joint` is where their branches of the tree meet. A node that holds the denied verb holds its denial, too.
    """
    return source.head.sent.start == target.head.sent.start and denies_meeting(talk, joint, _words(source, target))


def denies_meeting(talk: Talk, joint: Token, words: Collection[int]) -> bool:
    """Returns whether a verb at which two nodes meet is denied, and stands in neither of them; `words` are those of both."""
    return joint.pos_ in ("VERB", "AUX") and talk.word(joint) not in words and is_denied(joint)


def name_edge(talk: Talk, source: Candidate, target: Candidate, joint: Token) -> tuple[str, tuple[int, int] | None]:
    """Returns the verb by which the source acts on the target, as a label, and its words; "" and None where there is none."""
    acts = source.head.dep_ == "nsubj" and source.head.head.i == joint.i and joint.pos_ == "VERB"
    if not acts or talk.word(joint) in _words(source, target):
        return "", None
    preposition = target.head.head if target.head.dep_ == "pobj" and target.head.head.head.i == joint.i else None
    if preposition is None and not (target.head.dep_ == "dobj" and target.head.head.i == joint.i):
        return "", None
    near = preposition if preposition is not None and preposition.i - joint.i <= 2 else None
    cue = (joint,) if near is None else (joint, near)
    return verb_label(joint, plural=is_plural(source.head, alone=True), preposition=near), cue_span(talk, cue)


def _words(source: Candidate, target: Candidate) -> set[int]:
    return {*source.node.label.words, *target.node.label.words}
