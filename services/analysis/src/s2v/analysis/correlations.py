"""Correlations: "the more water flows, the higher the pressure rises", read by their words, which parsers seldom get right."""

from __future__ import annotations

from dataclasses import dataclass

from spacy.tokens import Span, Token

from s2v.analysis.content import NodeDraft
from s2v.analysis.labels import Group, content_lemmas, make_label
from s2v.analysis.language import Talk
from s2v.analysis.steps import phrase
from s2v.v1.diagram_pb2 import NodeKind

_COMPARATIVES = ("JJR", "RBR")
_ARTICLES = frozenset({"the", "a", "an"})


@dataclass(frozen=True)
class Correlation:
    """One thing changes as another does."""

    cause: NodeDraft
    cause_tokens: tuple[Token, ...]
    effect: NodeDraft
    effect_tokens: tuple[Token, ...]
    cue: tuple[Token, ...]


def find_correlation(talk: Talk, sentence: Span) -> Correlation | None:
    """Returns the correlation that a sentence tells, None when it tells none or its halves do not fit into labels."""
    openers = [
        place
        for place in range(len(sentence) - 1)
        if sentence[place].lower_ == "the"
        and sentence[place + 1].tag_ in _COMPARATIVES
        and (place == 0 or sentence[place - 1].is_punct or sentence[place - 1].lower_ in ("and", "but", "so", "that"))
    ]
    # "In such a system the closer the data, the better …": the first half may stand anywhere, its comparative before no noun.
    early = next(
        (
            place
            for place in range(1, openers[0] if openers else 0)
            if sentence[place].lower_ == "the"
            and sentence[place + 1].tag_ in _COMPARATIVES
            and sentence[place + 2].pos_ in ("DET", "PRON")
        ),
        None,
    )
    if early is not None and len(openers) == 1:
        openers.insert(0, early)
    if len(openers) < 2:
        return None
    first, second = openers[:2]
    end = next((place for place in range(second, len(sentence)) if sentence[place].is_punct), len(sentence))
    cause_tokens, effect_tokens = tuple(sentence[first:second]), tuple(sentence[second:end])
    cause, effect = _draft(talk, cause_tokens), _draft(talk, effect_tokens)
    if cause is None or effect is None:
        return None
    return Correlation(cause, cause_tokens, effect, effect_tokens, tuple(sentence[second : second + 2]))


def _draft(talk: Talk, tokens: tuple[Token, ...]) -> NodeDraft | None:
    kept = tuple(token for token in tokens if not token.is_punct and token.lower_ not in _ARTICLES)
    if len(kept) < 2:
        return None
    label = make_label(talk, [Group(0.0, kept)])
    while label is None:
        # The last phrase goes first: "closer the house to the river or the lake".
        cut = next((place for place in range(len(kept) - 1, 1, -1) if kept[place].pos_ in ("ADP", "CCONJ", "SCONJ")), None)
        if cut is None:
            return None
        kept = kept[:cut]
        label = make_label(talk, [Group(0.0, kept)])
    span = (label.words[0], label.words[-1] + 1)
    return NodeDraft(NodeKind.NODE_KIND_EFFECT, phrase(talk, *span), label, span, content_lemmas(kept))
