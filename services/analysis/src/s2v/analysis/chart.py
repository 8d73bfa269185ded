"""A flowchart in the making: nodes, edges, and the open ends that the next step connects to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from spacy.tokens import Token

from s2v.analysis.conditions import Condition
from s2v.analysis.content import EdgeDraft, NodeDraft
from s2v.analysis.language import Talk
from s2v.analysis.steps import Step
from s2v.v1.diagram_pb2 import EdgeKind, NodeKind


@dataclass(frozen=True)
class Tail:
    """An open end that the next step connects to."""

    node: int
    label: str = ""
    cue: tuple[int, int] | None = None


@dataclass
class Decision:
    """A decision whose branches are still being told."""

    node: int
    condition: Condition
    branches: dict[bool, list[Tail]] = field(default_factory=dict)
    """Open ends of the branches told so far, by answer."""
    exits: set[bool] = field(default_factory=set)
    """Branches that end the matter."""
    last: bool = True
    """The branch told last."""
    joining: list[Tail] = field(default_factory=list)
    """Ends of the branches of earlier conditions to which this one is a further alternative; they join with its own."""
    chained: bool = False
    """Whether it is such an alternative: of several conditions told in a row one holds."""

    def tails(self) -> list[Tail]:
        """Returns the ends that the next unconditional step joins."""
        told = [tail for answer, ends in self.branches.items() if answer not in self.exits for tail in ends]
        told = [*self.joining, *told]
        if len(self.branches) > 1 or (self.chained and told):
            return told
        return [*told, Tail(self.node, "no" if True in self.branches else "yes")]


@dataclass
class Chart:
    """A flowchart in the making."""

    talk: Talk
    references: Mapping[int, Token]
    """Antecedents of pronouns."""
    nodes: list[NodeDraft] = field(default_factory=list)
    edges: list[EdgeDraft] = field(default_factory=list)
    tails: list[Tail] = field(default_factory=list)
    parked: list[Tail] = field(default_factory=list)
    """Open ends of the other sides of a fork."""
    before_clause: list[Tail] = field(default_factory=list)
    """The ends to which the last clause was connected, for an alternative to it."""
    before_sentence: list[Tail] = field(default_factory=list)
    """The ends to which the last sentence was connected, for what happens meanwhile."""
    refused: set[int] = field(default_factory=set)
    """Nodes that turn something down."""
    decision: Decision | None = None
    last: Step | None = None
    """The step told last."""

    def add(self, node: NodeDraft, cue: tuple[int, int] | None) -> int:
        """Adds a node after the open ends; the same step told again is the same node."""
        place = next((number for number, known in enumerate(self.nodes) if known.label.text == node.label.text), None)
        if place is None:
            place = len(self.nodes)
            self.nodes.append(node)
        else:
            known = self.nodes[place]
            self.nodes[place] = replace(known, repeats=(*known.repeats, node.span))
        for tail in self.tails:
            self.connect(tail, place, cue)
        self.tails = [Tail(place)]
        return place

    def fork(self, ends: list[Tail]) -> None:
        """Goes on beside what was told since `ends`; both sides are open until they `join`."""
        self.parked = [*self.parked, *(tail for tail in self.tails if tail not in ends)]
        self.tails = ends

    def join(self) -> None:
        """Opens all sides of a fork to the next step, without those that end in a refusal."""
        tails = list(dict.fromkeys([*self.parked, *self.tails]))
        if self.parked:
            going_on = [tail for tail in tails if tail.node not in self.refused]
            tails = going_on or tails
        self.tails, self.parked = tails, []

    def connect(self, tail: Tail, target: int, cue: tuple[int, int] | None) -> None:
        """Adds an edge, once."""
        if tail.node == target or any(edge.source == tail.node and edge.target == target for edge in self.edges):
            return
        branch = self.nodes[tail.node].kind == NodeKind.NODE_KIND_DECISION
        kind = EdgeKind.EDGE_KIND_BRANCH if branch else EdgeKind.EDGE_KIND_SEQUENCE
        self.edges.append(EdgeDraft(kind, tail.node, target, tail.label, tail.cue or cue))

    def close(self) -> None:
        """Ends the open decision: what comes next joins its branches."""
        if self.decision is not None:
            self.tails = self.decision.tails()
            self.decision = None
