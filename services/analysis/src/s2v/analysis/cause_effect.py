"""Cause and effect: what brings about what, chained where an effect is told again as a cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from spacy.tokens import Span, Token

from s2v.analysis.causes import find_influences
from s2v.analysis.chains import link_chain
from s2v.analysis.content import Content, EdgeDraft
from s2v.analysis.coordination import coordinated
from s2v.analysis.correlations import Correlation, find_correlation
from s2v.analysis.denials import denying_words, is_denied
from s2v.analysis.events import find_events
from s2v.analysis.influences import BRINGING_VERBS, CAUSATIVE_VERBS, CHANGING_VERBS, FORWARD_PREPOSITIONS, SIGNS, Influence
from s2v.analysis.labels import is_plural, main_verb
from s2v.analysis.language import Talk
from s2v.analysis.propositions import is_clause, make_proposition, subject_of
from s2v.analysis.webs import Web, cue_span, label_tokens, make_key, modals, verb_label
from s2v.v1.diagram_pb2 import DiagramType, EdgeKind, NodeKind

_POINTING = frozenset({"this", "that", "which", "these", "those"})
_UNDERGOING_VERBS = frozenset({"have", "experience", "suffer", "face", "show", "see", "develop"})
_DEMONSTRATIVES = frozenset({"this", "these", "such", "that", "those", "both"})
_SUMMARIES = frozenset(
    [
        "change",
        "effect",
        "process",
        "factor",
        "condition",
        "situation",
        "problem",
        "event",
        "result",
        "trend",
        "behavior",
        "behaviour",
        "action",
        "phenomenon",
        "increase",
        "decrease",
        "approach",
        "method",
        "issue",
        "difference",
        "mechanism",
        "practice",
        "response",
        "thing",
        "way",
        "development",
        "state",
        "fact",
        "combination",
    ]
)
"""Nouns that, with "this" or "these", take up what was said before."""


@dataclass
class CausalWeb:
    """The influences of consecutive sentences in the making."""

    talk: Talk
    sentences: Sequence[Span]
    web: Web = field(init=False)
    previous: list[int] = field(default_factory=list)
    """Nodes that "this" stands for."""
    cues: set[int] = field(default_factory=set)
    """Tokens that say an influence."""
    before: Span | None = None
    """The sentence in front."""

    def __post_init__(self) -> None:
        self.web = Web(self.talk)
        self._antecedents = self.talk.references(self.sentences)

    def _referent(self, pronoun: Token) -> Token | None:
        noun = self._antecedents.get(pronoun.i)
        return noun if noun is not None and noun.pos_ in ("NOUN", "PROPN") else None

    def tell(self, sentence: Span) -> None:
        """Adds the influences of a sentence."""
        correlation = find_correlation(self.talk, sentence)
        if correlation is not None:
            self._correlate(correlation)
            self.before = sentence
            return
        told: list[int] = []
        influences = find_influences(sentence)
        self.cues.update(token.i for influence in influences for token in influence.cue)
        for influence in _follow_through(influences):
            sources = self._sources(influence, told)
            if not sources:
                continue
            target = self._place(influence.effect, influence, sources)
            if target is None:
                continue
            for source in sources:
                if source != target:
                    self._connect(influence, source, target)
                    told.append(target)
        if not told and self.previous and (is_denied(sentence.root) or not find_events(sentence)):
            # What is denied or said in passing is no cause of what comes next.
            return
        ends = {edge.source for edge in self.web.edges}
        fresh = [place for place in dict.fromkeys(told) if place not in ends]
        self.previous = fresh or told[-1:]
        self.before = sentence

    def _correlate(self, told: Correlation) -> None:
        source = self.web.add(told.cause, make_key(label_tokens(self.talk, told.cause)), told.cause_tokens)
        target = self.web.add(told.effect, make_key(label_tokens(self.talk, told.effect)), told.effect_tokens, (source,))
        self.web.connect(EdgeDraft(EdgeKind.EDGE_KIND_CAUSE, source, target, cue=cue_span(self.talk, told.cue)))
        self.previous = [target]

    def make_event(self, verb: Token) -> int | None:
        """Returns the node of a clause that tells no influence; None when it says nothing that can be drawn."""
        place = self.web.places.get(verb.i)
        return place if place is not None else self._make(verb, frozenset())

    def make_whole(self, verb: Token) -> int | None:
        """Returns the node of a clause of which the web has drawn the parts; None when all of it can't be drawn."""
        parts = [self.web.places[token.i] for token in verb.subtree if token.i in self.web.places]
        return self._make(verb, frozenset(), parts)

    def complete(self) -> None:
        """Adds what follows without a word that says so."""
        link_chain(self.web, self.sentences, self._referent, self.make_event, self.cues)

    def _sources(self, influence: Influence, told: Sequence[int]) -> list[int]:
        cause = influence.cause
        if cause is not None and (clause := _clause_in_front(cause)) is not None:
            place = self._make(clause, frozenset())
            if place is not None:
                return [place]
        if cause is None or _takes_up(cause):
            return list(told[-1:]) if told and cause is not None and cause.lower_ == "which" else self._said_before()
        place = self._place(cause, influence)
        return [] if place is None else [place]

    def _said_before(self) -> list[int]:
        """What "this" or "as a result" looks back to: the effects of the sentence in front, else what it states."""
        if self.previous:
            return self.previous
        if self.before is None:
            return []
        place = self._make(self.before.root, frozenset())
        return [] if place is None else [place]

    def _place(self, head: Token, influence: Influence, apart: Sequence[int] = ()) -> int | None:
        if head.i in self.web.places:
            return self.web.places[head.i]
        if any(child.dep_ == "relcl" for child in head.children) and (whole := self._holder(head)) is not None:
            return whole
        if head.pos_ == "PRON":
            noun = self._referent(head)
            if noun is None:
                return None
            return self.web.places.get(noun.i, self._make(noun, frozenset()))
        verb = influence.cue[0]
        if head.dep_ == "dobj" and head.head.i == verb.i and _acts_on(verb):
            subject = subject_of(verb)
            return self._make(verb, frozenset() if subject is None else frozenset({subject.i}), apart)
        return self._make(head, frozenset(token.i for token in influence.cue if token.i != head.i), apart)

    def _holder(self, noun: Token) -> int | None:
        """The node of the same sentence that holds a noun: "the release of cortisol, which …" goes on from the release."""
        word, first = self.talk.word(noun), self.talk.word(noun.sent[0])
        return next(
            (place for place, node in enumerate(self.web.nodes) if first <= node.span[0] <= word < node.span[1]),
            None,
        )

    def _make(self, head: Token, skipped: frozenset[int], apart: Sequence[int] = ()) -> int | None:
        node = make_proposition(self.talk, head, NodeKind.NODE_KIND_EFFECT, self._referent, skipped)
        if node is None:
            return None
        aliases = [head]
        if is_clause(head):
            core = main_verb(head)
            aliases += [core, *(child for child in core.children if child.dep_ in ("dobj", "nsubjpass"))]
        return self.web.add(node, make_key(label_tokens(self.talk, node)), aliases, apart)

    def _connect(self, influence: Influence, source: int, target: int) -> None:
        cue, label = influence.cue, ""
        verb = cue[0]
        said = [*denying_words(verb), *modals(verb)] if verb.pos_ == "VERB" else []
        brings = influence.sign is not None or verb.lemma_.lower() in BRINGING_VERBS
        if influence.sign is not None or (said and (brings or not modals(verb))):
            plural = influence.cause is not None and is_plural(influence.cause)
            label = verb_label(verb, plural=plural)
            cue = (verb, *said)
        self.web.connect(EdgeDraft(EdgeKind.EDGE_KIND_CAUSE, source, target, label, cue_span(self.talk, cue)))


def _follow_through(influences: Sequence[Influence]) -> list[Influence]:
    """Lets influences of and upon a clause that tells an influence itself start and end at the effect that it tells."""
    inner: dict[int, list[Token]] = {}
    for influence in influences:
        if influence.cue[0].pos_ == "VERB" and influence.cue[0].i != influence.effect.i:
            inner.setdefault(influence.cue[0].i, []).append(influence.effect)
    # What brings something about is passed over; any other clause is an effect as a whole ("rates rise" → "banks lend less").
    whole = {influence.effect.i for influence in influences if influence.effect.i in inner and not _passes_on(influence.effect)}
    inner = {verb: effects for verb, effects in inner.items() if verb not in whole}
    found: list[Influence] = []
    for influence in influences:
        if influence.cue[0].i in whole and influence.cue[0].i != influence.effect.i:
            continue
        causes: Sequence[Token | None] = [influence.cause]
        if influence.cause is not None:
            causes = inner.get(influence.cause.i, [influence.cause])[-1:]
        effects = inner.get(influence.effect.i) or _undergone(influence.effect) or [influence.effect]
        found += [
            replace(influence, cause=cause, effect=effect)
            for cause in causes
            for effect in effects
            if cause is None or cause.i != effect.i
        ]
    return found


def _passes_on(verb: Token) -> bool:
    """Whether a clause only tells that something comes about, so that its effect says all of it: "it leads to hunger"."""
    lemma = verb.lemma_.lower()
    return lemma in BRINGING_VERBS | CAUSATIVE_VERBS or lemma in FORWARD_PREPOSITIONS


def _undergone(verb: Token) -> list[Token]:
    """What befalls someone: of "patients experience pain and fatigue" the pain and the fatigue."""
    if verb.lemma_ not in _UNDERGOING_VERBS or verb.pos_ != "VERB" or any(child.dep_ == "neg" for child in verb.children):
        return []
    return [part for child in verb.children if child.dep_ == "dobj" and child.pos_ == "NOUN" for part in coordinated(child)]


def _acts_on(verb: Token) -> bool:
    """Whether what a verb does is no increase or decrease that its edge could say: "destroys bridges" is drawn as a whole."""
    denied = any(child.dep_ == "neg" for child in verb.children)
    return verb.lemma_.lower() in (CHANGING_VERBS | {"put"}) - SIGNS and not denied


def _clause_in_front(cause: Token) -> Token | None:
    """The clause that "that" stands for in "packets are sent again, and that causes delay"."""
    verb = cause.head
    if cause.lower_ not in ("this", "that") or cause.dep_ != "nsubj" or verb.dep_ != "conj":
        return None
    return verb.head if is_clause(verb.head) and subject_of(verb.head) is not None else None


def _takes_up(cause: Token) -> bool:
    """Whether a cause takes up what was said: "this", "these factors"."""
    if cause.lower_ in _POINTING and not any(child.dep_ in ("prep", "relcl") for child in cause.children):
        return True
    return cause.lemma_.lower() in _SUMMARIES and any(child.lower_ in _DEMONSTRATIVES for child in cause.children)


def weave_influences(talk: Talk, sentences: Sequence[Span]) -> CausalWeb:
    """Returns the influences told in consecutive sentences."""
    causal = CausalWeb(talk, sentences)
    for sentence in sentences:
        if not sentence.text.rstrip("\"'”) ").endswith("?"):
            causal.tell(sentence)
    return causal


def extract_cause_effect(talk: Talk, sentences: Sequence[Span]) -> Content:
    """Returns causes and effects told in consecutive sentences, in the order of speech; nothing when there are none."""
    causal = weave_influences(talk, sentences)
    causal.complete()
    web = causal.web
    targets = {edge.target for edge in web.edges}
    web.nodes = [
        node if place in targets else replace(node, kind=NodeKind.NODE_KIND_CAUSE) for place, node in enumerate(web.nodes)
    ]
    return web.finish(DiagramType.DIAGRAM_TYPE_CAUSE_EFFECT)
