"""Ends of sentences in speech that was written without full stops: by its words, their parts of speech, and its pauses.

Each gap between two words gets log-odds from a linear model over hashed words and tags (Weinberger et al., "Feature hashing for
large scale multitask learning", 2009), plus what its pause says; the best cuts are found together by dynamic programming, so that
a sentence is neither a fragment nor without a verb. The weights are learned by `training/train_boundaries.py`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Doc

from s2v.analysis.speech import Speech
from s2v.runtime.errors import SetupError

WEIGHTS = Path(__file__).with_name("boundaries.npz")
BUCKETS = 1 << 17
"""Weights that the hashed features share."""
MAX_WORDS = 60
"""Longest sentence, in words: a picture needs an end somewhere."""
SHORT_WORDS = 4
SHORT_COST = 1.5
"""What each word under `SHORT_WORDS` costs a sentence, in log-odds."""
VERBLESS_COST = 3.0
"""What a sentence without a finite verb costs, in log-odds."""
PAUSE_SECONDS = 0.15
"""A shorter silence between words is none, in seconds."""
PAUSE_WORDS = 40
"""A voice with fewer pauses than one in so many words does not mark its sentences by them (nor does a text's even pace)."""
PAUSE_ODDS = (0.3, 2.4, 4.6)
"""Log-odds that a short, a usual and a long pause of this voice add; its usual pause is the median."""
PAUSE_SLOPE = 5.0
"""Log-odds by which a pause of twice the usual length counts more, up to the long one's."""
NO_PAUSE_ODDS = -2.5
"""Log-odds that no silence adds; six voices with known punctuation end three of 193 sentences without any (-3.6)."""
_FINITE = frozenset({"VBD", "VBZ", "VBP", "MD", "VB"})
_EDGE = "^"

Tags = Sequence[tuple[str, str]]
"""Part of speech of each word: of its first and of its last token."""
Tagger = Callable[[Sequence[str]], Tags]


def make_tagger(nlp: Language) -> Tagger:
    """Returns what tags the words of a running text with a spaCy pipeline; the parser does not run."""
    steps = [nlp.get_pipe("tok2vec"), nlp.get_pipe("tagger")]

    def tag(words: Sequence[str]) -> Tags:
        pieces = [[token.text for token in nlp.tokenizer(word)] or [word] for word in words]
        doc = Doc(nlp.vocab, words=[piece for word in pieces for piece in word])
        for step in steps:
            doc = step(doc)
        tags: list[tuple[str, str]] = []
        place = 0
        for word in pieces:
            tags.append((doc[place].tag_, doc[place + len(word) - 1].tag_))
            place += len(word)
        return tags

    return tag


def bare(text: str) -> str:
    """Returns a word in lower case without the punctuation around it, as the model reads it; a dash for none."""
    return text.lower().replace("’", "'").strip(".,;:!?\"“”'()[]-–—…") or "-"


def find_boundaries(speech: Speech, begin: int, end: int, tag: Tagger) -> list[int]:
    """Returns the words of `begin` to `end` (not included) that start a sentence, the first left out, in order.

    Errors: SetupError when the weights are missing or damaged.
    """
    words = [bare(text) for text in speech.texts[begin:end]]
    tags = tag(words)
    odds = score_gaps(words, tags, load_weights()) + _score_pauses(speech, begin, end)
    finite = np.cumsum([0, *(bool({first, last} & _FINITE) for first, last in tags)])
    return [begin + cut for cut in _cut(odds, finite)]


def score_gaps(words: Sequence[str], tags: Tags, weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns the log-odds that a sentence starts at each word, shape (words,); the first is of no meaning."""
    rows = [list_features(words, tags, place) for place in range(len(words))]
    return np.asarray(weights[np.asarray(rows)].sum(axis=1), dtype=np.float32)


def list_features(words: Sequence[str], tags: Tags, place: int) -> list[int]:
    """Returns the buckets of the features of the gap in front of word `place`; always as many."""

    def word(offset: int) -> str:
        return words[place + offset] if 0 <= place + offset < len(words) else _EDGE

    def kind(offset: int) -> str:
        if not 0 <= place + offset < len(words):
            return _EDGE
        return tags[place + offset][1 if offset < 0 else 0]

    names = (
        "bias",
        f"a {word(-1)}",
        f"b {word(0)}",
        f"c {word(-2)}",
        f"d {word(1)}",
        f"e {word(-1)} {word(0)}",
        f"f {word(0)} {word(1)}",
        f"g {word(-2)} {word(-1)}",
        f"h {kind(-1)} {kind(0)}",
        f"i {kind(0)} {kind(1)}",
        f"j {kind(-2)} {kind(-1)}",
        f"k {kind(-2)} {kind(-1)} {kind(0)}",
        f"l {kind(-1)} {kind(0)} {kind(1)}",
        f"m {kind(0)} {kind(1)} {kind(2)}",
        f"n {kind(-1)} {word(0)} {kind(1)}",
        f"o {word(-1)} {kind(0)} {kind(1)}",
        f"p {kind(-3)} {kind(-2)} {kind(-1)} {kind(0)}",
        f"q {kind(-2)} {kind(-1)} {kind(0)} {kind(1)}",
        f"r {kind(-1)} {kind(0)} {kind(1)} {kind(2)}",
    )
    return [zlib.crc32(name.encode()) % BUCKETS for name in names]


@lru_cache(maxsize=1)
def load_weights() -> NDArray[np.float32]:
    """Returns the learned weights, shape (BUCKETS,). Errors: SetupError."""
    try:
        with np.load(WEIGHTS) as arrays:
            weights = arrays["weights"].astype(np.float32) * float(arrays["scale"])
    except (OSError, EOFError, KeyError, ValueError, BadZipFile) as error:
        raise SetupError(f"{WEIGHTS} can't be read ({error}): reinstall s2v-analysis") from error
    if weights.shape != (BUCKETS,):
        raise SetupError(f"{WEIGHTS.name} holds {weights.shape} weights, expected {BUCKETS}: run training/train_boundaries.py")
    return np.asarray(weights, dtype=np.float32)


def _score_pauses(speech: Speech, begin: int, end: int) -> NDArray[np.float32]:
    """What the silence in front of each word says, in log-odds; nothing where the voice hardly pauses."""
    pauses = np.asarray([speech.pause_before(word) for word in range(begin, end)], dtype=np.float32)
    heard = pauses[1:][pauses[1:] >= PAUSE_SECONDS]
    if len(heard) * PAUSE_WORDS < end - begin:
        return np.zeros(end - begin, dtype=np.float32)
    short, usual, long = PAUSE_ODDS
    odds = np.clip(usual + PAUSE_SLOPE * (pauses / np.median(heard) - 1.0), short, long)
    return np.where(pauses >= PAUSE_SECONDS, odds, NO_PAUSE_ODDS).astype(np.float32)


def _cut(odds: NDArray[np.float32], finite: NDArray[np.int64]) -> list[int]:
    """Returns the cuts of most log-odds, each sentence's length and verb counted, none longer than MAX_WORDS."""
    count = len(odds)
    best = np.full(count + 1, -np.inf)
    best[0] = 0.0
    origin = np.zeros(count + 1, dtype=np.int64)
    for end in range(1, count + 1):
        begins = np.arange(max(0, end - MAX_WORDS), end)
        values = best[begins] - SHORT_COST * np.maximum(SHORT_WORDS - (end - begins), 0)
        values = values - VERBLESS_COST * (finite[end] == finite[begins])
        place = int(np.argmax(values))
        best[end], origin[end] = values[place] + (odds[end] if end < count else 0.0), begins[place]
    cuts: list[int] = []
    end = int(origin[count])
    while end > 0:
        cuts.append(end)
        end = int(origin[end])
    return cuts[::-1]
