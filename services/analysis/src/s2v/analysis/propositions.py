"""Propositions: a clause or a noun phrase as one node, as causes, effects and stages are told.

A noun phrase keeps what it is "of" and, where room is left, what it is "in", "for" or "between". A clause keeps its subject where
that names something; "we" and "you" go, and "it" takes the word that it stands for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from spacy.tokens import Token

from s2v.analysis.content import Label, NodeDraft
from s2v.analysis.denials import has_no, is_set_aside, names_nobody
from s2v.analysis.labels import (
    Group,
    content_lemmas,
    is_plural,
    main_verb,
    make_label,
    noun_groups,
    predicate_groups,
    preposition_groups,
    third_person,
    verb_groups,
)
from s2v.analysis.language import Talk
from s2v.analysis.lexicon import COLLECTIVE_NOUNS, VAGUE_ADJECTIVES, VAGUE_NOUNS
from s2v.analysis.mentions import inner_noun, name_words, write_name
from s2v.analysis.quantities import find_quantity
from s2v.analysis.steps import MAX_PHRASE_WORDS, is_named, phrase, without_subject
from s2v.analysis.typography import close_brackets
from s2v.v1.diagram_pb2 import NodeKind

FULL_PHRASE_WORDS = 8
"""A phrase goes on to what its label sheds up to so many words."""
SUBJECTS = ("nsubj", "nsubjpass", "csubj")
_NOMINAL = ("NOUN", "PROPN", "NUM")
_COMPLEMENT_PREPOSITIONS = frozenset(
    {"in", "for", "between", "to", "on", "against", "with", "from", "within", "among", "at", "by"}
)
_EMPTY_PRONOUNS = frozenset({"we", "you", "i", "one", "people", "someone", "us", "there"})
_PRONOUNS = frozenset({"it", "they", "he", "she", "them", "him", "her"})
_NAME_ADJECTIVES = frozenset({"appropriate", "single", "individual", "useful", "such"})
_WRAPPERS = COLLECTIVE_NOUNS | {"kind", "type", "sort", "form", "variety", "lot"}
"""Nouns whose matter stands behind their "of"."""
_TOOL_VERBS = frozenset({"use", "leverage", "need", "take", "have", "make", "seize", "spend", "employ", "apply", "exploit"})
_MEASURING_VERBS = frozenset({"take", "last", "cost", "weigh", "have", "be", "reach", "need", "hold", "contain", "measure"})
_ANYTHING = frozenset({"something", "anything", "everything", "everyone", "everybody"})
"""Subjects that name nothing, without which a clause says less still: "something is wrong"."""
_AMOUNTS = frozenset({"lot", "bunch", "plenty"})
"""Nouns of amount that a subject leaves out: of "a lot of the roads are closed" the roads."""
_SHARES = frozenset({"more", "less", "most"})
"""The same, which stand in front of what they are of: of "more of the load" it is more load."""
_MARKS = ' .,;:!?"“”'
_PUNCTUATION = ' .,;:!?"“”()[]'
_CLIPPED = frozenset({"gon", "wan"})
"""What the tokenizer leaves of "gonna" and "wanna"."""
_RELATIVES = frozenset({"which", "that", "who"})
_WEATHER_VERBS = frozenset({"rain", "snow", "hail", "thunder", "drizzle", "freeze", "thaw", "storm"})
"""Verbs that say all by themselves: "it rains"."""
_VAGUE = VAGUE_NOUNS | {"result", "cause", "effect", "factor", "condition", "problem", "situation", "process", "way", "change"}

Referent = Callable[[Token], Token | None]
"""Finds the noun that a pronoun stands for; None when there is none."""


def is_clause(head: Token) -> bool:
    """Returns whether a token heads a clause rather than a noun phrase."""
    if head.pos_ in ("VERB", "AUX"):
        return head.dep_ not in ("compound", "amod") and not (
            head.tag_ == "VBG" and any(child.dep_ in ("det", "poss", "amod", "compound") for child in head.children)
        )
    return any(child.dep_ in SUBJECTS for child in head.children) and head.pos_ in ("ADJ", "NOUN", "ADV")


def is_bare_pair(noun: Token) -> bool:
    """Returns whether two nouns without modifiers are coordinated ("oxygen and carbon"): they are drawn as one."""
    others = [child for child in noun.children if child.dep_ == "conj"]
    if len(others) != 1 or noun.pos_ not in _NOMINAL:
        return False
    parts = [*noun.children, *others[0].children]
    return all(part.dep_ in ("conj", "cc", "det", "preconj", "punct") for part in parts)


def subject_of(verb: Token) -> Token | None:
    """Returns the subject of a clause: its own, that of the verb it is coordinated with, or the noun of a relative clause."""
    # Parsers hang the subject of "valves become blocked" on "become".
    holders = (verb, *(child for child in verb.children if child.dep_ == "auxpass"))
    own = next((child for holder in holders for child in holder.children if child.dep_ in SUBJECTS), None)
    if own is not None:
        return verb.head if own.lower_ in _RELATIVES and verb.dep_ == "relcl" else own
    if verb.dep_ == "conj" and verb.head.pos_ in ("VERB", "AUX"):
        return subject_of(verb.head)
    if verb.dep_ == "xcomp":
        # "asks the clerk to sign": the clerk signs; "uses the key to open": who uses it opens.
        if verb.head.lemma_ in _TOOL_VERBS:
            return subject_of(verb.head)
        return next((child for child in verb.head.children if child.dep_ == "dobj" and child.i < verb.i), subject_of(verb.head))
    if verb.dep_ == "acl":
        return verb.head
    if verb.dep_ == "pcomp" and verb.head.lower_ == "from":
        # "Keeps the roads from freezing": the roads freeze.
        return next((child for child in verb.head.head.children if child.dep_ == "dobj"), None)
    return None


def make_proposition(
    talk: Talk,
    head: Token,
    kind: NodeKind.ValueType,
    referent: Referent,
    skipped: AbstractSet[int] = frozenset(),
) -> NodeDraft | None:
    """Returns the node for a clause or noun phrase; None when it says nothing that can be drawn.

    `skipped` holds tokens that are drawn elsewhere.
    """
    if is_clause(head):
        return _make_clause(talk, head, kind, referent, skipped)
    return make_noun(talk, head, kind, skipped)


def make_noun(
    talk: Talk, head: Token, kind: NodeKind.ValueType, skipped: AbstractSet[int] = frozenset(), *, bare: bool = False
) -> NodeDraft | None:
    """Returns the node for a noun phrase; None for pronouns and vague nouns. `bare` leaves complements out."""
    if head.i in skipped or not (
        head.pos_ in (*_NOMINAL, "VERB") or (head.pos_ == "ADJ" and head.dep_ in ("ccomp", "oprd", "acomp", "xcomp"))
    ):
        return None
    inner = inner_noun(head) if head.lemma_.lower() in _WRAPPERS else None
    if inner is not None:
        return make_noun(talk, inner, kind, skipped, bare=bare)
    quantity = find_quantity(talk, head)
    barred = skipped | (quantity[1] if quantity is not None else frozenset())
    if bare or not is_bare_pair(head):
        barred = barred | {child.i for child in head.children if child.dep_ in ("conj", "cc")}
    if bare:
        barred = barred | {
            child.i for child in head.children if child.dep_ == "nummod" or child.lower_ in VAGUE_ADJECTIVES | _NAME_ADJECTIVES
        }
    groups = noun_groups(head, 0.0, barred)
    if not bare:
        for place, child in enumerate(child for child in head.children if child.dep_ == "prep"):
            if child.i < head.i or child.i in barred or is_set_aside(child):
                continue
            if child.lower_ in _COMPLEMENT_PREPOSITIONS:
                groups += preposition_groups(child, 0.5 + 0.1 * place, barred)
        groups += _participle_groups(head, barred)
        if head.pos_ == "VERB":
            groups += [group for group in predicate_groups(head, 0.0, barred) if head not in group.tokens]
    tokens = [token for group in groups for token in group.tokens]
    if not {token.lemma_.lower() for token in tokens if token.pos_ in (*_NOMINAL, "VERB", "ADJ")} - _VAGUE:
        return None
    label = make_label(talk, groups)
    if label is None:
        label = make_label(talk, [Group(0.0, (head,))])
    return _draft(talk, kind, label, groups, quantity)


def _participle_groups(noun: Token, skipped: AbstractSet[int]) -> list[Group]:
    """What a participle adds to a noun: "cells that divide" no, "oxygen released from plants" yes."""
    for child in noun.children:
        if child.dep_ == "acl" and child.i > noun.i and child.i not in skipped and child.tag_ in ("VBN", "VBG"):
            inner = predicate_groups(child, 0.9, skipped)
            return [
                Group(0.9, (child,)),
                *(Group(max(group.rank, 0.95), group.tokens) for group in inner if child not in group.tokens),
            ]
    return []


def _make_clause(
    talk: Talk, verb: Token, kind: NodeKind.ValueType, referent: Referent, skipped: AbstractSet[int]
) -> NodeDraft | None:
    core = main_verb(verb)
    if core.lower_ in _CLIPPED:
        core = next((child for child in core.children if child.dep_ == "xcomp"), core)
    if core.pos_ in ("VERB", "AUX") and any(child.dep_ == "expl" for child in verb.children) and verb.lemma_ == "be":
        thing = next((child for child in verb.children if child.dep_ in ("attr", "dobj")), None)
        if any(child.dep_ == "neg" for child in verb.children):
            # "There is not enough water": the water would say the opposite.
            return None
        return make_noun(talk, thing, kind, skipped) if thing is not None else None
    subject = subject_of(verb)
    quantity = find_quantity(talk, core)
    if quantity is not None and _is_measured(core, quantity[1]):
        # "It takes five minutes": without the minutes nothing is said.
        quantity = None
    barred = skipped | (quantity[1] if quantity is not None else frozenset())
    groups = [group for group in _predicate(core, barred) if not any(token.i in barred for token in group.tokens)]
    said: dict[int, str] = {}
    antecedents: tuple[int, ...] = ()
    named: Token | None = None
    nobody = subject is not None and (subject.lower_ in _ANYTHING or names_nobody(subject))
    if (
        subject is not None
        and subject.i not in barred
        and (nobody or is_named(_amount_of(subject)))
        and (nobody or not _is_empty(subject))
    ):
        named = _amount_of(subject)
    elif (
        subject is not None
        and subject.i not in barred
        and subject.lower_ in _PRONOUNS
        and not _is_dummy(verb, subject)
        and not (subject.i + 1 < len(talk.doc) and _is_clitic(subject.nbor(1)))
    ):
        noun = referent(subject)
        if noun is not None and noun.lemma_.lower() not in VAGUE_NOUNS and not has_no(noun):
            said[subject.i] = write_name(noun)
            antecedents = name_words(talk, noun)
            named = subject
    if not _says_something(core, groups, named) or ((named is None or said) and _only_judges(core)):
        return None
    label: Label | None = None
    if named is not None:
        kept, forms = _verb_form(verb, core, "plural" if is_plural(named) else "singular")
        to = next((child for child in verb.children if child.dep_ == "aux" and child.lower_ == "to"), None)
        if verb.dep_ == "acl" and to is not None:
            # "A plan to build a bridge": the plan builds nothing.
            kept, forms = [Group(0.0, (to,))], {}
        front = noun_groups(named, 0.0, barred) if not said else [Group(0.0, (named,))]
        if subject is not None and subject.lower_ in _SHARES and named is not subject:
            front.append(Group(0.0, (subject,)))
        label = make_label(talk, [*front, *kept, *groups], {**forms, **said})
        if label is not None and named is subject and named.head.i not in (verb.i, core.i) and named.head.dep_ != "auxpass":
            label = without_subject(talk, label, named)
        if label is not None and said:
            label = Label(label.text, label.words, tuple(sorted({*label.antecedents, *antecedents})))
    if label is None and nobody:
        # Without its subject the clause would say the opposite.
        return None
    if label is None:
        kept, forms = verb_groups(core, "imperative")
        if core.tag_ == "VBG" and not any(child.dep_ == "aux" for child in core.children):
            forms = {}
        if core.lemma_ == "be" or core.pos_ not in ("VERB", "AUX"):
            forms = {}
            if core.lemma_ == "be" and not kept:
                groups = [group for group in groups if core not in group.tokens]
        written = [
            Group(group.rank, tuple(token for token in group.tokens if not _is_clitic(token))) for group in (*kept, *groups)
        ]
        label = make_label(talk, [group for group in written if group.tokens], forms)
        alone = label is not None and len(label.words) == 1 and core.pos_ == "VERB" and core.lemma_ not in _WEATHER_VERBS
        if alone and subject is not None and subject.lower_ in _PRONOUNS:
            # "They fail", of whom nobody knows: one word says too little.
            return None
    if named is not None and not said:
        groups = [*groups, Group(0.0, (named,))]
    return _draft(
        talk, kind, label, groups, quantity, pronouns={talk.word(subject)} if subject is not None and said else frozenset()
    )


def _is_measured(core: Token, amount: AbstractSet[int]) -> bool:
    """Whether an amount is all that a clause says: "it takes five minutes", "the other has two"."""
    parts = [child for child in core.children if child.dep_ in ("dobj", "attr", "npadvmod", "acomp", "prep", "xcomp")]
    return (
        core.lemma_ in _MEASURING_VERBS
        and any(part.i in amount for part in parts)
        and all(part.i in amount or part.dep_ == "acomp" for part in parts)
    )


def _is_empty(subject: Token) -> bool:
    """Whether a subject names nobody: "people", but not "young people"."""
    described = any(child.dep_ in ("amod", "compound", "nmod", "nummod", "prep", "acl", "relcl") for child in subject.children)
    return subject.lower_ in _EMPTY_PRONOUNS and not described


def _amount_of(subject: Token) -> Token:
    """Of "a lot of the roads", "more of the load" the roads and the load."""
    if subject.lower_ not in _AMOUNTS | _SHARES:
        return subject
    behind = (part for child in subject.children if child.lower_ == "of" for part in child.children)
    return next((part for part in behind if part.dep_ == "pobj" and part.pos_ in ("NOUN", "PROPN")), subject)


def _only_judges(core: Token) -> bool:
    """Whether a clause without a subject of its own only says what the speaker thinks of it: "it was a big problem"."""
    return core.lemma_ == "be" and any(child.dep_ == "attr" and child.lemma_.lower() in _VAGUE for child in core.children)


def _is_clitic(token: Token) -> bool:
    """Whether a token hangs on the word in front: the "'re" of "they're"."""
    return token.lower_[:1] == "'"


def _predicate(core: Token, skipped: AbstractSet[int]) -> list[Group]:
    groups = predicate_groups(core, 0.0, skipped)
    if core.pos_ not in ("VERB", "AUX"):
        groups += [Group(0.0, (child,)) for child in core.children if child.dep_ == "neg"]
    for child in core.children:
        if child.i in skipped:
            continue
        if child.dep_ == "advmod" and any(part.lower_ == "no" for part in child.children):
            groups.append(Group(0.0, (*(part for part in child.children if part.lower_ == "no"), child)))
        elif child.dep_ == "advmod" and child.tag_ in ("RBR", "JJR"):
            groups.append(Group(0.4, (child,)))
        elif child.dep_ == "advmod" and any(part.lower_ in ("more", "less", "too") for part in child.children):
            groups.append(Group(0.4, (*(part for part in child.children if part.lower_ in ("more", "less", "too")), child)))
        elif child.dep_ == "acomp":
            groups += _complement_groups(child, skipped)
    if core.pos_ == "ADJ":
        groups += _complement_groups(core, skipped)
    if core.lemma_ == "be" and any(child.dep_ == "acomp" for child in core.children):
        groups += _infinitive_groups(core, skipped)
    return groups


def _complement_groups(adjective: Token, skipped: AbstractSet[int]) -> list[Group]:
    """The comparative and the infinitive of an adjective: "more difficult to reach the valley"."""
    groups: list[Group] = []
    for child in adjective.children:
        if child.dep_ == "advmod" and child.lower_ in ("more", "less"):
            groups.append(Group(0.2, (child, adjective)))
    return groups + _infinitive_groups(adjective, skipped)


def _infinitive_groups(head: Token, skipped: AbstractSet[int]) -> list[Group]:
    groups: list[Group] = []
    for child in head.children:
        if child.dep_ in ("xcomp", "advcl", "ccomp") and child.pos_ in ("VERB", "AUX") and child.i > head.i:
            mark = tuple(part for part in child.children if part.dep_ == "aux" and part.lower_ == "to")
            if mark and head.pos_ in ("ADJ", "AUX"):
                inner = predicate_groups(child, 0.3, skipped)
                groups += [Group(0.3, (*mark, child)), *(group for group in inner if child not in group.tokens)]
    return groups


def _is_dummy(verb: Token, subject: Token) -> bool:
    """Whether "it" stands for nothing: "it is difficult to reach the valley", "makes it easier to pay"."""
    if subject.lower_ != "it":
        return False
    adjectives = [verb] if verb.pos_ == "ADJ" else [child for child in verb.children if child.dep_ in ("acomp", "attr")]
    return bool(adjectives) and any(
        child.dep_ in ("xcomp", "ccomp", "advcl", "csubj") and any(part.lower_ in ("to", "that") for part in child.children)
        for place in (verb, *adjectives)
        for child in place.children
    )


def _verb_form(verb: Token, core: Token, form: str) -> tuple[list[Group], dict[int, str]]:
    if core.pos_ not in ("VERB", "AUX"):
        return [], {}
    if core.i == verb.i or any(child.dep_ == "auxpass" for child in core.children):
        return verb_groups(core, form)
    kept, _ = verb_groups(verb, form)
    return kept, {} if kept else {core.i: third_person(core.lemma_) if form == "singular" else core.lemma_}


def _says_something(core: Token, groups: Sequence[Group], named: Token | None) -> bool:
    content = [
        token
        for group in groups
        for token in group.tokens
        if token.pos_ in ("NOUN", "PROPN", "ADJ", "VERB", "NUM")
        and not (token.pos_ == "NOUN" and token.lemma_.lower() in VAGUE_NOUNS)
    ]
    if core.lemma_ in ("be", "have", "do", "become") or core.pos_ == "AUX":
        return any(token.i != core.i for token in content)
    return named is not None or core.lemma_ in _WEATHER_VERBS or any(token.i != core.i for token in content)


def _draft(
    talk: Talk,
    kind: NodeKind.ValueType,
    label: Label | None,
    groups: Sequence[Group],
    quantity: tuple[Label, frozenset[int]] | None,
    *,
    pronouns: AbstractSet[int] = frozenset(),
) -> NodeDraft | None:
    """Makes the node; its phrase opens behind a pronoun, whose word says nothing there."""
    if label is None or not any(character.isalnum() for character in label.text) or not _is_spoken(talk, label):
        return None
    own = [word for word in label.words if word not in pronouns] or list(label.words)
    words = sorted({*own, *(word for word in label.antecedents if word >= label.words[0] - MAX_PHRASE_WORDS)})
    begin, end = own[0], own[-1] + 1
    # The phrase keeps an object or a place that the label has no room for.
    further = [talk.word(max(group.tokens, key=lambda token: token.i)) + 1 for group in groups]
    end = max([end, *(word for word in further if word - begin <= FULL_PHRASE_WORDS)])
    topics = content_lemmas(token for group in groups for token in group.tokens)
    said = phrase(talk, begin, end) if end - begin <= MAX_PHRASE_WORDS else phrase_of(talk, words)
    draft = NodeDraft(kind, said, label, (begin, end), frozenset(topics) - VAGUE_NOUNS)
    return replace(draft, quantity=quantity[0]) if quantity is not None else draft


def _is_spoken(talk: Talk, label: Label) -> bool:
    """Whether the contracted words of a label were spoken as they stand: half of "y'all" is no word."""
    contracted = [word for word in label.text.lower().split() if "'" in word or "’" in word]
    spoken = {talk.speech.texts[word].lower().strip(_PUNCTUATION) for word in label.words}
    return all(word.strip(_PUNCTUATION) in spoken for word in contracted)


def phrase_of(talk: Talk, words: Sequence[int]) -> str:
    """Returns single words as spoken, in order, without punctuation around the whole."""
    return close_brackets(" ".join(talk.speech.texts[word] for word in words).strip(_MARKS)).strip(_MARKS)
