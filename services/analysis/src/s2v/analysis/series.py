"""Series: what is told between commas up to the last "and", read from the words where the parser loses the thread."""

from __future__ import annotations

from spacy.tokens import Doc, Token

from s2v.analysis.labels import Group, content_lemmas
from s2v.analysis.mentions import Mention, is_nominal, make_mention

MAX_TOKENS = 7
"""A longer piece of a series is no name."""
_LAST = frozenset({"and", "or", "&"})
_RELATIVE = frozenset({"which", "who", "that", "where", "when", "whose", "while", "but", "so", "because", "as"})
_SUBORDINATE = frozenset({"named", "called", "such", "including", "that", "which", "who", "where", "for", "with", "like", "from"})


def read_series(doc: Doc, begin: int, end: int, *, parsed: bool = False) -> list[Mention]:
    """Returns the names in a series between two tokens; nothing unless commas part it and a last "and" closes it.

    With `parsed` each name must be a noun phrase to the parser too. What stands in brackets or in a relative clause belongs
    to the name in front.
    """
    pieces = _cut(doc, begin, end)
    if len(pieces) < 2 or not any(token.lower_ in _LAST for token in pieces[-1][:1]):
        return []
    named: list[Mention] = []
    for piece in pieces:
        mention = _name(piece[1:] if piece[0].lower_ in _LAST else piece, parsed)
        if mention is None:
            return []
        named.append(mention)
    return named


def _cut(doc: Doc, begin: int, end: int) -> list[list[Token]]:
    tokens = _without_brackets(doc, begin, end)
    separator = ";" if any(token.text == ";" for token in tokens) else ","
    pieces: list[list[Token]] = [[]]
    for token in tokens:
        if token.text == separator:
            pieces.append([])
        elif token.text in (".", "!", "?"):
            break
        else:
            pieces[-1].append(token)
    pieces = [piece for piece in pieces if piece]
    kept: list[list[Token]] = []
    for piece in pieces:
        if kept and piece[0].lower_ in _RELATIVE:
            continue
        kept.append(piece)
    if kept and separator == "," and kept[-1][0].lower_ not in _LAST:
        # "x and y", or "x, y and z" without the last comma.
        places = [place for place, token in enumerate(kept[-1]) if token.lower_ in _LAST and place]
        if places:
            kept[-1:] = [kept[-1][: places[0]], kept[-1][places[0] :]]
    return kept


def _without_brackets(doc: Doc, begin: int, end: int) -> list[Token]:
    tokens: list[Token] = []
    depth = 0
    for token in doc[begin:end]:
        if "(" in token.text:
            depth += 1
        elif ")" in token.text:
            depth = max(0, depth - 1)
        elif not depth and not token.is_quote:
            tokens.append(token)
    return tokens


def _name(piece: list[Token], parsed: bool) -> Mention | None:
    """The noun phrase that a piece holds, else its own first words."""
    while piece and (piece[0].pos_ in ("DET", "CCONJ") or piece[0].lower_ in ("either", "namely", "first", "second")):
        piece = piece[1:]
    core = piece
    for place, token in enumerate(piece):
        if place and token.lower_ in _SUBORDINATE:
            core = piece[:place]
            break
    if not core or len(core) > MAX_TOKENS or any(token.pos_ in ("AUX", "PRON") for token in core):
        return None
    inside = {token.i for token in piece}
    heads = [token for token in core if token.head.i not in inside or token.head.i == token.i]
    if len(heads) == 1 and is_nominal(heads[0]):
        outside = frozenset(token.i for token in heads[0].subtree if token.i not in inside)
        return make_mention(heads[0], outside)
    if parsed or not any(is_nominal(token) or token.pos_ in ("ADJ", "VERB") for token in core):
        return None
    return Mention(core[-1], (Group(0.0, tuple(core)),), content_lemmas(core) or frozenset({core[-1].lower_}))
