"""Denials: clauses that say that something does not happen, so that what they deny is no influence."""

from __future__ import annotations

from spacy.tokens import Token

from s2v.analysis.lexicon import NEGATIVE_ADVERBS, NOBODY

_MERELY = frozenset({"only", "just", "merely", "simply"})
"""After these words "not" denies nothing: "not only causes"."""
CLAIMING_VERBS = frozenset({"think", "believe", "suppose", "imagine", "say", "suggest", "mean", "show", "prove", "be"})
"""Verbs that, denied, deny what is claimed; what nobody knew may be true."""
DENYING_VERBS = frozenset({"deny", "doubt", "reject", "refute", "dispute"})
"""Verbs that deny their clause, unless they are denied themselves."""
FAILING_VERBS = frozenset({"fail", "refuse", "decline", "stop", "cease", "avoid"})
"""Verbs whose complement does not happen, or no longer."""
TRYING_VERBS = frozenset({"try", "want", "attempt", "aim", "plan", "hope", "seek", "wish", "intend", "struggle", "refuse"})
"""Verbs whose complement has not happened yet."""
_UNTRUTHS = frozenset({"myth", "lie", "misconception", "hoax", "fallacy"})
"""Nouns whose clause is not so."""


def names_nobody(subject: Token) -> bool:
    """Returns whether a subject denies its clause: "nobody pays", "no request reaches the server"."""
    return subject.lower_ in NOBODY or has_no(subject)


def has_no(noun: Token) -> bool:
    """Returns whether a noun is denied by its own "no" or "neither"."""
    return any(child.lower_ in ("no", "neither") for child in noun.children)


def negations(verb: Token) -> list[Token]:
    """Returns the words by which a verb itself is denied; the "not" of "fell not because it was old" denies the reason."""
    denials = [child for child in verb.children if child.dep_ == "neg"]
    if verb.tag_ == "MD" or verb.lemma_ == "do":
        # "They could not because it rained".
        return denials
    return [child for child in denials if child.i + 1 == len(child.doc) or child.nbor(1).lower_ != "because"]


def denying_words(verb: Token) -> list[Token]:
    """Returns the negations of a verb that do deny it: "not only causes" says that it causes."""
    return [child for child in negations(verb) if child.i + 1 == len(child.doc) or child.nbor(1).lower_ not in _MERELY]


def is_set_aside(word: Token) -> bool:
    """Returns whether "not" stands on a preposition or conjunction: "not by lightning", "not because it was old"."""
    if any(child.dep_ == "neg" and child.i < word.i and child.nbor(1).lower_ not in _MERELY for child in word.children):
        return True
    before = word.nbor(-1) if word.i > word.sent.start else word
    return before.lower_ == "not" and before not in negations(word.head)


def says_no(verb: Token) -> bool:
    """Returns whether a clause denies itself, in words that are drawn with it: "does not cause", "no drug prevents"."""
    if denying_words(verb):
        return True
    subject = next((child for child in verb.children if child.dep_ in ("nsubj", "nsubjpass")), None)
    return subject is not None and names_nobody(subject)


def is_denied(verb: Token) -> bool:
    """Returns whether a clause says that something does not happen: "does not cause", "hardly lowers", "fails to lower"."""
    # "Hardly causes", "no longer causes".
    hardly = any(child.dep_ == "advmod" and (child.lower_ in NEGATIVE_ADVERBS or has_no(child)) for child in verb.children)
    return hardly or says_no(verb) or _is_failure(verb) or _is_denied_above(verb)


def _is_failure(verb: Token) -> bool:
    """Whether a complement does not happen, or no longer: "fails to lower", "stopped causing"; not "stops to look"."""
    lasting = verb.head.lemma_ == "stop" and verb.tag_ != "VBG"
    return verb.dep_ == "xcomp" and verb.head.lemma_ in FAILING_VERBS and not lasting


def _is_denied_above(verb: Token) -> bool:
    """Whether what is said of a clause denies it: "I don't think that …", "they deny that …", "it is a myth that …"."""
    above = verb.head
    if verb.dep_ in ("acl", "ccomp", "relcl") and above.lemma_ in _UNTRUTHS:
        return not is_denied(above.head)
    if verb.dep_ == "acl" and above.dep_ == "dobj" and above.head.lemma_ in DENYING_VERBS:
        # "Rejects the claim that …".
        return not is_denied(above.head)
    if verb.dep_ == "ccomp" and above.lemma_ in DENYING_VERBS:
        return not is_denied(above)
    if above.pos_ == "ADJ" and above.dep_ == "acomp":
        above = above.head
    claimed = verb.dep_ == "ccomp" and above.lemma_ in CLAIMING_VERBS
    return (claimed or verb.dep_ == "xcomp") and above.i != verb.i and is_denied(above)
