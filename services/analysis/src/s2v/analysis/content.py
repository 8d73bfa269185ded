"""What an extractor finds in a scene, before it becomes part of a storyboard. All places are word numbers of the transcript."""

from __future__ import annotations

from dataclasses import dataclass

from s2v.v1.diagram_pb2 import DatePrecision, DiagramType, EdgeKind, NodeKind


@dataclass(frozen=True)
class Label:
    """A text that is drawn, and the words that it comes from."""

    text: str
    words: tuple[int, ...]
    """Evidence in ascending order; the label is revealed at the first."""
    antecedents: tuple[int, ...] = ()
    """Words said elsewhere that stand in for a pronoun of the label."""


@dataclass(frozen=True)
class Date:
    """A place in time."""

    label: Label
    start_year: float
    """Decimal year; the rank from 0 where only the order is known."""
    end_year: float
    precision: DatePrecision.ValueType


@dataclass(frozen=True)
class NodeDraft:
    """A thing to be drawn."""

    kind: NodeKind.ValueType
    phrase: str
    """The words as spoken."""
    label: Label
    span: tuple[int, int]
    """Words during which it is spoken of for the first time, as (begin, end)."""
    topics: frozenset[str] = frozenset()
    """Lemmas of its content words, by which later mentions are known."""
    repeats: tuple[tuple[int, int], ...] = ()
    """Further words that say the same thing again, as (begin, end)."""
    quantity: Label | None = None
    date: Date | None = None
    level: int = 0
    """Depth in a hierarchy, mindmap or comparison, the root at 0."""


@dataclass(frozen=True)
class EdgeDraft:
    """A connection between two nodes, given by their places in the content."""

    kind: EdgeKind.ValueType
    source: int
    target: int
    label: str = ""
    cue: tuple[int, int] | None = None
    """Words that say the connection, as (begin, end); None when the order of speech alone connects."""


@dataclass(frozen=True)
class Content:
    """Nodes and edges for one type of diagram."""

    type: DiagramType.ValueType
    nodes: tuple[NodeDraft, ...] = ()
    edges: tuple[EdgeDraft, ...] = ()
