"""Sentences that the parser left without a verb, because it took "results" or "stimulates" for a plural, read once more.

A past form ("resulted") can't be a plural. The sentence is parsed with it in place of the doubtful word; where that makes the
word the root and gives it a subject, its grammar is taken over, while the words stay as they were spoken.
"""

from __future__ import annotations

from spacy.language import Language
from spacy.tokens import Doc, Token

from s2v.analysis.influences import BRINGING_VERBS, CHANGING_VERBS, FOLLOWING_VERBS, FORWARD_PREPOSITIONS

MAX_TRIES = 3
"""Doubtful words of a sentence that are tried."""
_FINITE = ("VBZ", "VBP", "VBD", "MD")
_SUBJECTS = ("nsubj", "nsubjpass", "csubj", "csubjpass", "expl")
_NOUN_PLACES = ("nsubj", "nsubjpass", "pobj", "dobj")
_ACTING_VERBS = frozenset(
    [
        "communicate",
        "connect",
        "handle",
        "talk",
        "run",
        "send",
        "receive",
        "store",
        "read",
        "write",
        "call",
        "request",
        "sit",
        "forward",
        "pass",
        "carry",
        "supply",
        "feed",
        "sink",
        "melt",
        "secrete",
        "contain",
        "require",
        "differ",
    ]
)
_VERBS = BRINGING_VERBS | CHANGING_VERBS | FOLLOWING_VERBS | frozenset(FORWARD_PREPOSITIONS) | _ACTING_VERBS


def find_verb(nlp: Language, doc: Doc) -> Doc:
    """Returns a parsed sentence, with another parse where it has no finite verb and another reading gives it one."""
    if any(token.tag_ in _FINITE for token in doc):
        return doc
    doubtful = [(token, base) for token in doc[1:] if token.tag_ in ("NNS", "NN") and (base := _base(token)) is not None]
    for token, base in doubtful[:MAX_TRIES]:
        # A past form may be a participle ("the phone connected to the router"); "went" is none.
        for form in (_past(base), "went")[: 2 if token.lower_ == base else 1]:
            other = _read_with(nlp, doc, token, form)
            verb = other[token.i]
            subject = next((child for child in verb.children if child.dep_ == "nsubj"), None)
            agrees = subject is not None and (token.lower_ != base or _takes_plural(subject))
            if verb.dep_ == "ROOT" and verb.tag_ == "VBD" and agrees:
                return _take_over(doc, other, token.i, base)
    return doc


def _read_with(nlp: Language, doc: Doc, token: Token, form: str) -> Doc:
    """Parses a sentence with another word in the place of a token."""
    words = [form if word.i == token.i else word.text for word in doc]
    spaces = [bool(word.whitespace_) for word in doc]
    starts: list[bool | int | None] = [True, *([False] * (len(words) - 1))]
    return nlp(Doc(nlp.vocab, words=words, spaces=spaces, sent_starts=starts))


def read_subjects(doc: Doc) -> Doc:
    """Takes for plural nouns the present forms ("barges could not land") that the parser itself made subjects or objects.

    What looks like an address ("railway.app") is the name of a thing; a noun that was taken for a part of the verb ("heavy
    pumping lowers the table") is its subject.
    """
    for token in doc:
        if token.tag_ == "ADD":
            token.pos_ = "PROPN"
        if token.tag_ == "VBZ" and token.dep_ == "ROOT" and not any(child.dep_ in _SUBJECTS for child in token.children):
            before = [child for child in token.lefts if child.dep_ == "compound" and child.pos_ in ("NOUN", "PROPN")]
            if before and any(child.dep_ == "dobj" for child in token.rights):
                before[-1].dep_ = "nsubj"
        if token.tag_ == "VBZ" and token.dep_ in _NOUN_PLACES and not any(child.dep_ in _NOUN_PLACES for child in token.children):
            token.tag_, token.pos_, token.lemma_ = "NNS", "NOUN", token.lower_.removesuffix("s")
    return doc


def _takes_plural(subject: Token) -> bool:
    return subject.tag_ in ("NNS", "NNPS") or any(child.dep_ == "conj" for child in subject.children)


def _base(token: Token) -> str | None:
    """The base form of a word that may be the present form of a verb of influence."""
    text = token.lower_
    if text in _ACTING_VERBS:
        return text
    forms = [text[:-1], text[:-2], text[:-3] + "y"] if text.endswith("s") and len(text) > 3 else []
    return next((form for form in forms if form in _VERBS), None)


def _past(base: str) -> str:
    if base.endswith("e"):
        return base + "d"
    return base[:-1] + "ied" if base.endswith("y") and base[-2:-1] not in "aeiou" else base + "ed"


def _take_over(doc: Doc, other: Doc, place: int, base: str) -> Doc:
    tags = [token.tag_ for token in other]
    lemmas = [token.lemma_ for token in other]
    tags[place], lemmas[place] = "VBP" if doc[place].lower_ == base else "VBZ", base
    revised = Doc(
        doc.vocab,
        words=[token.text for token in doc],
        spaces=[bool(token.whitespace_) for token in doc],
        tags=tags,
        pos=[token.pos_ for token in other],
        morphs=[str(token.morph) for token in other],
        lemmas=lemmas,
        heads=[token.head.i for token in other],
        deps=[token.dep_ for token in other],
        ents=[f"{token.ent_iob_}-{token.ent_type_}" if token.ent_type_ else "O" for token in other],
    )
    # Documents are joined with their tensors.
    revised.tensor = other.tensor
    return revised
