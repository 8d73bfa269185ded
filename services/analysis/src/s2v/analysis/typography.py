"""Typographic quotation marks and apostrophes, which a pipeline reads as the plain ones that it was trained on."""

from __future__ import annotations

import re
from collections.abc import Callable

from spacy.attrs import LOWER, NORM, PREFIX, SHAPE, SUFFIX
from spacy.vocab import Vocab

_PLAIN = str.maketrans("‘’‛“”„", "'''\"\"\"")
_ATTRIBUTES = (LOWER, NORM, PREFIX, SUFFIX, SHAPE)
"""What the tok2vec layer, the rules of the lemmatizer and our own lists look at; the text itself stays as it was written."""

_MARKS = ".,;:%'’-"
"""Marks that stand within words, or at their ends."""


def make_plain(text: str) -> str:
    """Returns a text of the same length with plain quotation marks and apostrophes."""
    return text.translate(_PLAIN)


def read_plainly(vocab: Vocab) -> None:
    """Lets a vocabulary give "n’t" the attributes of "n't"; `orth` and `text` keep the mark that was written."""
    # The stubs of spaCy leave this attribute out.
    getters: dict[int, Callable[[str], str]] = getattr(vocab, "lex_attr_getters")  # noqa: B009
    for attribute in _ATTRIBUTES:
        getters[attribute] = _through_plain(getters[attribute])
    # The exceptions of the tokenizer have made lexemes with the former getters.
    for lexeme in list(vocab):
        plain = make_plain(lexeme.text)
        if plain != lexeme.text:
            known = vocab[plain]
            lexeme.lower, lexeme.norm = known.lower, known.norm
            lexeme.prefix, lexeme.suffix, lexeme.shape = known.prefix, known.suffix, known.shape


def _through_plain(getter: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: getter(make_plain(text))


def close_brackets(text: str) -> str:
    """Returns a text without brackets that it opens or closes only, and without what stands behind one left open."""
    for opening, closing in ("()", "[]"):
        last = text.rfind(opening)
        if last > 0 and closing not in text[last:]:
            text = text[:last]
        if text.count(opening) != text.count(closing) or (text.startswith(opening) and text.endswith(closing)):
            # Between two letters a bracket parts words, whatever marks stand there too.
            text = re.sub(rf"(?<=[\w{_MARKS}])[\{opening}\{closing}]+(?=[{_MARKS}]*\w)", " ", text)
            text = text.replace(opening, "").replace(closing, "")
    return text
