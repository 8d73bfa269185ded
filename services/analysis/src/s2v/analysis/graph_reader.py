"""Draws the graph of a scene by what was learned from graphs that readers drew.

Each candidate is scored as a node, then each pair of the likeliest as an edge, from what the passage encoder says of their words
and from `candidate_features`; a span-based reader of entities and relations (Eberts and Ulges, "Span-based joint entity and
relation extraction with transformer pre-training", 2020, arXiv 1909.07755). `training/train_graphs.py` learns the weights.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Span, Token

from s2v.analysis.assembly import PARTS, TREES, assemble, fits_tree
from s2v.analysis.base_weights import read_learned
from s2v.analysis.candidate_features import SAME_NODE, Features, Floats, describe
from s2v.analysis.candidates import Candidate, Form, find_candidates
from s2v.analysis.content import Content, EdgeDraft
from s2v.analysis.evidence import MARKS
from s2v.analysis.extractors import MIN_NODES
from s2v.analysis.language import Talk
from s2v.analysis.lexicon import DENIALS
from s2v.analysis.mentions import find_series
from s2v.analysis.passage_encoder import PassageReading
from s2v.analysis.spoken_edges import denies_edge, name_edge
from s2v.runtime.errors import SetupError
from s2v.v1.diagram_pb2 import DiagramType, EdgeKind, NodeKind

WEIGHTS = Path(__file__).with_name("graph_reader.npz")
SHA256 = "0eb20047d4b8a9ad5cf6bbbfe206cfab2a346c997e0c26af91f115e16ffcfdfd"
"""Digest of the learned weights' file."""
KINDS = {
    DiagramType.DIAGRAM_TYPE_FLOWCHART: 0,
    DiagramType.DIAGRAM_TYPE_HIERARCHY: 1,
    DiagramType.DIAGRAM_TYPE_CYCLE: 2,
    DiagramType.DIAGRAM_TYPE_MINDMAP: 3,
    DiagramType.DIAGRAM_TYPE_COMPARISON: 4,
    DiagramType.DIAGRAM_TYPE_NETWORK: 5,
    DiagramType.DIAGRAM_TYPE_CAUSE_EFFECT: 6,
}
"""Places of the types whose graphs are learned. Timelines go by their dates."""
INNER, HEADS = 256, 4
NODE_LAYERS, EDGE_LAYERS = 2, 2
"""Layers of attention among candidates, and between those chosen."""
RANK_SIZE = 12
MAX_CHOSEN = 14
"""Candidates that are chosen at most."""
MIN_CHANCE = 0.15
"""Probability below which a candidate is no node."""
MIN_AGREEMENT, AGREEMENT = 0.5, 1.1
"""Mean probability of what an extractor draws, and share of what is likely that it draws: each and in sum at least so much, and
its graph stands."""
ONCE_MORE = 3.0
"""How many times likelier than others an edge must be between nodes that are joined already."""
MIN_RING = 3
_NOUNS = (Form.NOUN, Form.BARE_NOUN)
SAME_WORDS = 0.5
"""Share of the shorter one's words beyond which two candidates are one thing."""
SAME_TERMS = 1 / 3
"""Share of a candidate's terms from which another, which has no others, is the same thing."""

Scores = NDArray[np.float32]
"""Probabilities of candidates, or of edges between chosen ones."""


@dataclass(frozen=True)
class Thing:
    """What becomes a node."""

    chosen: Candidate
    mentions: Sequence[Candidate]
    """All that say the same, in the order of speech."""


class GraphReader:
    """The learned weights."""

    def __init__(self) -> None:
        """Loads the weights. Errors: SetupError when the file is missing or damaged."""
        try:
            with np.load(BytesIO(read_learned(WEIGHTS, SHA256))) as arrays:
                self._weights = {name: arrays[name].astype(np.float32) for name in arrays.files}
        except (ValueError, BadZipFile) as error:
            raise SetupError(f"{WEIGHTS} can't be read ({error}): reinstall s2v-analysis") from error

    def draw(self, talk: Talk, sentences: Sequence[Span], drawn: Content, reading: PassageReading) -> Content:
        """Returns the graph of consecutive sentences, of the type of `drawn`, which is what the extractor finds in them.

        `reading` is that of `language.scene_text(sentences)`.
        """
        kind = KINDS.get(drawn.type)
        candidates = [] if kind is None else find_candidates(talk, sentences)
        if kind is None or not candidates:
            return drawn
        features = describe(sentences, candidates, drawn)
        rows = align(sentences, reading.offsets)
        states = reading.states.astype(np.float32)
        vectors, chances = self._read(
            kind, features, np.concatenate(list(share_rows(talk, candidates, rows, len(states)) @ states), axis=1)
        )
        chosen = select(
            [candidate.terms for candidate in candidates],
            [candidate.node.label.words for candidate in candidates],
            chances,
            MIN_CHANCE,
        )
        if not chosen or _agrees(drawn, features, chances, chosen):
            return drawn
        grid = np.ix_(chosen, chosen)
        joints = features.joint[grid]
        joint = states[joint_rows(joints, rows).ravel()]
        kept, joined = self._join(kind, vectors[chosen], features.pair[grid], joint)
        both = np.sqrt(chances[chosen] * kept)
        found = joined * np.outer(both, both)
        some = [candidates[place] for place in chosen]
        if drawn.type in TREES:
            found = np.where(are_siblings(some), np.float32(0), found)
        edges = [
            (source, target)
            for source, target in find_edges(drawn.type, found, float(self._weights["least"][kind]))
            if not denies_edge(talk, some[source], some[target], talk.doc[int(joints[source, target])])
        ]
        if drawn.type in TREES:
            some, edges = complete_series(some, edges, candidates)
        things = [Thing(candidate, find_mentions(candidate, candidates, some)) for candidate in some]
        return connect(talk, drawn, things, edges, joints)

    def _read(self, kind: int, features: Features, states: Floats) -> tuple[Floats, Scores]:
        """Returns the candidates' vectors, shape (candidates, INNER), and their probabilities."""
        mixed = _gelu(self._map("words", states) + self._map("single", features.single) + self._weights["kind.weight"][kind])
        node, edge = mixed[:, :INNER], mixed[:, INNER:]
        for layer in range(NODE_LAYERS):
            node = self._attend(f"among.{layer}", node, features.pair)
        return edge, _sigmoid(self._map("node", node)[:, 0] + node @ self._weights["node_kind.weight"][kind])

    def _join(self, kind: int, vectors: Floats, pair: Floats, joint: Floats) -> tuple[Scores, Scores]:
        """Returns the probability of each one beside the others, shape (nodes,), and of each edge, shape (nodes, nodes)."""
        count = len(vectors)
        pair = np.concatenate([pair, describe_ranks(count)], axis=2)
        vectors = vectors + self._map("place", describe_places(count))
        for layer in range(EDGE_LAYERS):
            vectors = self._attend(f"between.{layer}", vectors, pair)
        kept = _sigmoid(self._map("again", vectors)[:, 0] + vectors @ self._weights["again_kind.weight"][kind])
        source, target = self._map("source", vectors), self._map("target", vectors)
        meeting = self._map("joint", joint).reshape(count, count, INNER)
        given = source[:, None] + target[None] + meeting + self._map("pair", pair) + self._weights["edge_kind.weight"][kind]
        mixed = _gelu(self._map("inner", _gelu(given)))
        scores = self._map("edge", mixed)[..., 0] + mixed @ self._weights["edge_weight.weight"][kind]
        edges = _sigmoid(scores + source @ target.T / np.float32(INNER**0.5)) * (1 - np.eye(count, dtype=np.float32))
        return kept, edges

    def _map(self, name: str, rows: Floats) -> Floats:
        """Multiplies by a matrix and adds its bias, if it has one."""
        mapped = rows @ self._weights[f"{name}.weight"].T
        return np.asarray(mapped + self._weights.get(f"{name}.bias", np.float32(0)), dtype=np.float32)

    def _attend(self, name: str, rows: Floats, pair: Floats) -> Floats:
        """A transformer layer whose attention adds what `pair` says of each two rows."""
        parts = np.split(self._map(f"{name}.qkv", self._normalize(f"{name}.first", rows)), 3, axis=1)
        query, key, value = (part.reshape(len(rows), HEADS, -1).transpose(1, 0, 2) for part in parts)
        scores = query @ key.transpose(0, 2, 1) / np.float32((INNER / HEADS) ** 0.5)
        scores += self._map(f"{name}.pair", pair).transpose(2, 0, 1)
        shares = np.exp(scores - scores.max(axis=2, keepdims=True))
        attended = (shares / shares.sum(axis=2, keepdims=True)) @ value
        rows = rows + self._map(f"{name}.out", attended.transpose(1, 0, 2).reshape(len(rows), INNER))
        inner = _gelu(self._map(f"{name}.wide", self._normalize(f"{name}.second", rows)))
        return np.asarray(rows + self._map(f"{name}.narrow", inner), dtype=np.float32)

    def _normalize(self, name: str, rows: Floats) -> Floats:
        centred = rows - rows.mean(axis=1, keepdims=True)
        scale = np.sqrt((centred**2).mean(axis=1, keepdims=True) + np.float32(1e-5))
        return np.asarray(centred / scale * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"], dtype=np.float32)


def _agrees(drawn: Content, features: Features, chances: Scores, chosen: Sequence[int]) -> bool:
    """Whether the extractor draws what a reader would: then its graph stands, whose words and edges are the speaker's grammar."""
    marks = (NodeKind.NODE_KIND_DECISION, NodeKind.NODE_KIND_TERMINAL)
    things = sum(node.kind not in marks for node in drawn.nodes)
    if things < MIN_NODES:
        return False
    right = chances[features.same].sum() / things
    seen = chances[chosen][features.like[chosen]].sum() / chances[chosen].sum()
    return bool(min(right, seen) >= MIN_AGREEMENT and right + seen >= AGREEMENT)


def select(terms: Sequence[frozenset[str]], words: Sequence[Sequence[int]], chances: Scores, least: float) -> list[int]:
    """Returns the likeliest candidates that are not one thing, in the order of speech; `words` are those of their labels."""
    chosen: list[int] = []
    for place in np.argsort(-chances, kind="stable"):
        if chances[place] < least or len(chosen) == MAX_CHOSEN:
            break
        if not any(_are_one(terms[place], terms[other]) or _overlap(words[place], words[other]) for other in chosen):
            chosen.append(int(place))
    return sorted(chosen, key=lambda place: tuple(words[place]))


def _are_one(terms: frozenset[str], others: frozenset[str]) -> bool:
    """Whether one says no more than a part of the other, and no small one: "the heart" and "a beating heart"."""
    shared = len(terms & others)
    return shared == min(len(terms), len(others)) and SAME_TERMS * max(len(terms), len(others)) <= shared


def _overlap(words: Sequence[int], others: Sequence[int]) -> bool:
    """Whether most of the words of one stand in the other."""
    return len(set(words).intersection(others)) > SAME_WORDS * min(len(words), len(others))


def describe_ranks(count: int) -> Floats:
    """Returns how chosen candidates stand to one another in the order of speech, shape (count, count, RANK_SIZE)."""
    one, other = np.meshgrid(np.arange(count), np.arange(count), indexing="ij")
    apart = other - one
    flags = (
        *(apart == 1, apart == 2, apart > 2, apart == -1, apart == -2, apart < -2),
        *(one == 0, other == 0, one == count - 1, other == count - 1),
        *(np.full_like(one, count) / 10, apart / max(count, 1)),
    )
    return np.stack([np.asarray(flag, dtype=np.float32) for flag in flags], axis=2)


def describe_places(count: int) -> Floats:
    """Returns where each of the chosen candidates is in the order of speech, shape (count, 2)."""
    places = np.arange(count)
    return np.stack([places / 10, places == 0], axis=1).astype(np.float32)


def align(sentences: Sequence[Span], offsets: Sequence[tuple[int, int]]) -> dict[int, list[int]]:
    """Returns by token number the encoder's rows that read it; `offsets` are theirs in the text of the sentences."""
    rows: dict[int, list[int]] = {}
    row, start = 0, 0
    for sentence in sentences:
        for token in sentence:
            begin = start + token.idx - sentence.start_char
            end = begin + len(token.text)
            while row < len(offsets) and offsets[row][1] <= begin:
                row += 1
            place = row
            while place < len(offsets) and offsets[place][0] < end:
                if offsets[place][1] > begin:
                    rows.setdefault(token.i, []).append(place)
                place += 1
        start += len(sentence.text) + 1
    return rows


def share_rows(talk: Talk, candidates: Sequence[Candidate], rows: Mapping[int, Sequence[int]], length: int) -> Floats:
    """Returns the share of each row in a candidate's words, in its head and in what governs the head.

    Shape (3, candidates, length); nothing of what lies beyond the encoder's reach.
    """
    shares = np.zeros((3, len(candidates), length), dtype=np.float32)
    for place, candidate in enumerate(candidates):
        words = [token for word in candidate.node.label.words for token in range(*talk.tokens_of[word])]
        for part, tokens in enumerate((words, [candidate.head.i], [candidate.head.head.i])):
            read = [row for token in tokens for row in rows.get(token, ())]
            for row in read:
                shares[part, place, row] += 1 / len(read)
    return shares


def joint_rows(joints: NDArray[np.int64], rows: Mapping[int, Sequence[int]]) -> NDArray[np.int64]:
    """Returns the first row that reads each token, in their shape; the first of all for one beyond the encoder's reach."""
    return np.asarray([(rows.get(int(token)) or [0])[0] for token in joints.flat], dtype=np.int64).reshape(joints.shape)


def find_edges(kind: DiagramType.ValueType, found: Scores, least: float) -> list[tuple[int, int]]:
    """Returns edges as (source, target): the likeliest first, as long as they make a graph of the type.

    `found` holds the probability of each edge between nodes, shape (nodes, nodes). Of a tree each node has one parent. Elsewhere
    what is joined already is joined once more only if that is likely: few readers draw more edges than nodes. A cycle comes back.
    """
    edges: list[tuple[int, int]] = []
    group = list(range(len(found)))
    for flat in np.argsort(-found, axis=None, kind="stable"):
        source, target = divmod(int(flat), len(found))
        if found[source, target] < least:
            break
        if (target, source) in edges:
            continue
        once_more = group[source] == group[target] and found[source, target] < ONCE_MORE * least
        comes_back = kind == DiagramType.DIAGRAM_TYPE_CYCLE and source in _reach(edges, target)
        if not fits_tree(edges, source, target) if kind in TREES else once_more and not comes_back:
            continue
        edges.append((source, target))
        group = [group[source] if own == group[target] else own for own in group]
    if kind != DiagramType.DIAGRAM_TYPE_CYCLE or not edges:
        return edges
    # A ring is one: what stands apart from most of it is no part.
    main = max(group, key=lambda own: (group.count(own), -own))
    ring = [(source, target) for source, target in edges if group[source] == main]
    return [*ring, *_closing(ring)]


def _reach(edges: Sequence[tuple[int, int]], start: int) -> set[int]:
    """The nodes to which edges lead from one, itself included."""
    reached, ahead = {start}, [start]
    while ahead:
        place = ahead.pop()
        further = {target for source, target in edges if source == place} - reached
        reached |= further
        ahead.extend(further)
    return reached


def _closing(edges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The edge that leads from the end of the longest way back to its start; none where a way comes back already."""
    if any(source in _reach(edges, target) for source, target in edges):
        return []
    ways = [list(edge) for edge in edges]
    longest: list[int] = []
    while ways:
        way = ways.pop()
        longest = max(longest, way, key=len)
        ways += [[*way, target] for source, target in edges if source == way[-1]]
    return [(longest[-1], longest[0])] if len(longest) >= MIN_RING else []


def connect(
    talk: Talk, drawn: Content, things: Sequence[Thing], edges: Sequence[tuple[int, int]], joints: NDArray[np.int64]
) -> Content:
    """Makes the graph of those things that have edges.

    A node is what is said first of it. What the extractor says of a node or an edge is kept.
    """
    joined = sorted({end for edge in edges for end in edge})
    rank = {place: number for number, place in enumerate(joined)}
    known = {place: _find_node(drawn, frozenset(things[place].chosen.node.label.words)) for place in joined}
    said = {(edge.source, edge.target): edge for edge in drawn.edges}
    leaving = Counter(source for source, _ in edges)
    node_kind, edge_kind = PARTS[drawn.type]
    nodes = []
    for place in joined:
        node, *again = (mention.node for mention in things[place].mentions)
        spans = [other.span for other in again]
        kind = node_kind
        if known[place] >= 0:
            model = drawn.nodes[known[place]]
            spans += model.repeats
            node = replace(node, quantity=node.quantity or model.quantity)
            if model.kind == NodeKind.NODE_KIND_DECISION and leaving[place] > 1:
                kind = model.kind
        repeats = tuple(span for span in sorted(set(spans)) if span[0] >= node.span[1])
        nodes.append(replace(node, kind=kind, repeats=repeats))
    made: list[EdgeDraft] = []
    for source, target in edges:
        edge = said.get((known[source], known[target]))
        if edge is None:
            label, cue = "", None
            if drawn.type == DiagramType.DIAGRAM_TYPE_NETWORK:
                meeting = talk.doc[int(joints[source, target])]
                label, cue = name_edge(talk, things[source].chosen, things[target].chosen, meeting)
            edge = EdgeDraft(edge_kind, source, target, label, cue)
        if edge.cue is None and any(things[end].chosen is not things[end].mentions[0] for end in (source, target)):
            # The nodes stand there since they were named; what joins them is said now.
            edge = replace(edge, cue=max(things[end].chosen.node.span for end in (source, target)))
        branches = nodes[rank[source]].kind == NodeKind.NODE_KIND_DECISION
        if not branches and edge.label.lower() in MARKS:
            edge = replace(edge, label="", cue=None)
        own_kind = EdgeKind.EDGE_KIND_BRANCH if branches else edge_kind
        made.append(replace(edge, source=rank[source], target=rank[target], kind=own_kind))
    return assemble(drawn.type, nodes, made)


def are_siblings(some: Sequence[Candidate]) -> NDArray[np.bool_]:
    """Returns which two are members of one series ("bone, cartilage and blood"): none is a part of another."""
    series = np.full(len(some), -1)
    for place, candidate in enumerate(some):
        members = find_series(candidate.head) if candidate.form in _NOUNS else []
        series[place] = members[0].i if members else -1
    return np.asarray((series[:, None] == series) & (series[:, None] >= 0))


def complete_series(
    some: Sequence[Candidate], edges: Sequence[tuple[int, int]], candidates: Sequence[Candidate]
) -> tuple[list[Candidate], list[tuple[int, int]]]:
    """Adds the members of a series of which one is drawn as a part: half of what was listed would be a false statement."""
    all_drawn, whole = list(some), list(edges)
    for source, target in edges:
        first = some[target]
        for head in find_series(first.head) if first.form in _NOUNS else ():
            other = _find_member(head, first, all_drawn, candidates)
            if other is None:
                continue
            place = next((place for place, known in enumerate(all_drawn) if known is other), len(all_drawn))
            if place == len(all_drawn):
                all_drawn.append(other)
            if fits_tree(whole, source, place):
                whole.append((source, place))
    return all_drawn, whole


def _find_member(head: Token, model: Candidate, drawn: Sequence[Candidate], candidates: Sequence[Candidate]) -> Candidate | None:
    """The candidate for a member of a series, the one that is drawn if there is one; None where another says the same."""
    own = [one for one in candidates if one.head.i == head.i and one.form in _NOUNS]
    known = next((one for one in drawn if one in own), None)
    if known is not None:
        return known
    others = {member.lemma_.lower() for member in find_series(head) if member.i != head.i}
    for one in sorted(own, key=lambda candidate: candidate.form != model.form):
        words = one.node.label.words
        told = any(_are_one(one.terms, other.terms) or _overlap(words, other.node.label.words) for other in drawn)
        if not told and others.isdisjoint(one.terms):
            return one
    return None


def find_mentions(candidate: Candidate, candidates: Sequence[Candidate], chosen: Sequence[Candidate]) -> list[Candidate]:
    """Those that say the same in the same form, itself among them: none denies what it says, or is a part of another node."""
    taken = {word for other in chosen if other is not candidate for word in other.node.label.words}
    return [
        other
        for other in candidates
        if other is candidate
        or (
            other.terms == candidate.terms
            and other.form == candidate.form
            and (other.form in _NOUNS or other.node.label.text.lower() == candidate.node.label.text.lower())
            and _denies(other) == _denies(candidate)
            and taken.isdisjoint(other.node.label.words)
        )
    ]


def _denies(candidate: Candidate) -> bool:
    return any(word in DENIALS or word.endswith(("n't", "n’t")) for word in candidate.node.label.text.lower().split())


def _find_node(drawn: Content, words: frozenset[int]) -> int:
    """The node of the extractor that has the same words; -1 for none."""
    shares = [len(words & set(node.label.words)) / len(words | set(node.label.words)) for node in drawn.nodes]
    best = int(np.argmax(shares)) if shares else -1
    return best if shares and shares[best] >= SAME_NODE else -1


def _sigmoid(scores: Floats) -> Scores:
    return np.asarray(1 / (1 + np.exp(-scores)), dtype=np.float32)


def _gelu(rows: Floats) -> Floats:
    """By its tangent form (Hendrycks and Gimpel 2016, arXiv 1606.08415)."""
    return np.asarray(0.5 * rows * (1 + np.tanh(0.7978846 * (rows + 0.044715 * rows**3))), dtype=np.float32)
