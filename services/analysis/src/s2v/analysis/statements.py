"""Statements: what the clauses of a sentence say about their subjects, as the short texts that are drawn for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from spacy.tokens import Span, Token

from s2v.analysis.amounts import find_amounts
from s2v.analysis.labels import (
    Group,
    content_lemmas,
    is_plural,
    is_time,
    main_verb,
    noun_groups,
    predicate_groups,
    preposition_groups,
    verb_groups,
)
from s2v.analysis.language import Talk
from s2v.analysis.lexicon import FILLERS, HOLDING_VERBS, IDEA_NOUNS, KIND_NOUNS, REPORTING_VERBS, STAGE_VERBS, VAGUE_NOUNS
from s2v.analysis.mentions import Mention, is_nominal, lemma, list_members, make_members

_SUBJECTS = ("nsubj", "nsubjpass", "csubj", "csubjpass")
_CONCESSIVE = frozenset({"whereas", "while", "although", "though", "but", "so", "that"})
_CLITICS = {"'s": "is", "'re": "are", "'m": "am"}
_EMPTY = frozenset({"do", "be", "have", "can", "will"})
_SEEMING = frozenset({"tend", "seem", "appear", "happen", "use", "need", "want", "like", "look"})
_MANNERS = frozenset({"farther", "further", "longer", "faster", "slower", "often", "rarely", "seldom", "always", "usually"})
_GENERIC = frozenset({"you", "we", "one", "i"})
"""Subjects of a condition that says what something is good for: "if you need speed"."""
_COMPARING = frozenset({"than", "unlike", "like", "versus", "vs", "compared"})


@dataclass(frozen=True)
class Statement:
    """What a clause says."""

    verb: Token
    subject: Token | None
    """Its own subject or the one it shares; None for an order ("Check the oil")."""
    items: tuple[Mention, ...]
    """What is said, in one or more short texts."""
    main: Token
    """For a condition ("if you need speed, …") the verb that it is a condition of, else its own verb."""
    denies: bool = False
    """Whether it only denies what was said before: "… while hashes do not"."""


def find_statements(talk: Talk, sentence: Span) -> list[Statement]:
    """Returns the statements of a sentence in the order of speech. Of "I think that x is y" only what is thought counts."""
    found: list[Statement] = []
    for token in sentence:
        place = _read_clause(token)
        if place is None:
            continue
        subject, main = place
        items = tuple(_limit(_measure(list(_say(talk, token, subject)), token), token))
        denies = not items and any(child.dep_ == "neg" for child in token.children) and token.lemma_ in _EMPTY
        if items or denies:
            found.append(Statement(token, subject, items, main, denies))
    return found


def _read_clause(verb: Token) -> tuple[Token | None, Token] | None:
    """The subject of a clause that states something and the verb it is about; None for other words."""
    if verb.pos_ not in ("VERB", "AUX") or verb.dep_ in (
        "aux",
        "auxpass",
        "amod",
        "relcl",
        "acl",
        "pcomp",
        "xcomp",
        "csubj",
        "compound",
    ):
        return None
    inner = any(child.dep_ in ("ccomp", "parataxis") and child.pos_ in ("VERB", "AUX") for child in verb.children)
    if inner and (lemma(verb) in REPORTING_VERBS or _judges(verb)):
        return None
    own = next((child for child in verb.children if child.dep_ in _SUBJECTS), None)
    if own is not None and own.tag_ in ("WP", "WDT"):
        return None
    if verb.dep_ == "conj" and verb.head.pos_ in ("VERB", "AUX"):
        above = _read_clause(verb.head)
        if above is None:
            return (own, verb) if own is not None and verb.head.dep_ not in ("relcl", "acl", "advcl") else None
        return (own if own is not None else above[0]), (verb if above[1].i == verb.head.i else above[1])
    if verb.dep_ == "advcl":
        mark = next((child.lower_ for child in verb.children if child.dep_ in ("mark", "advmod") and child.i < verb.i), "")
        if mark in _CONCESSIVE and own is not None:
            return own, verb
        return (own, verb.head) if mark in ("if", "when") and own is not None and own.lower_ in _GENERIC else None
    if verb.dep_ == "ccomp":
        if lemma(verb.head) not in REPORTING_VERBS | {"be"} and verb.i > verb.head.i:
            return None
        return (own, verb) if own is not None else None
    if own is None and verb.dep_ != "ROOT":
        return None
    return own, verb


def _judges(verb: Token) -> bool:
    """Whether a clause only judges another: "it is possible that", "it is clear that"."""
    return verb.lemma_ == "be" and any(child.lower_ == "it" and child.dep_ in _SUBJECTS for child in verb.children)


def _core(verb: Token) -> Token:
    """The verb that carries the meaning; "tends to be" says what "is" says."""
    core = main_verb(verb)
    if lemma(core) in _SEEMING and not any(child.dep_ == "neg" for child in core.children):
        inner = next((child for child in core.children if child.dep_ == "xcomp" and child.pos_ in ("VERB", "AUX")), None)
        return _core(inner) if inner is not None else core
    return core


def _measure(items: list[Mention], verb: Token) -> list[Mention]:
    """Sets the first amount of a clause beside a text that holds none; further ones stand by themselves."""
    if not items:
        return items
    held = {token.i for item in items for group in item.groups for token in group.tokens}
    rest = [
        amount.tokens for amount in find_amounts(verb) if not {token.i for token in amount.tokens if token.tag_ == "CD"} <= held
    ]
    if not rest:
        return items
    first = items[0]
    places = {token.i for token in rest[0]}
    groups = tuple(group for group in first.groups if not any(token.i in places for token in group.tokens))
    if any(token.tag_ == "CD" for group in groups for token in group.tokens):
        measured = [first]
    elif any(token.pos_ in ("NOUN", "PROPN", "ADJ", "ADV") for group in groups for token in group.tokens):
        measured = [replace(first, groups=groups, amount=rest.pop(0))]
    else:
        measured = [_name_amount(rest.pop(0))]
    return [*measured, *items[1:], *(_name_amount(tokens) for tokens in rest)]


def _limit(items: list[Mention], verb: Token) -> list[Mention]:
    """Puts the condition of a clause into its texts: "bite if they are afraid"; leaves them out where it stands in front."""
    conditions = [child for child in verb.children if is_condition(child)]
    if not conditions:
        return items
    if len(conditions) > 1 or conditions[0].i < verb.i:
        return []
    groups = _condition_groups(conditions[0])
    key = content_lemmas(token for group in groups for token in group.tokens)
    return [replace(item, groups=(*item.groups, *groups), key=item.key | key) for item in items]


def is_condition(verb: Token) -> bool:
    """Returns whether a clause says on what its main clause depends; "if you like" and "even if" do not."""
    if verb.dep_ != "advcl" or any(child.lower_ in _GENERIC for child in verb.children if child.dep_ in _SUBJECTS):
        return False
    mark = next((child for child in verb.children if child.dep_ == "mark" and child.lower_ in ("if", "unless")), None)
    return mark is not None and (mark.is_sent_start or mark.nbor(-1).lower_ not in ("even", "as"))


def _condition_groups(verb: Token) -> list[Group]:
    """A condition as a part of a label that is never shed."""
    core = _core(verb)
    front = [child for child in verb.children if child.dep_ in ("mark", *_SUBJECTS, "aux", "auxpass", "neg") and child.i < core.i]
    inner = [group.tokens for group in predicate_groups(core) if group.rank == 0]
    nouns = [group.tokens for child in front if is_nominal(child) for group in noun_groups(child) if group.rank == 0]
    return [Group(0.0, tokens) for tokens in ((*front, verb), *inner, *nouns)]


def _name_amount(tokens: tuple[Token, ...]) -> Mention:
    return Mention(tokens[-1], (Group(0.0, tokens),), frozenset(token.lower_ for token in tokens))


def _say(talk: Talk, verb: Token, subject: Token | None) -> Iterator[Mention]:
    """The short texts of a clause: its list where the verb only holds one ("has x and y"), else verb and object."""
    core = _core(verb)
    negated = any(child.dep_ == "neg" for place in (verb, core) for child in place.children)
    complements = [
        child
        for child in core.children
        if (child.dep_ in ("attr", "acomp", "dobj", "oprd") or (child.dep_ == "advmod" and core.lemma_ == "be"))
        and child.i > core.i
    ]
    name = lemma(core)
    if name == "be" and not negated and complements and not any(part.dep_ == "neg" for part in complements[0].children):
        head = complements[0]
        if is_nominal(head) or head.pos_ in ("ADJ", "VERB", "ADV"):
            yield from _list(talk, core, head)
            return
    if complements and not negated and lemma(complements[0]) in IDEA_NOUNS and _detail(complements[0]) is not None:
        yield from _list(talk, core, complements[0])
        return
    if name in HOLDING_VERBS and complements and not negated and is_nominal(complements[0]):
        yield from _list(talk, core, complements[0])
        return
    listed = False
    for preposition in core.children:
        # "… in areas such as law and finance": the list says more than the clause around it.
        if preposition.dep_ == "prep" and preposition.i > core.i:
            for noun in preposition.children:
                if noun.dep_ == "pobj":
                    for part in noun.children:
                        if part.dep_ == "prep" and part.lower_ in ("as", "like", "including"):
                            for child in part.children:
                                if child.dep_ == "pobj":
                                    listed = True
                                    yield from make_members(child)
    generic = subject is None or subject.lower_ in ("i", "we") or (subject.lower_ == "it" and core.i != verb.i)
    if core.lemma_ == "help" and (inner := next((part for part in core.children if part.dep_ == "xcomp"), None)) is not None:
        # "It helps to compare them" is speech about speech.
        generic, name = subject is None or subject.lower_ == "it", lemma(inner)
    if listed or (generic and name in STAGE_VERBS | REPORTING_VERBS):
        return
    mention = _predicate(talk, verb, core, subject)
    if mention is not None:
        yield mention


def _list(talk: Talk, core: Token, head: Token) -> Iterator[Mention]:
    for member in list_members(head):
        detail = _detail(member)
        if detail is not None:
            # "The kind of problem that takes years": what counts is in the clause.
            mention = _predicate(talk, detail, _core(detail), None)
            if mention is not None:
                yield mention
        elif is_nominal(member):
            own = [mention for mention in make_members(member) if mention.head.i == member.i][:1]
            yield from (replace(mention, key=mention.key | _denials(member)) for mention in own)
        elif member.pos_ in ("ADJ", "VERB", "ADV"):
            groups = [group for group in predicate_groups(core) if core not in group.tokens] if member.i == head.i else []
            groups = [group for group in groups if not any(token.lower_ in _COMPARING for token in group.tokens)]
            if not groups:
                groups = [Group(0.0, (member,))]
                for child in member.children:
                    if child.dep_ == "prep" and child.lower_ not in _COMPARING:
                        groups += preposition_groups(child, 0.6)
            groups += [
                Group(0.4, tuple(sorted({child, *child.children}, key=lambda token: token.i)))
                for child in member.children
                if child.dep_ == "advmod" and child.i < member.i
            ]
            # "Quick but not strong": each one is denied by itself.
            groups += [Group(0.0, (child,)) for child in member.children if child.dep_ == "neg"]
            for child in member.children:
                if child.dep_ == "xcomp" and member.pos_ == "ADJ" and child.i == member.i + 2:
                    # "Easy to reach" is more than "easy".
                    groups.append(Group(0.3, (*(part for part in child.children if part.lower_ == "to"), child)))
            if member.pos_ != "ADV" or len(groups) > 1:
                key = content_lemmas(token for group in groups for token in group.tokens)
                yield Mention(member, tuple(groups), key | _denials(member))


def _denials(member: Token) -> frozenset[str]:
    """What tells "not strong" from "strong"."""
    return frozenset("not" for child in member.children if child.dep_ == "neg")


def _detail(noun: Token) -> Token | None:
    """The relative clause of a noun that says nothing by itself."""
    if lemma(noun) in IDEA_NOUNS:
        return next(
            (child for child in noun.children if child.dep_ in ("acl", "ccomp") and child.tag_ not in ("VBN", "VBG")), None
        )
    if lemma(noun) not in KIND_NOUNS | VAGUE_NOUNS:
        return None
    inner = [part for child in noun.children if child.lower_ == "of" for part in child.children]
    return next((child for place in (noun, *inner) for child in place.children if child.dep_ == "relcl"), None)


def _predicate(talk: Talk, verb: Token, core: Token, subject: Token | None) -> Mention | None:
    compared = {token.i for token in core.subtree if token.lower_ in _COMPARING and token.dep_ in ("prep", "mark")}
    groups = predicate_groups(core, 0.0, compared)
    # "Costs less to make" is not "costs to make".
    groups += [Group(0.0, (child,)) for child in core.children if child.dep_ == "advmod" and child.lower_ in ("more", "less")]
    content = [
        token
        for group in groups
        for token in group.tokens
        if token.i != core.i
        and (token.pos_ in ("NOUN", "PROPN") or (token.pos_ in ("ADJ", "NUM", "VERB", "ADV") and not token.is_stop))
    ]
    condition = verb.dep_ == "advcl" and any(child.lower_ in ("if", "when") and child.i < verb.i for child in verb.children)
    if not content and not condition and verb.dep_ != "relcl":
        extra = _manner_groups(core)
        groups += extra
        content = [token for group in extra for token in group.tokens]
    says_more = any(child.dep_ == "neg" or is_condition(child) for child in verb.children)
    if not content and (core.lemma_ in _EMPTY or not says_more):
        return None
    kept, forms = verb_groups(
        core if core.i == verb.i else verb, "plural" if subject is not None and is_plural(subject) else "singular"
    )
    if core.i != verb.i:
        forms = {}
    if subject is None or subject.lower_ in ("you", "we", "i"):
        kept, forms = verb_groups(core, "imperative")
    groups = [*kept, *groups]
    forms = {
        **forms,
        **{
            token.i: _CLITICS[token.lower_]
            for group in groups
            for token in group.tokens
            if token.lower_ in _CLITICS and token.pos_ in ("AUX", "VERB")
        },
    }
    key = content_lemmas(token for group in groups for token in group.tokens)
    return Mention(core, tuple(groups), key, forms)


def _manner_groups(verb: Token) -> list[Group]:
    """How or how fast, where a clause says nothing else: "is easily polluted", "reaches farther", "is renewed within weeks"."""
    groups = [
        Group(0.0, (child,))
        for child in verb.children
        if child.dep_ == "advmod"
        and (child.tag_ in ("RBR", "RBS", "JJR") or child.lower_.endswith("ly") or child.lower_ in _MANNERS)
        and child.lower_ not in FILLERS
    ]
    for child in verb.children:
        if child.dep_ == "prep" and child.lower_ in ("within", "in", "for", "after", "every"):
            groups += [Group(0.0, (child, part)) for part in child.children if part.dep_ == "pobj" and is_time(part)]
    return groups


def with_subject(mention: Mention, subject: Token) -> Mention:
    """Returns a statement that names its subject too."""
    if mention.head.pos_ not in ("VERB", "AUX"):
        return mention
    groups = (*noun_groups(subject, 0.0), *mention.groups)
    return replace(mention, groups=groups, key=content_lemmas(token for group in groups for token in group.tokens))
