"""Labels: the words of a clause or noun phrase, shortened until they fit, in the order in which they were spoken.

A label is headline English: articles and auxiliaries go, the verb takes the form that its subject needs, negation always stays.
What is shed first is decided by rank: the grammatical core has rank 0, a modifier a higher one than what it modifies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from spacy.tokens import Token

from s2v.analysis.amounts import is_range, multiplies, number_tokens
from s2v.analysis.content import Label
from s2v.analysis.denials import is_set_aside, negations
from s2v.analysis.language import Talk
from s2v.analysis.lexicon import (
    ASIDES,
    COUNTING_NOUNS,
    DIRECTIONS,
    FILLERS,
    LIGHT_VERBS,
    NEARLY,
    NEGATIVE_ADVERBS,
    TIME_NOUNS,
    UNITS,
)
from s2v.analysis.typography import close_brackets

MAX_WORDS = 6
MAX_CHARACTERS = 40
_MEASURES = frozenset(
    [
        *("level", "amount", "degree", "rate", "concentration", "extent", "intensity", "quantity", "number", "share"),
        *("part", "portion", "piece", "half", "third", "quarter", "rest", "majority", "side", "end"),
    ]
)
"""Nouns that say little without what they are of."""
_ATTEMPTS = ("try", "want", "need")
"""Verbs that do not say, of what is over, that it was done; of what someone needs today it is a step."""
_MODAL_COST = 0.05
"""What "may be" in front of a participle matters less than its subject and its verb."""
_MEASURED_COST = 0.2
"""What by how much something changes matters less than of what a part does."""
_LASTING_VERBS = frozenset({"wait", "pause", "rest"})
"""Verbs that say little without how long: "wait two minutes"."""
_COMPARATIVES = frozenset({"more", "less", "most", "least"})
_CLITICS = frozenset({"'s", "n't", "'re", "'ll", "'ve", "'d", "'m", "'"})
_KEPT_DETERMINERS = frozenset({"no", "neither", "another"})
_KEPT_MODALS = frozenset({"can", "cannot", "could", "may", "might", "ca"})
_NEGATIONS = frozenset({"not", "n't", "never", "no"})
_SIBILANTS = ("s", "x", "z", "ch", "sh", "o")
_THIRD = {"have": "has", "do": "does", "go": "goes", "be": "is"}


@dataclass(frozen=True)
class Group:
    """Tokens of a label that stay or go together."""

    rank: float
    """Groups of the highest rank are shed first; those of rank 0 never."""
    tokens: tuple[Token, ...]


def third_person(lemma: str) -> str:
    """Returns the present form after a singular subject: "query" → "queries"."""
    if lemma in _THIRD:
        return _THIRD[lemma]
    if lemma.endswith("y") and lemma[-2:-1] not in "aeiou":
        return lemma[:-1] + "ies"
    return lemma + ("es" if lemma.endswith(_SIBILANTS) else "s")


def noun_groups(head: Token, rank: float = 0.0, skipped: AbstractSet[int] = frozenset()) -> list[Group]:
    """Returns a noun phrase without its articles; `rank` is that of its head, `skipped` holds tokens that stay out."""
    if head.i in skipped:
        return []
    name = _given_name(head)
    if name is not None:
        return noun_groups(name, rank, skipped)
    # Within a phrase that may be shed, a name such as "load balancer" stays or goes as a whole.
    names = tuple(
        child for child in head.children if child.dep_ in ("compound", "nmod") and child.i < head.i and child.i not in skipped
    )
    core = _core(head, skipped)
    if any(token.i in skipped for token in core):
        return []
    groups = [Group(rank, (*names, *core) if rank else core)]
    for child in head.children:
        if child.i in skipped or child.lower_ in FILLERS or child in core:
            continue
        if child in names and rank:
            groups += [group for group in noun_groups(child, rank + 0.2, skipped) if child not in group.tokens]
        elif child in names:
            groups += [Group(group.rank, group.tokens) for group in noun_groups(child, rank + 0.2, skipped)]
        elif child.dep_ == "nummod":
            number = number_tokens(child)
            if not any(token.i in skipped for token in number) and not multiplies(number[-1]):
                groups.append(Group(rank + 0.15, number))
        elif child.dep_ == "amod":
            compared = _compared(child)
            if not any(token.i in skipped for token in compared):
                groups.append(Group(rank + 0.3, (*compared, child)))
            groups += [Group(rank + 0.35, (part,)) for part in child.children if part.dep_ == "compound"]
        elif child.dep_ == "neg" or (child.dep_ == "det" and child.lower_ in _KEPT_DETERMINERS):
            groups.append(Group(rank, (*(part for part in child.children if part.lower_ in NEARLY), child)))
        elif child.dep_ == "poss" and child.pos_ != "PRON":
            case = tuple(part for part in child.children if part.dep_ == "case")
            groups.append(Group(rank + 0.3, (child, *case)))
            groups += [Group(rank + 0.35, (part,)) for part in child.children if part.dep_ == "compound"]
        elif child.dep_ == "prep" and child.lower_ == "of" and head.lemma_.lower() in COUNTING_NOUNS:
            # "Hundreds" by itself counts nothing.
            groups += [Group(rank, (child, part)) for part in child.children if part.dep_ == "pobj"][:1]
        elif child.dep_ == "prep" and child.lower_ == "of" and head.lemma_.lower() in _MEASURES:
            groups += preposition_groups(child, rank + 0.1, skipped)
        elif child.dep_ == "prep" and child.lower_ in ("of", "per"):
            groups += preposition_groups(child, rank + 0.4, skipped)
        elif (
            child.dep_ == "conj" and child.pos_ in ("NOUN", "PROPN") and not any(part.dep_ == "advmod" for part in child.children)
        ):
            conjunction = tuple(part for part in head.children if part.dep_ == "cc")
            if len(conjunction) == 1 and not any(part.dep_ == "conj" for part in child.children):
                inner = noun_groups(child, rank + 0.6, skipped)
                groups += [Group(rank + 0.6, (*conjunction, child)), *(group for group in inner if child not in group.tokens)]
    return groups


def _core(head: Token, skipped: AbstractSet[int]) -> tuple[Token, ...]:
    """A noun, a unit with its number ("5% to 9%"), or a number with all that belongs to it ("$20 to $30", "more than half")."""
    if head.tag_ == "CD" or any(child.dep_ == "quantmod" and child.tag_ != "DT" for child in head.children):
        return number_tokens(head)
    if head.lower_ not in UNITS and head.lemma_.lower() not in UNITS:
        return (head,)
    # "9%" is one word, of which a label can't hold the sign alone.
    numbers = [child for child in head.children if child.dep_ == "nummod" and (child.i not in skipped or head.text == "%")]
    return (*(token for number in numbers for token in number_tokens(number)), head)


def _compared(adjective: Token) -> list[Token]:
    """What an adjective is compared by: "more", "half as", "three times as"."""
    said = [child for child in adjective.children if child.dep_ in ("advmod", "quantmod", "npadvmod") and child.i < adjective.i]
    if any(child.lower_ == "as" for child in said):
        compared = [part for child in said for part in child.subtree if part.lower_ not in FILLERS]
        return [*(_multiple(compared[0].nbor(-1)) if compared[0].i else []), *compared]
    return [child for child in said if child.dep_ == "advmod" and child.lower_ in _COMPARATIVES]


def _multiple(word: Token) -> list[Token]:
    """The "three times" of "three times as much", wherever the parser has hung it."""
    if not multiplies(word):
        return []
    numbers = [word.head] if word.dep_ == "quantmod" else [child for child in word.children if child.dep_ == "nummod"]
    return [*(token for number in numbers for token in number_tokens(number) if token.i < word.i), word]


def _given_name(head: Token) -> Token | None:
    """Of "a company called Netscape" the name."""
    for child in head.children:
        if child.dep_ == "acl" and child.lower_ in ("called", "named"):
            return next((part for part in child.children if part.dep_ in ("oprd", "dobj", "attr") and part.pos_ == "PROPN"), None)
    return None


def preposition_groups(preposition: Token, rank: float, skipped: AbstractSet[int] = frozenset()) -> list[Group]:
    """Returns a prepositional phrase whose core (preposition and noun) has the given rank; nothing when it has no noun."""
    for child in preposition.children:
        if (
            child.i in skipped
            or child.lower_ in ("that", "which", "whom", "own")
            or (is_time(child) and not _lasts(child) and (preposition.lower_ not in ("of", "per") or child.ent_type_ == "DATE"))
            or (child.lower_ in ASIDES and child.dep_ == "pobj" and not child.n_rights)
        ):
            continue
        if child.dep_ == "pobj":
            inner = noun_groups(child, rank + 0.05, skipped)
            named = inner[0].tokens if inner else (child,)
            return [Group(rank, (preposition, *named)), *inner[1:]]
        if child.dep_ == "prep":
            inner = preposition_groups(child, rank, skipped)
            if inner:
                return [Group(rank, (preposition, *inner[0].tokens)), *inner[1:]]
    return []


def is_time(noun: Token) -> bool:
    """Returns whether a noun phrase is a time or a length of time, which a label leaves out."""
    if noun.lemma_.lower() in TIME_NOUNS:
        return True
    inner = next(
        (part for child in noun.children if child.lower_ == "of" for part in child.children if part.dep_ == "pobj"), None
    )
    return (noun.ent_type_ in ("DATE", "TIME") and noun.pos_ in ("NUM", "NOUN", "PROPN")) or (
        inner is not None and inner.lemma_.lower() in TIME_NOUNS
    )


def _lasts(noun: Token) -> bool:
    """Whether a time is a length from one number to another, which no quantity tells."""
    return any(child.dep_ == "nummod" and is_range(child) for child in noun.children)


def _is_told_of(verb: Token) -> bool:
    """Whether a verb in the present tells of others, rather than of "you" or "we" whom a procedure instructs."""
    named = any(child.dep_ == "nsubj" and child.pos_ in ("NOUN", "PROPN") for child in verb.children)
    return verb.tag_ == "VBZ" or (verb.tag_ == "VBP" and named)


def main_verb(verb: Token) -> Token:
    """Returns the verb that tells what is done: of "needs to be boiled", "is going to boil" the last; of "tried to" the first."""
    if verb.lemma_ in _ATTEMPTS and (verb.tag_ == "VBD" or (verb.lemma_ != "need" and _is_told_of(verb))):
        return verb
    if verb.lemma_ in LIGHT_VERBS and not any(child.dep_ in ("dobj", "neg") for child in verb.children):
        for child in verb.children:
            # The tokenizer cuts "gonna" into "gon" and "na", "gotta" into "got" and "ta".
            if (
                child.dep_ == "xcomp"
                and child.pos_ in ("VERB", "AUX")
                and any(part.lower_ in ("to", "na", "ta") for part in child.children)
            ):
                return main_verb(child)
    return verb


def predicate_groups(verb: Token, rank: float = 0.0, skipped: AbstractSet[int] = frozenset()) -> list[Group]:
    """Returns a verb with its particle, objects and prepositional phrases, adjuncts ranked by how much they matter."""
    groups = [Group(rank, (verb,))]
    has_object = any(child.dep_ in ("dobj", "attr", "acomp", "oprd", "xcomp") for child in verb.children)
    objects = [child for child in verb.children if child.dep_ == "dobj"]
    adjuncts = 0
    for child in verb.children:
        if child.i in skipped or child.lower_ in FILLERS or (child.dep_ in ("prep", "agent") and child.i < verb.i):
            continue
        if child.dep_ in ("prep", "agent") and is_set_aside(child):
            continue
        if child.dep_ == "prt":
            groups.append(Group(rank, (child,)))
        elif child.dep_ == "dative" and child.pos_ == "ADP":
            groups += preposition_groups(child, rank + 1.0, skipped)
        elif child.dep_ == "dobj" and child.i != objects[0].i:
            continue
        elif child.dep_ in ("dobj", "attr", "dative", "oprd") and child.tag_ not in ("WP", "WDT"):
            groups += noun_groups(child, rank, skipped)
        elif child.dep_ == "acomp":
            groups += _adjective_groups(child, rank, skipped)
        elif child.dep_ == "npadvmod" and child.i > verb.i and verb.lemma_ in _LASTING_VERBS:
            groups += noun_groups(child, rank, skipped)
        elif child.dep_ == "advmod" and child.lower_ in NEGATIVE_ADVERBS | NEARLY:
            groups.append(Group(rank, (child,)))
        elif child.dep_ == "advmod" and child.lower_ in DIRECTIONS:
            groups.append(Group(rank, (*(part for part in child.children if part.i == child.i - 1), child)))
            for part in child.children:
                if part.dep_ == "prep":
                    adjuncts += 1
                    groups += preposition_groups(part, rank + 0.7, skipped)
        elif child.dep_ in ("prep", "agent"):
            less = 1.0 if has_object or adjuncts else _MEASURED_COST * (_is_by_how_much(child) or _is_how_long(child))
            found = preposition_groups(child, rank + less + adjuncts, skipped)
            adjuncts += bool(found)
            groups += found
        elif child.dep_ == "ccomp" and child.i > verb.i and (child.tag_ in ("VB", "VBG", "VBN") or _is_made(child)):
            groups += _causative_groups(child, rank + 0.1, skipped)
        elif child.dep_ == "xcomp" and child.i > verb.i and child.pos_ in ("VERB", "AUX", "ADJ"):
            mark = tuple(part for part in child.children if part.dep_ == "neg" or (part.dep_ == "aux" and part.lower_ == "to"))
            inner = predicate_groups(child, rank + 0.1, skipped)
            purpose = bool(mark) and any(part.dep_ == "dobj" for part in verb.children)
            step = 1.2 if purpose else 0.0
            groups += [
                Group(rank + step, (*mark, child)),
                *(Group(group.rank + step, group.tokens) for group in inner if child not in group.tokens),
            ]
    return groups


def _is_by_how_much(preposition: Token) -> bool:
    """Whether a phrase says by how much something changes: "by several metres"."""
    counted = (part for noun in preposition.children for part in noun.children)
    return preposition.lower_ == "by" and any(part.dep_ == "nummod" or part.lower_ in ("several", "few") for part in counted)


def _is_how_long(preposition: Token) -> bool:
    """Whether a phrase says how long something lasts, from one number to another: "for 2 to 24 months"."""
    return any(is_time(noun) and _lasts(noun) for noun in preposition.children)


def _is_made(adjective: Token) -> bool:
    """Whether an adjective says what a thing is made: the "smaller" of "makes the index smaller"."""
    subjects = [child for child in adjective.children if child.dep_ == "nsubj"]
    return adjective.pos_ == "ADJ" and any(subject.pos_ in ("NOUN", "PROPN") for subject in subjects)


def _causative_groups(verb: Token, rank: float, skipped: AbstractSet[int]) -> list[Group]:
    """What someone is made or allowed to do: of "allows one connection to carry requests" the part after "allows"."""
    subject = next((child for child in verb.children if child.dep_ == "nsubj"), None)
    if subject is None or any(child.dep_ == "mark" or child.tag_ in ("MD", "WRB", "WDT", "WP") for child in verb.children):
        return []
    mark = tuple(child for child in verb.children if child.dep_ == "aux" and child.lower_ == "to")
    inner = [group for group in predicate_groups(verb, 0.0, skipped) if verb not in group.tokens]
    head = noun_groups(subject, rank, skipped)
    denied = any(child.dep_ == "neg" for child in verb.children)
    mark += tuple(child for child in verb.children if denied and child.dep_ in ("aux", "neg") and child not in mark)
    return [Group(0.0, (*mark, verb)), Group(0.0, head[0].tokens if head else (subject,)), *head[1:], *inner]


def _adjective_groups(adjective: Token, rank: float, skipped: AbstractSet[int]) -> list[Group]:
    compared = [part for part in _compared(adjective) if part.lower_ not in _COMPARATIVES]
    groups = [Group(rank, (*compared, adjective))]
    for child in adjective.children:
        if child in compared:
            continue
        if child.dep_ == "prep":
            groups += preposition_groups(child, rank + 0.6, skipped)
        elif child.dep_ == "neg":
            groups.append(Group(rank, (child,)))
        elif child.dep_ == "advmod" and child.lower_ in ("too", "enough", "not", "never"):
            groups.append(Group(rank + (0.0 if child.lower_ in _NEGATIONS else 0.5), (child,)))
    return groups


def verb_groups(verb: Token, form: str) -> tuple[list[Group], dict[int, str]]:
    """Returns the auxiliaries and negation that a verb keeps, and the forms in which tokens are written.

    `form` is "imperative" (no subject in front), "singular" or "plural" (a subject of that number in front).
    """
    auxiliaries = [child for child in verb.children if child.dep_ in ("aux", "auxpass")]
    denials = negations(verb)
    if denials:
        kept = [child for child in auxiliaries if child.dep_ == "aux" and child.lower_ != "to"]
        if any(child.dep_ == "auxpass" for child in auxiliaries) and not kept:
            return [Group(0, tuple(denials))], {}
        if form == "imperative" and verb.tag_ != "VBG":
            kept = [child for child in kept if child.lemma_ in ("do", "can", "could") or child.tag_ == "MD"]
        return [Group(0, (*kept, *denials))], {}
    if any(child.dep_ == "auxpass" for child in auxiliaries) or (verb.tag_ == "VBN" and not auxiliaries):
        # "May be harmed", "would have been destroyed": without these it has happened.
        return ([Group(_MODAL_COST, tuple(auxiliaries))] if _is_unreal(auxiliaries) else []), {}
    modals = [child for child in auxiliaries if child.lower_ in _KEPT_MODALS]
    if modals and form != "imperative":
        return [Group(0, (modals[0],))], {verb.i: verb.lemma_}
    if form == "imperative":
        return [], {verb.i: verb.lemma_.lower()}
    if verb.tag_ in ("VBD", "VBZ", "VBP") and not auxiliaries:
        return [], {}
    if any(child.lemma_ == "have" for child in auxiliaries):
        return [Group(0, tuple(child for child in auxiliaries if child.lemma_ == "have" or child.tag_ == "MD"))], {}
    return [], {verb.i: third_person(verb.lemma_) if form == "singular" else verb.lemma_}


def _is_unreal(auxiliaries: Sequence[Token]) -> bool:
    """Whether a verb says what may happen, or would have happened."""
    had = any(child.lemma_ == "have" for child in auxiliaries)
    return any(child.lower_ in _KEPT_MODALS or (had and child.tag_ == "MD") for child in auxiliaries)


def is_plural(noun: Token, *, alone: bool = False) -> bool:
    """Returns whether a subject takes a plural verb, `alone` or with what is joined to it; the name "Kubernetes" does not."""
    if any(child.dep_ == "conj" for child in noun.children):
        return noun.tag_ == "NNS" if alone else True
    if noun.dep_ == "nsubj" and noun.head.tag_ == "VBZ":
        return False
    if noun.tag_ == "NNPS":
        return any(child.dep_ in ("det", "nummod") for child in noun.children)
    return noun.tag_ == "NNS" or noun.lower_ in ("they", "we", "you", "i", "these", "those", "both")


def make_label(
    talk: Talk,
    groups: Iterable[Group],
    forms: Mapping[int, str] | None = None,
    *,
    suffix: str = "",
    max_words: int = MAX_WORDS,
    max_characters: int = MAX_CHARACTERS,
) -> Label | None:
    """Joins groups in the order of speech and sheds the least important until the label fits; None when its core does not."""
    remaining = list(groups)
    while True:
        # "It's", "they're": what hangs on a pronoun that is not drawn goes with it.
        ordered = _order(talk, remaining)
        drawn = {token.i for token in ordered}
        tokens = [token for token in ordered if token.lower_ not in _CLITICS - _NEGATIONS or token.i - 1 in drawn]
        if len(tokens) > 1 and tokens[0].lower_ == "to" and tokens[0].tag_ == "TO":
            tokens = tokens[1:]
        text = close_brackets(_write(talk, tokens, forms or {})) + suffix
        if tokens and len(text) <= max_characters and len(text.split()) <= max_words:
            return Label(text, tuple(sorted({talk.word(token) for token in tokens})))
        sheddable = [group for group in remaining if group.rank > 0]
        if not sheddable:
            return None
        worst = max(group.rank for group in sheddable)
        # Of equal rank the later adjunct goes first, but the outer (earlier) modifier of a noun.
        equal = [group for group in sheddable if group.rank == worst]
        remaining.remove(equal[0] if worst % 1 else equal[-1])


def _order(talk: Talk, groups: Sequence[Group]) -> list[Token]:
    chosen: dict[int, Token] = {}
    for group in groups:
        for token in group.tokens:
            for part in whole_word(talk, token):
                chosen[part.i] = part
    return [chosen[place] for place in sorted(chosen)]


def whole_word(talk: Talk, token: Token) -> list[Token]:
    """Returns all tokens of a hyphenated or mixed word ("long-term", "97%"); a clitic or what a dash parts stays apart."""
    first, last = talk.tokens_of[talk.word(token)]
    dashes = [place for place in range(first, last) if talk.doc[place].text in ("—", "--")]
    first = max([first, *(place + 1 for place in dashes if place < token.i)])
    last = min([last, *(place for place in dashes if place > token.i)])
    tokens = list(talk.doc[first:last])
    # Of "y'all's" the "y'" is no word without the rest, of "1930's" neither half.
    clipped = any((part.lower_[-1] == "'" and part.text[0].isalpha()) or part.like_num for part in tokens)
    if not clipped and any(part.lower_ in _CLITICS for part in tokens):
        return [token]
    while tokens and (tokens[0].is_punct or tokens[0].is_quote) and tokens[0].i != token.i:
        tokens.pop(0)
    while tokens and (tokens[-1].is_punct or tokens[-1].is_quote) and tokens[-1].i != token.i and tokens[-1].text != "%":
        tokens.pop()
    return tokens


def _write(talk: Talk, tokens: Sequence[Token], forms: Mapping[int, str]) -> str:
    pieces: list[str] = []
    for place, token in enumerate(tokens):
        halved = (place > 0 and _are_halves(tokens[place - 1], token)) or (
            place + 1 < len(tokens) and _are_halves(token, tokens[place + 1])
        )
        text = token.text if halved else forms.get(token.i, token.text)
        if text.lower() == "n't" and not (place > 0 and tokens[place - 1].i == token.i - 1):
            # Its auxiliary is not drawn: of "isn't seen" it leaves "not seen".
            text = "not"
        if token.i not in forms and token.is_sent_start and token.pos_ not in ("PROPN",) and text[1:].islower():
            text = text.lower()
        glued = place > 0 and tokens[place - 1].i == token.i - 1 and not tokens[place - 1].whitespace_
        pieces.append(text if glued or not pieces else f" {text}")
    return capitalize("".join(pieces))


def _are_halves(token: Token, following: Token) -> bool:
    """Whether two tokens make one word ("gon" and "na", "let" and "'s"), which takes no other form."""
    return following.i == token.i + 1 and not token.whitespace_ and not token.is_punct and not following.is_punct


def capitalize(text: str) -> str:
    """Returns the text in sentence case; words such as "iPhone" or "DNS" stay as they are."""
    first = text.split(" ", 1)[0]
    # A letter whose capital is another's ("ı") or two ("ß") would be no longer what was said.
    upper = first[:1].upper()
    return upper + text[1:] if first.islower() and len(upper) == 1 and upper.lower() == first[0] else text


def content_lemmas(tokens: Iterable[Token]) -> frozenset[str]:
    """Returns the lemmas of nouns, verbs, adjectives and numbers."""
    return frozenset(
        token.lemma_.lower() for token in tokens if token.pos_ in ("NOUN", "PROPN", "VERB", "ADJ", "NUM") and not token.is_stop
    )
