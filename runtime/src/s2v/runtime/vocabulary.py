"""Names and jargon that a user expects in a talk: checked at the door, and again where they are used."""

from __future__ import annotations

from collections.abc import Iterable

from s2v.runtime.errors import InvalidInputError

MAX_TERMS = 100
MAX_CHARACTERS = 60
"""Of one term."""


def check_vocabulary(terms: Iterable[str], field: str = "vocabulary") -> tuple[str, ...]:
    """Returns the terms without surrounding space, each once, in their order.

    Errors: InvalidInputError for too many, for one that is empty, too long, or holds a character that is never spoken.
    """
    kept = tuple(dict.fromkeys(term.strip() for term in terms))
    if len(kept) > MAX_TERMS:
        raise InvalidInputError(
            f"{field} has {len(kept)} terms and may have {MAX_TERMS}: keep the ones that are said", field=field
        )
    for place, term in enumerate(kept):
        if not term or len(term) > MAX_CHARACTERS or not term.isprintable() or "<|" in term:
            raise InvalidInputError(
                f"{field}[{place}] ({term[:MAX_CHARACTERS]!r}) must be a term of 1 to {MAX_CHARACTERS} printable characters",
                field=field,
            )
    return kept
