"""French lists: a whole and its parts or kinds, or a topic and its aspects, each told in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from spacy.tokens import Span, Token

from s2v.analysis.content import Content, EdgeDraft, NodeDraft
from s2v.analysis.french import make_label, topics
from s2v.analysis.french_lexicon import ASPECT_NOUNS, KIND_NOUNS, PART_VERBS, SUBJECT_PRONOUNS
from s2v.analysis.language import Talk
from s2v.v1.diagram_pb2 import DiagramType, EdgeKind, NodeKind

_CUTS = (",", ";")
_LEADS = frozenset(
    {"le", "la", "les", "l'", "l’", "un", "une", "des", "d'", "d’", "de", "du", "en", "par", "dans", "et", "ou", "enfin"}
)
_DENYING = frozenset({"ne", "n'", "n’"})
_EXCEPTING = frozenset({"que", "qu'", "qu’"})
MIN_MEMBERS = 2


@dataclass(frozen=True)
class FrenchList:
    """A head and its members, as tokens."""

    head: tuple[Token, ...]
    members: tuple[tuple[Token, ...], ...]
    aspects: bool
    """Whether the members are aspects of a topic, and not its parts or kinds."""


def extract_hierarchy(talk: Talk, sentences: Sequence[Span]) -> Content:
    """Returns the wholes and their parts or kinds told in consecutive sentences, one tree."""
    return _grow(talk, [found for found in find_lists(sentences) if not found.aspects], DiagramType.DIAGRAM_TYPE_HIERARCHY)


def extract_mindmap(talk: Talk, sentences: Sequence[Span]) -> Content:
    """Returns a topic and its aspects told in consecutive sentences."""
    return _grow(talk, [found for found in find_lists(sentences) if found.aspects], DiagramType.DIAGRAM_TYPE_MINDMAP)


def find_lists(sentences: Sequence[Span]) -> list[FrenchList]:
    """Returns the lists of at least two members, each with the words that it is a list of."""
    return [found for sentence in sentences if (found := _find_list(sentence)) is not None]


def _find_list(sentence: Span) -> FrenchList | None:
    tokens = [token for token in sentence if not token.is_space]
    colon = next((place for place, token in enumerate(tokens) if token.text == ":"), None)
    verb = next(
        (place for place, token in enumerate(tokens) if token.lemma_ in PART_VERBS and token.pos_ in ("VERB", "AUX")), None
    )
    if verb is not None and _is_denied(tokens, verb):
        return None
    kind = next((place for place, token in enumerate(tokens[:colon]) if token.lemma_ in KIND_NOUNS | ASPECT_NOUNS), None)
    if colon is not None and (verb is not None or kind is not None):
        start = colon + 1
    elif colon is None and verb is not None:
        start = verb + 1
    else:
        return None
    members = _members(tokens[start:])
    if len(members) < MIN_MEMBERS:
        return None
    aspects = kind is not None and tokens[kind].lemma_ in ASPECT_NOUNS
    head = _head(tokens[: verb if verb is not None else colon], tokens[:colon] if colon is not None else tokens[:start], kind)
    return FrenchList(tuple(head), tuple(members), aspects) if head else None


def _is_denied(tokens: Sequence[Token], verb: int) -> bool:
    """Whether a whole does not have what follows: "ne comprend ni …"; "ne comprend que …" names its parts."""
    before = {token.lower_ for token in tokens[max(verb - 3, 0) : verb]}
    after = {token.lower_ for token in tokens[verb + 1 : verb + 3]}
    return bool(before & _DENYING) and not after & _EXCEPTING


def _head(before_verb: list[Token], opening: list[Token], kind: int | None) -> list[Token]:
    """Whose parts these are: what the kinds are kinds of, else the subject."""
    if kind is not None and kind + 2 < len(opening) and opening[kind + 1].lower_ in ("de", "d'", "d’"):
        return _strip(opening[kind + 2 :])
    nominal = [token for token in before_verb if token.pos_ in ("NOUN", "PROPN")]
    if nominal:
        begin = next(place for place, token in enumerate(before_verb) if token.i == nominal[0].i)
        end = next(
            (
                place
                for place, token in enumerate(before_verb)
                if place >= begin and (token.pos_ in ("VERB", "AUX", "PRON") or token.lower_ in _DENYING)
            ),
            None,
        )
        return _strip(before_verb[begin:end])
    return _strip(opening[kind:]) if kind is not None else []


def _members(tokens: list[Token]) -> list[tuple[Token, ...]]:
    pieces: list[list[Token]] = [[]]
    verbal = any(token.pos_ == "VERB" for token in tokens)
    for place, token in enumerate(tokens):
        noun_follows = place + 1 < len(tokens) and (
            verbal or tokens[place + 1].pos_ in ("DET", "NOUN", "PROPN", "ADP", "NUM", "ADJ")
        )
        if token.text in _CUTS or (token.lower_ in ("et", "ou") and noun_follows):
            pieces.append([])
        else:
            pieces[-1].append(token)
    members = [tuple(_strip(piece)) for piece in pieces]
    return [member for member in members if any(token.pos_ in ("NOUN", "PROPN", "VERB", "ADJ") for token in member)]


def _strip(tokens: Sequence[Token]) -> list[Token]:
    kept = [token for token in tokens if not token.is_punct]
    while kept and (kept[0].lower_ in _LEADS | _EXCEPTING | SUBJECT_PRONOUNS):
        kept.pop(0)
    return kept


def _grow(talk: Talk, lists: Sequence[FrenchList], kind: DiagramType.ValueType) -> Content:
    nodes: list[NodeDraft] = []
    edges: list[EdgeDraft] = []
    for found in lists:
        parent = _place(talk, nodes, found.head, 0, NodeKind.NODE_KIND_TOPIC)
        if parent is None:
            continue
        for member in found.members:
            child = _place(talk, nodes, member, nodes[parent].level + 1, NodeKind.NODE_KIND_ITEM)
            if child is not None and child != parent and not any(edge.target == child for edge in edges):
                edges.append(EdgeDraft(EdgeKind.EDGE_KIND_PART, parent, child))
    linked = {edge.source for edge in edges} | {edge.target for edge in edges}
    kept = [place for place in range(len(nodes)) if place in linked]
    rank = {place: number for number, place in enumerate(kept)}
    return Content(
        kind,
        tuple(nodes[place] for place in kept),
        tuple(replace(edge, source=rank[edge.source], target=rank[edge.target]) for edge in edges),
    )


def _place(talk: Talk, nodes: list[NodeDraft], tokens: Sequence[Token], level: int, kind: NodeKind.ValueType) -> int | None:
    """The node of a name: one that is known, or a new one."""
    label = make_label(talk, tokens)
    if label is None:
        return None
    named = topics(tokens)
    for place, node in enumerate(nodes):
        if named and named == node.topics:
            return place
    span = (label.words[0], label.words[-1] + 1)
    phrase = talk.speech.text(*span).strip(" .,;:!?")
    nodes.append(NodeDraft(kind, phrase, label, span, named, level=level))
    return len(nodes) - 1
