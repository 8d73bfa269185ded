"""French scenes: clauses, steps, dated events and lists, found by rules on the parts of speech.

The small French pipeline tags words well but often attaches imperatives and lists wrongly: clauses are cut at commas and
conjunctions between verbs, and lists at commas, rather than read from its tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spacy.tokens import Span, Token

from s2v.analysis.content import Content, EdgeDraft, Label, NodeDraft
from s2v.analysis.french_dates import find_dates
from s2v.analysis.french_lexicon import (
    CONDITIONS,
    MODALS,
    NEGATIONS,
    OTHERWISE,
    PARALLEL,
    SEQUENCE_CUES,
    STATIVE_VERBS,
    SUBJECT_PRONOUNS,
)
from s2v.analysis.labels import MAX_CHARACTERS, MAX_WORDS, capitalize
from s2v.analysis.language import Talk
from s2v.v1.diagram_pb2 import DiagramType, EdgeKind, NodeKind

_JOINERS = frozenset({"et", "puis", "ou", "mais"})
_ARTICLES = frozenset({"le", "la", "les", "l'", "l’", "un", "une", "des", "du", "de", "d'", "d’", "au", "aux"})


@dataclass(frozen=True)
class FrenchClause:
    """Words around one verb."""

    tokens: tuple[Token, ...]
    """Without the words that lead in."""
    verb: Token | None
    cue: Token | None
    """The sequence word in front, if any."""
    condition: Token | None
    """The "si" that opens it."""
    otherwise: Token | None
    parallel: bool
    early: bool
    """Whether it stands in front of the clause that it comes after: "avant de servir, goûtez"."""


def extract_flowchart(talk: Talk, sentences: Sequence[Span]) -> Content:
    """Returns the steps told in consecutive sentences, in their order, with conditions and their other branch."""
    nodes: list[NodeDraft] = []
    edges: list[EdgeDraft] = []
    tails: list[tuple[int, str, tuple[int, int] | None]] = []
    fork: list[tuple[int, str, tuple[int, int] | None]] = []
    decision: int | None = None
    parked: list[tuple[int, str, tuple[int, int] | None]] = []
    for sentence in sentences:
        clauses = _order(find_clauses(sentence))
        if decision is not None and not any(clause.otherwise for clause in clauses):
            tails, parked, decision = [*parked, *tails, (decision, "", None)], [], None
        for clause in clauses:
            cue = _span(talk, clause.cue)
            if clause.condition is not None:
                node = _draft(talk, clause, NodeKind.NODE_KIND_DECISION, "?")
                if node is None:
                    continue
                nodes.append(node)
                decision = len(nodes) - 1
                edges += [_edge(nodes, tail, decision, cue) for tail in tails]
                tails = [(decision, "si", _span(talk, clause.condition))]
                continue
            if clause.otherwise is not None and decision is not None:
                parked, tails = [*parked, *tails], [(decision, clause.otherwise.lower_, _span(talk, clause.otherwise))]
            node = _draft(talk, clause, NodeKind.NODE_KIND_STEP) if _is_step(clause) else None
            if node is None:
                continue
            nodes.append(node)
            place = len(nodes) - 1
            ends = fork if clause.parallel and fork else tails
            edges += [_edge(nodes, tail, place, cue) for tail in ends]
            tails, fork = [*(tails if clause.parallel else []), (place, "", None)], ends
            if clause.otherwise is not None and decision is not None:
                tails, parked, decision = [*parked, *tails], [], None
    return Content(DiagramType.DIAGRAM_TYPE_FLOWCHART, tuple(nodes), tuple(dict.fromkeys(edges)))


def extract_timeline(talk: Talk, sentences: Sequence[Span]) -> Content:
    """Returns the dated events of consecutive sentences in the order of speech."""
    nodes: list[NodeDraft] = []
    dates = find_dates(talk, sentences)
    for sentence in sentences:
        for clause in find_clauses(sentence, split_dates=True):
            words = {talk.word(token) for token in clause.tokens}
            date = next((found for found in dates if set(found.date.label.words) & words), None)
            if date is None or any(node.date == date.date for node in nodes):
                continue
            kept = [token for token in clause.tokens if not date.words[0] <= talk.word(token) < date.words[1]]
            while kept and (kept[0].is_punct or kept[0].lower_ in ("que", "qu'")):
                kept.pop(0)
            label = make_label(talk, kept)
            if label is None:
                continue
            span = (min(label.words[0], date.words[0]), max(label.words[-1] + 1, date.words[1]))
            nodes.append(NodeDraft(NodeKind.NODE_KIND_EVENT, _text(talk, kept), label, span, topics(kept), date=date.date))
    return Content(DiagramType.DIAGRAM_TYPE_TIMELINE, tuple(nodes))


def find_clauses(sentence: Span, *, split_dates: bool = False) -> list[FrenchClause]:
    """Returns the clauses of a sentence in order: cut where a comma or conjunction stands between two verbs.

    `split_dates` keeps what leads in, as a date may.
    """
    pieces: list[list[Token]] = [[]]
    for token in sentence:
        if not split_dates and _is_before(token) and _main_verb(pieces[-1]) is not None:
            pieces.append([])
        joins = token.text in (",", ";", ":") or token.lower_ in _JOINERS
        if joins and pieces[-1]:
            if token.lower_ in _JOINERS and token.lower_ != "et":
                pieces.append([token])
            else:
                pieces.append([])
        elif not joins or token.lower_ == "puis":
            pieces[-1].append(token)
    merged: list[list[Token]] = []
    kept = [piece for piece in pieces if piece]
    if len(kept) > 1 and kept[0][0].lower_ == "pour" and not split_dates:
        kept = kept[1:]  # "pour faire des crêpes, …" says what for
    for piece in kept:
        verbal = _main_verb(piece) is not None
        if merged and verbal and merged[-1][0].lower_ in CONDITIONS:
            merged.append(piece)
        elif merged and (not verbal or (_main_verb(merged[-1]) is None and not _opens(piece) and not _is_before(merged[-1][0]))):
            merged[-1] = [*merged[-1], *_between(merged[-1][-1], piece[0]), *piece]
        else:
            merged.append(piece)
    return [_make_clause(piece, keep=split_dates) for piece in merged]


def make_label(talk: Talk, tokens: Sequence[Token], suffix: str = "") -> Label | None:
    """Returns the words as spoken, cut from the end until they fit, then without articles; None when nothing fits."""
    kept = [token for token in tokens if not token.is_punct or token.text in ("'", "’", "-")]
    for shortened in _shorten(kept):
        text = _text(talk, shortened)
        if shortened and len(text) + len(suffix) <= MAX_CHARACTERS and len((text + suffix).split()) <= MAX_WORDS:
            return Label(capitalize(text) + suffix, tuple(sorted({talk.word(token) for token in shortened})))
    return None


def topics(tokens: Sequence[Token]) -> frozenset[str]:
    """Returns the lemmas of nouns, verbs, adjectives and numbers."""
    return frozenset(token.lemma_.lower() for token in tokens if token.pos_ in ("NOUN", "PROPN", "VERB", "ADJ", "NUM"))


def _shorten(tokens: list[Token]) -> Iterator[list[Token]]:
    remaining = list(tokens)
    while remaining:
        yield remaining
        # The last prepositional phrase or adverb goes first; a verb and its first noun stay.
        cut = next(
            (
                place
                for place in range(len(remaining) - 1, 1, -1)
                if remaining[place].pos_ in ("ADP", "SCONJ", "ADV", "PRON", "CCONJ")
                and not _leads_infinitive(remaining, place)
                and not any(token.lower_ in NEGATIONS for token in remaining[place:])
                and any(token.pos_ in ("NOUN", "PROPN", "ADJ", "NUM") for token in remaining[1:place])
            ),
            None,
        )
        if cut is None:
            break
        remaining = remaining[:cut]
    bare = [
        token for place, token in enumerate(remaining) if token.lower_ not in _ARTICLES or _leads_infinitive(remaining, place)
    ]
    yield bare
    yield [token for token in bare if token.pos_ not in ("ADJ", "ADV") or token.lower_ in NEGATIONS]


def _leads_infinitive(tokens: Sequence[Token], place: int) -> bool:
    """Whether a preposition hands a verb its infinitive, without which it says something else: "a tenté de construire"."""
    preposition = tokens[place].pos_ == "ADP" and tokens[place].lower_ in ("de", "d'", "d’", "à")
    return preposition and place + 1 < len(tokens) and tokens[place + 1].pos_ == "VERB"


def _text(talk: Talk, tokens: Sequence[Token]) -> str:
    pieces: list[str] = []
    for place, token in enumerate(tokens):
        joined = place > 0 and talk.word(tokens[place - 1]) == talk.word(token)
        pieces.append(token.text if joined or not pieces else f" {token.text}")
    text = "".join(pieces)
    return text.strip(" .,;:!?")


def _main_verb(tokens: Sequence[Token]) -> Token | None:
    verbs = [token for token in tokens if _is_verb(token)]
    telling = [token for token in verbs if token.lemma_ not in MODALS]
    return next(iter([*telling, *verbs]), None)


def _is_verb(token: Token) -> bool:
    """Whether a token is a verb, or an imperative that the tagger took for a noun ("versez")."""
    imperative = (
        token.lower_.endswith("ez") and len(token.text) > 4 and token.lower_ not in ("assez", "rendez") and token.pos_ != "ADV"
    )
    return token.pos_ == "VERB" or imperative or (token.pos_ == "AUX" and token.dep_ in ("ROOT", "conj"))


def _opens(piece: Sequence[Token]) -> bool:
    return piece[0].lower_ in CONDITIONS | OTHERWISE


def _is_before(token: Token) -> bool:
    """Whether a token opens a clause as "avant de" or "avant que" does."""
    return (
        token.lower_ == "avant"
        and token.i + 1 < token.sent.end
        and token.nbor().lower_ in ("de", "d'", "d’", "que", "qu'", "qu’")
    )


def _order(clauses: Sequence[FrenchClause]) -> list[FrenchClause]:
    """Puts what stands in front of its main clause but comes after it, with its further infinitives, behind that clause."""
    ordered: list[FrenchClause] = []
    waiting: list[FrenchClause] = []
    for clause in clauses:
        infinitive = clause.verb is not None and "Inf" in clause.verb.morph.get("VerbForm", [])
        if clause.early or (waiting and infinitive):
            waiting.append(clause)
        else:
            ordered += [clause, *waiting]
            waiting = []
    return ordered + waiting


def _between(first: Token, second: Token) -> list[Token]:
    """The joining words that stood between two pieces."""
    return [token for token in first.doc[first.i + 1 : second.i] if not token.is_space]


def _make_clause(piece: list[Token], *, keep: bool) -> FrenchClause:
    tokens = list(piece)
    cue = condition = otherwise = None
    early = False
    opening = " ".join(token.text for token in tokens[:4]).lower()
    parallel = any(opening.startswith(phrase) for phrase in PARALLEL)
    if parallel:
        size = next(len(phrase.split()) for phrase in PARALLEL if opening.startswith(phrase))
        tokens = tokens[size:]
    while tokens:
        first = tokens[0]
        word = first.lower_.replace("’", "'")
        if _is_before(first) and not keep and len(tokens) > 1:
            early = early or first.i == first.sent.start or first.nbor(-1).is_punct or _joins(first.nbor(-1))
            tokens.pop(1)
        elif word in CONDITIONS and condition is None and first.pos_ != "PRON":
            condition = first
        elif word in OTHERWISE:
            otherwise = first
        elif (word in ("d'", "tout", "la", "le") and len(tokens) > 1 and tokens[1].lower_ in SEQUENCE_CUES | {"d'"}) or (
            word in SEQUENCE_CUES and not keep
        ):
            cue = cue or first
        elif (
            first.is_punct
            or word in _JOINERS | {"que", "étape", "étape,"}
            or (word in SUBJECT_PRONOUNS and not keep and condition is None)
        ):
            pass
        elif first.lemma_ in MODALS and len(tokens) > 2 and not keep and any(token.pos_ == "VERB" for token in tokens[1:4]):
            if len(tokens) > 1 and tokens[1].lower_ in ("par", "à", "de"):
                tokens.pop(1)
        else:
            break
        tokens.pop(0)
    return FrenchClause(tuple(tokens), _main_verb(tokens), cue, condition, otherwise, parallel, early)


def _joins(token: Token) -> bool:
    return token.lower_ in _JOINERS | SEQUENCE_CUES


def _is_step(clause: FrenchClause) -> bool:
    verb = clause.verb
    if verb is None or verb.lemma_ in STATIVE_VERBS:
        return False
    return any(token.pos_ in ("NOUN", "PROPN") for token in clause.tokens)


def _draft(talk: Talk, clause: FrenchClause, kind: NodeKind.ValueType, suffix: str = "") -> NodeDraft | None:
    tokens = list(clause.tokens)
    label = make_label(talk, tokens, suffix)
    if label is None or len(label.words) < 2:
        return None
    span = (label.words[0], talk.word(tokens[-1]) + 1)
    return NodeDraft(kind, _text(talk, tokens), label, span, topics(tokens))


def _span(talk: Talk, token: Token | None) -> tuple[int, int] | None:
    return None if token is None else (talk.word(token), talk.word(token) + 1)


def _edge(
    nodes: Sequence[NodeDraft], tail: tuple[int, str, tuple[int, int] | None], target: int, cue: tuple[int, int] | None
) -> EdgeDraft:
    source, label, words = tail
    branch = nodes[source].kind == NodeKind.NODE_KIND_DECISION
    kind = EdgeKind.EDGE_KIND_BRANCH if branch else EdgeKind.EDGE_KIND_SEQUENCE
    return EdgeDraft(kind, source, target, label, words if words is not None else cue)
