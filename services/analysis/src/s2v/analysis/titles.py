"""Titles: the speaker's own announcement of a scene ("let us look at the data layer") or the thing it speaks of most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from spacy.tokens import Span, Token

from s2v.analysis.content import Content, Label
from s2v.analysis.labels import capitalize, content_lemmas, make_label, noun_groups
from s2v.analysis.language import Talk
from s2v.analysis.lexicon import OPENERS, VAGUE_NOUNS

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
_ANNOUNCING = frozenset({"at", "about", "to", "on", "with", "into", "through"})
_OPENING_SENTENCES = 2
"""Sentences of a scene in which an announcement is looked for."""
_MIN_OPENING_WORDS = 3
_PRONOUNS = frozenset(["i", "we", "you", "he", "she", "it", "they", "this", "that", "these", "those", "there"])
_PART_NOUNS = frozenset(["lesson", "talk", "section", "part", "story", "video", "chapter", "episode", "lecture"])
_PLAIN = frozenset(
    {"other", "another", "different", "same", "new", "second", "first", "third", "many", "more", "few", "such", "own", "no"}
)
"""Words that point instead of naming."""
_QUESTION_WORDS = frozenset({"how", "why", "what", "where"})


def find_title(talk: Talk, sentences: Sequence[Span], content: Content, counts: Counter[str]) -> Label | None:
    """Returns the title of a scene, or None when nothing names it.

    Tried in turn: an announcement, the question or short sentence that opens the scene and is not drawn itself, its opening
    "when …", and the thing it speaks of most. `counts` holds the lemmas of the whole talk, so that what the scene speaks of more
    than the rest stands out.
    """
    drawn = {word for node in content.nodes for word in range(*node.span)}
    for sentence in sentences[:_OPENING_SENTENCES]:
        announced = _find_announcement(talk, sentence, drawn)
        if announced is not None:
            return announced
    return _find_opening(talk, sentences, drawn) or _find_topic(talk, sentences, counts)


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
    subject = next((token for token in sentence if token.dep_ in ("nsubj", "nsubjpass")), None)
    return subject is not None and subject.lower_ not in _PRONOUNS and sentence.root.pos_ in ("VERB", "AUX")


def _as_spoken(talk: Talk, begin: int, end: int) -> Label | None:
    text = talk.speech.text(begin, end).rstrip(" .,;:!").strip('"“”')
    if not text or len(text) > MAX_CHARACTERS or end - begin > MAX_WORDS:
        return None
    return Label(capitalize(text), tuple(range(begin, end)))


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
        for child in verb.children:
            if child.i < verb.i:
                continue
            if child.dep_ == "prep" and child.lower_ in _ANNOUNCING:
                for part in child.children:
                    label = _name(talk, part)
                    if label is not None:
                        return label
            elif child.dep_ in ("dobj", "ccomp"):
                label = _name(talk, child)
                if label is not None:
                    return label
    return None


def _by_speaker(verb: Token) -> bool:
    subjects = [child.lower_ for child in verb.children if child.dep_ == "nsubj"]
    if not subjects and verb.head.lemma_ == "let":
        return True
    return bool(set(subjects) & {"we", "us", "i", "'s"}) or (not subjects and verb.dep_ == "ROOT" and verb.tag_ == "VB")


def _name(talk: Talk, token: Token) -> Label | None:
    if token.dep_ in ("pcomp", "ccomp") and token.pos_ in ("VERB", "AUX"):
        return _question(talk, token)
    if token.pos_ not in ("NOUN", "PROPN") or token.lemma_.lower() in VAGUE_NOUNS:
        return None
    return make_label(talk, noun_groups(token), max_words=MAX_WORDS, max_characters=MAX_CHARACTERS)


def _question(talk: Talk, verb: Token) -> Label | None:
    """Such as "How the parts are connected": a title as it was spoken, from its question word on."""
    opening = next((part for part in verb.subtree if part.lower_ in _QUESTION_WORDS), None)
    if opening is None or opening.i > verb.i:
        return None
    begin, end = talk.word(opening), talk.word(verb.right_edge) + 1
    return _as_spoken(talk, begin, end)


def _find_topic(talk: Talk, sentences: Sequence[Span], counts: Counter[str]) -> Label | None:
    here = Counter(
        token.lemma_.lower()
        for sentence in sentences
        for token in sentence
        if token.pos_ in ("NOUN", "PROPN") and not token.is_stop
    )
    best: tuple[float, Label] | None = None
    seen: set[str] = set()
    for place, sentence in enumerate(sentences):
        for chunk in sentence.noun_chunks:
            head = chunk.root
            if (
                head.pos_ not in ("NOUN", "PROPN")
                or head.lemma_.lower() in VAGUE_NOUNS
                or head.is_stop
                or head.ent_type_ in ("DATE", "TIME", "CARDINAL")
            ):
                continue
            groups = [
                group
                for group in noun_groups(head)
                if not any(token.dep_ == "cc" or token.lower_ in _PLAIN for token in group.tokens)
            ]
            label = make_label(talk, groups, max_words=4, max_characters=MAX_CHARACTERS)
            if label is None or label.text.lower() in seen:
                continue
            seen.add(label.text.lower())
            lemmas = content_lemmas(chunk) or {head.lemma_.lower()}
            count = here[head.lemma_.lower()]
            share = count / max(counts[head.lemma_.lower()], 1)
            subject = 0.4 * (head.dep_ in ("nsubj", "nsubjpass"))
            score = count * (0.5 + share) + 0.4 * min(len(lemmas), 2) + subject - 0.15 * place
            # A plain word by itself says little: the scene must turn on it.
            telling = " " in label.text or head.pos_ == "PROPN" or count >= 4
            if count >= 2 and telling and (best is None or score > best[0] + 1e-6):
                best = (score, label)
    return None if best is None else best[1]
