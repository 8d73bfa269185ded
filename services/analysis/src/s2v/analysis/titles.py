"""Titles: the speaker's own announcement of a scene ("let us look at the data layer") or the thing it speaks of most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from spacy.tokens import Span, Token

from s2v.analysis.content import Label
from s2v.analysis.labels import capitalize, content_lemmas, make_label, noun_groups
from s2v.analysis.language import Talk
from s2v.analysis.lexicon import VAGUE_NOUNS

MAX_WORDS = 8
MAX_CHARACTERS = 48
_ANNOUNCERS = frozenset("look talk consider discuss turn explore see explain describe begin start review cover examine compare follow".split())
_ANNOUNCING = frozenset({"at", "about", "to", "on", "with", "into", "through"})
_OPENING_SENTENCES = 2
"""Sentences of a scene in which an announcement is looked for."""
_QUESTION_WORDS = frozenset({"how", "why", "what", "where"})


def find_title(talk: Talk, sentences: Sequence[Span], spoken_before: Counter[str], *, announced_only: bool = False) -> Label | None:
    """Returns the title of a scene, or None when nothing names it.

    `spoken_before` counts the lemmas of the whole talk, so that what the scene speaks of more than the rest stands out.
    """
    for sentence in sentences[:_OPENING_SENTENCES]:
        announced = _find_announcement(talk, sentence)
        if announced is not None:
            return announced
    return None if announced_only else _find_topic(talk, sentences, spoken_before)


def _find_announcement(talk: Talk, sentence: Span) -> Label | None:
    for verb in sentence:
        if verb.lemma_ not in _ANNOUNCERS or verb.pos_ != "VERB" or not _by_speaker(verb):
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
    """"How the parts are connected": a title as it was spoken, from its question word on."""
    opening = next((part for part in verb.subtree if part.lower_ in _QUESTION_WORDS), None)
    if opening is None or opening.i > verb.i:
        return None
    begin, end = talk.word(opening), talk.word(verb.right_edge) + 1
    text = talk.speech.text(begin, end).strip(" .,;:!?")
    if len(text) > MAX_CHARACTERS or len(text.split()) > MAX_WORDS:
        return None
    return Label(capitalize(text), tuple(range(begin, end)))


def _find_topic(talk: Talk, sentences: Sequence[Span], spoken_before: Counter[str]) -> Label | None:
    here = Counter(token.lemma_.lower() for sentence in sentences for token in sentence if token.pos_ in ("NOUN", "PROPN") and not token.is_stop)
    best: tuple[float, Label] | None = None
    seen: set[str] = set()
    for place, sentence in enumerate(sentences):
        for chunk in sentence.noun_chunks:
            head = chunk.root
            if head.pos_ not in ("NOUN", "PROPN") or head.lemma_.lower() in VAGUE_NOUNS or head.is_stop or head.ent_type_ in ("DATE", "TIME", "CARDINAL"):
                continue
            label = make_label(talk, noun_groups(head), max_words=4, max_characters=MAX_CHARACTERS)
            if label is None or label.text.lower() in seen:
                continue
            seen.add(label.text.lower())
            lemmas = content_lemmas(chunk) or {head.lemma_.lower()}
            count = here[head.lemma_.lower()]
            share = count / max(spoken_before[head.lemma_.lower()], 1)
            subject = 0.4 * (head.dep_ in ("nsubj", "nsubjpass"))
            score = count * (0.5 + share) + 0.4 * min(len(lemmas), 2) + subject - 0.15 * place
            if count >= 2 and (best is None or score > best[0] + 1e-6):
                best = (score, label)
    return None if best is None else best[1]
