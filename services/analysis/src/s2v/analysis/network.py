"""Networks: named components or actors, merged over their mentions, and what goes or holds between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from spacy.tokens import Span, Token

from s2v.analysis.content import Content, EdgeDraft
from s2v.analysis.denials import denying_words
from s2v.analysis.labels import is_plural, is_time
from s2v.analysis.language import Talk
from s2v.analysis.lexicon import VAGUE_NOUNS
from s2v.analysis.propositions import make_noun
from s2v.analysis.relations import ORIGINS, Relation, find_relations
from s2v.analysis.webs import Web, cue_span, label_tokens, make_key, modals, passive_label, verb_label
from s2v.v1.diagram_pb2 import DiagramType, EdgeKind, NodeKind

MAX_LABEL_CHARACTERS = 30
_DOINGS = frozenset(
    {"work", "task", "job", "order", "range", "level", "case", "time", "effort", "care", "lot", "bit", "protocol"}
)
"""Nouns that name what is done rather than what does it."""
_POINTING = frozenset({"the", "a", "an", "this", "that", "each", "another"})
_ABSTRACT_ENDINGS = ("tion", "sion", "ment", "ity", "ness", "ance", "ence", "ing", "ship", "ism")
_UNNAMED = VAGUE_NOUNS | {
    "example",
    "figure",
    "question",
    "term",
    "name",
    "detail",
    "purpose",
    "sense",
    "addition",
    "use",
    "role",
    "middle",
    "center",
    "centre",
    "front",
    "top",
    "bottom",
}


def extract_network(talk: Talk, sentences: Sequence[Span]) -> Content:
    """Returns the components named in consecutive sentences and the relations between them; nothing when there are none."""
    web = Web(talk)
    components = _Components(sentences)
    antecedents = talk.references(sentences)
    for sentence in sentences:
        if sentence.text.rstrip("\"'”) ").endswith("?"):
            continue
        for relation in find_relations(sentence):
            if not components.hold(relation):
                continue
            source = _place(web, antecedents, relation.source)
            target = _place(web, antecedents, relation.target)
            if source is not None and target is not None and source != target:
                label, cue = _name(relation)
                web.connect(EdgeDraft(EdgeKind.EDGE_KIND_RELATION, source, target, label, cue_span(talk, cue)))
    return web.finish(DiagramType.DIAGRAM_TYPE_NETWORK)


class _Components:
    """Which nouns name components rather than what is thought or done: names, and what acts or is named again."""

    def __init__(self, sentences: Sequence[Span]) -> None:
        nouns = [token for sentence in sentences for token in sentence if token.pos_ in ("NOUN", "PROPN")]
        self._counts = Counter(noun.lemma_.lower() for noun in nouns)
        self._actors = {noun.lemma_.lower() for noun in nouns if noun.dep_ in ("nsubj", "nsubjpass", "agent")}

    def hold(self, relation: Relation) -> bool:
        """Returns whether both ends of a relation are components: those between which something goes always are."""
        return relation.flow is not None or all(self._include(end) for end in (relation.source, relation.target))

    def _include(self, noun: Token) -> bool:
        name = noun.lemma_.lower()
        if noun.pos_ in ("PRON", "DET"):
            return True
        if noun.pos_ == "PROPN" or noun.ent_type_ in ("ORG", "PRODUCT", "PERSON", "GPE", "FAC", "LOC"):
            return True
        named = any(child.dep_ in ("compound", "amod", "nmod", "poss") for child in noun.children)
        if named or self._counts[name] > 1 or name in self._actors:
            return True
        pointed = any(child.dep_ == "det" and child.lower_ in _POINTING for child in noun.children)
        return pointed and name not in _DOINGS and not name.endswith(_ABSTRACT_ENDINGS)


def _place(web: Web, antecedents: Mapping[int, Token], head: Token) -> int | None:
    if head.pos_ in ("PRON", "DET"):
        noun = antecedents.get(head.i)
        if noun is None:
            return None
        head = noun
    if head.i in web.places:
        return web.places[head.i]
    if head.pos_ not in ("NOUN", "PROPN") or is_time(head):
        return None
    inner = _member(head)
    name = inner.lemma_.lower()
    if name in _UNNAMED and not any(child.dep_ in ("compound", "amod") for child in inner.children):
        return None
    node = make_noun(web.talk, inner, NodeKind.NODE_KIND_COMPONENT, bare=True)
    if node is None:
        return None
    return web.add(node, make_key(label_tokens(web.talk, node), name), [head, inner])


def _member(noun: Token) -> Token:
    """Of "one of the servers", "a set of servers" the servers."""
    if noun.lemma_.lower() in (
        "one",
        "some",
        "each",
        "set",
        "number",
        "group",
        "collection",
        "series",
        "variety",
        "rest",
        "kind",
        "type",
        "lot",
    ):
        for child in noun.children:
            if child.lower_ == "of":
                return next((part for part in child.children if part.dep_ == "pobj" and part.pos_ in ("NOUN", "PROPN")), noun)
    return noun


def _name(relation: Relation) -> tuple[str, tuple[Token, ...]]:
    """The label of a relation, what goes or the verb, and the words that it comes from."""
    flow = relation.flow
    if flow is not None and flow.pos_ in ("NOUN", "PROPN"):
        parts = [child for child in flow.children if child.dep_ in ("compound", "amod") and child.i == flow.i - 1]
        text = " ".join(token.text for token in (*parts, flow))
        if len(text) <= MAX_LABEL_CHARACTERS:
            return text, (*parts, flow)
    if relation.verb.pos_ not in ("VERB", "AUX"):
        text = relation.verb.text.lower()
        return (
            (f"{text} {relation.preposition.lower_}", (relation.verb, relation.preposition))
            if relation.preposition
            else (text, (relation.verb,))
        )
    passive = any(child.dep_ == "auxpass" for child in relation.verb.children) or relation.verb.dep_ == "acl"
    # Without its "from" an edge would say where something goes.
    near = relation.preposition is not None and (
        abs(relation.preposition.i - relation.verb.i) <= 2 or relation.preposition.lower_ in ORIGINS
    )
    preposition = relation.preposition if near else None
    cue = (relation.verb, *denying_words(relation.verb), *modals(relation.verb), *([] if preposition is None else [preposition]))
    if passive and preposition is not None:
        return passive_label(relation.verb, preposition), cue
    return verb_label(relation.verb, plural=is_plural(relation.source, alone=True), preposition=preposition), cue
