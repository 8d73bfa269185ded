"""Questions that the next sentence answers: "Is the cable damaged? If so, …", "Check whether the cable is damaged. If not, …"."""

from __future__ import annotations

from collections.abc import Sequence

from spacy.tokens import Span, Token

from s2v.analysis.clauses import Clause, Role

_ANSWERS = {"so": True, "yes": True, "not": False, "no": False}
_ASKING_VERBS = frozenset(
    {"ask", "check", "confirm", "decide", "determine", "examine", "find", "inspect", "look", "see", "test", "verify"}
)
"""Verbs behind which "if" says what is asked rather than when it is done."""
_SUBJECTS = ("nsubj", "nsubjpass", "expl")
_CLOSING_MARKS = "\"'”) "


def is_question(sentence: Span) -> bool:
    """Returns whether a sentence ends with a question mark."""
    return sentence.text.rstrip(_CLOSING_MARKS).endswith("?")


def brief_answer(sentence: Span) -> bool | None:
    """Returns the answer that a sentence begins with, "If so, …" or "If not, …"; None when it begins otherwise."""
    words = [token.lower_ for token in sentence[:2]]
    return _ANSWERS.get(words[1]) if len(words) == 2 and words[0] == "if" else None


def find_question(sentence: Span, clauses: Sequence[Clause]) -> Clause | None:
    """Returns what a sentence asks that yes or no can answer, as a condition of the clause that asks it."""
    mains = [clause for clause in clauses if clause.role is Role.MAIN]
    if not mains:
        return None
    if is_question(sentence):
        return None if _is_open(sentence, mains[0]) else _make_question(mains[0].verb, mains[0])
    main = mains[-1]
    asked = next((child for child in main.core.children if _is_asked(child)), None)
    return _make_question(asked, main) if asked is not None else None


def _is_open(sentence: Span, main: Clause) -> bool:
    """Whether yes and no leave open what is so: "What is damaged?", "Isn't it damaged?"."""
    return main.negated or any(token.tag_[0] == "W" for token in sentence if token.i < main.core.i)


def _make_question(verb: Token, main: Clause) -> Clause:
    # Of "is the cable damaged?" the parser hangs the cable on what is said of it.
    places = (verb, *(child for child in verb.children if child.dep_ == "acomp"))
    subject = next((child for place in places for child in place.children if child.dep_ in _SUBJECTS), None)
    return Clause(verb, subject, Role.CONDITION, main.verb)


def _is_asked(verb: Token) -> bool:
    """Whether a clause is what the verb in front of it asks: "check whether …", "see if …"."""
    if verb.dep_ not in ("ccomp", "advcl") or verb.pos_ not in ("VERB", "AUX") or verb.i < verb.head.i:
        return False
    marks = {child.lower_ for child in verb.children if child.dep_ in ("mark", "advmod") and child.i < verb.i}
    return "whether" in marks or ("if" in marks and verb.head.lemma_.lower() in _ASKING_VERBS)
