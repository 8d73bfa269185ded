"""Clauses of a sentence, and the part each plays in a procedure: a step, a condition, something that comes before or after."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, replace

from spacy.tokens import Span, Token

from s2v.analysis.denials import names_nobody
from s2v.analysis.labels import main_verb
from s2v.analysis.lexicon import (
    AFTER_MARKS,
    BEFORE_MARKS,
    CONDITION_MARKS,
    OTHERWISE,
    PARALLEL_MARKS,
    PROCESS_NOUNS,
    SEQUENCE_CUES,
    STEP_NOUNS,
)

_SUBJECTS = ("nsubj", "nsubjpass", "expl", "csubj")
_VERBAL = ("VERB", "AUX")
_LEADING_VERBS = frozenset({"start", "begin", "end", "finish"})
_USING_VERBS = frozenset({"use", "invoke", "employ", "call"})


class Role(enum.Enum):
    """What a clause is to the clause that it belongs to."""

    MAIN = enum.auto()
    CONDITION = enum.auto()
    """"if …", "unless …"."""
    AFTER = enum.auto()
    """"when …", "after …": comes before its main clause."""
    BEFORE = enum.auto()
    """"before …": comes after its main clause."""
    PARALLEL = enum.auto()
    """"while …": at the same time."""
    RELATIVE = enum.auto()
    """", which then …"."""


@dataclass(frozen=True)
class Clause:
    """A verb and what belongs to it."""

    verb: Token
    """The finite verb, or the first of its group."""
    subject: Token | None
    """Its own subject or one shared by coordination; None for an imperative."""
    role: Role
    owner: Token
    """Verb of the main clause it belongs to; its own verb for a main clause."""
    coordinate: Token | None = None
    """The verb it is coordinated with, if it has no subject of its own."""
    torn: Token | None = None
    """Its subject, where the parser took that for one more object of the clause in front ("signs the form or the clerk …")."""

    @property
    def core(self) -> Token:
        """The verb that carries the meaning: of "starts by opening" or "is used to open" the last."""
        verb = main_verb(self.verb)
        for child in verb.children:
            if verb.lemma_ in _LEADING_VERBS and child.dep_ == "prep" and child.lower_ in ("by", "with"):
                return next((part for part in child.children if part.dep_ == "pcomp" and part.pos_ in _VERBAL), verb)
            purpose = child.dep_ in ("advcl", "xcomp") and any(
                part.lower_ == "to" and part.dep_ == "aux" for part in child.children
            )
            if purpose and verb.lemma_ in _USING_VERBS and verb.tag_ == "VBN" and child.i > verb.i:
                return child
        return verb

    @property
    def object(self) -> Token | None:
        """The direct object or passive subject, if any."""
        for child in self.core.children:
            if child.dep_ in ("dobj", "nsubjpass"):
                return child
        return None

    @property
    def ends_itself(self) -> bool:
        """Whether the subject itself starts or ends: "the process ends", "the repair is finished"."""
        subject = self.subject
        if subject is None or any(child.dep_ == "dobj" for child in self.core.children):
            return False
        return subject.pos_ == "NOUN" and (subject.dep_ == "nsubjpass" or subject.lemma_.lower() in PROCESS_NOUNS)

    @property
    def negated(self) -> bool:
        """Whether the clause says no: "is not accepted", "nothing is found"."""
        verbs = {self.verb.i, self.core.i}
        if any(child.dep_ == "neg" for verb in (self.verb, self.core) for child in verb.children):
            return True
        subject = self.subject
        if subject is not None and subject.head.i in verbs:
            return names_nobody(subject)
        return False

    @property
    def otherwise(self) -> Token | None:
        """The word "otherwise" or "else" that opens the clause, if there is one."""
        return next((child for child in self.verb.children if child.lower_ in OTHERWISE and child.i < self.core.i), None)

    @property
    def cues(self) -> list[Token]:
        """Sequence words that open the clause, such as "then" or "after that"."""
        found: list[Token] = []
        for child in self.verb.children:
            if child.i > self.core.i:
                break
            if child.dep_ in ("advmod", "cc", "npadvmod", "intj") and child.lower_ in SEQUENCE_CUES:
                found.append(child)
            elif child.dep_ == "prep" and child.lower_ in ("after", "before"):
                found += [child, *(part for part in child.children if part.lower_ in ("that", "this"))]
                found = found if len(found) > 1 else []
        return found

    @property
    def alternative(self) -> bool:
        """Whether "or" puts the clause beside the one in front of it."""
        head = self.torn.head if self.torn is not None else self.verb.head if self.verb.dep_ == "conj" else None
        return head is not None and any(child.dep_ == "cc" and child.lower_ == "or" for child in head.children)

    @property
    def shares_subject(self) -> bool:
        """Whether the subject was said with another verb."""
        return self.subject is not None and self.subject.head.i not in (self.verb.i, self.core.i)

    @property
    def mark(self) -> Token | None:
        """The word that subordinates the clause ("if", "when")."""
        return _mark(self.verb)


def find_clauses(sentence: Span) -> list[Clause]:
    """Returns the clauses of a sentence that could be steps or conditions, in the order of speech.

    Clauses of purpose and reason, reported speech and restrictive relative clauses are left out.
    """
    clauses: list[Clause] = []
    _visit(_Place(sentence.root, Role.MAIN, sentence.root), clauses)
    return sorted(_mend(sentence, clauses), key=lambda clause: clause.verb.i)


def _mend(sentence: Span, clauses: Sequence[Clause]) -> list[Clause]:
    """Gives back subjects that the parser tore off: in "brings a box and the clerk opens it" the clerk is not brought."""
    mended = {clause.verb.i: clause for clause in clauses}
    for verb in sentence:
        subject = _torn_subject(verb)
        if subject is None:
            continue
        known = mended.get(verb.i)
        if known is None:
            mended[verb.i] = Clause(verb, subject, Role.MAIN, verb, torn=subject)
            inner: list[Clause] = []
            _visit_children(_Place(verb, Role.MAIN, verb, subject), inner)
            mended |= {clause.verb.i: clause for clause in inner if clause.verb.i not in mended}
        else:
            mended[verb.i] = replace(known, subject=subject, torn=subject, coordinate=None)
    return list(mended.values())


def _torn_subject(verb: Token) -> Token | None:
    if verb.tag_ not in ("VBZ", "VBD", "VBP") or any(child.dep_ in (*_SUBJECTS, "mark") for child in verb.children):
        return None
    if verb.dep_ not in ("ccomp", "conj", "parataxis", "advcl", "relcl", "ROOT"):
        return None
    place = verb.i - 1
    while place > verb.sent.start and verb.doc[place].dep_ in ("advmod", "aux", "neg"):
        place -= 1
    noun = verb.doc[place]
    while (
        noun.dep_ in ("compound", "pobj", "prep") and noun.head.i < verb.i and noun.right_edge.i < verb.i and noun.dep_ != "conj"
    ):
        noun = noun.head
    joined = noun.dep_ == "conj" and noun.pos_ in ("NOUN", "PROPN") and noun.head.pos_ in ("NOUN", "PROPN")
    # "a cup and a spoon lie": both nouns are the subject; a torn one follows a verb that has the first as its object.
    objective = joined and noun.head.dep_ in ("dobj", "pobj", "attr") and noun.head.i < noun.i
    named = objective and any(child.dep_ == "det" for child in noun.children)
    return noun if named else None


@dataclass(frozen=True)
class _Place:
    """A verb that is to be visited, and what it inherits."""

    verb: Token
    role: Role
    owner: Token
    """Verb of the main clause that it belongs to."""
    subject: Token | None = None
    """Subject shared by coordination."""
    coordinate: Token | None = None


def _visit(place: _Place, clauses: list[Clause]) -> None:
    verb, role = place.verb, place.role
    step = _step_verb(verb)
    if step is not None:
        clauses.append(Clause(step, None, role, step if role is Role.MAIN else place.owner))
        _visit_children(_Place(step, role, step if role is Role.MAIN else place.owner), clauses)
        return
    own = next((child for child in verb.children if child.dep_ in _SUBJECTS), None)
    subject = own if own is not None else place.subject
    owner = verb if role is Role.MAIN else place.owner
    if is_verbal(verb):
        clauses.append(Clause(verb, subject, role, owner, place.coordinate if own is None else None))
    _visit_children(_Place(verb, role, owner, subject), clauses)
    core = main_verb(verb)
    if core.i != verb.i:
        _visit_children(_Place(core, role, owner, subject), clauses)


def is_verbal(token: Token) -> bool:
    """Returns whether a token is a verb, or one that the tagger took for a plural ("the steam rises, cools, and falls")."""
    return token.pos_ in _VERBAL or (token.dep_ == "conj" and token.tag_ == "NNS" and token.head.tag_ == "VBZ")


def _visit_children(place: _Place, clauses: list[Clause]) -> None:
    verb, role, owner = place.verb, place.role, place.owner
    for child in verb.children:
        if child.dep_ == "conj" and is_verbal(child):
            _visit(_Place(child, role, owner, place.subject, verb), clauses)
        elif role is Role.MAIN and child.dep_ in ("ccomp", "parataxis") and _mark(child) is None:
            if child.i < verb.i or child.dep_ == "parataxis":
                _visit(_Place(child, role, child), clauses)
        elif child.dep_ == "advcl" and (subordinate := _role(child)) is not None:
            _visit(_Place(child, subordinate, owner, place.subject if child.tag_ == "VBG" else None), clauses)
        elif child.dep_ == "prep" and child.lower_ in ("after", "before", "upon"):
            for part in child.children:
                if part.dep_ == "pcomp" and part.pos_ in _VERBAL:
                    _visit(_Place(part, Role.BEFORE if child.lower_ == "before" else Role.AFTER, owner, place.subject), clauses)
        if child.dep_ in ("dobj", "pobj", "attr", "prep", "nsubj", "agent"):
            _visit_relatives(child, role, clauses)


def _visit_relatives(noun: Token, role: Role, clauses: list[Clause]) -> None:
    """Non-restrictive relative clauses ("…, which sends …") go on telling; their subject is the noun."""
    for child in noun.children:
        if child.dep_ == "relcl" and role is Role.MAIN and child.pos_ in _VERBAL:
            pronoun = next((part for part in child.children if part.lower_ in ("which", "who") and part.dep_ in _SUBJECTS), None)
            if pronoun is None or pronoun.i == 0:
                continue
            apart = pronoun.nbor(-1).text == ","
            goes_on = pronoun.lower_ == "who" and any(
                part.i < child.i and (part.dep_ == "aux" or part.lower_ == "then") for part in child.children
            )
            if apart or goes_on:
                clauses.append(Clause(child, noun, Role.RELATIVE, child))
                clauses += [
                    Clause(part, noun, Role.RELATIVE, part, child)
                    for part in child.children
                    if part.dep_ == "conj" and is_verbal(part)
                ]
        elif child.dep_ in ("pobj", "prep", "agent"):
            _visit_relatives(child, role, clauses)


def _mark(verb: Token) -> Token | None:
    for child in verb.children:
        if (
            child.i < verb.i
            and child.dep_ in ("mark", "advmod")
            and child.lower_
            in CONDITION_MARKS
            | AFTER_MARKS
            | BEFORE_MARKS
            | PARALLEL_MARKS
            | {"as", "because", "since", "although", "though", "that", "whether", "until", "where", "how", "why"}
        ):
            return child
    return None


def _role(verb: Token) -> Role | None:
    mark = _mark(verb)
    word = mark.lower_ if mark is not None else ""
    if word in CONDITION_MARKS:
        return Role.CONDITION
    if word in AFTER_MARKS:
        return Role.AFTER
    if word in BEFORE_MARKS:
        return Role.BEFORE
    if word in PARALLEL_MARKS:
        return Role.PARALLEL
    return None


def _step_verb(verb: Token) -> Token | None:
    """Of "the first step is to boil the water" the verb that is the step."""
    if verb.lemma_ != "be" or not any(child.dep_ == "nsubj" and child.lemma_ in STEP_NOUNS for child in verb.children):
        return None
    for child in verb.children:
        if child.dep_ in ("xcomp", "acomp", "ccomp", "attr") and child.pos_ == "VERB":
            return child
    return None
