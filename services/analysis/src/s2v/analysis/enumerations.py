"""Enumerations: what a sentence says to be parts, kinds or examples of something ("include", "is divided into", "such as", a list
behind a colon).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from spacy.tokens import Span, Token

from s2v.analysis.language import Talk
from s2v.analysis.lexicon import (
    COLLECTIVE_NOUNS,
    COMPOSE_VERBS,
    DIVIDE_VERBS,
    EXAMPLE_NOUNS,
    KIND_NOUNS,
    LEADING_VERBS,
    PART_VERBS,
    VAGUE_ADJECTIVES,
)
from s2v.analysis.lists import Found, noun_before, of_noun, phrase_heads, read_colon, read_list
from s2v.analysis.mentions import Mention, inner_noun, is_nominal, is_pronoun, lemma, list_members, make_members, make_mention
from s2v.analysis.series import read_series

_SUBJECTS = ("nsubj", "nsubjpass")
LIST_MEMBERS = 3
"""A coordination of fewer is no list."""
_EXEMPLARY = frozenset({"might", "would", "could", "may"})
"""Modals by which a kind is given an example: "A service might be a haircut"."""
_EXAMPLE_PREPOSITIONS = frozenset({"like", "including", "e.g.", "namely"})


@dataclass(frozen=True)
class Enumeration:
    """Things said to belong to a whole."""

    whole: Token | None
    """Its noun or pronoun; None where only the context tells it ("Examples are …")."""
    members: tuple[Mention, ...]
    cue: tuple[int, int]
    """Words that say so, as (begin, end)."""
    place: int
    """Token by which enumerations are ordered."""
    strict: bool = True
    """Whether the words themselves say that these are parts, kinds or examples, and not just a list in apposition."""


def find_enumerations(talk: Talk, sentence: Span) -> list[Enumeration]:
    """Returns the enumerations of a sentence in the order of speech."""
    found = list(_read_series(talk, sentence))
    told = {enumeration.whole.i for enumeration in found if enumeration.whole is not None}
    for token in sentence:
        for whole, heads, cues, strict in _read(token):
            if whole is not None and whole.i in told and heads[0].i > whole.i:
                continue
            members = [member for head in heads for member in make_members(head)]
            if strict and cues[-1].i < heads[0].i:
                series = read_series(sentence.doc, cues[-1].i + 1, sentence.end, parsed=True)
                alike = bool(series) and bool(members) and series[0].head.i == members[0].head.i
                members = series if alike and len(series) > max(len(members), 2) else members
            if whole is not None:
                members = [member for member in members if member.head.i != whole.i]
            members = [member for member in members if not any(child.lower_ == "no" for child in member.head.children)]
            if members:
                words = sorted(talk.word(cue) for cue in cues)
                found.append(Enumeration(whole, tuple(members), (words[0], words[-1] + 1), token.i, strict))
    return sorted(found, key=lambda enumeration: (enumeration.whole is None, enumeration.place))


def _read_series(talk: Talk, sentence: Span) -> Iterator[Enumeration]:
    """Counted things and kinds that are named behind a colon or dash: "three types: plain, sweet, and sour"."""
    for colon in sentence:
        if colon.text not in (":", "-", "–", "—", "--") or colon.i == sentence.start or colon.i + 1 >= sentence.end:
            continue
        noun = noun_before(colon)
        heads = [] if noun is None else [noun, *(place for place in noun.ancestors if is_nominal(place) and place.i < noun.i)]
        counted = next((head for head in heads if lemma(head) in KIND_NOUNS or _is_numbered(head)), None)
        counted = counted or _counted_before(colon)
        if counted is None:
            continue
        members = read_series(sentence.doc, colon.i + 1, sentence.end)
        if len(members) > 1:
            word = talk.word(counted)
            yield Enumeration(counted, tuple(members), (word, word + 1), counted.i)


def _counted_before(colon: Token) -> Token | None:
    """The counted kinds of the clause that a list closes: "there are two types of stroke, depending on …: x and y"."""
    holders = (colon.head, *colon.head.ancestors)
    places = (child for holder in holders for child in holder.children if child.dep_ in ("attr", "dobj") and child.i < colon.i)
    return next((noun for noun in places if lemma(noun) in KIND_NOUNS and _is_numbered(noun)), None)


def _is_numbered(noun: Token) -> bool:
    return any(child.dep_ == "nummod" for child in noun.children)


def _read(token: Token) -> Iterator[Found]:
    """Every way in which a token may join a whole with its members."""
    if token.pos_ in ("VERB", "AUX"):
        yield from _read_verb(token)
    elif token.dep_ == "prep":
        yield from _read_preposition(token)
    if is_nominal(token):
        yield from read_list(token)
    elif token.text in (":", "(", "—") and token.i > token.sent.start:
        yield from read_colon(token)


def subject_of(verb: Token) -> Token | None:
    """Returns the subject of a verb: its own, one shared by coordination, or the noun that its clause belongs to."""
    own = next((child for child in verb.children if child.dep_ in _SUBJECTS), None)
    if own is not None and own.lower_ in ("which", "that", "who"):
        return verb.head if verb.dep_ == "relcl" else own
    if own is not None:
        return own
    activity = acted_on(verb)
    if activity is not None:
        return activity
    if verb.dep_ == "acl" and is_nominal(verb.head):
        return verb.head
    if verb.dep_ == "conj" and verb.head.pos_ in ("VERB", "AUX"):
        return subject_of(verb.head)
    if verb.dep_ == "xcomp" and verb.head.pos_ in ("VERB", "AUX"):
        return subject_of(verb.head)
    return None


def acted_on(verb: Token) -> Token | None:
    """Returns what an activity deals with that is a subject: the network of "keeping a network safe has four sides"."""
    activity = next((child for child in verb.children if child.dep_ == "csubj"), None)
    if activity is None:
        return None
    return next((token for token in activity.subtree if token.dep_ in ("dobj", "nsubj") and is_nominal(token)), None)


def _read_verb(verb: Token) -> Iterator[Found]:
    name = lemma(verb)
    subject = subject_of(verb)
    if any(child.dep_ == "neg" for child in verb.children):
        return
    passive = any(child.dep_ == "auxpass" for child in verb.children) or (
        verb.tag_ == "VBN" and verb.dep_ in ("acl", "ROOT", "advcl", "conj")
    )
    objects = [
        child
        for child in verb.children
        if child.i > verb.i and (child.dep_ in ("dobj", "attr") or (child.dep_ == "xcomp" and child.tag_ == "VBG"))
    ]
    if name in PART_VERBS and objects and subject is not None and not passive:
        if name != "have" or _is_counted(objects[0]):
            yield _whole(subject), _parted(objects[0]), [verb], True
    elif name in PART_VERBS and verb.dep_ == "prep":
        yield from _read_preposition(verb)
    elif name in COMPOSE_VERBS and subject is not None:
        if name == "consist" or passive:
            yield from _behind(verb, _whole(subject), ("of", "from"))
    elif name in DIVIDE_VERBS:
        whole = subject if passive or name in ("fall", "break", "split", "divide") else None
        if whole is None:
            whole = next((child for child in verb.children if child.dep_ == "dobj"), None)
        if whole is not None:
            yield from _behind(verb, _whole(whole), ("into", "as"))
    elif name in LEADING_VERBS and objects and subject is not None and not passive:
        yield subject, objects[:1], [verb], True
    elif name == "report" and subject is not None:
        for child in verb.children:
            if child.lower_ == "to":
                for part in child.children:
                    if part.dep_ == "pobj":
                        yield part, [subject], [verb], True
    elif name == "belong" and subject is not None:
        for child in verb.children:
            if child.lower_ == "to":
                for part in child.children:
                    if part.dep_ == "pobj":
                        yield part, [subject], [verb, child], True
    elif name == "be":
        yield from _read_copula(verb, subject)


def _parted(head: Token) -> list[Token]:
    """Heads of a list: one, whose coordination holds the rest, or one for each part between semicolons."""
    if any(token.text == ";" for token in head.doc[head.i : head.sent.end]):
        return phrase_heads(head.sent, head.left_edge.i, head.sent.end) or [head]
    return [head]


def find_lists(talk: Talk, sentence: Span) -> list[Enumeration]:
    """Returns lists of three or more that a clause or noun phrase holds, as belonging to its subject or noun."""
    found: list[Enumeration] = []
    for token in sentence:
        if token.dep_ not in ("pobj", "dobj", "pcomp", "attr") or not (is_nominal(token) or token.tag_ == "VBG"):
            continue
        if len(list_members(token)) < LIST_MEMBERS:
            continue
        whole: Token | None = None
        for place in token.ancestors:
            if is_nominal(place) and lemma(place) not in COLLECTIVE_NOUNS:
                whole = place
                break
            if place.pos_ in ("VERB", "AUX") and place.dep_ != "xcomp":
                whole = subject_of(place)
                break
        word = talk.word(token)
        found.append(Enumeration(whole, tuple(make_members(token)), (word, word + 1), token.i, strict=False))
    return found


def _is_counted(noun: Token) -> bool:
    """Whether a noun is told with a number or as a list: "has two branches", "has a lid and a handle"."""
    return (
        len(list_members(noun)) > 1
        or lemma(noun) in KIND_NOUNS | COLLECTIVE_NOUNS
        or any(
            child.dep_ == "nummod" or child.lower_ in ("several", "many", "various", "different", "multiple")
            for child in noun.children
        )
    )


def _behind(verb: Token, whole: Token | None, prepositions: tuple[str, ...]) -> Iterator[Found]:
    """What stands behind the preposition of a verb ("is made up of", "breaks down into")."""
    for child in verb.children:
        places = [child, *(part for part in child.children if child.dep_ in ("prt", "advmod", "prep"))]
        for place in places:
            if place.lower_ in prepositions and place.dep_ == "prep":
                heads = [part for part in place.children if part.dep_ in ("pobj", "pcomp")]
                if heads and (place.lower_ != "as" or len(list_members(heads[0])) > 1):
                    yield whole, heads, [verb, place], True
                    return


def _whole(noun: Token) -> Token | None:
    """The whole that a subject tells; None for "examples", whose whole the context tells."""
    if lemma(noun) in EXAMPLE_NOUNS:
        for child in noun.children:
            if child.lower_ == "of":
                return next((part for part in child.children if part.dep_ == "pobj"), None)
        return None
    return noun


def _read_copula(verb: Token, subject: Token | None) -> Iterator[Found]:
    attribute = next((child for child in verb.children if child.dep_ == "attr"), None)
    if attribute is None:
        return
    if subject is None:
        # "There are three kinds of tokens": the list follows, here or in the sentences to come.
        return
    if attribute.i < subject.i:
        subject, attribute = attribute, subject
    members = make_members(attribute)
    subjects = list_members(subject)
    if lemma(attribute) in KIND_NOUNS | EXAMPLE_NOUNS | {"part", "member", "subset"} and of_noun(attribute) is not None:
        inner = of_noun(attribute)
        yield inner, [subject], [verb, attribute], True
    elif (
        len(subjects) > 1
        and _is_numbered(attribute)
        and attribute.tag_ in ("NNS", "NNPS")
        and not any(is_pronoun(part) for part in subjects)
    ):
        # "X and Y are two paths": what is counted has them as its kinds.
        yield attribute, [subject], [verb, attribute], True
    elif lemma(subject) in EXAMPLE_NOUNS:
        yield _whole(subject), [attribute], [subject, verb], True
    elif (
        (len(members) > 1 or len(_parted(attribute)) > 1)
        and len(subjects) == 1
        and (subject.tag_ in ("NNS", "NNPS") or is_pronoun(subject) or _is_choice(attribute))
    ):
        yield subject, _parted(attribute), [verb], len(members) > 2
    elif (lemma(subject) in KIND_NOUNS and len(members) > 1) or (
        any(child.lower_ in _EXEMPLARY for child in verb.children if child.dep_ == "aux") and _is_indefinite(subject)
    ):
        yield subject, [attribute], [verb], True


def _is_indefinite(noun: Token) -> bool:
    return any(child.lower_ in ("a", "an") for child in noun.children)


def _is_choice(head: Token) -> bool:
    return any(child.dep_ == "cc" and child.lower_ == "or" for member in list_members(head) for child in member.children)


def _read_preposition(preposition: Token) -> Iterator[Found]:
    """Such as "Metals such as iron and copper", "tools, including saws"."""
    heads = [child for child in preposition.children if child.dep_ in ("pobj", "pcomp", "dobj")]
    if not heads:
        return
    such = next((child for child in preposition.children if child.lower_ == "such"), None)
    if preposition.lower_ == "as" and (such is not None or (preposition.i > 0 and preposition.nbor(-1).lower_ == "such")):
        cues = [preposition.nbor(-1), preposition] if preposition.i > 0 else [preposition]
    elif preposition.lower_ in _EXAMPLE_PREPOSITIONS:
        cues = [preposition]
    else:
        return
    head = preposition.head
    whole = head if is_nominal(head) else noun_before(preposition)
    if preposition.lower_ == "including" and (whole is None or is_pronoun(whole)):
        # "It has various layers within it, including …": the layers.
        objects = [child for child in head.children if child.dep_ in ("dobj", "attr") and child.i < preposition.i]
        whole = objects[-1] if objects else whole
    if head.dep_ == "relcl" and is_nominal(head.head):
        whole = head.head
    if preposition.lower_ == "like" and (not is_nominal(head) or head.tag_ not in ("NNS", "NNPS")):
        return
    if whole is not None and whole.i < preposition.i:
        yield whole, heads, cues, True


def _is_detailed(noun: Token) -> bool:
    return any(child.dep_ == "amod" and child.lower_ not in VAGUE_ADJECTIVES for child in noun.children)


def mention_of(noun: Token) -> Mention | None:
    """Returns the mention of a whole: a noun of kind with what it divides, "three kinds of tokens"."""
    if is_pronoun(noun):
        return None
    skipped = frozenset(
        child.i for child in noun.children if child.dep_ == "prep" and child.lower_ in ("such", "as", "like", "including")
    )
    inner = inner_noun(noun)
    return (
        make_mention(inner, skipped)
        if inner is not None and lemma(noun) in COLLECTIVE_NOUNS and not _is_detailed(noun)
        else make_mention(noun, skipped)
    )
