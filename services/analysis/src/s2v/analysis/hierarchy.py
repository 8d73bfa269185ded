"""Hierarchies: a whole, its parts or kinds, and theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from spacy.tokens import Span, Token

from s2v.analysis.content import Content
from s2v.analysis.enumerations import Enumeration, find_enumerations, mention_of, subject_of
from s2v.analysis.language import Talk
from s2v.analysis.lexicon import KIND_NOUNS, NAME_VERBS, ORDINALS, VAGUE_ADJECTIVES, VAGUE_NOUNS
from s2v.analysis.mentions import (
    announces_list,
    is_nominal,
    is_pronoun,
    lemma,
    list_members,
    make_members,
    make_mention,
    with_head_only,
)
from s2v.analysis.outline import Outline
from s2v.v1.diagram_pb2 import DiagramType

MIN_FURTHER_NODES = 4
"""A tree apart from the largest is shown only if it has so many nodes; nothing that was said joins the two."""


@dataclass
class _Tree:
    """A hierarchy in the making, and what the last sentences left open."""

    talk: Talk
    outline: Outline
    pending: dict[str, int] = field(default_factory=dict)
    """Wholes by the noun that divides them ("two groups"), until their members are told."""
    group: str = ""
    """The dividing noun told last."""
    subject: int | None = None
    """What the last sentence was about."""
    salient: Token | None = None
    """The noun that the last sentences were about, drawn or not."""
    latest: list[int] = field(default_factory=list)
    """The members told last."""


def extract_hierarchy(talk: Talk, sentences: Sequence[Span]) -> Content:
    """Returns the tree told in consecutive sentences; nothing when there is none."""
    tree = _Tree(talk, Outline(talk))
    for sentence in sentences:
        _tell(tree, sentence)
    _join_by_name(tree.outline)
    _join_by_noun(tree.outline)
    return _finish(tree.outline)


def _tell(tree: _Tree, sentence: Span) -> None:
    subject: int | None = None
    names = _find_names(tree, sentence)
    for enumeration in find_enumerations(tree.talk, sentence):
        named = names.get(enumeration.whole.i) if enumeration.whole is not None else None
        whole = named if named is not None else _resolve(tree, enumeration.whole)
        if whole is None:
            continue
        _add_members(tree, whole, enumeration)
        subject = whole if subject is None else subject
    for token in sentence:
        if token.pos_ in ("VERB", "AUX"):
            picked = _tell_ordinal(tree, token)
            subject = picked if picked is not None else subject
            _announce(tree, token)
    if names:
        subject = list(names.values())[-1]
    if subject is None:
        subject = _find_subject(tree, sentence)
    if subject is not None:
        tree.subject = subject
    tree.salient = _find_salient(sentence) or tree.salient


def _find_salient(sentence: Span) -> Token | None:
    """What a sentence is about, should the next one divide it."""
    root = sentence.root
    for noun in (subject_of(root), *(child for child in root.children if child.dep_ in ("attr", "dobj")), root):
        if noun is not None and is_nominal(noun) and not is_pronoun(noun) and lemma(noun) not in VAGUE_NOUNS | KIND_NOUNS:
            return noun
    return None


def _find_subject(tree: _Tree, sentence: Span) -> int | None:
    subject = subject_of(sentence.root)
    if subject is None or not is_nominal(subject):
        return None
    mention = mention_of(subject)
    return tree.outline.find(mention) if mention is not None else None


def _resolve(tree: _Tree, whole: Token | None) -> int | None:
    """The node of a whole: what a pronoun stands for, a known node, or a new one."""
    if whole is not None and announces_list(whole) and (owner := _owner_of(whole)) is not None:
        # "Water comes in three parts: …": the water is divided.
        whole = owner
    if whole is None or is_pronoun(whole):
        return _context(tree)
    if lemma(whole) in KIND_NOUNS and lemma(whole) in tree.pending and not _is_detailed(whole):
        return tree.pending[lemma(whole)]
    mention = mention_of(whole)
    if mention is None:
        return None
    place = tree.outline.add(mention)
    if place is not None and lemma(whole) in tree.pending and tree.pending[lemma(whole)] != place:
        tree.outline.attach(tree.pending[lemma(whole)], place)
    return place


def _owner_of(noun: Token) -> Token | None:
    """The subject of the clause that a noun stands in."""
    verb = next((place for place in noun.ancestors if place.pos_ in ("VERB", "AUX")), None)
    subject = subject_of(verb) if verb is not None else None
    return subject if subject is not None and subject.i != noun.i and is_nominal(subject) else None


def _context(tree: _Tree) -> int | None:
    """The node that the last sentences were about."""
    if tree.subject is not None:
        return tree.subject
    mention = mention_of(tree.salient) if tree.salient is not None else None
    return tree.outline.add(mention) if mention is not None else None


def _is_detailed(noun: Token) -> bool:
    return any(
        child.dep_ in ("amod", "compound", "nmod") and child.lower_ not in ORDINALS | VAGUE_ADJECTIVES for child in noun.children
    )


def _add_members(tree: _Tree, whole: int, enumeration: Enumeration) -> None:
    outline = tree.outline
    members = list(enumeration.members)
    if len(members) == 1 and members[0].noun in KIND_NOUNS and not _is_detailed(members[0].head):
        # "is divided into two groups": the groups themselves are told next.
        tree.pending[members[0].noun] = whole
        tree.group = members[0].noun
        if outline.find(members[0]) is None:
            outline.aliases[members[0].key] = whole
        return
    tree.latest = []
    for member in members:
        child = outline.add(member)
        if child is not None and child != whole:
            outline.attach(whole, child, enumeration.cue)
            tree.latest.append(child)


def _find_names(tree: _Tree, sentence: Span) -> dict[int, int]:
    """Such as "Ribs 8–12 are called false ribs": nodes of the names given to kinds, by the token that was named."""
    names: dict[int, int] = {}
    for verb in sentence:
        subject = subject_of(verb) if verb.lemma_ in NAME_VERBS and verb.tag_ == "VBN" else None
        name = _name_given(verb) if subject is not None else None
        if verb.lemma_ == "be" and (subject := subject_of(verb)) is not None:
            # "Those that last long are durables."
            restricted = any(child.dep_ == "relcl" for child in subject.children) and subject.lower_ in ("those", "ones")
            name = next((child for child in verb.children if child.dep_ == "attr"), None) if restricted else None
        if subject is None or name is None or not is_nominal(name) or len(list_members(name)) > 1:
            continue
        mention = make_mention(name)
        place = tree.outline.add(mention) if mention is not None else None
        if place is None:
            continue
        names[subject.i] = place
        _place_name(tree, subject, place)
    return names


def _name_given(verb: Token) -> Token | None:
    for child in verb.children:
        if child.dep_ in ("oprd", "attr", "dobj") and child.i > verb.i:
            return child
    return next(
        (part for child in verb.children if child.lower_ in ("as", "to") for part in child.subtree if part.dep_ == "pobj"), None
    )


def _place_name(tree: _Tree, subject: Token, place: int) -> None:
    """A name is a kind of what its subject restricts: "the last two false ribs" of "false ribs"."""
    outline = tree.outline
    if is_pronoun(subject) or not is_nominal(subject):
        if tree.subject is not None and subject.lower_ in ("those", "ones"):
            parent = outline.parents.get(tree.subject)
            if parent is not None:
                outline.attach(parent, place)
        return
    named = mention_of(subject)
    if named is None:
        return
    known = [
        number
        for number, mention in enumerate(outline.mentions)
        if number != place and mention.noun == named.noun and mention.key <= named.key
    ]
    if known:
        outline.attach(max(known, key=lambda number: len(outline.mentions[number].key)), place)
    elif len(named.key) > 1:
        outline.aliases.setdefault(named.key, place)


def _tell_ordinal(tree: _Tree, verb: Token) -> int | None:
    """Such as "The first is x", "One group includes y": members of what was announced."""
    subject = subject_of(verb)
    if subject is None or verb.lemma_ != "be":
        return None
    attribute = next((child for child in verb.children if child.dep_ == "attr"), None)
    words = {subject.lower_, *(child.lower_ for child in subject.children)}
    whole = tree.pending.get(lemma(subject), tree.pending.get(tree.group))
    if attribute is None or whole is None or not words & ORDINALS:
        if attribute is not None and whole is not None and is_pronoun(subject) and len(make_members(attribute)) > 1:
            for mention in make_members(attribute):
                child = tree.outline.add(mention)
                if child is not None and child != whole:
                    tree.outline.attach(whole, child)
        return None
    named = make_mention(attribute)
    picked = tree.outline.add(named) if named is not None else None
    if picked is not None and picked != whole:
        tree.outline.attach(whole, picked)
    return picked


def _announce(tree: _Tree, verb: Token) -> None:
    """Such as "There are two branches": of what was told before."""
    if verb.lemma_ != "be" or not any(child.dep_ == "expl" for child in verb.children):
        return
    attribute = next((child for child in verb.children if child.dep_ == "attr"), None)
    if attribute is None:
        return
    if lemma(attribute) not in KIND_NOUNS:
        # "There are seven vertebrae in the neck": one of the regions that were announced.
        if tree.group in tree.pending:
            for member in make_members(attribute):
                child = tree.outline.add(member)
                if child is not None:
                    tree.outline.attach(tree.pending[tree.group], child)
        return
    mention = mention_of(attribute)
    inner = [child for child in attribute.children if child.lower_ == "of"]
    place = tree.outline.add(mention) if inner and mention is not None else _context(tree)
    if place is not None:
        tree.pending[lemma(attribute)] = place
        tree.group = lemma(attribute)


def _join_by_name(outline: Outline) -> None:
    """A name that holds another with the same noun is a kind of it: "dense connective tissue" of "connective tissue"."""
    for child in outline.roots():
        best: int | None = None
        for place, mention in enumerate(outline.mentions):
            if (
                place != child
                and mention.noun == outline.mentions[child].noun
                and mention.key < outline.mentions[child].key
                and (best is None or len(mention.key) > len(outline.mentions[best].key))
            ):
                best = place
        if best is not None:
            outline.attach(best, child)


def _join_by_noun(outline: Outline) -> None:
    """Trees whose tops share a noun are kinds of what the noun names: "true ribs" and "false ribs" of "ribs"."""
    for top in outline.roots():
        noun = outline.mentions[top].noun
        alike = [place for place in outline.roots() if outline.mentions[place].noun == noun]
        if len(alike) < 2 or noun in KIND_NOUNS:
            continue
        whole = outline.add_new(with_head_only(outline.mentions[alike[0]]))
        if whole is not None:
            for place in alike:
                outline.attach(whole, place)


def _finish(outline: Outline) -> Content:
    tops = [place for place in outline.roots() if outline.children(place)]
    if not tops:
        return Content(DiagramType.DIAGRAM_TYPE_HIERARCHY)
    main = max(tops, key=lambda place: (outline.size(place), -place))
    kept = [place for place in tops if place == main or outline.size(place) >= MIN_FURTHER_NODES]
    return outline.finish(DiagramType.DIAGRAM_TYPE_HIERARCHY, kept)
