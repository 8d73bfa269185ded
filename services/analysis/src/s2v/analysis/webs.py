"""Webs: nodes that are told more than once and the edges between them, as causes, cycles and networks are put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from spacy.tokens import Token

from s2v.analysis.content import Content, EdgeDraft, NodeDraft
from s2v.analysis.denials import denying_words
from s2v.analysis.labels import third_person
from s2v.analysis.language import Talk
from s2v.v1.diagram_pb2 import DiagramType

SAME = 0.6
"""Share of words that two tellings of one thing have in common."""
STEM_CHARACTERS = 5
"""Words that agree in as many letters count as one: "contract" and "contraction"."""
MAX_CUE_WORDS = 6
"""Words over which a cue is one span."""
_RISING = frozenset({"increase", "high", "raise", "more", "great", "rise", "increased", "increasing", "grow", "strong"})
_FALLING = frozenset(
    {"decrease", "low", "lower", "less", "few", "fall", "decreased", "decreasing", "reduce", "reduced", "drop", "decline", "weak"}
)
_MEASURES = frozenset({"level", "amount", "degree", "rate", "concentration", "extent", "intensity", "quantity"})
"""Nouns that only say that there is more or less of something."""
_MODALS = frozenset({"can", "ca", "could", "may", "might"})
_OBLIGING = frozenset({"must", "should", "shall"})
_DENYING = frozenset({"not", "no", "never", "n't", "without", "lack"})


@dataclass(frozen=True)
class Key:
    """What a node is known by."""

    words: frozenset[str]
    sign: int
    """Above 0 for more of it, below for less, 0 where nothing is said."""
    denied: bool
    head: str = ""
    """Lemma of the head, where only what has the same head is the same."""

    def matches(self, other: Key) -> bool:
        """Returns whether two keys name one thing."""
        if self.sign * other.sign < 0 or self.denied != other.denied:
            return False
        if self.head and other.head:
            named = bool(self.words and other.words) and _alike(self.head, other.head)
            return named and (self.words <= other.words or other.words <= self.words)
        if (self.sign or other.sign) and min(len(self.words), len(other.words)) == 1 and self.sign != 0 != other.sign:
            # "Rising prices" are not the "higher gas prices" that make them rise.
            return self.words == other.words
        return likeness(self.words, other.words) >= SAME


def make_key(tokens: Iterable[Token], head: str = "") -> Key:
    """Makes the key of a node from the tokens of its label."""
    words: set[str] = set()
    sign, denied = 0, False
    for token in tokens:
        lemma = token.lemma_.lower()
        if lemma in _DENYING or token.lower_ in _DENYING:
            denied = True
        elif lemma in _RISING or token.lower_ in _RISING:
            sign += 1
        elif lemma in _FALLING or token.lower_ in _FALLING:
            sign -= 1
        elif token.pos_ in ("NOUN", "PROPN", "VERB", "ADJ", "NUM", "X") and not token.is_stop:
            words.add(lemma)
    # "Higher levels of arousal" are "increased arousal".
    words = words - _MEASURES or words
    return Key(frozenset(words), sign, denied, head)


def likeness(first: frozenset[str], second: frozenset[str]) -> float:
    """Returns the F1 of the words that two sets share, derived forms included: 0 to 1."""
    if not first or not second:
        return 0.0
    shared = sum(any(_alike(word, other) for other in second) for word in first)
    return 2 * shared / (len(first) + len(second))


def _alike(first: str, second: str) -> bool:
    long = min(len(first), len(second)) >= STEM_CHARACTERS
    return first == second or (long and first[:STEM_CHARACTERS] == second[:STEM_CHARACTERS])


@dataclass
class Web:
    """Nodes and edges in the making."""

    talk: Talk
    nodes: list[NodeDraft] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    edges: list[EdgeDraft] = field(default_factory=list)
    places: dict[int, int] = field(default_factory=dict)
    """Node by token that it was made of."""

    def add(self, node: NodeDraft, key: Key, tokens: Iterable[Token], apart: Sequence[int] = ()) -> int:
        """Adds a node, or a repeat of the node that says the same; returns its place.

        `tokens` stand for it later; it repeats none of `apart`, unless in the very same words.
        """
        place = next((number for number, known in enumerate(self.keys) if number not in apart and known.matches(key)), None)
        if place is None:
            place = next((number for number, known in enumerate(self.nodes) if known.label.text == node.label.text), None)
        if place is None:
            place = len(self.nodes)
            self.nodes.append(node)
            self.keys.append(key)
        elif node.span[0] >= self.nodes[place].span[1]:
            known = self.nodes[place]
            self.nodes[place] = replace(known, repeats=(*known.repeats, node.span), quantity=known.quantity or node.quantity)
        for token in tokens:
            self.places.setdefault(token.i, place)
        return place

    def connect(self, edge: EdgeDraft) -> None:
        """Adds an edge between two nodes, once, and none from a node to itself."""
        if edge.source != edge.target and not any(
            known.source == edge.source and known.target == edge.target for known in self.edges
        ):
            self.edges.append(edge)

    def finish(self, kind: DiagramType.ValueType) -> Content:
        """Returns the nodes that have edges, in the order of speech, and the edges."""
        joined = {end for edge in self.edges for end in (edge.source, edge.target)}
        kept = sorted(joined, key=lambda number: (self.nodes[number].label.words[0], number))
        place = {number: rank for rank, number in enumerate(kept)}
        edges = tuple(replace(edge, source=place[edge.source], target=place[edge.target]) for edge in self.edges)
        return Content(kind, tuple(self.nodes[number] for number in kept), edges)


def label_tokens(talk: Talk, node: NodeDraft) -> list[Token]:
    """Returns the tokens of the words that a label comes from."""
    words = sorted({*node.label.words, *node.label.antecedents})
    return [token for word in words for token in talk.doc[slice(*talk.tokens_of[word])]]


def cue_span(talk: Talk, cue: Sequence[Token]) -> tuple[int, int]:
    """Returns the words of a cue as (begin, end): all of it when it stands together or denies, else the one named first."""
    words = sorted({talk.word(token) for token in cue})
    first = talk.word(cue[0])
    together = words[-1] - words[0] <= MAX_CUE_WORDS or any(token.dep_ == "neg" for token in cue)
    return (words[0], words[-1] + 1) if together else (first, first + 1)


def verb_label(verb: Token, *, plural: bool = False, preposition: Token | None = None) -> str:
    """Returns a verb as the label of an edge, with denial and modal: "reduces", "does not reach", "may connect to"."""
    denial = next((child.lower_ for child in denying_words(verb)), "")
    modal = next((child.lower_ for child in modals(verb)), "")
    lemma = verb.lemma_.lower()
    form = lemma if plural else third_person(lemma)
    if modal:
        text = f"{_with_denial(modal, denial)} {lemma}"
    elif denial:
        contracted = denial in ("not", "n't")
        text = f"{'do' if plural else 'does'} not {lemma}" if contracted else f"{denial} {form}"
    elif preposition is None and verb.tag_ == ("VBP" if plural else "VBZ"):
        text = verb.lower_
    else:
        text = form
    return text if preposition is None else f"{text} {preposition.lower_}"


def passive_label(verb: Token, preposition: Token) -> str:
    """Returns a passive participle as the label of an edge: "stored in", "not connected to", "can be sent to"."""
    denial = next((child.lower_ for child in denying_words(verb)), "")
    modal = next((child.lower_ for child in modals(verb)), "")
    front = [_with_denial(modal, denial), "be"] if modal else ["not" if denial == "n't" else denial]
    return " ".join(word for word in (*front, verb.lower_, preposition.lower_) if word)


def modals(verb: Token) -> list[Token]:
    """Returns the auxiliaries of a verb that say what may be rather than what is: "can", "may", denied also "must"."""
    kept = _MODALS | _OBLIGING if denying_words(verb) else _MODALS
    return [child for child in verb.children if child.dep_ == "aux" and child.lower_ in kept]


def _with_denial(modal: str, denial: str) -> str:
    """Returns a modal with what denies it: "cannot", "may not", "could never"."""
    word = "can" if modal == "ca" else modal
    denial = "not" if denial == "n't" else denial
    return "cannot" if (word, denial) == ("can", "not") else f"{word} {denial}".strip()
