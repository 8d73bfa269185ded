"""Phrases of steps: the words that say an activity, which are its verb and what the verb acts on, as they were spoken."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from spacy.tokens import Token

from s2v.analysis.clauses import Clause
from s2v.analysis.labels import is_time
from s2v.analysis.language import Talk
from s2v.analysis.lexicon import DIRECTIONS, NEARLY, NEGATIVE_ADVERBS

MAX_WORDS = 14
"""Words of a phrase, from its first on."""
_TOPIC_PREPOSITIONS = ("about", "of")
"""Prepositions that name what a message is about: "informs the office about the delay"."""
_GOALS = ("to", "into", "onto")
"""Prepositions that say where something passed on goes."""
_OPEN_DEPS = ("relcl", "acl", "appos", "advcl", "punct", "cc", "parataxis")


def write_activity(
    talk: Talk, clause: Clause, references: Mapping[int, Token], skipped: AbstractSet[int] = frozenset()
) -> tuple[str, tuple[int, int]]:
    """Returns the spoken words of a clause's activity and the words of its own among them, as (begin, end).

    A passive is told with what is done to its subject ("the form is signed"); an intransitive verb with its subject or its first
    complement. Pronouns are replaced by their antecedents. `skipped` holds tokens that stay out.
    """
    tokens, borrowed = _choose(clause, references)
    chosen = [token for token in sorted(tokens, key=lambda token: token.i) if token.i not in skipped and not token.is_punct]
    own = sorted({talk.word(token) for token in chosen if token.i not in borrowed}) or [talk.word(clause.verb)]
    words = sorted({talk.word(token) for token in chosen})[:MAX_WORDS]
    text = " ".join(talk.speech.texts[word].strip('.,;:!?"“”()') for word in words)
    return text, (own[0], own[-1] + 1)


def write_event(
    talk: Talk, verb: Token, subject: Token | None, references: Mapping[int, Token], skipped: AbstractSet[int] = frozenset()
) -> str:
    """Returns the spoken words of an event: who, what and to whom, without asides; `skipped` holds the tokens of dates."""
    kept = NEARLY | NEGATIVE_ADVERBS
    tokens = [verb, *(child for child in verb.children if child.dep_ in ("prt", "neg") or child.lower_ in kept)]
    if subject is not None:
        antecedent = references.get(subject.i) if subject.pos_ == "PRON" else None
        tokens += _name(antecedent) if antecedent is not None else _plain_subtree(subject, skipped)
    place: Token | None = verb
    while place is not None:
        found = [child for child in place.children if child.dep_ in ("dobj", "attr", "acomp", "oprd") and child.i > place.i]
        for child in found:
            tokens += _plain_subtree(child, skipped)
        inner = next((child for child in _complements(place, found) if child.dep_ == "xcomp" and child.i > place.i), None)
        if inner is not None:
            tokens += [inner, *(child for child in inner.children if child.dep_ == "prt")]
        elif not found:
            prepositions = [child for child in place.children if child.dep_ in ("prep", "agent") and child.i > place.i]
            useful = [child for child in prepositions if not _is_dated(child, skipped)]
            for child in useful[:1]:
                tokens += _plain_subtree(child, skipped)
        place = inner
    words = sorted({talk.word(token) for token in tokens if token.i not in skipped and not token.is_punct})[:MAX_WORDS]
    return " ".join(talk.speech.texts[word].strip('.,;:!?"“”()') for word in words)


def _is_dated(preposition: Token, skipped: AbstractSet[int]) -> bool:
    return any(child.i in skipped for child in preposition.children)


def _complements(verb: Token, found: list[Token]) -> list[Token]:
    return [*verb.children, *(child for adjective in found if adjective.dep_ == "acomp" for child in adjective.children)]


def _plain_subtree(head: Token, skipped: AbstractSet[int]) -> list[Token]:
    """A phrase without its clauses, asides and loose prepositional phrases."""
    found = [head]
    for child in head.children:
        if child.dep_ in _OPEN_DEPS or (child.dep_ == "det" and child.lower_ in ("the", "a", "an")):
            continue
        if (
            child.dep_ == "prep"
            and child.i > head.i
            and child.lower_ not in ("of", "in", "for", "like", "to", "as", "by", "from")
        ):
            continue
        if child.dep_ == "prep" and _is_dated(child, skipped):
            continue
        if child.dep_ == "conj":
            found += [part for part in head.children if part.dep_ == "cc" and part.i < child.i]
        found += _plain_subtree(child, skipped)
    return found


def _choose(clause: Clause, references: Mapping[int, Token]) -> tuple[list[Token], set[int]]:
    """The tokens of an activity, and the places of those that stand in for a pronoun."""
    core = clause.core
    tokens = [core, *(child for child in core.children if child.dep_ in ("prt", "neg"))]
    for child in core.children:
        if child.dep_ == "advmod" and child.lower_ in DIRECTIONS and child.i > core.i:
            tokens.append(child)
    borrowed: set[int] = set()
    complements = [
        child for child in core.children if child.dep_ in ("dobj", "attr", "acomp", "oprd", "xcomp") and child.i > core.i
    ]
    passive = any(child.dep_ == "auxpass" for child in (*clause.verb.children, *core.children))
    affected = [child for child in complements if child.dep_ != "xcomp" or child.tag_ in ("VB", "VBG", "JJ")]
    subject = clause.subject
    if passive and subject is not None:
        affected.append(subject)
    for noun in affected:
        _add(noun, references, clause, tokens, borrowed)
    prepositions = [child for child in core.children if child.dep_ in ("prep", "agent") and child.i > core.i]
    if not affected and not complements:
        useful = [child for child in prepositions if not _is_of_time(child)][:1]
        for child in useful:
            tokens += _subtree(child, clause)
        if subject is not None and (not useful or subject.pos_ != "PRON"):
            _add(subject, references, clause, tokens, borrowed)
    else:
        bare = not any(token.pos_ in ("NOUN", "PROPN") for token in tokens)
        for child in prepositions:
            if child.lower_ in _TOPIC_PREPOSITIONS:
                tokens += _subtree(child, clause)
            elif (passive or bare) and child.lower_ in _GOALS and child is prepositions[0]:
                tokens += [child, *(part for noun in child.children if noun.dep_ == "pobj" for part in _name(noun))]
    return tokens, borrowed


def _add(noun: Token, references: Mapping[int, Token], clause: Clause, tokens: list[Token], borrowed: set[int]) -> None:
    antecedent = references.get(noun.i) if noun.pos_ in ("PRON", "DET") else None
    if antecedent is not None and antecedent.pos_ in ("NOUN", "PROPN"):
        found = _name(antecedent)
        tokens += found
        borrowed |= {token.i for token in found}
    elif noun.i != clause.core.i:
        if noun.head.i not in (clause.core.i, clause.verb.i):
            borrowed |= {token.i for token in _subtree(noun, clause)}
        tokens += _subtree(noun, clause)


def _name(noun: Token) -> list[Token]:
    return [noun, *(child for child in noun.children if child.dep_ in ("compound", "amod", "nummod") and child.i < noun.i)]


def _subtree(head: Token, clause: Clause) -> list[Token]:
    """A phrase without its clauses and without a noun that the parser tore from the next clause."""
    if head.pos_ == "PRON" and head.lower_ in ("we", "you", "i", "one"):
        return []
    found = [head]
    for child in head.children:
        if child.dep_ in _OPEN_DEPS or is_torn(child) or (child.dep_ == "prep" and _is_of_time(child)):
            continue
        if child.dep_ == "conj":
            found += [part for part in head.children if part.dep_ == "cc" and part.i < child.i]
        found += _subtree(child, clause)
    return found


def is_torn(noun: Token) -> bool:
    """Returns whether a coordinated noun is followed by a finite verb, whose subject it is."""
    if noun.dep_ != "conj" or noun.pos_ in ("VERB", "AUX") or noun.right_edge.i + 1 >= len(noun.doc):
        return False
    after = noun.doc[noun.right_edge.i + 1]
    if after.sent != noun.sent or after.tag_ not in ("VBZ", "VBD", "VBP"):
        return False
    # "Salt and pepper are added": the subject hangs on the participle.
    verb = after.head if after.dep_ in ("aux", "auxpass") else after
    return not any(child.dep_ in ("nsubj", "nsubjpass") for child in verb.children)


def _is_of_time(preposition: Token) -> bool:
    return any(child.dep_ == "pobj" and is_time(child) for child in preposition.children)
