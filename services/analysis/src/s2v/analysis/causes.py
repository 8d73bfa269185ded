"""What a sentence says brings about what: verbs, prepositions, conjunctions and nouns of cause, on the dependency parse."""

from __future__ import annotations

from collections.abc import Iterator

from spacy.tokens import Span, Token

from s2v.analysis.coordination import VERBAL, coordinated, prepositional_objects
from s2v.analysis.influences import (
    BACKWARD_PREPOSITIONS,
    BRINGING_VERBS,
    CAUSATIVE_VERBS,
    CAUSE_NOUNS,
    CHANGING_VERBS,
    FOLLOWING_VERBS,
    FORWARD_PREPOSITIONS,
    IMPACT_NOUNS,
    RESULT_NOUNS,
    SIGNS,
    Influence,
)
from s2v.analysis.propositions import subject_of
from s2v.analysis.reasons import by_connective, by_preposition, by_subordinate


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
        yield from _by_copula(token)
        yield from by_connective(token)
    if token.pos_ in (*VERBAL, "ADJ") or token.dep_ == "advcl":
        yield from by_subordinate(token)
    if token.dep_ == "prep":
        yield from by_preposition(token)
    if token.dep_ in ("acl", "amod") and token.lemma_ in BRINGING_VERBS | CHANGING_VERBS and token.tag_ == "VBN":
        yield from _by_agent(token, [token.head])


def _by_verb(verb: Token) -> Iterator[Influence]:
    passive = any(child.dep_ == "auxpass" for child in verb.children)
    if verb.dep_ == "acl" and verb.tag_ == "VBN":
        return
    lemma = verb.lemma_.lower()
    if passive:
        subjects = [child for child in verb.children if child.dep_ == "nsubjpass"]
        if verb.dep_ == "conj" and not subjects and (shared := subject_of(verb)) is not None:
            subjects = [shared]
        if lemma in BRINGING_VERBS | CHANGING_VERBS:
            yield from _by_agent(verb, [part for subject in subjects for part in coordinated(subject)])
        if lemma in BACKWARD_PREPOSITIONS and subjects:
            for preposition, target in _prepositional(verb, BACKWARD_PREPOSITIONS[lemma]):
                for cause in coordinated(target):
                    yield Influence(cause, subjects[0], (verb, preposition))
        return
    causes = _agents(verb)
    if not causes:
        return
    sign = verb if lemma in SIGNS else None
    for effect, cue in _effects(verb, lemma):
        for cause in causes:
            yield Influence(cause, effect, cue, sign)
    if lemma in FOLLOWING_VERBS and not any(child.dep_ == "dobj" for child in verb.children):
        # "Demand rises with income": income is what acts.
        for preposition, target in _prepositional(verb, frozenset({"with"})):
            for cause in coordinated(target):
                yield Influence(cause, causes[0], (verb, preposition))
    if lemma in BACKWARD_PREPOSITIONS:
        for preposition, target in _prepositional(verb, BACKWARD_PREPOSITIONS[lemma]):
            for cause in coordinated(target):
                yield Influence(cause, causes[0], (verb, preposition))


def _agents(verb: Token) -> list[Token]:
    """What acts: the subject, or the clause that a participle (", leading to …") hangs on."""
    subject = subject_of(verb)
    if subject is not None and verb.dep_ != "acl":
        if any(child.lower_ in ("which", "that") for child in verb.children if child.dep_ == "nsubj") and verb.dep_ == "relcl":
            return [subject]
        if subject.dep_ == "csubj":
            return [subject]
        return coordinated(subject)
    if verb.dep_ == "acl":
        # "An effort to bring peace" brings none yet.
        return [] if any(child.lower_ == "to" and child.dep_ == "aux" for child in verb.children) else [verb.head]
    top = verb
    while top.dep_ == "conj" and top.head.pos_ in VERBAL:
        top = top.head
    if top.tag_ == "VBG" and top.dep_ == "advcl" and (top.i > top.head.i):
        return [top.head]
    if top.tag_ == "VBG" and top.dep_ == "pcomp" and top.head.lower_ == "by":
        return []
    return []


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
    if lemma in CAUSATIVE_VERBS and complement is not None and (objects or subject_inside(complement) or lemma == "help"):
        yield complement, (verb,)
        for further in coordinated(complement)[1:]:
            yield further, (verb,)
        return
    if lemma in ("prevent", "stop") and objects:
        for preposition, target in _prepositional(verb, frozenset({"from"})):
            if target.pos_ in VERBAL:
                yield objects[0], (verb, preposition)
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
        for preposition in (*noun.children, *verb.children):
            if preposition.dep_ == "prep" and preposition.lower_ in ("on", "upon", "in"):
                for target in prepositional_objects(preposition):
                    yield target, (verb, noun)
    elif lemma in FORWARD_PREPOSITIONS and lemma != "have":
        if lemma == "give" and not any(target.lemma_ == "rise" for target in objects):
            return
        if lemma in ("turn", "convert", "transform", "develop", "translate", "add") and objects:
            return
        for preposition, target in _prepositional(verb, FORWARD_PREPOSITIONS[lemma]):
            if target.lemma_ != "turn":
                for part in coordinated(target):
                    yield part, (verb, preposition)


def subject_inside(complement: Token) -> bool:
    """Returns whether a complement has a subject of its own: "the heart work" in "makes the heart work"."""
    return any(child.dep_ in ("nsubj", "nsubjpass") for child in complement.children)


def _by_agent(verb: Token, effects: list[Token]) -> Iterator[Influence]:
    """Reads "Y is caused by X", "Y driven by X"."""
    sign = verb if verb.lemma_ in SIGNS else None
    for child in verb.children:
        if child.dep_ in ("agent", "prep") and child.lower_ == "by":
            for target in prepositional_objects(child):
                for cause in coordinated(target):
                    for effect in effects:
                        yield Influence(cause, effect, (verb, child), sign)


def _prepositional(verb: Token, prepositions: frozenset[str]) -> Iterator[tuple[Token, Token]]:
    for child in verb.children:
        if child.dep_ in ("prep", "agent") and child.lower_ in prepositions:
            for target in prepositional_objects(child):
                yield child, target


def _by_copula(verb: Token) -> Iterator[Influence]:
    """Reads "The cause of Y is X", "X is the reason for Y", "X is responsible for Y", "the result is Y"."""
    if verb.lemma_ != "be":
        return
    subject = next((child for child in verb.children if child.dep_ == "nsubj"), None)
    if subject is None:
        return
    told = next((child for child in verb.children if child.dep_ in ("attr", "ccomp", "advcl") and child.i > verb.i), None)
    name = subject.lemma_.lower()
    if name in CAUSE_NOUNS and told is not None:
        for effect in _of(subject):
            for cause in coordinated(told):
                yield Influence(cause, effect, (subject, verb))
    elif name in RESULT_NOUNS and told is not None:
        causes: list[Token | None] = [*_of(subject)] or [None]
        for effect in coordinated(told):
            for source in causes:
                yield Influence(source, effect, (subject, verb))
    elif told is not None and told.dep_ == "attr" and told.lemma_.lower() in CAUSE_NOUNS:
        for effect in _of(told):
            for cause in coordinated(subject):
                yield Influence(cause, effect, (verb, told))
    elif told is not None and told.dep_ == "attr" and told.lemma_.lower() in RESULT_NOUNS:
        for cause in _of(told):
            yield Influence(cause, subject, (verb, told))
    for child in verb.children:
        if child.dep_ == "acomp" and child.lower_ == "responsible":
            for _, target in _prepositional(child, frozenset({"for"})):
                for effect in coordinated(target):
                    for cause in coordinated(subject):
                        yield Influence(cause, effect, (verb, child))


def _of(noun: Token) -> list[Token]:
    """What a cause or result is of: its prepositional object, or the clause of "the reason why …"."""
    found: list[Token] = []
    for child in noun.children:
        if child.dep_ == "prep" and child.lower_ in ("of", "for", "behind", "in"):
            for target in prepositional_objects(child):
                found += coordinated(target)
        elif child.dep_ in ("relcl", "acl") and child.i > noun.i and noun.lemma_.lower() in CAUSE_NOUNS and child.pos_ in VERBAL:
            found.append(child)
    return found
