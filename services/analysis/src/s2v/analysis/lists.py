"""Lists: things told one after another, in apposition or behind a colon, a dash or a bracket."""

from __future__ import annotations

from collections.abc import Iterator

from spacy.tokens import Span, Token

from s2v.analysis.lexicon import KIND_NOUNS
from s2v.analysis.mentions import is_nominal, lemma, list_members

Found = tuple[Token | None, list[Token], list[Token], bool]
"""A whole, the heads of its members, the words that join them, and whether these say that the members belong to the whole."""
_SUBJECTS = ("nsubj", "nsubjpass")
_DIVISIONS = frozenset({"division", "classification", "breakdown", "split", "subdivision", "separation"})
_OPENING = frozenset({":", "—", "–", "--", "-", "("})


def noun_before(token: Token) -> Token | None:
    """Returns the noun that stands right in front, behind a comma or not."""
    place = token.i - 1
    if token.doc[place].text.startswith(")"):
        while place > token.sent.start and token.doc[place].text != "(":
            place -= 1
    while place >= token.sent.start and (token.doc[place].is_punct or token.doc[place].lower_ == "such"):
        place -= 1
    if place < token.sent.start or not is_nominal(token.doc[place]):
        return None
    noun = token.doc[place]
    # In brackets behind "use of the product" the use is meant.
    while noun.dep_ == "pobj" and noun.head.lower_ == "of" and is_nominal(noun.head.head) and token.text != ":":
        noun = noun.head.head
    return noun


def read_list(noun: Token) -> Iterator[Found]:
    """Yields a list in apposition: "two groups: x and y", "tissue — bone and cartilage —", "structures (a, b, and c)"."""
    for child in noun.children:
        if (
            child.i < noun.i
            or child.dep_ not in ("appos", "dep", "parataxis")
            or not (is_nominal(child) or child.pos_ in ("ADJ", "VERB"))
        ):
            continue
        before = child.left_edge.nbor(-1) if child.left_edge.i > 0 else None
        if before is None or any(part.dep_ in _SUBJECTS for part in child.children):
            continue
        members = list_members(child)
        if any(_is_year(part) for part in child.subtree):
            continue
        if len(members) > 1 and (before.text in _OPENING or lemma(noun) in KIND_NOUNS or before.text == ","):
            if before.text == "," and lemma(noun) not in KIND_NOUNS and noun.tag_ not in ("NNS", "NNPS"):
                continue
            yield noun, [child], [noun], before.text in _OPENING
    if lemma(noun) in _DIVISIONS:
        whole = of_noun(noun)
        for child in noun.subtree:
            if child.lower_ == "into" and whole is not None:
                yield whole, [part for part in child.children if part.dep_ == "pobj"], [noun, child], True


def read_colon(colon: Token) -> Iterator[Found]:
    """Yields such lists as "Two groups: x and y", "(a, b, and c)", where the parser sees no apposition."""
    noun = noun_before(colon)
    end = _list_end(colon)
    parted = any(colon.doc[place].text == ";" for place in range(colon.i, end))
    if noun is None or colon.i + 1 >= end or any(_is_year(colon.doc[place]) for place in range(colon.i, end)):
        return
    while (
        noun.dep_ in ("pobj", "prep", "compound", "conj", "oprd", "acl")
        and noun.head.i < noun.i
        and lemma(noun) not in KIND_NOUNS
    ):
        if lemma(noun.head) in KIND_NOUNS or noun.dep_ == "prep" or noun.head.dep_ == "prep":
            noun = noun.head
        else:
            break
    if not is_nominal(noun):
        return
    heads = phrase_heads(colon.sent, colon.i + 1, end)
    listed = any(child.dep_ == "appos" and child.i > colon.i for child in noun.children)
    if listed and not parted:
        return
    if sum(len(list_members(head)) for head in heads) > 1:
        yield noun, heads, [noun], True


def _is_year(token: Token) -> bool:
    return len(token.text) == 4 and token.text.isdigit()


def _list_end(colon: Token) -> int:
    """Where a list ends: with its bracket or dash, else with the sentence."""
    closing = {"(": ")", "—": "—"}.get(colon.text)
    for place in range(colon.i + 1, colon.sent.end):
        if colon.doc[place].text == closing:
            return place
    return colon.sent.end


def phrase_heads(sentence: Span, begin: int, end: int) -> list[Token]:
    """Returns the heads of the phrases between two places; between semicolons each part has its own."""
    doc = sentence.doc
    pieces: list[tuple[int, int]] = []
    start = begin
    if any(doc[place].text == ";" for place in range(begin, end)):
        for place in range(begin, end):
            if doc[place].text == ";":
                pieces.append((start, place))
                start = place + 1
    pieces.append((start, end))
    heads: list[Token] = []
    for first, last in pieces:
        for place in range(first, last):
            token = doc[place]
            outer = not first <= token.head.i < last or token.head.i == place
            if outer and (is_nominal(token) or token.tag_ == "VBG"):
                heads.append(token)
                break
    return heads


def of_noun(noun: Token) -> Token | None:
    """Returns the noun behind the "of" of a noun."""
    for child in noun.children:
        if child.lower_ == "of":
            return next((part for part in child.children if part.dep_ == "pobj"), None)
    return None
