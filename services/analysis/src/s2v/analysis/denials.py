"""Denials: clauses that say that something does not happen, so that what they deny is no influence."""

from __future__ import annotations

from spacy.tokens import Token

from s2v.analysis.lexicon import NOBODY

_MERELY = frozenset({"only", "just", "merely", "simply"})
"""After these words "not" denies nothing: "not only causes"."""
_CLAIMING_VERBS = frozenset({"think", "believe", "suppose", "imagine", "say", "suggest", "mean", "show", "prove", "be"})
"""Verbs that, denied, deny what is claimed; what nobody knew may be true."""
_FAILING_VERBS = frozenset({"fail", "refuse", "decline"})


def names_nobody(subject: Token) -> bool:
    """Returns whether a subject denies its clause: "nobody pays", "no request reaches the server"."""
    return subject.lower_ in NOBODY or has_no(subject)


def has_no(noun: Token) -> bool:
    """Returns whether a noun is denied by its own "no"."""
    return any(child.lower_ == "no" for child in noun.children)


def is_denied(verb: Token) -> bool:
    """Returns whether a clause says that something does not happen: "does not cause", "no drug prevents", "fails to lower"."""
    denials = [child for child in verb.children if child.dep_ == "neg"]
    if any(child.i + 1 == len(child.doc) or child.nbor(1).lower_ not in _MERELY for child in denials):
        return True
    subject = next((child for child in verb.children if child.dep_ in ("nsubj", "nsubjpass")), None)
    if subject is not None and (subject.lower_ in NOBODY or any(child.lower_ in NOBODY | {"no"} for child in subject.children)):
        return True
    return _is_denied_above(verb) or (verb.dep_ == "xcomp" and verb.head.lemma_ in _FAILING_VERBS)


def _is_denied_above(verb: Token) -> bool:
    """Whether what is said of a clause denies it: "I don't think that …", "it is not true that …", "did not help to …"."""
    above = verb.head
    if above.pos_ == "ADJ" and above.dep_ == "acomp":
        above = above.head
    claimed = verb.dep_ == "ccomp" and above.lemma_ in _CLAIMING_VERBS
    return (claimed or verb.dep_ == "xcomp") and above.i != verb.i and is_denied(above)
