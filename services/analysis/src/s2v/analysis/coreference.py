"""Coreference: what a pronoun or a repeated mention stands for, within one scene.

Candidates are the noun phrases said before, at most `WINDOW_SENTENCES` back. Those that disagree in number or person are left
out; the rest are ranked by salience: how recent they are, the part that they play in their sentence, whether pronouns went on
speaking of them, and whether the pronoun plays the same part (after Lappin and Leass, "An algorithm for pronominal anaphora
resolution", 1994). English.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from spacy.tokens import Span, Token


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


WINDOW_SENTENCES = 3
"""Sentences before its own in which an antecedent is looked for."""
FADE = 0.5
"""What each sentence in between leaves of a candidate's salience."""
NEARNESS = 0.02
"""What each word in between takes from it."""
_SINGULAR = frozenset({"it", "its", "itself", "he", "him", "his", "himself", "she", "her", "hers", "herself"})
_PLURAL = frozenset({"they", "them", "their", "theirs", "themselves", "these", "those"})
_PERSONAL = frozenset({"he", "him", "his", "himself", "she", "her", "hers", "herself"})
_RELATIVES = frozenset({"which", "who", "whom", "that", "whose"})
_REFLEXIVE = frozenset({"itself", "himself", "herself", "themselves"})
_SUBJECTS = ("nsubj", "nsubjpass")
_OBJECTS = ("dobj", "dative", "attr")
_SALIENCE = {"nsubj": 0.8, "nsubjpass": 0.8, "dobj": 0.55, "dative": 0.45, "attr": 0.45, "pobj": 0.4, "conj": 0.45}
_PERSON_ENDINGS = ("man", "woman", "ist", "eer", "ician", "ologist")
_PERSONS = _words(
    """
    person man woman child boy girl mother father parent brother sister son daughter friend customer guest patient doctor
    nurse teacher student pupil manager clerk officer employee worker waiter user visitor member king queen president
    minister author writer engineer developer scientist farmer soldier buyer seller supplier applicant candidate assistant
    supervisor director secretary lawyer judge owner leader representative reviewer editor chef chief
    """
)
_IMPERSONAL_VERBS = frozenset({"seem", "appear", "turn", "happen", "follow", "mean", "matter", "rain", "snow", "depend"})


@dataclass
class _Entity:
    """Something spoken of, with its mentions so far."""

    head: Token
    """Head of the mention that names it."""
    mentions: list[Token] = field(default_factory=list)


def resolve_references(sentences: Sequence[Span]) -> Mapping[int, Token]:
    """Returns the antecedent of each anaphor of consecutive sentences, by the anaphor's token number.

    An anaphor is a pronoun ("it", "they", "he", "she", their possessive and reflexive forms, relative "which" and "who"), "the
    former" and "the latter", or the head of a definite phrase that was named before ("the order", "this request"). Its antecedent
    is the head noun of the phrase that names it, never a pronoun; for "this" or "that" by itself it is the verb of the clause
    before. What has no antecedent, such as the "it" of "it is clear that", is not in the result.
    """
    entities: list[_Entity] = []
    found: dict[int, Token] = {}
    before: Span | None = None
    for sentence in sentences:
        for token in sentence:
            antecedent = _resolve(token, before, entities)
            if antecedent is not None:
                found[token.i] = antecedent
                _mention(entities, antecedent, token)
            elif _names(token):
                entities.append(_Entity(token, [token]))
        before = sentence
    return found


def _resolve(token: Token, before: Span | None, entities: Sequence[_Entity]) -> Token | None:
    word = token.lower_
    if word in _RELATIVES and token.tag_ in ("WDT", "WP", "WP$"):
        return _relative(token)
    if word in ("former", "latter") and any(child.lower_ == "the" for child in token.children):
        return _of_pair(token, before)
    if token.pos_ in ("PRON", "DET") and word in _SINGULAR | _PLURAL and token.dep_ != "det":
        return None if _pleonastic(token) else _best(token, entities)
    if word in ("this", "that") and token.pos_ in ("PRON", "DET") and token.dep_ in (*_SUBJECTS, "dobj", "pobj"):
        return _clause_before(token, before)
    return _named_before(token, entities) if _names(token) else None


def _names(token: Token) -> bool:
    return token.pos_ in ("NOUN", "PROPN") and token.dep_ not in ("compound", "nmod", "npadvmod", "amod")


def _mention(entities: Sequence[_Entity], head: Token, mention: Token) -> None:
    for entity in entities:
        if entity.head.i == head.i:
            entity.mentions.append(mention)


def _relative(token: Token) -> Token | None:
    """The noun that a relative clause stands beside."""
    for place in token.ancestors:
        if place.dep_ == "relcl":
            return place.head if place.head.pos_ in ("NOUN", "PROPN") else None
    return None


def _of_pair(token: Token, before: Span | None) -> Token | None:
    """The first or second of the last two things joined by "and" or "or"."""
    for place in (token.sent[: token.i - token.sent.start], before):
        for noun in reversed(list(place or ())):
            other = next((child for child in noun.children if child.dep_ == "conj"), None)
            if _names(noun) and other is not None and other.i < token.i:
                return noun if token.lower_ == "former" else other
    return None


def _clause_before(token: Token, before: Span | None) -> Token | None:
    """The verb told last before a demonstrative: in its own sentence, else in the one before."""
    own = next((place for place in token.ancestors if place.pos_ in ("VERB", "AUX")), None)
    if own is not None and own.dep_ == "conj" and own.head.pos_ == "VERB":
        return own.head
    if before is None:
        return None
    return before.root if before.root.pos_ in ("VERB", "AUX") else None


def _pleonastic(token: Token) -> bool:
    """Whether "it" stands for nothing: "it is clear that", "it takes an hour to", "it seems"."""
    if token.lower_ != "it" or token.dep_ not in _SUBJECTS:
        return token.dep_ == "expl"
    verb = token.head
    clauses = [child for child in verb.children if child.dep_ in ("ccomp", "xcomp", "csubj", "advcl") and child.i > verb.i]
    if verb.lemma_ in _IMPERSONAL_VERBS:
        return bool(clauses) or verb.lemma_ in ("rain", "snow", "depend")
    if verb.lemma_ == "take":
        return bool(clauses) and any(child.dep_ in ("dobj", "npadvmod") for child in verb.children)
    if verb.lemma_ not in ("be", "become"):
        return False
    predicate = [child for child in verb.children if child.dep_ in ("acomp", "attr")]
    inner = [child for part in predicate for child in part.children if child.dep_ in ("xcomp", "ccomp", "relcl", "acl")]
    return bool(predicate) and bool(clauses or inner)


def _best(pronoun: Token, entities: Sequence[_Entity]) -> Token | None:
    best: tuple[float, Token] | None = None
    for entity in entities:
        score = _salience(pronoun, entity)
        if score is not None and (best is None or score >= best[0]):
            best = (score, entity.head)
    return None if best is None else best[1]


def _salience(pronoun: Token, entity: _Entity) -> float | None:
    """How well an entity fits a pronoun; None when it can't be meant."""
    head = entity.head
    plural = is_plural_noun(head)
    word = pronoun.lower_
    if (word in _PLURAL) != plural:
        return None
    person = is_person(head)
    if (word in _PERSONAL and _thing(head)) or (word in ("it", "its", "itself") and person):
        return None
    last = entity.mentions[-1]
    if _coargument(pronoun, entity) or (last.i in (token.i for token in pronoun.ancestors) and word not in _RELATIVES):
        return None
    distance = _sentences_between(last, pronoun)
    if distance > WINDOW_SENTENCES:
        return None
    score = max(_SALIENCE.get(mention.dep_, 0.3) * FADE ** _sentences_between(mention, pronoun) for mention in entity.mentions)
    score += 0.15 * min(len(entity.mentions) - 1, 2) * FADE**distance
    same = (pronoun.dep_ in _SUBJECTS and last.dep_ in _SUBJECTS) or (pronoun.dep_ in _OBJECTS and last.dep_ in _OBJECTS)
    score += 0.25 * same * FADE**distance + 0.5 * (word in _PERSONAL and person)
    return score - NEARNESS * min(pronoun.i - last.i, 30)


def _coargument(pronoun: Token, entity: _Entity) -> bool:
    """Whether both depend on one verb, so that only a reflexive could mean the same ("the pump feeds it")."""
    if pronoun.lower_ in _REFLEXIVE or pronoun.dep_ == "poss":
        return False
    verb = _verb_of(pronoun)
    return verb is not None and any(_verb_of(mention) == verb for mention in entity.mentions)


def _verb_of(token: Token) -> Token | None:
    place = token.head
    while place.dep_ in ("prep", "pobj", "conj") and place.pos_ not in ("VERB", "AUX") and place.i != place.head.i:
        place = place.head
    return place if place.pos_ in ("VERB", "AUX") else None


def _sentences_between(first: Token, second: Token) -> int:
    """How many sentences start behind the first of two tokens, up to the second."""
    start, end = sorted((first.i, second.i))
    count, sentence = 0, first.doc[end].sent
    while sentence.start > start:
        count += 1
        sentence = first.doc[sentence.start - 1].sent
    return count


def _named_before(noun: Token, entities: Sequence[_Entity]) -> Token | None:
    """The first mention of a thing that is definite now: the same noun, with no modifier that the first one lacks."""
    definite = noun.pos_ == "PROPN" or any(
        (child.dep_ == "det" and child.lower_ in ("the", "this", "that", "these", "those")) or child.dep_ == "poss"
        for child in noun.children
    )
    if not definite:
        return None
    wanted = set(_modifiers(noun))
    for entity in reversed(entities):
        head = entity.head
        same = head.lemma_.lower() == noun.lemma_.lower() and is_plural_noun(head) == is_plural_noun(noun)
        if same and wanted <= set(_modifiers(head)):
            return head
    return None


def _modifiers(noun: Token) -> Iterator[str]:
    for child in noun.children:
        if child.dep_ in ("amod", "compound", "nummod", "nmod"):
            yield child.lemma_.lower()
        elif child.dep_ == "prep" and child.lower_ == "of":
            yield from (part.lemma_.lower() for part in child.children if part.dep_ == "pobj")


def is_plural_noun(noun: Token) -> bool:
    """Returns whether "they" could stand for a noun: a plural, or several joined by "and"."""
    joined = any(child.dep_ == "cc" and child.lower_ == "and" for child in noun.children)
    return noun.tag_ in ("NNS", "NNPS") or noun.lower_ == "people" or joined


def is_person(noun: Token) -> bool:
    """Returns whether a noun is known to name a person, by its entity, its lemma or its ending."""
    lemma = noun.lemma_.lower()
    return noun.ent_type_ == "PERSON" or lemma in _PERSONS or (len(lemma) > 5 and lemma.endswith(_PERSON_ENDINGS))


def _thing(noun: Token) -> bool:
    """Whether a noun can't be "he" or "she": no person, and never seen to act."""
    acts = noun.dep_ == "nsubj" and noun.head.pos_ == "VERB"
    return not is_person(noun) and not acts and noun.pos_ != "PROPN"
