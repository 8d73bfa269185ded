"""What a sentence says brings about what: verbs, prepositions, conjunctions and nouns of cause, on the dependency parse."""

from __future__ import annotations

from collections.abc import Iterator

from spacy.tokens import Span, Token

from s2v.analysis.coordination import VERBAL, coordinated, prepositional, prepositional_objects
from s2v.analysis.denials import TRYING_VERBS, is_denied, is_set_aside, says_no
from s2v.analysis.influences import (
    BACKWARD_PREPOSITIONS,
    BRINGING_VERBS,
    CAUSATIVE_VERBS,
    CHANGING_VERBS,
    ENABLING_VERBS,
    EXERTED_NOUNS,
    FOLLOWING_VERBS,
    FORWARD_PREPOSITIONS,
    GIVING_PHRASES,
    IMPACT_NOUNS,
    KEEPING_VERBS,
    SIGNS,
    Influence,
)
from s2v.analysis.named_causes import by_copula, by_impact
from s2v.analysis.propositions import subject_of
from s2v.analysis.reasons import by_connective, by_preposition, by_subordinate

_INTENDING_VERBS = TRYING_VERBS | {
    *("require", "need", "suppose", "think", "believe", "claim", "expect", "mean", "design"),
}
"""Verbs whose complement is needed, tried or only thought."""


def find_influences(sentence: Span) -> list[Influence]:
    """Returns the influences that a sentence tells, in the order of their cues; each pair of ends once."""
    found: dict[tuple[int, int], Influence] = {}
    for token in sentence:
        for influence in _find(token):
            cause = -1 if influence.cause is None else influence.cause.i
            if cause != influence.effect.i:
                found.setdefault((cause, influence.effect.i), influence)
    return list(found.values())


def _find(token: Token) -> Iterator[Influence]:
    if token.pos_ in VERBAL:
        yield from _by_verb(token)
        yield from by_copula(token)
        yield from by_connective(token)
    if token.pos_ in (*VERBAL, "ADJ") or token.dep_ == "advcl":
        yield from by_subordinate(token)
    if token.dep_ == "prep" or (token.dep_ == "conj" and token.head.dep_ == "prep"):
        yield from by_preposition(token)
    if token.lemma_.lower() in EXERTED_NOUNS and token.pos_ == "NOUN":
        yield from by_impact(token)
    if token.dep_ in ("acl", "amod") and token.lemma_ in BRINGING_VERBS | CHANGING_VERBS and token.tag_ == "VBN":
        yield from _by_agent(token, [token.head])


def _by_verb(verb: Token) -> Iterator[Influence]:
    passive = any(child.dep_ == "auxpass" for child in verb.children)
    if verb.dep_ == "acl" and verb.tag_ == "VBN":
        return
    lemma = verb.lemma_.lower()
    if is_denied(verb) and (passive or lemma not in ENABLING_VERBS or not says_no(verb)):
        return
    if verb.dep_ == "xcomp" and verb.head.lemma_.lower() in _INTENDING_VERBS:
        # What is needed, tried or thought to reach something does not reach it yet.
        return
    if passive:
        subjects = [child for child in verb.children if child.dep_ == "nsubjpass"]
        if verb.dep_ == "conj" and not subjects and (shared := subject_of(verb)) is not None:
            subjects = [shared]
        if lemma in BRINGING_VERBS | CHANGING_VERBS:
            yield from _by_agent(verb, [part for subject in subjects for part in coordinated(subject)])
        if lemma in BACKWARD_PREPOSITIONS and subjects:
            for preposition, target in prepositional(verb, BACKWARD_PREPOSITIONS[lemma]):
                for cause in coordinated(target):
                    yield Influence(cause, subjects[0], (verb, preposition))
        return
    causes = _agents(verb)
    if not causes:
        return
    sign = verb if lemma in SIGNS | KEEPING_VERBS else None
    for effect, cue in _effects(verb, lemma):
        for cause in causes:
            yield Influence(cause, effect, cue, sign)
    if lemma in FOLLOWING_VERBS and not any(child.dep_ == "dobj" for child in verb.children):
        # "Demand rises with income": income is what acts.
        for preposition, target in prepositional(verb, frozenset({"with"})):
            for cause in coordinated(target):
                yield Influence(cause, causes[0], (verb, preposition))
    if lemma in BACKWARD_PREPOSITIONS:
        for preposition, target in prepositional(verb, BACKWARD_PREPOSITIONS[lemma]):
            for cause in coordinated(target):
                yield Influence(cause, causes[0], (verb, preposition))


def _agents(verb: Token) -> list[Token]:
    """What acts: the subject, or the clause that a participle (", leading to …") hangs on."""
    subject = subject_of(verb)
    if verb.dep_ == "relcl" and verb.lemma_ == "mean" and (clause := _clause_of(verb.head)) is not None:
        # "We missed the train, which means that …": what means it is no train.
        return [clause]
    if subject is not None and verb.dep_ != "acl":
        if any(child.lower_ in ("which", "that") for child in verb.children if child.dep_ == "nsubj") and verb.dep_ == "relcl":
            return [subject]
        if subject.dep_ == "csubj":
            return [subject]
        return coordinated(subject)
    if verb.dep_ == "acl":
        # "An effort to bring peace" brings none yet.
        if any(child.lower_ == "to" and child.dep_ == "aux" for child in verb.children):
            return []
        return [_last_clause(verb.head, verb)]
    top = verb
    while top.dep_ == "conj" and top.head.pos_ in VERBAL:
        top = top.head
    if top.tag_ == "VBG" and top.dep_ == "advcl" and (top.i > top.head.i):
        return [_told_last(top.head, top)]
    if top.tag_ == "VBG" and top.dep_ == "pcomp" and top.head.lower_ == "by":
        return []
    return []


def _told_last(main: Token, participle: Token) -> Token:
    """Of "it is a fault in which valves close, leading to …" the closing: the clause in front that has a subject of its own."""
    before = participle.nbor(-1)
    if before.text != "," or before.i <= main.i:
        return main
    for place in (before.nbor(-1), *before.nbor(-1).ancestors):
        if place == main:
            break
        if place.dep_ == "relcl" and place.i > main.i:
            subject = subject_of(place)
            return place if main.lemma_ == "be" or (subject is not None and subject != place.head) else main
    return main


def _last_clause(noun: Token, participle: Token) -> Token:
    """The clause that goes on from a noun in front of a participle behind a comma, else the noun itself."""
    clauses = [child for child in noun.children if child.dep_ == "relcl" and child.i < participle.i]
    return clauses[-1] if clauses and participle.nbor(-1).text == "," else noun


def _effects(verb: Token, lemma: str) -> Iterator[tuple[Token, tuple[Token, ...]]]:
    particles = tuple(child for child in verb.children if child.dep_ == "prt")
    complement = next(
        (
            child
            for child in verb.children
            if child.dep_ in ("ccomp", "xcomp", "oprd")
            and child.i > verb.i
            and child.pos_ in (*VERBAL, "ADJ", "NOUN")
            and not any(part.dep_ == "mark" and part.lower_ in ("that", "whether", "if") for part in child.children)
        ),
        None,
    )
    objects = [part for child in verb.children if child.dep_ == "dobj" for part in coordinated(child)]
    if lemma in KEEPING_VERBS and objects:
        for preposition, target in prepositional(verb, frozenset({"from"})):
            if target.pos_ in VERBAL:
                yield target, (verb, preposition)
                return
    if lemma in CAUSATIVE_VERBS and complement is not None and (objects or subject_inside(complement) or lemma == "help"):
        yield complement, (verb,)
        for further in coordinated(complement)[1:]:
            yield further, (verb,)
        return
    if lemma == "mean":
        clause = next((child for child in verb.children if child.dep_ == "ccomp" and child.i > verb.i), None)
        if clause is not None:
            yield clause, (verb,)
        else:
            subject = subject_of(verb)
            if subject is not None and subject.lower_ in ("this", "that", "which"):
                yield from ((target, (verb,)) for target in objects)
        return
    if lemma in BRINGING_VERBS | CHANGING_VERBS or (lemma in ("bring", "set", "push", "drive") and particles):
        for target in objects:
            yield target, (verb, *particles)
    if lemma in ("have", "exert", "play", "put") and any(target.lemma_ in IMPACT_NOUNS for target in objects):
        noun = next(target for target in objects if target.lemma_ in IMPACT_NOUNS)
        if lemma == "put":
            # "Puts pressure on people" says more than the people.
            yield noun, (verb,)
            return
        if any(child.lower_ in ("no", "little") for child in noun.children):
            return
        for preposition in (*noun.children, *verb.children):
            if preposition.dep_ == "prep" and preposition.lower_ in ("on", "upon", "in"):
                for target in prepositional_objects(preposition):
                    yield target, (verb, noun)
    elif any((lemma, target.lemma_) in GIVING_PHRASES for target in objects):
        for holder in (verb, *objects):
            for _, target in prepositional(holder, frozenset({"to", "for"})):
                for part in coordinated(target):
                    yield part, (verb, objects[0])
    elif lemma in FORWARD_PREPOSITIONS and lemma not in ("have", "give"):
        if lemma in ("turn", "convert", "transform", "develop", "translate", "add") and objects:
            return
        for preposition, target in prepositional(verb, FORWARD_PREPOSITIONS[lemma]):
            if target.lemma_ != "turn":
                for part in coordinated(target):
                    yield part, (verb, preposition)


def subject_inside(complement: Token) -> bool:
    """Returns whether a complement has a subject of its own: "the heart work" in "makes the heart work"."""
    return any(child.dep_ in ("nsubj", "nsubjpass") for child in complement.children)


def _by_agent(verb: Token, effects: list[Token]) -> Iterator[Influence]:
    """Reads "Y is caused by X", "Y driven by X"."""
    sign = verb if verb.lemma_ in SIGNS else None
    if is_denied(verb):
        return
    agents = [child for child in verb.children if child.dep_ in ("agent", "prep") and child.lower_ == "by"]
    # "Not by lightning but by a cigarette".
    agents += [child for agent in agents for child in agent.children if child.dep_ == "conj" and child.lower_ == "by"]
    for agent in agents:
        if is_set_aside(agent):
            continue
        for target in prepositional_objects(agent):
            for cause in coordinated(target):
                for effect in effects:
                    yield Influence(cause, effect, (verb, agent), sign)


def _clause_of(noun: Token) -> Token | None:
    """The verb of the clause that a noun ends."""
    place = noun
    while place.dep_ in ("dobj", "pobj", "prep", "attr", "conj") and place.pos_ not in VERBAL:
        place = place.head
    return place if place.pos_ in VERBAL else None
