"""What a sentence says brings about what by its conjunctions, adverbs and prepositions of cause, on the dependency parse."""

from __future__ import annotations

from collections.abc import Iterator

from spacy.tokens import Token

from s2v.analysis.coordination import VERBAL, coordinated, prepositional_objects, shares_denial
from s2v.analysis.denials import is_set_aside
from s2v.analysis.events import happens
from s2v.analysis.influences import (
    BRINGING_VERBS,
    CAUSATIVE_VERBS,
    CAUSE_MARKS,
    CHANGING_VERBS,
    CONDITION_MARKS,
    FORWARD_PREPOSITIONS,
    RESULT_MARKS,
    RESULT_NOUNS,
    RESULT_PHRASES,
    Influence,
)
from s2v.analysis.propositions import is_clause

_LOOKING_VERBS = frozenset({"think", "look", "consider", "remember", "recall", "imagine", "compare", "notice", "ask", "say"})
_KNOWING_VERBS = frozenset(
    {"know", "say", "tell", "decide", "see", "determine", "ask", "wonder", "understand", "learn", "remember", "check", "show"}
)
"""Verbs behind which "when" and "if" open a question."""
_UNTELLING_PARTICIPLES = frozenset(
    {"include", "compare", "use", "accord", "range", "depend", "be", "have", "say", "speak", "start"}
)
"""Participles behind a comma that tell no consequence."""


def by_subordinate(verb: Token) -> Iterator[Influence]:
    """Clauses of reason, condition and result, and "by doing"."""
    if verb.dep_ == "ccomp" and verb.i > verb.head.i:
        yield from _by_degree(verb)
    if verb.dep_ != "advcl":
        return
    main = verb.head
    mark = next((child for child in verb.children if child.dep_ in ("mark", "advmod") and child.i < verb.i), None)
    word = mark.lower_ if mark is not None else ""
    if mark is not None and is_set_aside(mark):
        return
    if mark is not None and (word in CAUSE_MARKS or word in CONDITION_MARKS):
        subject = next((child for child in verb.children if child.dep_ in ("nsubj", "nsubjpass")), None)
        if word in CONDITION_MARKS and subject is not None and subject.lower_ in ("we", "you", "i") and _only_looks(verb):
            return
        if word in ("when", "where", "if") and verb.i > main.i and main.lemma_.lower() in _KNOWING_VERBS:
            return
        if word == "as" and (subject is None or subject.lower_ in ("we", "you", "i")):
            return
        if word == "as" and verb.i > main.i and not any(token.tag_ in ("RBR", "JJR") for token in verb.subtree):
            return
        for effect in _outcomes(main, verb):
            for cause in clauses_beside(verb):
                yield Influence(cause, effect, (mark,))
    elif mark is not None and word in ("so", "that") and verb.i > main.i:
        opener = next((child for child in verb.children if child.lower_ == "so"), mark)
        for effect in coordinated(verb):
            yield Influence(main, effect, (opener,))
    elif (
        verb.tag_ == "VBG"
        and verb.i > main.i
        and mark is None
        and _follows_comma(verb)
        and verb.lemma_ not in BRINGING_VERBS | CAUSATIVE_VERBS | CHANGING_VERBS | _UNTELLING_PARTICIPLES
        and verb.lemma_ not in FORWARD_PREPOSITIONS
    ):
        yield Influence(main, verb, (verb,))
    elif word in RESULT_MARKS and mark is not None and verb.i > main.i:
        yield Influence(main, verb, (mark,))


def _only_looks(verb: Token) -> bool:
    """Whether a clause only has the hearer look at the matter: "if you think about it"."""
    return verb.lemma_.lower() in _LOOKING_VERBS


def _follows_comma(participle: Token) -> bool:
    """Whether a participle stands behind a comma, with or without an adverb in between."""
    before = participle.nbor(-1)
    if before.text == "," or before.lower_ in ("thereby", "thus", "then"):
        return True
    return before.pos_ == "ADV" and before.i > 0 and before.nbor(-1).text == ","


def _by_degree(verb: Token) -> Iterator[Influence]:
    """Reads "It rained so much that the river flooded"."""
    if any(child.lower_ == "that" and child.dep_ == "mark" for child in verb.children):
        main = verb.head
        degree = next((token for token in main.subtree if token.lower_ in ("so", "such") and main.i < token.i < verb.i), None)
        if degree is not None and degree.nbor(1).lower_ != "that":
            for effect in clauses_beside(verb):
                yield Influence(main, effect, (degree,))


def clauses_beside(verb: Token) -> list[Token]:
    """Returns a verb and those joined to it by "and", with or without a subject of their own."""
    found = coordinated(verb) if verb.pos_ in VERBAL else [verb]
    for child in verb.children:
        joined = child.dep_ == "conj" and child.pos_ in VERBAL and child.i not in {known.i for known in found}
        joined = joined and not shares_denial(verb, child)
        if joined and all(part.lower_ == "and" for part in verb.children if part.dep_ == "cc" and part.i > verb.i):
            found += clauses_beside(child)
    return found


def _outcomes(main: Token, reason: Token) -> list[Token]:
    """The verbs that a reason holds for: those coordinated with the main verb and, behind a reason told first, whole clauses."""
    if reason.i < main.i:
        return clauses_beside(main)
    return coordinated(main) if main.pos_ in VERBAL else [main]


def by_connective(verb: Token) -> Iterator[Influence]:
    """Reads "Therefore", "as a result": from the sentence or the clause in front."""
    opener = next(
        (
            child
            for child in verb.children
            if child.i < verb.i and child.lower_ in RESULT_MARKS and child.dep_ in ("advmod", "cc", "mark", "dep")
        ),
        None,
    )
    if opener is None and verb.dep_ == "conj":
        opener = next(
            (
                child
                for child in verb.head.children
                if child.i > verb.head.i and child.i < verb.i and child.lower_ in RESULT_MARKS and child.dep_ in ("cc", "advmod")
            ),
            None,
        )
    if opener is None:
        opener = next((token for token in verb.subtree if token.i < verb.i and _opens_result(token, verb)), None)
    phrase = opener is None and next(
        (child for child in verb.children if child.dep_ == "prep" and _is_result_phrase(child)), None
    )
    cue = opener if opener is not None else phrase or None
    if cue is None:
        return
    before = _clause_before(verb, cue)
    if before is None and verb.dep_ not in ("ROOT", "ccomp", "conj", "parataxis"):
        return
    if before is None and opener is not None and opener.lower_ == "so" and opener.i == verb.sent.start and not _goes_on(verb):
        # A talk's sentences open with "so" for no reason at all.
        return
    for effect in clauses_beside(verb):
        yield Influence(before, effect, (cue,))


def _goes_on(verb: Token) -> bool:
    """Whether what a sentence says behind its first "So" happens or is wanted, by someone else than the speaker alone."""
    subject = next((child for child in verb.children if child.dep_ in ("nsubj", "nsubjpass")), None)
    return (
        subject is not None
        and subject.lower_ not in ("i", "you", "there", "that", "this", "it")
        and (happens(verb) or verb.lemma_ in ("want", "need"))
    )


def _opens_result(word: Token, verb: Token) -> bool:
    """Whether a word is the ", so" in front of a clause, which parsers hang on any word of it ("so fewer people came")."""
    if word.lower_ != "so" or word.i == word.sent.start or word.nbor(-1).text not in (",", ";"):
        return False
    if word.nbor(1).lower_ in ("that", "much", "many", "far", "long", "called"):
        return False
    return next((place for place in word.ancestors if place.pos_ in VERBAL), None) == verb


def _clause_before(verb: Token, cue: Token) -> Token | None:
    """The clause of the same sentence that a connective looks back to."""
    if verb.dep_ in ("conj", "parataxis", "advcl") and verb.head.pos_ in VERBAL and verb.head.i < cue.i:
        return verb.head
    for child in verb.children:
        if child.dep_ in ("ccomp", "parataxis") and child.i < cue.i and child.pos_ in VERBAL:
            return child
    return None


def _is_result_phrase(preposition: Token) -> bool:
    nouns = {part.lemma_.lower() for child in preposition.subtree for part in (child,) if part.i != preposition.i}
    if any(part.lower_ == "of" for part in preposition.subtree) and preposition.lower_ != "because":
        return False
    return len(nouns) <= 4 and any(preposition.lower_ == first and noun in nouns for first, noun in RESULT_PHRASES)


def _judged(verb: Token) -> Token:
    """The clause that an infinitive belongs to as a whole: "it is hard for boats to land", of which the landing is hard."""
    infinitive = any(child.dep_ == "aux" and child.lower_ == "to" for child in verb.children)
    if not infinitive or verb.dep_ not in ("advcl", "xcomp", "ccomp"):
        return verb
    if verb.head.pos_ == "ADJ" and verb.head.dep_ == "acomp":
        return verb.head.head
    judged = verb.head.lemma_ == "be" and any(child.dep_ == "acomp" and child.i < verb.i for child in verb.head.children)
    return verb.head if judged else verb


def by_preposition(preposition: Token) -> Iterator[Influence]:
    """Reads "Because of X", "due to X", "as a result of X", "by doing X", "with fewer X"."""
    word = preposition.lower_
    if is_set_aside(preposition):
        return
    effect = preposition.head.head if preposition.dep_ == "conj" else preposition.head
    targets: list[Token] = []
    cue: tuple[Token, ...] = (preposition,)
    cleft = next((child for child in effect.children if child.dep_ == "ccomp" and child.i > preposition.i), None)
    if effect.lemma_ == "be" and cleft is not None and any(child.lower_ == "it" for child in effect.children):
        # "It is because of tourism that rents are high."
        effect = cleft
    elif word == "to" and effect.lower_ in ("thanks", "owing", "due"):
        cue = (effect, preposition)
        predicate = effect.dep_ == "acomp"
        effect = effect.head
        if predicate:
            effect = next((child for child in effect.children if child.dep_ in ("nsubj", "nsubjpass")), effect)
        targets = prepositional_objects(preposition)
    elif effect.pos_ == "AUX" or effect.lemma_ == "be":
        subject = next((child for child in effect.children if child.dep_ == "nsubj"), None)
        content = any(child.dep_ in ("attr", "acomp") for child in effect.children)
        effect = subject if subject is not None and not content else effect
    effect = _judged(effect)
    if word in ("due", "because", "owing", "thanks"):
        for child in preposition.children:
            if child.dep_ in ("pcomp", "prep") and child.lower_ in ("to", "of"):
                cue = (preposition, child)
                targets += prepositional_objects(child)
            elif child.dep_ == "pobj":
                targets.append(child)
    elif word in ("as", "in") and not targets:
        for child in preposition.children:
            if child.dep_ == "pobj" and child.lemma_.lower() in (*RESULT_NOUNS, "response", "reaction"):
                for part in child.children:
                    if part.dep_ == "prep" and part.lower_ in ("of", "to"):
                        cue = (preposition, child, part)
                        targets += prepositional_objects(part)
    elif word in ("by", "without") and effect.pos_ in VERBAL:
        targets = [child for child in preposition.children if child.dep_ == "pcomp" and child.pos_ in VERBAL]
        if word == "without":
            targets = []
    elif word == "with" and preposition.i < effect.i and effect.pos_ in VERBAL:
        targets = [child for child in prepositional_objects(preposition) if child.pos_ in ("NOUN", "PROPN")]
    elif word == "from" and effect.pos_ == "NOUN" and effect.lemma_ in ("damage", "harm", "loss", "benefit"):
        targets = prepositional_objects(preposition)
    for target in targets:
        # "Because of the fact that …": the clause is the cause.
        clause = next((child for child in target.children if child.dep_ in ("acl", "ccomp", "relcl")), None)
        for cause in coordinated(clause if clause is not None and target.lemma_.lower() == "fact" else target):
            for outcome in _outcomes(effect, preposition) if is_clause(effect) else [effect]:
                yield Influence(cause, outcome, cue)
