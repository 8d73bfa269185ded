"""Verbs that the parser took for nouns, and sentences that it left without a verb ("results" is no plural there) read once more.

A past form ("resulted") can't be a plural. The sentence is parsed with it in place of the doubtful word; where that makes the
word the root and gives it a subject, its grammar is taken over, while the words stay as they were spoken.
"""

from __future__ import annotations

from spacy.language import Language
from spacy.tokens import Doc, Token

from s2v.analysis.fragments import write_over
from s2v.analysis.influences import BRINGING_VERBS, CHANGING_VERBS, FOLLOWING_VERBS, FORWARD_PREPOSITIONS

MAX_TRIES = 3
"""Doubtful words of a sentence that are tried."""
_FINITE = ("VBZ", "VBP", "VBD", "MD")
_SUBJECTS = ("nsubj", "nsubjpass", "csubj", "csubjpass", "expl")
_NOUN_PLACES = ("nsubj", "nsubjpass", "pobj", "dobj")
_MAKING_VERBS = frozenset({"make", "let"})
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
    """Returns a parsed sentence, with another parse where a verb is missing and another reading gives it one."""
    torn = next((token for token in doc if _disagrees(token)), None)
    if torn is not None:
        lemma = _infinitive(torn.lower_)
        for form in (_past(lemma), "went"):
            other = _read_with(nlp, doc, torn, form)
            if other[torn.i].tag_ == "VBD" and any(child.dep_ == "nsubj" for child in other[torn.i].children):
                return _take_over(doc, other, torn.i, lemma)
    if any(token.tag_ in _FINITE for token in doc):
        return doc
    doubtful = [(token, base) for token in doc[1:] if token.tag_ in ("NNS", "NN") and (base := _base(token)) is not None]
    if len(doc) > 1 and _acts(doc[0]) and doc[1].tag_ in ("JJ", "NN", "NNP"):
        doubtful.insert(0, (doc[1], doc[1].lower_))
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


def _disagrees(noun: Token) -> bool:
    """Whether "a" and another noun stand in front of a plural, which is none: "an ingress controller routes traffic"."""
    if noun.tag_ != "NNS" or not any(child.dep_ == "det" and child.lower_ in ("a", "an") for child in noun.lefts):
        return False
    before = noun.nbor(-1) if noun.i > 0 else None
    return before is not None and before.dep_ == "compound" and before.tag_ == "NN" and before.head.i == noun.i


def _acts(noun: Token) -> bool:
    """Whether a plural that opens the sentence has an object, so that the verb must be the word behind it ("updates close …")."""
    return noun.dep_ == "ROOT" and noun.tag_ == "NNS" and any(child.dep_ == "dobj" for child in noun.children)


def _read_with(nlp: Language, doc: Doc, token: Token, form: str) -> Doc:
    """Parses a sentence with another word in the place of a token."""
    words = [form if word.i == token.i else word.text for word in doc]
    spaces = [bool(word.whitespace_) for word in doc]
    starts: list[bool | int | None] = [True, *([False] * (len(words) - 1))]
    return nlp(Doc(nlp.vocab, words=words, spaces=spaces, sent_starts=starts))


def read_verbs(doc: Doc) -> Doc:
    """Takes for verbs the nouns that stand where only a verb can, and gives back the subjects of torn clauses.

    A noun that has a subject ("the land above them sinks"), that goes on from a verb ("rises and condenses"), or that something
    is made to do ("makes the picture freeze") is a verb. In "heats the ocean and water evaporates" nobody heats what evaporates.
    """
    for token in doc:
        if token.tag_ == "NNS" and _stands_for_verb(token):
            token.tag_, token.pos_, token.lemma_ = "VBZ", "VERB", _infinitive(token.lower_)
        elif token.tag_ == "NN" and token.dep_ == "ccomp" and token.head.lemma_ in _MAKING_VERBS and token.head.i < token.i:
            before = [child for child in token.lefts if child.dep_ == "compound" and child.tag_ in ("NN", "NNS")]
            if before:
                token.tag_, token.pos_, token.lemma_, before[-1].dep_ = "VB", "VERB", token.lower_, "nsubj"
        elif token.head.i < token.i and ((token.tag_ == "VBZ" and token.dep_ in ("dobj", "ccomp")) or _is_given(token)):
            _tear(token)
    return doc


def _stands_for_verb(token: Token) -> bool:
    if token.dep_ == "conj":
        return token.head.tag_ == "VBZ" and token.head.i < token.i and not any(child.dep_ == "det" for child in token.children)
    subjects = [child for child in token.lefts if child.dep_ == "nsubj" and child.tag_ in ("NN", "NNP", "PRP")]
    return token.dep_ in ("ROOT", "ccomp", "advcl", "relcl") and bool(subjects)


def _is_given(verb: Token) -> bool:
    """Whether a clause stands in the place of what someone is given: "gives the pods a name and a controller routes traffic"."""
    given = any(child.dep_ == "dative" and child.i < verb.i for child in verb.head.children)
    whole = any(child.dep_ in ("mark", "dobj") for child in verb.head.children)
    return verb.tag_ in _FINITE and verb.dep_ == "ccomp" and given and not whole


def _tear(verb: Token) -> None:
    """Makes of "[heats] the ocean and water evaporates" an object and a clause: both together would "evaporate"."""
    pairs = (
        (joined, subject)
        for joined in verb.lefts
        if joined.i > verb.head.i and joined.pos_ in ("NOUN", "PROPN")
        for subject in joined.rights
        if subject.dep_ == "conj" and subject.i < verb.i
    )
    joined, subject = next(pairs, (None, None))
    link = next((child for child in joined.rights if child.dep_ == "cc"), None) if joined is not None else None
    if joined is None or subject is None or link is None or link.lower_ != "and":
        return
    main = verb.head
    joined.head, joined.dep_ = main, "dobj"
    link.head, subject.head, subject.dep_ = main, verb, "nsubj"
    verb.dep_ = "conj"


def _infinitive(text: str) -> str:
    """The base form of a word in the form of "condenses", "carries", "pushes"."""
    if text.endswith("ies") and len(text) > 4:
        return text[:-3] + "y"
    return text[:-2] if text.endswith(("sses", "shes", "ches", "xes", "zzes", "oes")) else text[:-1]


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
    revised = write_over(other, list(doc), [bool(token.whitespace_) for token in doc])
    verb = revised[place]
    verb.tag_, verb.lemma_ = "VBP" if doc[place].lower_ == base else "VBZ", base
    return revised
