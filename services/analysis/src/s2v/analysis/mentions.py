"""Things that are named: the noun phrase, or the gerund that stands for one, as what is drawn for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from spacy.tokens import Token

from s2v.analysis.content import Label, NodeDraft
from s2v.analysis.labels import (
    MAX_CHARACTERS,
    Group,
    content_lemmas,
    make_label,
    noun_groups,
    predicate_groups,
    preposition_groups,
    whole_word,
)
from s2v.analysis.language import Talk
from s2v.analysis.lexicon import COLLECTIVE_NOUNS, KIND_NOUNS, VAGUE_ADJECTIVES, VAGUE_NOUNS
from s2v.analysis.numbers import read_number
from s2v.v1.diagram_pb2 import NodeKind

MAX_PHRASE_WORDS = 9
MAX_PHRASE_CHARACTERS = 90
MAX_GAP_TOKENS = 3
"""Tokens left out of a label, up to which its phrase still runs on."""
_NOMINAL = ("NOUN", "PROPN", "NUM", "SYM", "X")
_PREPOSITIONS = frozenset({"for", "from", "in", "with", "to", "on", "between", "about", "around", "by", "within", "inside"})


@dataclass(frozen=True)
class Mention:
    """Something that is named once."""

    head: Token
    groups: tuple[Group, ...]
    """The words of its label by rank."""
    key: frozenset[str]
    """Lemmas by which it is known again."""
    forms: Mapping[int, str] = field(default_factory=dict)
    """How tokens are written where it is not as spoken."""
    amount: tuple[Token, ...] = ()
    """A quantity that stands beside the label."""

    @property
    def noun(self) -> str:
        """The lemma of its head."""
        return lemma(self.head)


def lemma(token: Token) -> str:
    """Returns the lower-case lemma; of a noun that the tagger took for a name the singular too."""
    text = token.lemma_.lower()
    if token.pos_ in ("PROPN", "X") and len(text) > 3 and text.endswith("s") and not text.endswith("ss"):
        return text[:-1]
    return text


def is_nominal(token: Token) -> bool:
    """Returns whether a token can head the name of a thing."""
    return token.pos_ in _NOMINAL


def is_pronoun(token: Token) -> bool:
    """Returns whether a token stands for something said before ("they", "these", "both", "others")."""
    return token.pos_ == "PRON" or (
        token.lower_ in ("these", "those", "this", "that", "both", "each", "all", "others", "another", "some", "one")
        and not token.n_lefts
    )


def make_mention(head: Token, skipped: AbstractSet[int] = frozenset()) -> Mention | None:
    """Returns what a noun phrase, gerund or adjective names; None for a pronoun or a word that names nothing by itself."""
    out = set(skipped) | {child.i for child in head.children if child.dep_ in ("conj", "appos", "relcl")}
    if is_nominal(head):
        if is_pronoun(head) or lemma(head) in ("etc", "etc.") or (lemma(head) in VAGUE_NOUNS and not _has_detail(head, out)):
            return None
        return _name(head, out)
    if head.pos_ == "ADJ":
        groups = [Group(0.0, (head,)), *(Group(0.0, (part,)) for part in head.children if part.dep_ == "neg")]
        for child in head.children:
            if child.dep_ == "prep" and child.i not in out:
                groups += preposition_groups(child, 0.6, out)
        return Mention(head, tuple(groups), frozenset({lemma(head)}))
    if head.pos_ == "VERB":
        groups = predicate_groups(head, 0.0, out)
        subject = next((part for part in head.children if part.dep_ in ("nsubj", "nsubjpass") and is_nominal(part)), None)
        if subject is not None:
            groups += noun_groups(subject, 0.1, out)
        elif not any(token.pos_ in (*_NOMINAL, "ADJ") for group in groups for token in group.tokens) and head.tag_ != "VBG":
            return None
        return Mention(head, tuple(groups), content_lemmas(token for group in groups for token in group.tokens))
    return None


def _has_detail(head: Token, skipped: AbstractSet[int]) -> bool:
    return any(
        (child.dep_ in ("amod", "compound", "nmod") and child.i not in skipped)
        or child.lower_ == "of"
        or (child.dep_ == "nummod" and lemma(head) in KIND_NOUNS)
        for child in head.children
    )


def _name(head: Token, skipped: set[int]) -> Mention:
    skipped |= {child.i for child in head.children if child.dep_ == "amod" and _is_vague(child)}
    groups = noun_groups(head, 0.0, skipped)
    key = _key(head)
    extra = 0
    for child in head.children:
        if child.dep_ == "prep" and child.i > head.i and child.lower_ in _PREPOSITIONS and child.i not in skipped:
            groups += preposition_groups(child, 1.0 + extra, skipped)
            extra += 1
        elif child.dep_ == "nummod" and child.i > head.i:
            groups.append(Group(0.1, (child,)))
        elif child.dep_ == "amod" and child.i > head.i and not child.nbor(-1).is_punct:
            groups.append(Group(0.3, (child,)))
    # A name that says enough by itself needs no adjunct.
    content = {
        token.i for group in groups if group.rank < 1 for token in group.tokens if not token.is_stop and token.pos_ != "NUM"
    }
    if len(content) >= 2:
        groups = [group for group in groups if group.rank < 1]
    return Mention(head, tuple(groups), key)


def _key(head: Token) -> frozenset[str]:
    """Lemmas of a name: of "three kinds of tokens" those of the tokens."""
    inner = inner_noun(head)
    noun = inner if inner is not None else head
    own = {
        lemma(child)
        for child in noun.children
        if child.dep_ in ("compound", "amod", "nmod", "poss") and not _is_vague(child) and child.pos_ != "PRON"
    }
    deeper = {
        lemma(part)
        for child in noun.children
        if child.dep_ in ("compound", "amod")
        for part in child.children
        if part.dep_ in ("compound", "amod", "advmod")
    }
    # "The 5 gigahertz band" is named by its number, "5 bands" are only counted.
    numbers = {
        part.lower_
        for place in (noun, *(child for child in noun.children if child.dep_ in ("compound", "nmod")))
        for part in place.children
        if part.dep_ == "nummod" and part.i < noun.i and noun.tag_ in ("NN", "NNP")
    }
    outer = {lemma(child) for child in head.children if child.dep_ == "amod" and not _is_vague(child)}
    return frozenset(own | deeper | numbers | outer | {lemma(noun)})


def _is_vague(adjective: Token) -> bool:
    """Whether an adjective tells nothing of a thing; "separate" tells how one is kept, but not of several."""
    return adjective.lower_ in VAGUE_ADJECTIVES and not (adjective.lower_ == "separate" and adjective.head.tag_ == "NN")


def inner_noun(head: Token) -> Token | None:
    """Returns what a noun of kind or amount is about: of "three kinds of tokens" the tokens."""
    if lemma(head) not in KIND_NOUNS | COLLECTIVE_NOUNS:
        return None
    for child in head.children:
        if child.lower_ == "of":
            return next((part for part in child.children if part.dep_ == "pobj" and is_nominal(part)), None)
    return None


def list_members(head: Token) -> list[Token]:
    """Returns the heads of a coordination in the order of speech."""
    members = [head]
    for place in members:
        for child in place.children:
            if (child.i > place.i and child.dep_ == "conj" and _is_alike(place, child)) or (
                child.i > place.i and child.dep_ == "appos" and _continues_list(child)
            ):
                members.append(child)
    return sorted(set(members), key=lambda token: token.i)


def find_series(member: Token) -> list[Token]:
    """Returns the heads of the coordination that a token belongs to, itself among them; nothing where it belongs to none.

    What only announces a list ("three parts: …") is no member of it.
    """
    first = member
    while first.dep_ == "conj" or (first.dep_ == "appos" and _continues_list(first)):
        first = first.head
    members = list_members(first)
    if announces_list(first):
        members = members[1:]
    return members if len(members) > 1 and member in members else []


def _name_tokens(noun: Token) -> tuple[Token, ...]:
    """Returns a noun with the nouns in front that it is named by: the "blood pressure" of "high blood pressure"."""
    return (*(child for child in noun.lefts if child.dep_ in ("compound", "nmod") and not child.n_lefts), noun)


def write_name(noun: Token) -> str:
    """Returns the words of a noun's name, without the capital letter that only opens a sentence."""
    first, *rest = _name_tokens(noun)
    text = first.lower_ if first.is_sent_start and first.pos_ == "NOUN" and first.is_title else first.text
    return " ".join([text, *(token.text for token in rest)])


def name_words(talk: Talk, noun: Token) -> tuple[int, ...]:
    """Returns the numbers of the words that `write_name` writes."""
    return tuple(talk.word(token) for token in _name_tokens(noun))


def described_name(noun: Token) -> Token | None:
    """Returns the name that a noun behind a comma describes: the Brown of "Carl Brown, a doctor from Leeds"; None for others."""
    name = noun.head
    described = noun.dep_ == "appos" and name.pos_ == "PROPN" and any(child.dep_ == "det" for child in noun.lefts)
    return name if described and not _continues_list(noun) else None


def _is_alike(first: Token, second: Token) -> bool:
    return not (is_nominal(first) and second.pos_ in ("VERB", "AUX") and second.tag_ != "VBG")


def _continues_list(child: Token) -> bool:
    """Whether an apposition is one more member: "a server, a cache, and a queue" with a comma before and more behind."""
    # Of names in a row ("Ann Smith, Ben Jones, and Carl Brown") the second is no other name of the first.
    named = child.pos_ == child.head.pos_ == "PROPN" and not any(part.dep_ == "det" for part in child.children)
    holders = (child, child.head) if named else (child,)
    return (
        child.left_edge.i > 0
        and child.left_edge.nbor(-1).text in (",", ";")
        and any(part.dep_ == "conj" and part.i > child.i for holder in holders for part in holder.children)
    )


def announces_list(noun: Token) -> bool:
    """Returns whether a noun only counts what is named behind it: the "three parts" of "three parts: ice, …".

    Behind a comma, which is how speech is written down, as many things must be named as it counts.
    """
    if lemma(noun) not in KIND_NOUNS | VAGUE_NOUNS or noun.i + 1 >= len(noun.doc):
        return False
    mark = noun.nbor(1).text
    if mark != ":" and not (mark == "," and _count(noun) == len(list_members(noun)) - 1):
        return False
    return all(child.dep_ != "compound" and (child.dep_ != "amod" or child.lower_ in VAGUE_ADJECTIVES) for child in noun.lefts)


def _count(noun: Token) -> float | None:
    """The number that stands with a noun."""
    return read_number([child.text for child in noun.lefts if child.dep_ == "nummod"])


def make_members(head: Token) -> list[Mention]:
    """Returns the things that a coordination names. A noun shared by coordinated adjectives belongs to each of them."""
    found: list[Mention] = []
    chain = list_members(head)
    if announces_list(head):
        named = [child for child in head.children if child.dep_ == "appos"]
        chain = sorted({*chain[1:], *(part for child in named for part in list_members(child))}, key=lambda token: token.i)
    for member in chain:
        inner = inner_noun(member)
        if inner is not None and lemma(member) in COLLECTIVE_NOUNS:
            found += make_members(inner)
        else:
            found += list(_split_modifiers(member))
    return found


def _split_modifiers(head: Token) -> Iterator[Mention]:
    """Of "sympathetic and parasympathetic nerves" both, of any other phrase the one mention that it is."""
    for child in head.children:
        if (
            child.dep_ != "amod"
            or child.pos_ not in ("ADJ", "VERB")
            or head.tag_ not in ("NNS", "NNPS", "NNP")
            or child.i > head.i
        ):
            continue
        shared = [part for part in list_members(child) if part.i < head.i]
        if len(shared) < 2 or not any(part.dep_ == "cc" for place in shared for part in place.children):
            continue
        for own in shared:
            others = {part.i for part in shared if part.i != own.i}
            groups = [
                Group(0.0, (own,)),
                *(Group(0.0, (part,)) for part in own.children if part.dep_ in ("compound", "neg")),
                *(group for group in noun_groups(head, 0.0, others | {own.i}) if own not in group.tokens),
            ]
            groups = [group for group in groups if not any(token.i in others for token in group.tokens)]
            yield Mention(head, tuple(groups), frozenset({lemma(own), *(_key(head) - {lemma(part) for part in shared})}))
        return
    mention = make_mention(head)
    if mention is not None:
        yield mention


def with_head_only(mention: Mention) -> Mention:
    """Returns the bare noun of a mention: of "true ribs" the ribs."""
    return replace(mention, groups=(Group(0.0, (mention.head,)),), key=frozenset({mention.noun}))


def draft(talk: Talk, mention: Mention, kind: NodeKind.ValueType) -> NodeDraft | None:
    """Returns the node of a mention; None when its words do not fit into a label."""
    label = make_label(talk, mention.groups, mention.forms)
    spoken = make_label(talk, mention.groups, mention.forms, max_words=MAX_PHRASE_WORDS, max_characters=MAX_PHRASE_CHARACTERS)
    if label is None or spoken is None or not any(character.isalnum() for character in label.text):
        return None
    topics = content_lemmas(token for group in mention.groups for token in group.tokens) - VAGUE_NOUNS
    return NodeDraft(
        kind,
        _write_phrase(talk, mention, spoken),
        label,
        (label.words[0], label.words[-1] + 1),
        topics,
        quantity=_write_amount(talk, mention.amount),
    )


def _write_amount(talk: Talk, tokens: tuple[Token, ...]) -> Label | None:
    if not tokens:
        return None
    text = tokens[0].doc[tokens[0].i : tokens[-1].i + 1].text
    return Label(text, tuple(sorted({talk.word(token) for token in tokens}))) if len(text) <= MAX_CHARACTERS else None


def _write_phrase(talk: Talk, mention: Mention, spoken: Label) -> str:
    """The words as spoken, with the one or two left out in between; what lies further apart is joined."""
    words = set(spoken.words)
    places = sorted(
        {
            part.i
            for group in mention.groups
            for token in group.tokens
            if talk.word(token) in words
            for part in whole_word(talk, token)
        }
        | {token.i for token in mention.amount}
    )
    runs: list[list[int]] = []
    for place in places:
        if runs and place - runs[-1][1] <= MAX_GAP_TOKENS:
            runs[-1][1] = place
        else:
            runs.append([place, place])
    return " ".join(talk.doc[first : last + 1].text for first, last in runs).strip(' .,;:!?"“”()[]—–-')
