"""Draws the graph of a scene by what was learned from graphs that readers drew.

Each candidate is scored as a node, then each pair of the likeliest as an edge, from what the passage encoder says of their words
and from `candidate_features`; a span-based reader of entities and relations (Eberts and Ulges, "Span-based joint entity and
relation extraction with transformer pre-training", 2020, arXiv 1909.07755). `training/train_graphs.py` learns the weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Span

from s2v.analysis.assembly import TREES, fits_tree
from s2v.analysis.base_weights import read_learned
from s2v.analysis.candidate_features import Features, Floats, describe
from s2v.analysis.candidates import Candidate, find_candidates
from s2v.analysis.content import Content
from s2v.analysis.extractors import MIN_NODES
from s2v.analysis.language import Talk
from s2v.analysis.mentions import described_name
from s2v.analysis.passage_encoder import PassageReading
from s2v.analysis.spoken_edges import denies_edge
from s2v.analysis.things import Thing, are_one, are_siblings, complete_series, connect, find_mentions, overlaps
from s2v.runtime.errors import SetupError
from s2v.v1.diagram_pb2 import DiagramType, NodeKind

WEIGHTS = Path(__file__).with_name("graph_reader.npz")
SHA256 = "0de0779d42aa1728b657640fe54e813fabc08e8dc0e19c058750f8f285f32837"
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
MAX_CANDIDATES = 600
"""Candidates of a scene beyond which describing all pairs of them takes too much memory: the extractor's graph stands."""
MIN_CHANCE = 0.15
"""Probability below which a candidate is no node."""
MIN_AGREEMENT, AGREEMENT, LOOSE_AGREEMENT = 0.5, 1.1, 1.3
"""Mean probability of what an extractor draws, and share of what is likely that it draws: each and in sum at least so much, and
its graph stands; in sum more for the types whose extractors draw more than a reader would."""
_LOOSE = (DiagramType.DIAGRAM_TYPE_MINDMAP, DiagramType.DIAGRAM_TYPE_NETWORK, DiagramType.DIAGRAM_TYPE_CAUSE_EFFECT)
TOLD_STEPS = 7
"""A process of which the extractor finds so many steps is told step by step, and stands by less:"""
MIN_TOLD, TOLD = 0.3, 0.9
_PROCESSES = (DiagramType.DIAGRAM_TYPE_FLOWCHART, DiagramType.DIAGRAM_TYPE_CYCLE)
ONCE_MORE = 3.0
"""How many times likelier than others an edge must be between nodes that are joined already."""
MIN_RING = 3
Scores = NDArray[np.float32]
"""Probabilities of candidates, or of edges between chosen ones."""


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
        if kind is None or not candidates or len(candidates) > MAX_CANDIDATES:
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
        chosen = _name_once(candidates, chosen)
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


def _name_once(candidates: Sequence[Candidate], chosen: Sequence[int]) -> list[int]:
    """Leaves out what only describes a name that is chosen too: a doctor who is Carl Brown is no one else."""
    heads = {candidates[place].head.i for place in chosen}
    names = {place: described_name(candidates[place].head) for place in chosen}
    return [place for place in chosen if (name := names[place]) is None or name.i not in heads]


def _agrees(drawn: Content, features: Features, chances: Scores, chosen: Sequence[int]) -> bool:
    """Whether the extractor draws what a reader would: then its graph stands, whose words and edges are the speaker's grammar."""
    marks = (NodeKind.NODE_KIND_DECISION, NodeKind.NODE_KIND_TERMINAL)
    things = sum(node.kind not in marks for node in drawn.nodes)
    if things < MIN_NODES:
        return False
    right = chances[features.same].sum() / things
    seen = chances[chosen][features.like[chosen]].sum() / chances[chosen].sum()
    least, enough = MIN_AGREEMENT, LOOSE_AGREEMENT if drawn.type in _LOOSE else AGREEMENT
    if drawn.type in _PROCESSES and len(drawn.nodes) >= TOLD_STEPS:
        least, enough = MIN_TOLD, TOLD
    return bool(min(right, seen) >= least and right + seen >= enough)


def select(terms: Sequence[frozenset[str]], words: Sequence[Sequence[int]], chances: Scores, least: float) -> list[int]:
    """Returns the likeliest candidates that are not one thing, in the order of speech; `words` are those of their labels."""
    chosen: list[int] = []
    for place in np.argsort(-chances, kind="stable"):
        if chances[place] < least or len(chosen) == MAX_CHOSEN:
            break
        if not any(are_one(terms[place], terms[other]) or overlaps(words[place], words[other]) for other in chosen):
            chosen.append(int(place))
    return sorted(chosen, key=lambda place: tuple(words[place]))


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
    what is joined already is joined once more only if that is likely: few readers draw more edges than nodes. A cycle comes back,
    once: further edges within the ring are no likelier than elsewhere.
    """
    edges: list[tuple[int, int]] = []
    closed = False
    group = list(range(len(found)))
    for flat in np.argsort(-found, axis=None, kind="stable"):
        source, target = divmod(int(flat), len(found))
        if found[source, target] < least:
            break
        if (target, source) in edges:
            continue
        once_more = group[source] == group[target] and found[source, target] < ONCE_MORE * least
        comes_back = kind == DiagramType.DIAGRAM_TYPE_CYCLE and source in _reach(edges, target)
        if not fits_tree(edges, source, target) if kind in TREES else once_more and (closed or not comes_back):
            continue
        closed |= comes_back
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


def _sigmoid(scores: Floats) -> Scores:
    return np.asarray(1 / (1 + np.exp(-scores)), dtype=np.float32)


def _gelu(rows: Floats) -> Floats:
    """By its tangent form (Hendrycks and Gimpel 2016, arXiv 1606.08415)."""
    return np.asarray(0.5 * rows * (1 + np.tanh(0.7978846 * (rows + 0.044715 * rows**3))), dtype=np.float32)
