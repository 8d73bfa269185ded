"""Key phrases: the most telling clause of a scene, as it was spoken."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Span, Token

from s2v.analysis.content import Content, Label, NodeDraft
from s2v.analysis.influences import CAUSATIVE_VERBS
from s2v.analysis.labels import capitalize, content_lemmas
from s2v.analysis.language import Talk
from s2v.analysis.lexicon import FILLERS, OPENERS
from s2v.runtime.captions import WITHOUT_SPACES
from s2v.v1.diagram_pb2 import DiagramType, NodeKind

MAX_CHARACTERS = 90
UNCAPITALIZED = frozenset({"az", "ka", "tr"})
"""Languages whose sentences begin with no capital letter, or with another than the rest of the world's."""
MIN_WORDS = 3
GOOD_WORDS = (5, 13)
"""A phrase of so many words is taken in at a glance."""
PROMPT_SECONDS = 2.0
"""A phrase that is spoken so soon after the scene's start leaves no empty picture."""
LATE_COST = 0.1
"""What each later second takes from a phrase's score."""
MIN_SCORE = 0.0
"""Below this the opening of the longest sentence says more than any part that fits."""
FRAGMENT_COST = 1.3
"""What a phrase loses that is no statement, or that lacks what its words ask for."""
HALF_COST = 0.6
"""What the half of a contrast loses."""
DOUBT_COST, SURE = 0.4, 0.45
"""What each word that tells something costs if the recogniser was less sure of it than that: it may be another."""
_COMMAS = ",;:，、；：،؛"
"""Where a sentence may be cut, in whatever script."""
_NEEDED = frozenset(
    [
        *("nsubj", "nsubjpass", "aux", "auxpass", "neg", "prt", "dobj", "dative", "attr", "acomp", "oprd", "ccomp", "xcomp"),
        *("pobj", "pcomp"),
    ]
)
"""What belongs to a word in a sentence, and without which it says something else."""
_BESIDE = frozenset(["conj", "parataxis", "ccomp", "xcomp"])
"""How the parser joins a clause to the one that it is set against."""
_FINITE = frozenset({"VBD", "VBZ", "VBP", "MD"})
_DEICTIC = frozenset(
    ["it", "this", "that", "they", "he", "she", "these", "those", "there", "here", "him", "her", "them", "i", "we", "you"]
)
_STAGE = frozenset(["let", "consider", "look", "see", "talk", "start", "begin", "welcome", "follow", "summarize"])
_TELLING = frozenset(
    [
        "never",
        "always",
        "only",
        "every",
        "most",
        "must",
        "key",
        "important",
        "best",
        "worst",
        "real",
        "main",
        "why",
        "goal",
        "point",
        "means",
        "nobody",
        "nothing",
        "everything",
    ]
)
"""Words by which a speaker says what matters."""
_DANGLING = frozenset(
    [
        "and",
        "or",
        "but",
        "so",
        "because",
        "if",
        "when",
        "that",
        "which",
        "who",
        "the",
        "a",
        "an",
        "of",
        "to",
        "in",
        "on",
        "at",
        "for",
        "with",
        "by",
        "as",
        "is",
        "are",
        "was",
        "were",
        "than",
        "from",
    ]
)


def extract_key_phrase(talk: Talk, sentences: Sequence[Span], closeness: NDArray[np.float32]) -> Content:
    """Returns one phrase of at most 90 characters, or nothing when nothing tells enough.

    `closeness` says how near each sentence is to the scene as a whole (cosine of their vectors), shape (sentences,).
    """
    counts = Counter(lemma for sentence in sentences for lemma in content_lemmas(sentence))
    best: tuple[float, tuple[int, int]] | None = None
    for sentence, near in zip(sentences, closeness, strict=True):
        for begin, end in _candidates(talk, sentence):
            score = _score(talk, begin, end, counts, float(near))
            if score is None or score < MIN_SCORE:
                continue
            score -= _lateness(talk, sentences, begin)
            if best is None or score > best[0] + 1e-6:
                best = (score, (begin, end))
    return _make_opening(talk, sentences) if best is None else _make_phrase(talk, *best[1])


def extract_plain_phrase(talk: Talk, sentences: Sequence[Span]) -> Content:
    """Returns the sentence, or part of one up to a comma, that has most long words: for languages without grammar."""
    best: tuple[float, tuple[int, int]] | None = None
    long = 2 if talk.speech.language in WITHOUT_SPACES else 5  # Characters of a word that is no particle.
    for sentence in sentences:
        begin, end = talk.words(sentence)
        for first, last in dict.fromkeys([(begin, end), *_pieces(talk, begin, end)]):
            texts = talk.speech.texts[first:last]
            beyond = max(len(texts) - GOOD_WORDS[1], 0)
            score = sum(len(text) >= long for text in texts) - beyond - _lateness(talk, sentences, first)
            fits = len(texts) >= MIN_WORDS and len(_close(talk.speech.text(first, last))) <= MAX_CHARACTERS
            if fits and (best is None or score > best[0]):
                best = (score, (first, last))
    return _make_opening(talk, sentences) if best is None else _make_phrase(talk, *best[1])


def _make_opening(talk: Talk, sentences: Sequence[Span]) -> Content:
    """As much of a scene's longest sentence as fits, where none of its parts does: better than an empty picture.

    Text that is written without spaces comes as one word, and is cut within it.
    """
    begin, end = max((talk.words(sentence) for sentence in sentences), key=lambda span: span[1] - span[0])
    last = end
    while last > begin + 1 and len(_close(talk.speech.text(begin, last))) > MAX_CHARACTERS - 1:
        last -= 1
    first, last = _trim(talk, begin, last)
    if not any(character.isalpha() for character in talk.speech.text(first, last)):
        return Content(DiagramType.DIAGRAM_TYPE_NONE)
    return _make_phrase(talk, first, last, "…" if last < end else "")


def _pieces(talk: Talk, begin: int, end: int) -> list[tuple[int, int]]:
    """Returns the words between commas, as (begin, end)."""
    stops = [word + 1 for word in range(begin, end - 1) if talk.speech.texts[word][-1] in _COMMAS]
    return list(zip([begin, *stops], [*stops, end], strict=True))


def _lateness(talk: Talk, sentences: Sequence[Span], word: int) -> float:
    waited = talk.speech.starts[word] - talk.speech.starts[talk.words(sentences[0])[0]]
    return LATE_COST * max(0.0, waited - PROMPT_SECONDS)


def _make_phrase(talk: Talk, begin: int, end: int, ending: str = "") -> Content:
    spoken = talk.speech.text(begin, end)
    text = _close(spoken)
    if len(text) + len(ending) > MAX_CHARACTERS:
        text, ending = text[: MAX_CHARACTERS - 1], "…"
    if talk.speech.language not in UNCAPITALIZED:
        text = capitalize(text)
    label = Label(text + ending, tuple(range(begin, end)))
    return Content(DiagramType.DIAGRAM_TYPE_NONE, (NodeDraft(NodeKind.NODE_KIND_PHRASE, spoken, label, (begin, end)),))


def _candidates(talk: Talk, sentence: Span) -> list[tuple[int, int]]:
    """Returns stretches of words that can stand by themselves: the sentence and its main clauses."""
    spans = [talk.words(sentence)]
    for token in sentence:
        clause = token.pos_ in ("VERB", "AUX") and token.dep_ in ("ROOT", "conj", "ccomp", "parataxis")
        if token.dep_ == "ccomp" and not _stands_alone(token):
            continue
        subject = next((child for child in token.children if child.dep_ in ("nsubj", "nsubjpass", "expl")), None)
        imperative = subject is None and token.tag_ == "VB" and not any(child.dep_ in ("aux", "mark") for child in token.children)
        if clause and (imperative or (subject is not None and subject.lower_ != "us")):
            spans.append(_clause_words(talk, token, token if subject is None else subject))
            if subject is not None and _is_addressed(subject):
                opening = min(
                    child.i for child in (token, *token.children) if child.i > subject.right_edge.i and not child.is_punct
                )
                spans.append((talk.word_of[opening], spans[-1][1]))
            if any(child.dep_ in ("conj", "parataxis") for child in token.children):
                spans.append(_clause_words(talk, token, token if subject is None else subject, joined=True))
    if not any(end - begin >= MIN_WORDS and len(talk.speech.text(begin, end)) <= MAX_CHARACTERS for begin, end in spans):
        pieces = _pieces(talk, *talk.words(sentence))
        spans += pieces
        spans += [(begin, joint) for begin, end in pieces for joint in _joints(talk, sentence) if begin < joint < end]
    trimmed = [_trim(talk, begin, end) for begin, end in spans]
    return [
        (begin, end)
        for begin, end in dict.fromkeys(trimmed)
        if end - begin >= MIN_WORDS and len(_close(talk.speech.text(begin, end))) <= MAX_CHARACTERS
    ]


def _joints(talk: Talk, sentence: Span) -> list[int]:
    """Returns the words behind the main verb with which a statement goes on that could end there: "and the …", "how much …"."""
    return [
        talk.word(token)
        for token in sentence
        if token.i > sentence.root.i
        and (token.dep_ in ("cc", "mark") or token.tag_ == "WRB" or any(child.dep_ == "pcomp" for child in token.children))
    ]


def _stands_alone(clause: Token) -> bool:
    """Whether a clause that is an object says the same without its verb: not so "ask not what your country can do"."""
    if clause.head.lemma_ in CAUSATIVE_VERBS:
        # "Makes a plain person appear lovely": nobody appears so by himself.
        return False
    asked = any(token.tag_ in ("WP", "WDT", "WRB") for token in clause.doc[clause.left_edge.i : clause.i])
    return not asked and not _is_negated(clause.head)


def _is_negated(verb: Token) -> bool:
    return any(child.dep_ == "neg" or child.lower_ == "not" for child in verb.children)


def _clause_words(talk: Talk, verb: Token, opening: Token, *, joined: bool = False) -> tuple[int, int]:
    """The unbroken stretch of words around a verb, without clauses that follow; with `joined` coordinated ones stay."""
    dropped = {
        part.i
        for child in verb.children
        if (child.dep_ in ("conj", "parataxis", "cc") and child.i > verb.i and not joined)
        or (child.dep_ in ("advcl", "ccomp") and _separate(child, verb))
        for part in child.subtree
    }
    kept = {token.i for token in verb.subtree if token.i not in dropped}
    first = last = verb.i
    while first - 1 in kept:
        first -= 1
    before = verb.doc[first - 1] if first > verb.sent.start else None
    if before is not None and not before.is_punct and before.dep_ != "cc":
        # What is left of a clause in front does not belong here.
        # "Did he hear" opens with its auxiliary.
        openings = [opening.left_edge.i if opening.i != verb.i else verb.i]
        openings += [child.i for child in verb.children if child.dep_ in ("aux", "auxpass", "neg")]
        first = max(first, min(openings))
    while last + 1 in kept:
        last += 1
    return talk.word_of[first], talk.word_of[last] + 1


def _separate(clause: Token, verb: Token) -> bool:
    """Whether a comma sets a subordinate clause apart."""
    edge = clause.left_edge
    if clause.i < verb.i:
        after = clause.right_edge
        return after.i + 1 < len(clause.doc) and clause.doc[after.i + 1].text == ","
    return edge.i > 0 and clause.doc[edge.i - 1].text == ","


def _trim(talk: Talk, begin: int, end: int) -> tuple[int, int]:
    """Leaves out words that only lead in ("So, well, …") or hang at the end."""
    while begin < end and (_bare(talk, begin) in OPENERS or not _bare(talk, begin) or _opens_clause(talk, begin)):
        if begin + 1 < end and _bare(talk, begin + 1) == "of":
            break  # "because of their courage"
        begin += 1
    while end > begin and (_bare(talk, end - 1) in _DANGLING or not _bare(talk, end - 1)):
        if talk.speech.texts[end - 1][-1] in ".!?":
            break  # "our journey will go on."
        end -= 1
    return begin, end


def _opens_clause(talk: Talk, word: int) -> bool:
    """Whether a word is the "that" of "my father said that every child deserves a school"."""
    token = talk.doc[talk.tokens_of[word][0]]
    return token.lower_ == "that" and token.dep_ == "mark"


def _lacks_part(tokens: Span) -> bool:
    """Whether something is left out that a word of the phrase needs, such as the object of its verb."""
    first, last = tokens[0].i, tokens[-1].i
    return any(
        not first <= child.i <= last and child.dep_ in _NEEDED and not _is_addressed(child)
        for token in tokens
        for child in token.children
    )


def _is_foretold(verb: Token) -> bool:
    """Whether a verb says what will or would be, not what is, whatever the case."""
    return any(child.dep_ in ("aux", "auxpass") and child.tag_ == "MD" for child in verb.children)


def _is_condition(clause: Token) -> bool:
    """Whether a clause says on what another depends: "if it gets warmer"."""
    return clause.dep_ == "advcl" and any(child.dep_ == "mark" and child.lower_ in ("if", "unless") for child in clause.children)


def _is_addressed(noun: Token) -> bool:
    """Whether a subject is whom the speaker addresses: "my neighbours, keep the gate closed"."""
    after = noun.right_edge.i + 1
    return noun.dep_ == "nsubj" and noun.head.tag_ == "VB" and after < noun.head.i and noun.doc[after].text == ","


def _is_torn(tokens: Span) -> bool:
    """Whether a clause says something else without what it hangs on: "I don't think …", "so far that …", "if it rains, …"."""
    first, last = tokens[0].i, tokens[-1].i
    foretold = [child for token in tokens if _is_foretold(token) for child in token.children]
    if any(_is_condition(child) and not first <= child.i <= last for child in foretold):
        return True
    hanging = [token for token in tokens if token.dep_ in ("ccomp", "advcl") and not first <= token.head.i <= last]
    before = tokens.doc[tokens.sent.start : first]
    measured = any(token.lower_ in ("so", "such") and token.head.pos_ in ("ADJ", "ADV", "NOUN") for token in before)
    return any(
        (token.dep_ == "ccomp" and not _stands_alone(token))
        or (measured and any(child.dep_ == "mark" and child.lower_ == "that" for child in token.children))
        for token in hanging
    )


def _is_half(tokens: Span) -> bool:
    """Whether what a phrase sets against something else by the same verb is left out: "ask not …, ask …"."""
    first, last = tokens[0].i, tokens[-1].i
    for token in tokens:
        others = [token.head] if token.dep_ in _BESIDE else []
        others += [child for child in token.children if child.dep_ in _BESIDE]
        for other in others:
            apart = not first <= other.i <= last
            if apart and token.lemma_.lower() == other.lemma_.lower() and _is_negated(token) != _is_negated(other):
                return True
    return False


def _bare(talk: Talk, word: int) -> str:
    return talk.speech.texts[word].lower().strip(".,;:!?\"“”'()-–—…")


def _score(talk: Talk, begin: int, end: int, counts: Counter[str], near: float) -> float | None:
    first, last = talk.tokens_of[begin][0], talk.tokens_of[end - 1][1]
    tokens = talk.doc[first:last]
    lemmas = content_lemmas(tokens)
    words = end - begin
    if not lemmas or _is_torn(tokens):
        return None
    weight = float(np.mean([np.log1p(counts[lemma]) for lemma in lemmas]))
    substance = 0.2 * min(len(lemmas), 5) - 0.3 * (len(lemmas) < 2)
    telling = 0.25 * any(token.lower_ in _TELLING or token.tag_ in ("JJS", "RBS") for token in tokens)
    whole = 0.3 * (talk.speech.texts[end - 1][-1] in ".!")
    length = -0.04 * max(GOOD_WORDS[0] - words, words - GOOD_WORDS[1], 0)
    opening = talk.doc[first].lower_
    pronouns = sum(token.lower_ in _DEICTIC for token in tokens) / words
    score = 0.8 * near + 0.25 * weight + substance + telling + whole + length - 0.25 * (opening in _DEICTIC) - 0.9 * pronouns
    asks = talk.speech.texts[end - 1].endswith("?")
    hangs = _is_fragment(tokens) or (tokens[0].tag_ in ("WDT", "WP", "WP$") and not asks)
    score -= FRAGMENT_COST * (hangs or _lacks_part(tokens)) + HALF_COST * _is_half(tokens)
    score -= 0.5 * (tokens.root.lemma_ in _STAGE) + 0.3 * any(token.lower_ in FILLERS for token in tokens)
    score -= 0.25 * asks
    return score - DOUBT_COST * sum(
        bool(content_lemmas([token])) and talk.speech.doubts(talk.word(token), SURE) for token in tokens
    )


def _is_fragment(tokens: Span) -> bool:
    """Whether the words make no statement: no verb of their own, or only one whose clause or subject stands elsewhere."""
    finite = [token for token in tokens if token.tag_ in _FINITE or (token.tag_ == "VB" and token.dep_ == "ROOT")]
    verbs = [verb.head if verb.dep_ in ("aux", "auxpass") else verb for verb in finite]
    return all(verb.dep_ in ("relcl", "advcl", "acl") or _lacks_subject(verb, tokens) for verb in verbs)


def _lacks_subject(verb: Token, tokens: Span) -> bool:
    """Whether a verb goes on about what was named in front of the words: "…, found the way"."""
    apart = verb.dep_ == "conj" and verb.head.i < tokens[0].i
    return apart and not any(child.dep_ in ("nsubj", "nsubjpass", "expl") for child in verb.children)


def _close(text: str) -> str:
    """Drops the comma or colon at which a clause was cut, and a quotation that was cut; a full stop or question mark stays."""
    text = text.rstrip(f" -–—{_COMMAS}").strip('"“” ')
    return text if text.count('"') % 2 == 0 and text.count("“") == text.count("”") else re.sub('["“”]', "", text)
