"""Titles: the speaker's own announcement of a scene ("let us look at the data layer") or the thing it speaks of most."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from spacy.tokens import Span, Token

from s2v.analysis.assembly import TREES
from s2v.analysis.content import Content, Label
from s2v.analysis.labels import capitalize, content_lemmas, make_label, noun_groups
from s2v.analysis.language import Talk
from s2v.analysis.lexicon import OPENERS, VAGUE_NOUNS
from s2v.v1.diagram_pb2 import DatePrecision, DiagramType

MAX_WORDS = 10
MAX_CHARACTERS = 60
_ANNOUNCERS = frozenset(
    [
        "look",
        "talk",
        "consider",
        "discuss",
        "turn",
        "explore",
        "see",
        "explain",
        "describe",
        "begin",
        "start",
        "review",
        "cover",
        "examine",
        "compare",
        "follow",
    ]
)
_DOING = frozenset({"cover", "turn", "begin", "start", "follow"})
"""Those of them that are also what a listener is told to do: "cover the pot"."""
_ANNOUNCING = frozenset({"at", "about", "to", "on", "with", "into", "through"})
DRAWN_BONUS = 0.8
"""What it adds to the worth of a topic that it is drawn."""
PAIR_SHARE = 0.5
"""A second topic is named too if it is worth at least this share of the first."""
MIN_COUNT_ALONE = 4
"""Times that a plain word is said before it can be a title by itself."""
MIN_PAIR_COUNT = 5
"""Times that two plain words are said before they can be a title together."""
_OPENING_SENTENCES = 2
"""Sentences of a scene in which an announcement is looked for."""
_MIN_OPENING_WORDS = 3
_PRONOUNS = frozenset(["i", "we", "you", "he", "she", "it", "they", "this", "that", "these", "those", "there"])
_DEMONSTRATIVES = frozenset(["this", "that", "these", "those"])
_PART_NOUNS = frozenset(["lesson", "talk", "section", "part", "story", "video", "chapter", "episode", "lecture"])
_PLAIN = frozenset(
    {"other", "another", "different", "same", "new", "second", "first", "third", "many", "more", "few", "such", "own", "no"}
)
"""Words that point instead of naming."""
_SPAN = re.compile(r"^\d{4}–\d{4}$")
_QUESTION_WORDS = frozenset({"how", "why", "what", "where"})


@dataclass(frozen=True)
class _Topic:
    """Something that a scene speaks of."""

    label: Label
    score: float
    count: int
    telling: bool
    """Whether it can be a title by itself."""
    proper: bool
    """Whether its first word keeps its capital letter."""
    lemmas: frozenset[str]


def find_title(talk: Talk, sentences: Sequence[Span], content: Content, counts: Counter[str]) -> Label | None:
    """Returns the title of a scene, or None when nothing names it.

    Tried in turn: an announcement, the question or short sentence that opens the scene and is not drawn itself, its opening
    "when …", the sides of a comparison, the thing it speaks of most, the root of a tree, and the years of a timeline. `counts`
    holds the lemmas of the whole talk, so that what the scene speaks of more than the rest stands out.
    """
    drawn = {word for node in content.nodes for word in range(*node.span)}
    sides = _find_sides(talk, content)
    openings = _find_openings(talk, sentences, drawn)
    for sentence in openings:
        announced = _find_announcement(talk, sentence, drawn)
        if announced is not None:
            # "Let us compare rivers with lakes" announces both, not the first.
            return sides if sides is not None and set(announced.words) & set(sides.words) else announced
    named = [node.topics for node in content.nodes]
    topic = _find_opening(talk, openings, drawn) or sides or _find_topic(talk, sentences, counts, named)
    return topic or _find_root(content) or _find_period(content)


def _find_openings(talk: Talk, sentences: Sequence[Span], drawn: set[int]) -> Sequence[Span]:
    """The first sentences, but none from which the speaker goes on to other things than those that are drawn."""
    first = next((place for place, own in enumerate(sentences) if drawn & set(range(*talk.words(own)))), 0)
    return sentences[max(first - _OPENING_SENTENCES, 0) :][:_OPENING_SENTENCES]


def _find_root(content: Content) -> Label | None:
    """The one thing of which a tree tells the parts; None for other scenes."""
    roots = [node.label for node in content.nodes if node.level == 0]
    return roots[0] if content.type in TREES and len(roots) == 1 else None


def _find_period(content: Content) -> Label | None:
    """The years that a timeline spans, as "1969 to 2015"; None for other scenes, and where its ends are no years."""
    dates = [node.date for node in content.nodes if node.date is not None]
    if content.type != DiagramType.DIAGRAM_TYPE_TIMELINE or len(dates) < 2:
        return None
    first, last = min(dates, key=lambda date: date.start_year), max(dates, key=lambda date: date.end_year)
    ends = [(first.label.text, first.start_year), (last.label.text, last.end_year)]
    other = any(date.precision != DatePrecision.DATE_PRECISION_YEAR for date in (first, last))
    if other or any(str(abs(int(year))) not in text for text, year in ends):
        return None
    start, end = (str(int(year)) if _SPAN.match(text) else text for text, year in ends)
    return Label(f"{start} to {end}", tuple(sorted({*first.label.words, *last.label.words}))) if start != end else None


def _find_sides(talk: Talk, content: Content) -> Label | None:
    """The two things that a comparison sets side by side, as one title; None for other scenes and where it is too long."""
    if content.type != DiagramType.DIAGRAM_TYPE_COMPARISON:
        return None
    parents = {edge.source for edge in content.edges}
    sides = [node for place, node in enumerate(content.nodes) if node.level == 0 and place in parents]
    if len(sides) != 2 or not all(_names(talk, node.label) for node in sides):
        return None
    earlier, later = sorted((node.label for node in sides), key=lambda label: label.words)
    return _join(earlier, later, _is_name(talk, later))


def _find_opening(talk: Talk, sentences: Sequence[Span], drawn: set[int]) -> Label | None:
    for sentence in sentences[:_OPENING_SENTENCES]:
        begin, end = talk.words(sentence)
        while begin < end and talk.speech.texts[begin].lower().strip(",") in OPENERS:
            begin += 1
        asked = sentence.text.rstrip().endswith("?") and begin < end and talk.speech.texts[begin].lower() in _QUESTION_WORDS
        if asked or (sentence is sentences[0] and not drawn & set(range(begin, end)) and _stands_alone(sentence)):
            label = _as_spoken(talk, begin, end)
            if label is not None and len(label.words) >= _MIN_OPENING_WORDS:
                return label
    first = next((token for token in sentences[0] if not token.is_punct), None)
    if first is not None and first.lower_ in ("when", "after", "before", "if") and first.head.dep_ == "advcl":
        return _as_spoken(talk, talk.word(first), talk.word(first.head.right_edge) + 1) if first.lower_ == "when" else None
    return None


def _stands_alone(sentence: Span) -> bool:
    if sentence.root.lemma_.lower() == "let":
        return False
    subject = next((token for token in sentence if token.dep_ in ("nsubj", "nsubjpass")), None)
    return subject is not None and subject.lower_ not in _PRONOUNS and sentence.root.pos_ in ("VERB", "AUX")


def _as_spoken(talk: Talk, begin: int, end: int) -> Label | None:
    """Words as a title, without the "that" of "that water"; None where one points at what the title does not name."""
    words = [word for word in range(begin, end) if not _points_at_noun(talk, word)]
    tokens = [token for word in words for token in talk.doc[slice(*talk.tokens_of[word])]]
    text = " ".join(talk.speech.texts[word] for word in words).rstrip(" .,;:!").strip('"“”')
    if not text or len(text) > MAX_CHARACTERS or len(words) > MAX_WORDS or any(_points(token) for token in tokens):
        return None
    return Label(capitalize(text), tuple(words))


def _points_at_noun(talk: Talk, word: int) -> bool:
    tokens = talk.doc[slice(*talk.tokens_of[word])]
    return len(tokens) == 1 and tokens[0].lower_ in _DEMONSTRATIVES and tokens[0].dep_ == "det"


def _points(token: Token) -> bool:
    """Whether a word stands for something that was said before: "none of this"."""
    return (
        token.pos_ in ("PRON", "DET")
        and token.tag_ != "WDT"
        and token.dep_ != "det"
        and token.lower_ in _DEMONSTRATIVES | {"it", "they", "them"}
    )


def _find_announcement(talk: Talk, sentence: Span, drawn: set[int]) -> Label | None:
    for noun in sentence:
        if noun.lemma_.lower() in _PART_NOUNS and noun.dep_ in ("pobj", "dobj", "attr"):
            for child in noun.children:
                if child.dep_ == "prep" and child.lower_ in ("on", "about"):
                    label = next((found for part in child.children if (found := _name(talk, part)) is not None), None)
                    if label is not None:
                        return label
    for verb in sentence:
        if verb.lemma_ not in _ANNOUNCERS or verb.pos_ != "VERB" or talk.word(verb) in drawn or not _by_speaker(verb):
            continue
        if verb.tag_ in ("VBD", "VBN"):
            # "I began my career at a bank" tells, and announces nothing.
            continue
        asked = _find_asked(talk, verb)
        if asked is not None:
            return asked
        for child in verb.children:
            if child.i < verb.i:
                continue
            if child.dep_ == "prep" and child.lower_ in _ANNOUNCING:
                for part in child.children:
                    label = _name(talk, part)
                    if label is not None:
                        return label
            elif child.dep_ in ("dobj", "ccomp") and not (verb.lemma_ in _DOING and verb.dep_ == "ROOT" and verb.tag_ == "VB"):
                label = _name(talk, child)
                if label is not None:
                    return label
    return None


def _find_asked(talk: Talk, verb: Token) -> Label | None:
    """Of "let us begin with how water is divided" the question, wherever the parser hangs it."""
    place = verb.i + 1
    if place < verb.sent.end and verb.doc[place].lower_ in _ANNOUNCING:
        place += 1
    if place >= verb.sent.end or verb.doc[place].lower_ not in _QUESTION_WORDS:
        return None
    return _as_spoken(talk, talk.word(verb.doc[place]), talk.words(verb.sent)[1])


def _by_speaker(verb: Token) -> bool:
    subjects = [child.lower_ for child in verb.children if child.dep_ == "nsubj"]
    if not subjects and verb.head.lemma_ == "let":
        return True
    return bool(set(subjects) & {"we", "us", "i", "'s"}) or (not subjects and verb.dep_ == "ROOT" and verb.tag_ == "VB")


def _name(talk: Talk, token: Token) -> Label | None:
    if token.dep_ in ("pcomp", "ccomp") and token.pos_ in ("VERB", "AUX"):
        return _question(talk, token)
    if token.pos_ not in ("NOUN", "PROPN") or token.lemma_.lower() in VAGUE_NOUNS or _is_counted(token):
        return None
    return make_label(talk, noun_groups(token), max_words=MAX_WORDS, max_characters=MAX_CHARACTERS)


def _is_counted(noun: Token) -> bool:
    """Whether only a number tells what is meant ("follow one drop"): an example, not a topic."""
    before = [child for child in noun.children if child.i < noun.i and child.dep_ not in ("det", "predet")]
    return bool(before) and all(child.dep_ == "nummod" for child in before)


def _question(talk: Talk, verb: Token) -> Label | None:
    """Such as "How the parts are connected": a title as it was spoken, from its question word on."""
    opening = next((part for part in verb.subtree if part.lower_ in _QUESTION_WORDS), None)
    if opening is None or opening.i > verb.i:
        return None
    begin, end = talk.word(opening), talk.word(verb.right_edge) + 1
    return _as_spoken(talk, begin, end)


def _find_topic(talk: Talk, sentences: Sequence[Span], counts: Counter[str], drawn: Sequence[frozenset[str]]) -> Label | None:
    here = Counter(
        token.lemma_.lower()
        for sentence in sentences
        for token in sentence
        if token.pos_ in ("NOUN", "PROPN") and not token.is_stop and token.dep_ != "compound"
    )
    topics: dict[str, _Topic] = {}
    for place, sentence in enumerate(sentences):
        for chunk in talk.noun_phrases(sentence):
            topic = _read_topic(talk, chunk.root, here, counts, place)
            if topic is not None and any(topic.lemmas <= lemmas for lemmas in drawn):
                topic = replace(topic, score=topic.score + DRAWN_BONUS)
            known = topics.get(chunk.root.lemma_.lower())
            if topic is not None and (known is None or topic.score > known.score + 1e-6):
                topics[chunk.root.lemma_.lower()] = topic
    ranked = sorted(topics.values(), key=lambda topic: -topic.score)
    if not ranked:
        return None
    best = ranked[0]
    if best.telling and " " in best.label.text:
        return best.label
    pair = next((other for other in ranked[1:] if other.score >= PAIR_SHARE * best.score and _apart(best, other)), None)
    if pair is not None and (best.telling or pair.telling or best.count + pair.count >= MIN_PAIR_COUNT):
        first, second = sorted((best, pair), key=lambda topic: topic.label.words)
        joined = _join(first.label, second.label, second.proper)
        if joined is not None:
            return joined
    return next((topic.label for topic in ranked if topic.telling), None)


def _read_topic(talk: Talk, head: Token, here: Counter[str], counts: Counter[str], place: int) -> _Topic | None:
    """What a noun phrase would be worth as a title; None for times, vague nouns and what the scene names only once."""
    lemma = head.lemma_.lower()
    if head.pos_ not in ("NOUN", "PROPN") or lemma in VAGUE_NOUNS or head.is_stop or here[lemma] < 2:
        return None
    if head.ent_type_ in ("DATE", "TIME", "CARDINAL"):
        return None
    groups = [group for group in noun_groups(head) if not any(_says_nothing(token, head) for token in group.tokens)]
    label = make_label(talk, groups, max_words=4, max_characters=MAX_CHARACTERS)
    if label is None:
        return None
    lemmas = content_lemmas(token for group in groups for token in group.tokens) or {lemma}
    count = here[lemma]
    share = count / max(counts[lemma], 1)
    subject = 0.4 * (head.dep_ in ("nsubj", "nsubjpass"))
    score = count * (0.5 + share) + 0.4 * min(len(lemmas), 2) + subject - 0.15 * place
    # A plain word by itself says little: the scene must turn on it.
    telling = " " in label.text or head.pos_ == "PROPN" or count >= MIN_COUNT_ALONE
    return _Topic(label, score, count, telling, _is_name(talk, label), frozenset(lemmas))


def _says_nothing(token: Token, head: Token) -> bool:
    """Whether a word only points at a noun or counts it: "another server", "12 servers"."""
    return token.dep_ == "cc" or token.lower_ in _PLAIN or (token.dep_ == "nummod" and token.head == head)


def _apart(first: _Topic, second: _Topic) -> bool:
    return not first.lemmas & second.lemmas


def _names(talk: Talk, label: Label) -> bool:
    """Whether a label names a thing: "best" by itself does not."""
    return any(token.pos_ in ("NOUN", "PROPN") for word in label.words for token in talk.doc[slice(*talk.tokens_of[word])])


def _is_name(talk: Talk, label: Label) -> bool:
    """Whether a label's first word keeps its capital letter: what was written with one and is a name."""
    first = talk.doc[talk.tokens_of[label.words[0]][0]]
    return not label.text[1:].islower() or (first.pos_ == "PROPN" and not first.text.islower())


def _join(earlier: Label, later: Label, proper: bool) -> Label | None:
    """Two labels as one title: "Pods and nodes"; with `proper` the later one keeps its capital letter."""
    text = f"{earlier.text} and {later.text if proper else later.text[:1].lower() + later.text[1:]}"
    if len(text) > MAX_CHARACTERS:
        return None
    return Label(text, tuple(sorted({*earlier.words, *later.words})), tuple(sorted({*earlier.antecedents, *later.antecedents})))
