"""Mindmaps: one topic, what is said about it, and the details of that."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spacy.tokens import Span, Token

from s2v.analysis.content import Content
from s2v.analysis.enumerations import Enumeration, acted_on, find_enumerations, find_lists, mention_of
from s2v.analysis.headings import Point, find_points
from s2v.analysis.language import Talk
from s2v.analysis.lexicon import UNITS, VAGUE_NOUNS
from s2v.analysis.mentions import Mention, announces_list, is_nominal, is_pronoun, lemma, make_members, with_head_only
from s2v.analysis.outline import Outline
from s2v.analysis.propositions import subject_of
from s2v.analysis.statements import Statement, find_statements, is_condition, with_subject
from s2v.v1.diagram_pb2 import DiagramType

FIRST_WEIGHT = 3.0
"""What the first subject of a scene weighs as its topic; any later one weighs 0.7."""
COVERAGE_WEIGHT = 0.5
"""What each sentence that names a topic weighs."""
_KIND = DiagramType.DIAGRAM_TYPE_MINDMAP


@dataclass(frozen=True)
class _Told:
    """What a sentence holds."""

    enumerations: tuple[Enumeration, ...]
    statements: tuple[Statement, ...]
    fragment: tuple[Mention, ...]
    """What a sentence without a verb names."""
    points: tuple[Point, ...] = ()
    """A headed list."""


def extract_mindmap(talk: Talk, sentences: Sequence[Span]) -> Content:
    """Returns the topic of consecutive sentences and its branches; nothing when there is none."""
    told = [_read(talk, sentence) for sentence in sentences]
    topic = _find_topic(talk, sentences, told)
    if topic is None or _is_list_alone(told):
        return Content(_KIND)
    outline, references = Outline(talk), talk.references(sentences)
    centre = outline.add(topic)
    if centre is None:
        return Content(_KIND)
    for sentence in told:
        _tell(outline, centre, sentence, references)
    return outline.finish(_KIND, [centre]) if outline.parents else Content(_KIND)


def _is_list_alone(told: Sequence[_Told]) -> bool:
    """Whether all that is told is one list of which nobody says what has it: a list has no centre."""
    lists = [enumeration for sentence in told for enumeration in sentence.enumerations]
    wholes = [enumeration.whole for enumeration in lists] + [one.subject for sentence in told for one in sentence.statements]
    return len(told) == 1 and len(lists) == 1 and all(whole is None or is_pronoun(whole) for whole in wholes)


def _read(talk: Talk, sentence: Span) -> _Told:
    points = find_points(sentence)
    if points:
        return _Told((), (), (), tuple(points))
    enumerations = find_enumerations(talk, sentence)
    known = {member.head.i for enumeration in enumerations for member in enumeration.members}
    lists = [found for found in find_lists(talk, sentence) if not any(member.head.i in known for member in found.members)]
    statements = find_statements(talk, sentence)
    # Of "bread molds if it gets wet", where the parser takes the verb for a noun, nothing holds without the condition.
    alone = is_nominal(sentence.root) and not any(is_condition(child) for child in sentence.root.children)
    fragment = sentence.root if alone and not statements else None
    return _Told((*enumerations, *lists), tuple(statements), tuple(make_members(fragment)) if fragment is not None else ())


def _find_topic(talk: Talk, sentences: Sequence[Span], told: Sequence[_Told]) -> Mention | None:
    """What most is said about: subjects and wholes, the earlier the more, and what the sentences keep naming."""
    weights: dict[frozenset[str], float] = defaultdict(float)
    mentions: dict[frozenset[str], Mention] = {}

    def note(noun: Token | None, weight: float) -> None:
        mention = mention_of(noun) if noun is not None and is_nominal(noun) else None
        if mention is not None and mention.noun not in VAGUE_NOUNS | UNITS:
            if len(mention.key) == 1:
                # "The colony" after "a bee colony" is that one.
                mention = next((known for known in mentions.values() if known.noun == mention.noun), mention)
            mentions.setdefault(mention.key, mention)
            weights[mention.key] += weight

    for number, sentence in enumerate(told):
        if number == 0:
            note(acted_on(sentences[0].root), FIRST_WEIGHT)
        for enumeration in sentence.enumerations:
            note(enumeration.whole, 0.2 * len(enumeration.members))
        for place, statement in enumerate(sentence.statements):
            note(statement.subject, FIRST_WEIGHT if number == 0 and place == 0 else 0.7)
            if number == 0:
                for child in statement.verb.children:
                    if child.dep_ == "dobj":
                        note(child, 0.7)
                    elif child.dep_ == "attr" and statement.subject is None:
                        # "On board was a crew of seven."
                        note(child, FIRST_WEIGHT if place == 0 else 0.7)
        # "Alerts for …, alerts for …": what the points of a list have in common.
        heads = [point.matter.noun for point in sentence.points if point.matter is not None]
        for point in sentence.points:
            if point.matter is not None and heads.count(point.matter.noun) > 1:
                common = with_head_only(point.matter)
                mentions.setdefault(common.key, common)
                weights[common.key] += 1.0
    if not weights:
        for chunk in talk.noun_phrases(sentences[0]):
            note(chunk.root, 1.0)
    lemmas = [{lemma(token) for token in sentence} for sentence in sentences]
    for key in list(weights):
        weights[key] += COVERAGE_WEIGHT * sum(key <= words for words in lemmas)
        weights[key] += sum(0.3 * weights[other] for other in mentions if key < other)
    return mentions[max(weights, key=lambda key: weights[key])] if weights else None


def _tell(outline: Outline, centre: int, told: _Told, references: Mapping[int, Token]) -> None:
    for point in told.points:
        branch = outline.add(point.name)
        if branch is None or branch == centre:
            continue
        _hang(outline, centre, branch)
        matter = outline.add(point.matter) if point.matter is not None else None
        if matter is not None and matter != centre:
            outline.attach(branch, matter)
    covered: set[int] = set()
    subjects = [statement.subject.i for statement in told.statements if statement.subject is not None]
    shared = {place for place in subjects if subjects.count(place) > 1}
    for fragment in told.fragment:
        child = outline.add(fragment)
        if child is not None and child != centre:
            outline.attach(centre, child)
            covered.add(fragment.head.i)
    for enumeration in told.enumerations:
        counts = enumeration.whole is not None and announces_list(enumeration.whole)
        whole = centre if counts else _resolve(outline, centre, enumeration.whole)
        if whole is None:
            continue
        _hang(outline, centre, whole)
        if enumeration.whole is not None and whole != centre:
            covered.add(enumeration.whole.i)
        for member in enumeration.members:
            child = outline.add(member)
            if child is not None and child != whole:
                outline.attach(whole, child, enumeration.cue)
                covered |= {token.i for group in member.groups for token in group.tokens}
    listing = {enumeration.place for enumeration in told.enumerations if enumeration.strict}
    for statement in told.statements:
        if statement.verb.i in listing:
            # "Is divided into three parts" says no more than the parts themselves.
            continue
        whole = _resolve(outline, centre, _meant(statement, references))
        if whole is None:
            whole = centre
        items = [
            item for item in statement.items if not any(token.i in covered for group in item.groups for token in group.tokens)
        ]
        if not items:
            continue
        if (
            whole != centre
            and whole not in outline.parents
            and len(items) == 1
            and items[0].head.pos_ in ("VERB", "AUX")
            and statement.subject is not None
            and statement.subject.i not in shared
        ):
            child = outline.add_new(with_subject(items[0], statement.subject))
            if child is not None:
                outline.attach(centre, child)
                continue
        _hang(outline, centre, whole)
        for item in items:
            child = outline.add(item)
            if child is not None and child != whole:
                outline.attach(whole, child)


def _meant(statement: Statement, references: Mapping[int, Token]) -> Token | None:
    """The subject, or what a pronoun stands for: of "passwords should be long, and each one different" the passwords."""
    subject = statement.subject
    if subject is None or not is_pronoun(subject):
        return subject
    if subject.lower_ in ("one", "each", "all", "both") and statement.verb.dep_ == "conj":
        return subject_of(statement.verb.head)
    return references.get(subject.i, subject)


def _resolve(outline: Outline, centre: int, noun: Token | None) -> int | None:
    if noun is None or is_pronoun(noun) or not is_nominal(noun) or lemma(noun) in VAGUE_NOUNS:
        return centre
    mention = mention_of(noun)
    return outline.add(mention) if mention is not None else None


def _hang(outline: Outline, centre: int, whole: int) -> None:
    if whole != centre and whole not in outline.parents:
        outline.attach(centre, whole)
