"""Steps: what is drawn for a clause that tells an action."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from spacy.tokens import Token

from s2v.analysis.clauses import Clause, Role, is_verbal
from s2v.analysis.content import Label, NodeDraft
from s2v.analysis.coreference import is_plural_noun
from s2v.analysis.labels import (
    Group,
    content_lemmas,
    is_plural,
    make_label,
    noun_groups,
    predicate_groups,
    third_person,
    verb_groups,
)
from s2v.analysis.language import Talk
from s2v.analysis.lexicon import (
    ANNOUNCING_PREPOSITIONS,
    CONTINUING_VERBS,
    PROCESS_NOUNS,
    SEQUENCE_CUES,
    SPEECH_VERBS,
    STAGE_VERBS,
    STATIVE_VERBS,
    TERMINAL_VERBS,
    VAGUE_NOUNS,
)
from s2v.analysis.mentions import name_words, write_name
from s2v.analysis.phrases import is_torn, write_activity
from s2v.analysis.typography import close_brackets
from s2v.v1.diagram_pb2 import NodeKind

MAX_PHRASE_WORDS = 14
"""Words of a step's phrase, from its verb on."""
_MARKS = ' .,;:!?"“”'
_GENERIC = frozenset(
    [
        "we",
        "us",
        "i",
        "you",
        "one",
        "it",
        "they",
        "he",
        "she",
        "this",
        "that",
        "who",
        "which",
        "there",
        "these",
        "those",
        "someone",
        "somebody",
    ]
)


@dataclass(frozen=True)
class Step:
    """A step told by a clause."""

    node: NodeDraft
    actor: str
    """Lemma of who acts; empty when nobody is named."""
    cue: tuple[Token, ...] = ()
    """Sequence words inside the clause that put this step after the one before it."""
    subject: Token | None = None
    object: Token | None = None
    """What the clause names; pronouns of the next step stand for them."""


def make_steps(
    talk: Talk,
    clause: Clause,
    before: Step | None,
    references: Mapping[int, Token],
    skipped: AbstractSet[int] = frozenset(),
) -> list[Step]:
    """Returns the steps of a clause: one, or one for each object told in an order ("asks A, then B"); none for states and asides.

    `before` is the step in front, whose actor is not named again; `references` holds the antecedents of pronouns; `skipped` holds
    tokens drawn elsewhere (quantities).
    """
    if not _is_action(clause):
        return []
    if clause.torn is not None:
        skipped = skipped | {token.i for token in clause.torn.subtree}
    step = _make_step(talk, clause, before, references, skipped | _torn_away(clause))
    if step is None:
        return []
    return [step, *_further_objects(talk, clause, step)]


def _is_action(clause: Clause) -> bool:
    core, verb = clause.core, clause.verb
    if not is_verbal(core) or core.lemma_ == "'s":
        return False
    if core.lemma_ in STATIVE_VERBS and not _is_speech_act(clause) and not _is_intent(clause):
        return False
    if clause.subject is not None and clause.subject.dep_ in ("csubj", "expl"):
        return False
    if verb.lemma_ == "let" or any(child.lower_ == "let" for child in verb.children):
        return False
    subject = clause.subject.lower_ if clause.subject is not None else ""
    speaking = subject in ("we", "i", "us") or (not subject and _announces(core))
    if speaking and core.lemma_ in STAGE_VERBS and clause.role in (Role.MAIN, Role.RELATIVE):
        return False
    if core.lemma_ in CONTINUING_VERBS and clause.subject is not None and clause.subject.lemma_.lower() in PROCESS_NOUNS:
        return False
    # "It would have gone", "a part can fail": not what is done, but what might be.
    auxiliaries = {child.lower_ for child in verb.children if child.dep_ == "aux"}
    if {"would", "could", "might"} & auxiliaries and "have" in auxiliaries:
        return False
    possible = bool({"can", "could", "may", "might"} & auxiliaries)
    if possible and clause.role is not Role.RELATIVE and clause.subject is not None and is_named(clause.subject):
        return False
    return not _misread(clause)


def _is_speech_act(clause: Clause) -> bool:
    """Whether someone named says something that has a name: "the officer suggests changes" is done, "I suggest" is not."""
    named = clause.subject is not None and is_named(clause.subject)
    said = any(child.dep_ == "dobj" and child.pos_ in ("NOUN", "PROPN") for child in clause.core.children)
    return clause.core.lemma_ in SPEECH_VERBS and named and said


def _is_intent(clause: Clause) -> bool:
    """Whether someone named wants or needed to do something, with which a procedure may start."""
    named = clause.subject is not None and is_named(clause.subject) and not clause.negated
    return clause.core.lemma_ in ("want", "need") and named and any(child.dep_ == "xcomp" for child in clause.core.children)


def _torn_away(clause: Clause) -> frozenset[int]:
    """Nouns at the end of the clause that are the subject of the next one."""
    return frozenset(
        part.i
        for token in clause.core.subtree
        if token.dep_ == "conj" and is_torn(token)
        for part in (*token.subtree, *(child for child in token.head.children if child.dep_ == "cc"))
    )


def _misread(clause: Clause) -> bool:
    """Whether number or form shows that the parser took a noun for a verb ("every service exports metrics, writes logs")."""
    verb, subject = clause.verb, clause.subject
    if verb.tag_ != "VBZ":
        return False
    return subject is None or (subject.tag_ == "NNS" and not any(child.dep_ == "nummod" for child in subject.children))


def _announces(verb: Token) -> bool:
    """Whether the talk speaks of itself: "consider how we observe the system", "work through it"."""
    if verb.lemma_ in ("consider", "imagine", "suppose", "recall", "remember", "think"):
        return True
    if any(child.dep_ == "dobj" for child in verb.children):
        return False
    return any(
        child.dep_ == "prep"
        and child.lower_ in ANNOUNCING_PREPOSITIONS
        and any(part.dep_ == "pobj" and part.pos_ == "PRON" for part in child.children)
        for child in verb.children
    )


def _make_step(
    talk: Talk, clause: Clause, before: Step | None, references: Mapping[int, Token], skipped: AbstractSet[int]
) -> Step | None:
    core, subject = clause.core, clause.subject
    predicate = [group for group in predicate_groups(core, 0.0, skipped) if not any(token.i in skipped for token in group.tokens)]
    borrowed = _borrowed_object(core)
    if borrowed is not None:
        predicate += noun_groups(borrowed)
    named = subject if subject is not None and is_named(subject) else None
    if subject is not None and subject.lower_ in ("none", "nothing", "nobody"):
        return None
    passive = any(child.dep_ == "auxpass" for child in (*clause.verb.children, *core.children))
    named_in = [token for group in predicate for token in group.tokens if token.i != core.i]
    complete = any(token.pos_ in ("NOUN", "PROPN", "ADJ", "NUM") for token in named_in)
    pronouns = [token for group in predicate for token in group.tokens if token.lower_ in ("it", "them")]
    referent = _referent(pronouns[0], named, before, references) if pronouns else None
    said = {pronouns[0].i: write_name(referent)} if referent is not None else {}
    complete = complete or referent is not None
    meant = references.get(subject.i) if passive and subject is not None and named is None else None
    if meant is not None and meant.pos_ not in ("NOUN", "PROPN"):
        meant = None
    if named is None and meant is None and (passive or not complete):
        return None
    # "The traces show us where …": what is shown is not said in the clause.
    if not complete and any(child.dep_ in ("dobj", "dative") and child.pos_ == "PRON" for child in core.children):
        return None
    label: Label | None = None
    with_subject = named is not None and (passive or not complete or before is None or actor_name(named) != before.actor)
    if named is not None and with_subject:
        kept, forms = _verb_form(clause, "plural" if is_plural(named) else "singular")
        label = make_label(talk, [*noun_groups(named, 0.0, skipped), *kept, *predicate], {**forms, **said})
    if meant is not None and subject is not None:
        # "It is examined": the claim is.
        kept, forms = _verb_form(clause, "plural" if is_plural(meant) else "singular")
        written = make_label(talk, [Group(0.0, (subject,)), *kept, *predicate], {**forms, **said, subject.i: write_name(meant)})
        label = replace(written, antecedents=name_words(talk, meant)) if written is not None else None
    if label is None and complete and not passive:
        with_subject = False
        kept, forms = verb_groups(core, "imperative")
        label = make_label(talk, [*kept, *predicate], {**forms, **said})
    if label is None or len(label.text.split()) < 2:
        return None
    if named is not None and clause.shares_subject:
        label = without_subject(talk, label, named)
    text, (_, end) = write_activity(talk, clause, references, skipped)
    topics = content_lemmas(token for group in predicate for token in group.tokens)
    if named is not None and with_subject:
        topics |= content_lemmas([named])
    kind = NodeKind.NODE_KIND_STEP
    if core.lemma_ in TERMINAL_VERBS and clause.ends_itself:
        kind = NodeKind.NODE_KIND_TERMINAL
    # All of an activity may be drawn elsewhere ("there was the timing: …"): then its label's words are its phrase.
    text = text or phrase(talk, label.words[0], label.words[-1] + 1)
    node = NodeDraft(kind, text, label, (label.words[0], max(end, label.words[-1] + 1)), topics - VAGUE_NOUNS)
    if referent is not None and talk.word(pronouns[0]) in label.words:
        node = replace(node, label=replace(label, antecedents=name_words(talk, referent)))
    actor = actor_name(named) if named is not None else before.actor if before is not None else ""
    return Step(
        node,
        actor,
        subject=named,
        object=clause.object if clause.object is not None and clause.object.pos_ != "PRON" else referent,
    )


def _referent(pronoun: Token, subject: Token | None, before: Step | None, references: Mapping[int, Token]) -> Token | None:
    """What "it" or "them" stands for: its antecedent or, where none is known, the object or subject of the step in front."""
    known = references.get(pronoun.i)
    choices = (known,) if known is not None else (before.object, before.subject) if before is not None else ()
    plural = pronoun.lower_ == "them"
    for noun in choices:
        if noun is None or noun.pos_ not in ("NOUN", "PROPN") or is_plural_noun(noun) != plural:
            continue
        if subject is None or noun.lemma_ != subject.lemma_:
            return noun
    return None


def is_named(subject: Token) -> bool:
    """Returns whether a subject names someone or something: no pronoun, though "one of the servers" does."""
    if subject.pos_ == "NUM":
        return any(child.lower_ == "of" for child in subject.children)
    if subject.pos_ == "ADJ":
        return any(child.dep_ == "det" for child in subject.children)
    return subject.lower_ not in _GENERIC and subject.pos_ in ("NOUN", "PROPN")


def actor_name(subject: Token) -> str:
    """Returns a subject with what tells it from others: "salt water" is not "fresh water"."""
    return " ".join(
        child.lemma_.lower()
        for child in (*subject.children, subject)
        if child.i == subject.i or child.dep_ in ("compound", "amod", "nummod")
    )


def without_subject(talk: Talk, label: Label, subject: Token) -> Label:
    """Returns a label whose subject was said with another verb: it is revealed at its own words."""
    phrase_of_subject = {talk.word(token) for token in subject.subtree}
    own = tuple(word for word in label.words if word not in phrase_of_subject)
    return Label(label.text, own, tuple(word for word in label.words if word in phrase_of_subject)) if own else label


def _verb_form(clause: Clause, form: str) -> tuple[list[Group], Mapping[int, str]]:
    """The meaning verb takes the form that its light verb stood in: "starts to boil" → "boils"."""
    if clause.core.i == clause.verb.i or any(child.dep_ == "auxpass" for child in clause.core.children):
        return verb_groups(clause.core, form)
    kept, _ = verb_groups(clause.verb, form)
    return kept, {} if kept else {clause.core.i: third_person(clause.core.lemma_) if form == "singular" else clause.core.lemma_}


def _borrowed_object(core: Token) -> Token | None:
    """The object that coordinated verbs share: of "check and repair the hardware" both."""
    if any(child.dep_ in ("dobj", "nsubjpass", "prep", "xcomp", "ccomp", "acomp", "prt", "agent") for child in core.children):
        return None
    for child in core.children:
        if (
            child.dep_ == "conj"
            and child.i - core.i <= 3
            and child.pos_ == "VERB"
            and not any(part.dep_ == "nsubj" for part in child.children)
        ):
            return next((part for part in child.children if part.dep_ == "dobj" and part.pos_ != "PRON"), None)
    return None


def _further_objects(talk: Talk, clause: Clause, step: Step) -> list[Step]:
    """Objects told in an order: "asks the root servers, then the domain servers, and finally the name server"."""
    core = clause.core
    objects = sorted((child for child in core.children if child.dep_ == "dobj"), key=lambda token: token.i)
    heads: list[Token] = []
    for head in objects:
        chain: Token | None = head
        while chain is not None:
            heads.append(chain)
            chain = next((child for child in chain.children if child.dep_ == "conj"), None)
    steps: list[Step] = []
    for head in heads[1:]:
        cues = tuple(child for child in head.children if child.dep_ == "advmod" and child.lower_ in SEQUENCE_CUES)
        if not cues:
            continue
        label = make_label(talk, [Group(0.0, (core,)), *noun_groups(head)], {core.i: core.lemma_})
        if label is None:
            continue
        own = tuple(word for word in label.words if word != talk.word(core))
        begin, end = own[0], own[-1] + 1
        node = NodeDraft(
            NodeKind.NODE_KIND_STEP,
            phrase(talk, begin, end),
            Label(label.text, own, (talk.word(core),)),
            (begin, end),
            content_lemmas([head]),
        )
        steps.append(Step(node, step.actor, cues))
    return steps


def phrase(talk: Talk, begin: int, end: int) -> str:
    """Returns words as spoken, without the punctuation around them."""
    return close_brackets(talk.speech.text(begin, end).strip(_MARKS)).strip(_MARKS)
