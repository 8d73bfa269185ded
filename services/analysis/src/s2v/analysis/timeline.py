"""Timelines: events at the dates that are said for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from spacy.tokens import Span, Token

from s2v.analysis.content import Content, Label, NodeDraft
from s2v.analysis.dates import SpokenDate, find_dates
from s2v.analysis.denials import has_no, is_set_aside, names_nobody, negations
from s2v.analysis.labels import (
    Group,
    content_lemmas,
    is_plural,
    make_label,
    noun_groups,
    predicate_groups,
    preposition_groups,
    third_person,
    verb_groups,
)
from s2v.analysis.language import Talk
from s2v.analysis.lexicon import NOBODY, VAGUE_NOUNS
from s2v.analysis.phrases import write_event
from s2v.analysis.steps import is_named, phrase, without_subject
from s2v.v1.diagram_pb2 import DatePrecision, DiagramType, NodeKind

_CLAUSE_DEPS = ("ROOT", "conj", "ccomp", "advcl", "relcl", "parataxis", "acl", "pcomp", "xcomp")
_LINKING = frozenset({"see", "mark", "bring", "witness"})
"""Verbs by which a year has an event as its object: "1989 saw the fall of the wall"."""
_UNTIL = ("until", "till")
"""Prepositions of the date at which what is denied until then happens."""


def extract_timeline(talk: Talk, sentences: Sequence[Span]) -> Content:
    """Returns the dated events of consecutive sentences in the order of speech; nothing when there are none."""
    dates = find_dates(talk, sentences)
    references = talk.references(sentences)
    absolute = [date for date in dates if date.date.precision != DatePrecision.DATE_PRECISION_ORDINAL]
    chosen = absolute if len(absolute) >= 2 else dates
    barred = frozenset(token.i for date in chosen for token in date.tokens)
    chosen = [date for date in chosen if not _is_denied_date(date.tokens[0], barred)]
    told = frozenset(token.i for date in chosen for token in date.tokens)
    nodes: list[NodeDraft] = []
    seen: set[int] = set()
    for date in chosen:
        beside = _noun_beside(date.tokens[0])
        verb = _governor(date.tokens[0]) if beside is None else None
        root = beside if beside is not None else verb if verb is not None else date.tokens[0].sent.root
        if root.i in seen or (beside is None and _belongs_elsewhere(date, root, told)):
            continue
        node = _make_event(talk, date, root, barred, references) if verb is not None else _name_event(talk, date, root, barred)
        if node is None and verb is not None and verb.dep_ == "acl":
            # "At the conference held in May": the participle says nothing by itself.
            node = _name_event(talk, date, verb.head, barred)
        if node is not None:
            seen.add(root.i)
            nodes.append(node)
    return Content(DiagramType.DIAGRAM_TYPE_TIMELINE, tuple(nodes))


def _preposition_of(date: Token) -> Token | None:
    """The preposition that a date hangs on."""
    for place in (date, *date.ancestors):
        if place.dep_ == "prep" or (place.dep_ == "conj" and place.pos_ == "ADP"):
            return place
        if place.pos_ in ("VERB", "AUX"):
            return None
    return None


def _correction(verb: Token) -> Token | None:
    """The second preposition of "did not fall in 410 but in 476"."""
    denials = negations(verb)
    prepositions = [child for child in verb.children if child.dep_ in ("prep", "conj") and child.pos_ == "ADP"]
    prepositions += [part for child in prepositions for part in child.children if part.dep_ == "conj"]
    behind = (place for place in prepositions if denials and place.i > denials[0].i)
    return next((place for place in behind if place.nbor(-1).lower_ == "but"), None)


def _is_denied_date(date: Token, dates: frozenset[int]) -> bool:
    """Whether a date is said to be the wrong one: the first of "not in 1510 but in 1512"."""
    preposition, verb = _preposition_of(date), _governor(date)
    if preposition is None or preposition.lower_ in _UNTIL:
        return False
    correction = _correction(verb) if verb is not None else None
    if correction is None or not any(part.i in dates for part in correction.subtree):
        return is_set_aside(preposition)
    return is_set_aside(preposition) or (verb is not None and verb.i < preposition.i < correction.i and preposition.head == verb)


def _is_affirmed(date: Token, verb: Token) -> bool:
    """Whether what a clause denies happens at its date: "not until 1920", "not in 410 but in 476"."""
    preposition = _preposition_of(date)
    if preposition is None:
        return False
    if preposition.lower_ not in _UNTIL:
        return preposition == _correction(verb)
    subject = _subject_of(verb, frozenset())
    nobody = (subject is not None and names_nobody(subject)) or _holds_nothing(verb)
    return bool(nobody or negations(verb) or negations(preposition.head) or is_set_aside(preposition))


def _holds_nothing(verb: Token) -> bool:
    """Whether a verb is denied by what it acts on: "had no railway"."""
    held = [child for child in verb.children if child.dep_ in ("dobj", "attr")]
    return any(has_no(child) or child.lower_ in NOBODY for child in held)


def _denial_words(verb: Token) -> frozenset[int]:
    """The words that leave a denied clause when it is told as what happens."""
    words = [child for child in verb.children if child.dep_ == "aux" or (child.lower_ == "that" and child.i < verb.i)]
    return frozenset(word.i for word in (*negations(verb), *words))


def _affirm(verb: Token, subject: Token | None) -> dict[int, str] | None:
    """Returns the form in which a denied verb says that something happens; None when it has none."""
    if verb.tag_ in ("VBD", "VBZ", "VBP") or any(child.dep_ == "auxpass" for child in verb.children):
        return {}
    if verb.lemma_ == "be":
        return None
    plural = subject is not None and is_plural(subject)
    return {verb.i: verb.lemma_ if plural else third_person(verb.lemma_)}


def _belongs_elsewhere(date: SpokenDate, root: Token, barred: frozenset[int]) -> bool:
    """Whether another date stands between a date and its verb: "reaching Saturn in 1981, Uranus in 1986" leaves the verb out."""
    own = {token.i for token in date.tokens}
    low, high = sorted((root.i, date.tokens[0].i))
    return any(low < place < high and place not in own for place in barred)


def _noun_beside(token: Token) -> Token | None:
    """The noun that a date in brackets or after "of" belongs to ("Silla (57 BCE–935 CE)", "the treaty of 1529").

    None for the subject of a verb, whose event is told by the verb.
    """
    before = token.nbor(-1) if token.i > token.sent.start else None
    noun: Token | None = None
    if before is not None and before.text in ("(", "["):
        noun = next((place for place in reversed(list(token.doc[token.sent.start : before.i])) if not place.is_punct), None)
        if noun is not None and noun.dep_ == "compound":
            noun = noun.head
        if noun is not None and noun.dep_ == "pobj" and noun.head.head.i == noun.head.i - 1:
            outer = noun.head.head
            noun = outer if outer.pos_ == "PROPN" or (outer.pos_ == "NOUN" and noun.head.lower_ == "of") else noun
    elif before is not None and before.lower_ == "of" and before.dep_ == "prep":
        noun = before.head
        if noun.lemma_.lower() in VAGUE_NOUNS or noun.ent_type_ == "DATE":
            return None
    if noun is None or noun.pos_ not in ("NOUN", "PROPN") or (noun.dep_ in ("nsubj", "nsubjpass") and noun.head.i > token.i):
        return None
    return noun


def _governor(token: Token) -> Token | None:
    """The verb of the clause that a date stands in."""
    for place in (token, *token.ancestors):
        if place.pos_ in ("VERB", "AUX") and place.dep_ in _CLAUSE_DEPS:
            if place.dep_ == "pcomp" and place.lemma_ == "be":
                continue  # "to what is now Beijing"
            return place.head if place.dep_ == "xcomp" and place.head.pos_ == "VERB" else _uncleft(place, token)
    return None


def _uncleft(verb: Token, date: Token) -> Token:
    """Of "it was only in 1990 that the wall fell" the verb "fell"."""
    if verb.lemma_ == "be" and any(child.lower_ == "it" and child.dep_ == "nsubj" for child in verb.children):
        for child in verb.children:
            if child.dep_ in ("ccomp", "advcl", "relcl") and child.pos_ in ("VERB", "AUX") and child.i > date.i:
                return child
    return verb


def _subject_of(verb: Token, barred: frozenset[int]) -> Token | None:
    """A verb's own subject, or the one that it shares with the verbs in front of it."""
    place = verb
    while True:
        for child in place.children:
            if child.dep_ in ("nsubj", "nsubjpass") and child.i not in barred:
                return child
        if place.dep_ not in ("conj", "advcl") or place.head.pos_ not in ("VERB", "AUX"):
            return None
        place = place.head


def _name_event(talk: Talk, date: SpokenDate, noun: Token, barred: frozenset[int]) -> NodeDraft | None:
    """An event told by a noun ("In 1969, the moon landing"), with the participle that the parser may have made of its verb."""
    if noun.pos_ not in ("NOUN", "PROPN") or noun.i in barred:
        return None
    groups = noun_groups(noun, 0.0, barred)
    for child in noun.children:
        if child.dep_ == "acl" and child.tag_ in ("VBN", "VBD"):
            groups += predicate_groups(child, 0.0, barred)
        elif child.dep_ == "prep" and child.i > noun.i and child.lower_ != "of":
            groups += preposition_groups(child, 1.0, barred)
    return _draft(talk, date, make_label(talk, groups), groups)


def _make_event(
    talk: Talk, date: SpokenDate, verb: Token, barred: frozenset[int], references: Mapping[int, Token]
) -> NodeDraft | None:
    subject = _subject_of(verb, barred)
    if verb.dep_ == "relcl" and (subject is None or subject.pos_ == "PRON"):
        subject = verb.head if verb.head.i not in barred else None
    denied = subject is not None and names_nobody(subject)
    said: dict[int, str] | None = None
    if _is_affirmed(date.tokens[0], verb):
        said = _affirm(verb, subject)
        if said is None or denied or _holds_nothing(verb):
            return None  # it would say the opposite
        barred = barred | _denial_words(verb)
    named = subject if subject is not None and (denied or is_named(subject)) else None
    spoken_year = any(child.i in barred and child.dep_ in ("nsubj", "nsubjpass") for child in verb.children)
    predicate = [group for group in predicate_groups(verb, 0.0, barred) if not any(token.i in barred for token in group.tokens)]
    if spoken_year and (verb.lemma_ in _LINKING or verb.lemma_ == "be"):
        predicate = [group for group in predicate if verb not in group.tokens]
    if verb.lemma_ == "be" and named is None:
        if not any(child.dep_ in ("attr", "acomp") for child in verb.children):
            return None
        predicate = [group for group in predicate if verb not in group.tokens]
    if not any(token.pos_ in ("NOUN", "PROPN", "ADJ", "VERB") for group in predicate for token in group.tokens):
        return None
    complete = any(token.pos_ in ("NOUN", "PROPN", "ADJ", "NUM") for group in predicate for token in group.tokens)
    if named is None and not complete:
        return None
    kept: list[Group] = []
    forms = said or {}
    if said is None and (named is not None or any(child.dep_ == "neg" for child in verb.children)):
        kept, forms = verb_groups(verb, "plural" if named is not None and is_plural(named) else "singular")
    groups = [*kept, *predicate, *(noun_groups(named, 0.0, barred) if named is not None else [])]
    label = make_label(talk, groups, forms)
    if denied and (label is None or named is None or named.head.i != verb.i):
        return None  # what is left would say that it happened
    if label is None and named is not None:
        # Who did it says more than half of what was done.
        label = _name_subject(talk, named, barred)
    if label is None and complete:
        label = make_label(talk, predicate, said or {})
    if label is not None and named is not None and named.head.i != verb.i:
        label = without_subject(talk, label, named)
    node = _draft(talk, date, label, groups)
    if node is None or spoken_year:
        return node
    return replace(node, phrase=write_event(talk, verb, subject, references, barred))


def _name_subject(talk: Talk, named: Token, barred: frozenset[int]) -> Label | None:
    """The subject with what belongs to it, if that says something by itself: "new version of HTTP"."""
    groups = noun_groups(named, 0.0, barred)
    label = make_label(talk, groups)
    return label if label is not None and len(content_lemmas(named.subtree)) >= 2 and len(label.words) >= 2 else None


def _draft(talk: Talk, date: SpokenDate, label: Label | None, groups: Sequence[Group]) -> NodeDraft | None:
    name = label is not None and bool(groups) and groups[0].tokens[-1].pos_ == "PROPN"
    if label is None or (len(label.text.split()) < 2 and not name):
        return None
    begin, end = label.words[0], label.words[-1] + 1
    span = (min(begin, date.date.label.words[0]), max(end, date.date.label.words[-1] + 1))
    topics = content_lemmas(token for group in groups for token in group.tokens) - VAGUE_NOUNS
    return NodeDraft(NodeKind.NODE_KIND_EVENT, phrase(talk, begin, end), label, span, topics, date=date.date)
