"""Subordinate clauses that a pause has cut off from their sentence: "If the value is missing. That is a cache miss."

Who transcribes speech ends a sentence where the speaker takes a breath. Such a clause and the sentence behind it are parsed once
more as one, with a comma between them; the words stay as they were written.
"""

from __future__ import annotations

from collections.abc import Sequence

from spacy.language import Language
from spacy.tokens import Doc, Token

MAX_TOKENS = 60
"""Tokens of the longest sentence that is put together."""
_MARKS = frozenset({"if", "unless", "when", "whenever", "because", "although", "while", "since", "once"})


def join_fragments(nlp: Language, docs: Sequence[Doc]) -> list[Doc]:
    """Returns parsed sentences, each clause that is none by itself joined with the sentence behind it."""
    joined: list[Doc] = []
    for doc in docs:
        if joined and _is_fragment(joined[-1]) and len(joined[-1]) + len(doc) <= MAX_TOKENS:
            whole = _join(nlp, joined[-1], doc)
            if whole is not None:
                joined[-1] = whole
                continue
        joined.append(doc)
    return joined


def _is_fragment(doc: Doc) -> bool:
    """Whether a sentence is a clause that something else must follow: its only finite verb stands behind "if" or "because"."""
    if len(doc) < 3 or doc[-1].text != "." or doc[0].lower_ not in _MARKS:
        return False
    roots = [token for token in doc if token.dep_ == "ROOT"]
    return len(roots) == 1 and doc[0].dep_ in ("mark", "advmod") and doc[0].head.i == roots[0].i


def _join(nlp: Language, fragment: Doc, following: Doc) -> Doc | None:
    """Returns both as one sentence; None where the clause still belongs to nothing."""
    first = following[0]
    named = first.pos_ == "PROPN" or first.lower_ == "i" or first.text[1:].lower() != first.text[1:]
    read = [*(token.text for token in fragment[:-1]), ",", first.text if named else first.lower_]
    read += [token.text for token in following[1:]]
    tokens = [*fragment, *following]
    spaces = [bool(token.whitespace_) for token in tokens]
    spaces[len(fragment) - 1] = True
    starts: list[bool | int | None] = [True, *([False] * (len(tokens) - 1))]
    parsed = nlp(Doc(nlp.vocab, words=read, spaces=spaces, sent_starts=starts))
    clause = parsed[0].head
    if clause.dep_ != "advcl" or clause.head.i < len(fragment) or clause.head.dep_ != "ROOT":
        return None
    return write_over(parsed, tokens, spaces)


def write_over(parsed: Doc, tokens: Sequence[Token], spaces: Sequence[bool]) -> Doc:
    """Returns a parsed sentence with other words in the same places."""
    written = Doc(
        parsed.vocab,
        words=[token.text for token in tokens],
        spaces=list(spaces),
        tags=[token.tag_ for token in parsed],
        pos=[token.pos_ for token in parsed],
        morphs=[str(token.morph) for token in parsed],
        lemmas=[token.lemma_ for token in parsed],
        heads=[token.head.i for token in parsed],
        deps=[token.dep_ for token in parsed],
        ents=[f"{token.ent_iob_}-{token.ent_type_}" if token.ent_type_ else "O" for token in parsed],
    )
    # Documents are joined with their tensors.
    written.tensor = parsed.tensor
    return written
