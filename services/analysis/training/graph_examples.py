"""What `train_graphs.py` learns from: passages, their candidates, and the graphs that readers drew of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from drawn_graphs import DrawnPassage
from graph_heads import Example
from numpy.typing import NDArray
from tokenizers import Tokenizer

from evals.diagram_graphs import read_graph
from evals.graphs import MIN_OVERLAP, Graph, overlap
from s2v.analysis.candidate_features import describe
from s2v.analysis.candidates import find_candidates
from s2v.analysis.classification import NAMES
from s2v.analysis.extractors import EXTRACTORS
from s2v.analysis.graph_reader import KINDS, align, joint_rows, share_rows
from s2v.analysis.language import Parser, scene_text
from s2v.analysis.speech import read_speech
from s2v.analysis.text import make_transcript
from s2v.analysis.things import are_siblings
from s2v.v1.diagram_pb2 import DiagramType

TYPES = {name: kind for kind, name in NAMES.items()}


@dataclass(frozen=True)
class Drawn:
    """A passage, its candidates, the graph that a reader drew and the one that the extractor draws."""

    scene: str
    """The text as the encoder reads it."""
    kind: DiagramType.ValueType
    example: Example
    phrases: tuple[str, ...]
    """Of the candidates, in their order."""
    siblings: NDArray[np.bool_]
    """Which of them are listed together, shape (candidates, candidates)."""
    gold: Graph
    rules: Graph


def describe_passage(parser: Parser, tokenizer: Tokenizer, passage: DrawnPassage) -> Drawn | None:
    """Describes a passage that a reader drew; None when it says nothing that could be two nodes."""
    talk = parser.parse(read_speech(make_transcript(passage.text)))
    kind = TYPES[passage.label]
    rules = EXTRACTORS[kind](talk, talk.sentences)
    candidates = find_candidates(talk, talk.sentences)
    if len(candidates) < 2:
        return None
    scene = scene_text(talk.sentences)
    offsets = tokenizer.encode(scene).offsets
    features = describe(talk.sentences, candidates, rules)
    rows = align(talk.sentences, offsets)
    likeness = np.asarray([[overlap(node, candidate.node.phrase) for candidate in candidates] for node in passage.nodes])
    best = (likeness >= MIN_OVERLAP) & (likeness >= likeness.max(axis=1, keepdims=True) - 1e-6)
    like = likeness >= MIN_OVERLAP
    joined = np.zeros((len(candidates), len(candidates)), dtype=np.bool_)
    for source, _, target in passage.edges:
        if source != target:
            joined |= np.outer(like[source], like[target])
    example = Example(
        kind=KINDS[kind],
        rows=list(share_rows(talk, candidates, rows, len(offsets))),
        single=features.single,
        pair=features.pair.astype(np.float16),
        joint=joint_rows(features.joint, rows),
        terms=[candidate.terms for candidate in candidates],
        words=[candidate.node.label.words for candidate in candidates],
        likeness=likeness.astype(np.float32),
        chosen=best.any(axis=0).astype(np.float32),
        counted=(best.any(axis=0) | ~like.any(axis=0)).astype(np.float32),
        joined=joined,
    )
    phrases = tuple(candidate.node.phrase for candidate in candidates)
    return Drawn(scene, kind, example, phrases, are_siblings(candidates), Graph(passage.nodes, passage.edges), read_graph(rules))
