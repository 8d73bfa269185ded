"""Contrasts: the two or more things that a stretch of speech sets against one another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from spacy.tokens import Span, Token

from s2v.analysis.amounts import find_amounts
from s2v.analysis.enumerations import mention_of
from s2v.analysis.lexicon import (
    ASIDES,
    BAD_SIDES,
    CONTRAST_NOUNS,
    CONTRAST_OPENERS,
    GOOD_SIDES,
    KIND_NOUNS,
    PERSON_NOUNS,
    UNITS,
    VAGUE_NOUNS,
)
from s2v.analysis.mentions import Mention, is_nominal, is_pronoun, lemma, list_members
from s2v.analysis.statements import Statement

MAX_SUBJECTS = 6
FIRM_LINK = 1.5
"""From this weight on two names are certainly set against one another."""
_VERSUS = frozenset({"versus", "vs", "vs.", "than", "unlike"})
_COMPARED = frozenset({"compared", "opposed", "contrast", "relative", "rather"})
_DIFFERING = frozenset({"different", "similar", "differ", "distinct", "comparable"})
_BALANCED = frozenset({"tradeoff", "trade-off", "relationship", "balance"})
"""Nouns whose "between" names aspects rather than the things that have them."""
_CHOOSING = frozenset({"need", "want", "use", "choose", "prefer", "pick", "take", "get", "buy"})
_FRONTED = frozenset({"in", "on", "with", "for", "under", "at", "to"})

Key = frozenset[str]


@dataclass(frozen=True)
class Evidence:
    """What speaks for each thing and each pair of things."""

    mentions: dict[Key, Mention]
    weights: dict[Key, float]
    links: dict[frozenset[Key], float]
    predicates: dict[Key, set[str]]
    """Nouns and units said of each."""
    coverage: dict[Key, frozenset[int]]
    """Sentences that name each."""


def find_subjects(sentences: Sequence[Span], told: Sequence[Sequence[Statement]]) -> list[Mention]:
    """Returns what is compared, in the order of speech; nothing when no two things are set against one another."""
    evidence = _gather(sentences, told)
    best: tuple[float, Key, Key] | None = None
    for first, second in combinations(evidence.mentions, 2):
        score = _score(evidence, first, second)
        if best is None or score > best[0]:
            best = (score, first, second)
    if best is None or best[0] <= 0:
        return []
    chosen = [best[1], best[2]]
    # Further things told in the same way: more of the same noun, or names with statements of their own.
    for key in evidence.mentions:
        if (
            key in chosen
            or len(chosen) == MAX_SUBJECTS
            or any(
                evidence.mentions[key].key <= evidence.mentions[other].key
                or evidence.mentions[other].key <= evidence.mentions[key].key
                for other in chosen
            )
        ):
            continue
        alike = [
            bool(evidence.predicates[key] & evidence.predicates[other]) or evidence.links.get(frozenset({key, other}), 0) >= 2
            for other in chosen
        ]
        if all(alike) and evidence.weights[key] >= 1:
            chosen.append(key)
    return sorted((_first_named(evidence, key, chosen) for key in chosen), key=lambda mention: mention.head.i)


def _first_named(evidence: Evidence, key: Key, chosen: Sequence[Key]) -> Mention:
    """The first name by the same noun, if no other thing that is compared has that noun."""
    mention = evidence.mentions[key]
    if any(evidence.mentions[other].noun == mention.noun for other in chosen if other != key):
        return mention
    alike = [other for other in evidence.mentions.values() if other.noun == mention.noun and evidence.weights[other.key] >= 1]
    return min([mention, *alike], key=lambda other: other.head.i)


def _gather(sentences: Sequence[Span], told: Sequence[Sequence[Statement]]) -> Evidence:
    mentions: dict[Key, Mention] = {}
    weights: dict[Key, float] = defaultdict(float)
    links: dict[frozenset[Key], float] = defaultdict(float)
    predicates: dict[Key, set[str]] = defaultdict(set)
    counted: dict[tuple[Key, int], float] = defaultdict(float)

    def note(token: Token | None, weight: float) -> Key | None:
        if token is not None and lemma(token) == "something":
            token = next((part for child in token.children if child.lower_ == "like" for part in child.children), None)
        if token is None or not is_nominal(token) or is_pronoun(token) or token.ent_type_ in ("DATE", "TIME", "CARDINAL"):
            return None
        mention = mention_of(token)
        if mention is None or lemma(token) in VAGUE_NOUNS | CONTRAST_NOUNS | ASIDES | UNITS:
            return None
        known = mentions.setdefault(mention.key, mention)
        place = (known.key, token.sent.start)
        weights[known.key] += max(0.0, weight - counted[place])
        counted[place] = max(counted[place], weight)
        return known.key

    def link(first: Token | None, second: Token | None, weight: float) -> None:
        if first is not None and second is not None and first.pos_ != "PROPN" == second.pos_:
            inner = _of(first)
            first = inner if inner is not None and inner.pos_ == "PROPN" else first
        one, two = note(first, 0.3), note(second, 0.3)
        if one is not None and two is not None and one != two:
            links[frozenset({one, two})] += weight

    before: Token | None = None
    sides = {lemma(token) for sentence in sentences for token in sentence} & (GOOD_SIDES | BAD_SIDES)
    sides = sides if sides & GOOD_SIDES and sides & BAD_SIDES else set()
    for sentence, statements in zip(sentences, told, strict=True):
        for statement in statements:
            subject = statement.subject
            if subject is not None:
                heads = list_members(subject)
                for head in heads:
                    inner = _of(head) if lemma(head) in PERSON_NOUNS else None
                    key = note(inner if inner is not None else head, 1.0)
                    if key is not None:
                        predicates[key] |= _said(statement)
                for one, two in combinations(heads[:4], 2):
                    link(one, two, 0.7)
                key = note(_of(subject), 0.5)
                if key is not None:
                    predicates[key] |= _said(statement) | {lemma(subject)}
                if before is not None and before.i != subject.i:
                    between = sentence.doc[before.i : statement.verb.i]
                    turned = any(token.lower_ in CONTRAST_OPENERS for token in between)
                    link(before, subject, 3.0 if _is_set_against(before, statement.verb) else 1.5 if turned else 0.3)
                if is_nominal(subject) and not is_pronoun(subject):
                    before = subject
            for place in (*fronted(statement.verb), *_wanted(statement)):
                note(place, 1.0)
        for token in sentence:
            if lemma(token) in sides:
                note(token, 0.7)
        for first, second, weight in _find_links(sentence):
            link(first, second, weight)
    _merge(mentions, weights, links, predicates)
    lemmas = [{lemma(token) for token in sentence} for sentence in sentences]
    coverage = {key: frozenset(number for number, words in enumerate(lemmas) if key <= words) for key in mentions}
    return Evidence(mentions, weights, links, predicates, coverage)


def _is_set_against(subject: Token, verb: Token) -> bool:
    """Whether the clause of a subject opens with "while" and hangs on the verb: "While the desert is dry, the savanna is wet"."""
    clause = subject.head
    marks = {child.lower_ for child in clause.children if child.dep_ in ("mark", "advmod") and child.i < subject.i}
    return clause.dep_ == "advcl" and clause.head.i == verb.i and bool(marks & CONTRAST_OPENERS)


def _merge(
    mentions: dict[Key, Mention], weights: dict[Key, float], links: dict[frozenset[Key], float], predicates: dict[Key, set[str]]
) -> None:
    """Joins a longer name with the short one, where no other long name has it too: "hash" and "hash access method"."""
    for key in sorted(mentions, key=len):
        longer = [other for other in mentions if key < other]
        if len(longer) != 1 or key not in mentions or mentions[key].noun in KIND_NOUNS:
            continue
        other = longer[0]
        if links.get(frozenset({key, other}), 0.0) >= FIRM_LINK:
            continue
        mentions[key] = min(mentions[key], mentions[other], key=lambda mention: (-len(mention.key), mention.head.i))
        del mentions[other]
        weights[key] += weights.pop(other)
        predicates[key] |= predicates.pop(other, set())
        for pair in [pair for pair in links if other in pair]:
            rest = pair - {other}
            weight = links.pop(pair)
            if key not in rest:
                links[rest | {key}] += weight


def _said(statement: Statement) -> set[str]:
    """What a statement says, by the nouns and units that another may share."""
    units = {amount.unit for amount in find_amounts(statement.verb)}
    return {item.noun for item in statement.items if is_nominal(item.head)} | units


def _wanted(statement: Statement) -> list[Token]:
    """What someone needs or chooses: "then you want traces"."""
    if statement.subject is None or not is_pronoun(statement.subject):
        return []
    if lemma(statement.verb) not in _CHOOSING:
        # "You are a better fit for the first."
        return [
            part
            for child in statement.verb.children
            if child.dep_ in ("attr", "acomp")
            for preposition in child.children
            if preposition.lower_ == "for"
            for part in preposition.children
        ]
    return [child for child in statement.verb.children if child.dep_ == "dobj"]


def fronted(verb: Token) -> list[Token]:
    """Returns the nouns of prepositional phrases in front of a clause: "On a server, …"."""
    subject = next((child for child in verb.children if child.dep_ in ("nsubj", "nsubjpass", "expl")), None)
    edge = subject.i if subject is not None else verb.i
    return [
        part
        for child in verb.children
        if child.dep_ == "prep" and child.i < edge and child.lower_ in _FRONTED
        for part in child.children
        if part.dep_ == "pobj"
    ]


def _of(noun: Token) -> Token | None:
    """What a subject belongs to: "the price of gold", "gold's price", "people in towns"."""
    for child in noun.children:
        if child.dep_ == "poss" and is_nominal(child):
            return child
        if child.dep_ == "prep" and child.lower_ in ("of", "in", "to", "with", "for"):
            return next((part for part in child.children if part.dep_ == "pobj"), None)
    return None


def _find_links(sentence: Span) -> Iterator[tuple[Token | None, Token | None, float]]:
    """Pairs that the words of a sentence set against one another."""
    for token in sentence:
        if token.lower_ in _VERSUS or (
            token.lower_ in _COMPARED and token.dep_ in ("prep", "prt", "advmod", "cc", "acl", "advcl")
        ):
            other = _object(token)
            yield _left(token, other), other, 4.0
        elif token.lower_ == "between" and lemma(token.head) in CONTRAST_NOUNS | {"choose", "distinguish", "differ", "compare"}:
            heads = [member for child in token.children if child.dep_ == "pobj" for member in list_members(child)]
            weight = 1.0 if lemma(token.head) in _BALANCED else 4.0
            for first, second in combinations(heads[:4], 2):
                yield first, second, weight
        elif token.lemma_.lower() in _DIFFERING:
            for child in token.children:
                if child.dep_ == "prep" and child.lower_ in ("from", "to", "with"):
                    other = _object(child)
                    yield _left(child, other), other, 4.0
        elif lemma(token) in ("compare", "contrast", "distinguish") and token.pos_ == "VERB":
            target = next((child for child in token.children if child.dep_ == "dobj"), None)
            if target is not None:
                heads = list_members(target)
                for first, second in combinations(heads[:4], 2):
                    yield first, second, 2.0
                for child in token.children:
                    if child.lower_ in ("to", "with", "from"):
                        yield target, _object(child), 4.0


def _object(preposition: Token) -> Token | None:
    for child in preposition.children:
        if child.dep_ in ("pobj", "dobj", "nsubj"):
            return child
        if child.dep_ == "prep":
            return _object(child)
    return None


def _left(token: Token, other: Token | None) -> Token | None:
    """What stands on the other side: the subject of the clause, else the noun in front."""
    if is_nominal(token.head) and token.lower_ in ("versus", "vs", "vs."):
        return token.head
    for place in token.ancestors:
        if place.pos_ in ("VERB", "AUX"):
            subject = next((child for child in place.children if child.dep_ in ("nsubj", "nsubjpass")), None)
            if subject is not None and (other is None or subject.i != other.i):
                return subject
    return None


def _score(evidence: Evidence, first: Key, second: Key) -> float:
    one, two = evidence.mentions[first], evidence.mentions[second]
    link = evidence.links.get(frozenset({first, second}), 0.0)
    weights = sorted((evidence.weights[first], evidence.weights[second]))
    score = link + 1.5 * weights[0] + 0.5 * weights[1]
    if one.key <= two.key or two.key <= one.key:
        score -= 5.0
    elif one.noun == two.noun:
        score += 2.0
    if (one.noun in GOOD_SIDES and two.noun in BAD_SIDES) or (one.noun in BAD_SIDES and two.noun in GOOD_SIDES):
        score += 4.0
    score += 1.0 * min(len(evidence.predicates[first] & evidence.predicates[second]), 2)
    mine, yours = evidence.coverage[first], evidence.coverage[second]
    return score + 0.7 * min(len(mine - yours), len(yours - mine)) + 0.4 * len(mine & yours)
