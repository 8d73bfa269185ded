"""Which accent each node has. Colour never carries a meaning alone: it only sets parts of a picture apart."""

from __future__ import annotations

from collections.abc import Mapping

from s2v.v1.composition_pb2 import ColorRole
from s2v.v1.diagram_pb2 import Diagram, NodeKind

IN_TURN = (
    ColorRole.COLOR_ROLE_BLUE,
    ColorRole.COLOR_ROLE_CYAN,
    ColorRole.COLOR_ROLE_GREEN,
    ColorRole.COLOR_ROLE_AMBER,
    ColorRole.COLOR_ROLE_VIOLET,
    ColorRole.COLOR_ROLE_ROSE,
)
"""Things of equal rank in their order, again and again."""
STEPS = (ColorRole.COLOR_ROLE_BLUE, ColorRole.COLOR_ROLE_CYAN, ColorRole.COLOR_ROLE_VIOLET)
"""Steps in the order of speech, again and again."""
BRANCHES = (ColorRole.COLOR_ROLE_GREEN, ColorRole.COLOR_ROLE_ROSE, ColorRole.COLOR_ROLE_VIOLET, ColorRole.COLOR_ROLE_CYAN)
"""The ways out of a decision in the order of speech."""
SHORT_WAY = 2
"""Nodes on a way that still have its colour together: a long row of one colour would shout."""
DECISION = ColorRole.COLOR_ROLE_AMBER
LAST = ColorRole.COLOR_ROLE_GREEN
REFUSALS = frozenset(("no", "−", "-", "non", "nein"))
"""Structural marks of the branch that is not taken: it leads to rose even when it is spoken first."""


def choose_group_accents(diagram: Diagram) -> dict[str, ColorRole.ValueType]:
    """Returns the accent of each node of a network by its id: that of its group, else of its place among those without."""
    order = {group.id: number for number, group in enumerate(diagram.groups)}
    accents: dict[str, ColorRole.ValueType] = {}
    alone = len(order)
    for node in diagram.nodes:
        if node.group_id in order:
            accents[node.id] = IN_TURN[order[node.group_id] % len(IN_TURN)]
        else:
            accents[node.id] = IN_TURN[alone % len(IN_TURN)]
            alone += 1
    return accents


def choose_cause_accents(diagram: Diagram) -> dict[str, ColorRole.ValueType]:
    """Returns the accent of each node by its id: first causes amber, last effects rose, what lies between blue."""
    targets, sources = {edge.target for edge in diagram.edges}, {edge.source for edge in diagram.edges}
    accents: dict[str, ColorRole.ValueType] = {}
    for node in diagram.nodes:
        first = node.kind == NodeKind.NODE_KIND_CAUSE if node.id not in targets | sources else node.id not in targets
        last = node.id in targets and node.id not in sources
        middle = ColorRole.COLOR_ROLE_BLUE
        accents[node.id] = ColorRole.COLOR_ROLE_AMBER if first else ColorRole.COLOR_ROLE_ROSE if last else middle
    return accents


def choose_accents(diagram: Diagram) -> dict[str, ColorRole.ValueType]:
    """Returns the accent of each node by its id.

    Decisions are amber. What lies on one way out of a decision alone has the colour of that way, of a long one only the first
    node; all else takes the calm accents in turn, and the end of a process without decisions is green.
    """
    kinds = {node.id: node.kind for node in diagram.nodes}
    ways = _ways(diagram)
    accents: dict[str, ColorRole.ValueType] = {}
    step = 0
    sources = {edge.source for edge in diagram.edges}
    ends = [node.id for node in diagram.nodes if node.id not in sources]
    for node in diagram.nodes:
        if kinds[node.id] == NodeKind.NODE_KIND_DECISION:
            accents[node.id] = DECISION
        elif node.id in ways:
            accents[node.id] = ways[node.id]
        elif len(diagram.nodes) > 2 and ends == [node.id] and not ways:
            accents[node.id] = LAST
        else:
            accents[node.id] = STEPS[step % len(STEPS)]
            step += 1
    return accents


def _ways(diagram: Diagram) -> Mapping[str, ColorRole.ValueType]:
    """Gives the nodes behind exactly one way out of the nearest decision the colour of that way."""
    decisions = [node.id for node in diagram.nodes if node.kind == NodeKind.NODE_KIND_DECISION]
    order = {node.id: number for number, node in enumerate(diagram.nodes)}
    following: dict[str, list[str]] = {node.id: [] for node in diagram.nodes}
    for edge in diagram.edges:
        following[edge.source].append(edge.target)
    ways: dict[str, ColorRole.ValueType] = {}
    for decision in decisions:
        branches = [edge for edge in diagram.edges if edge.source == decision and edge.target != decision]
        branches.sort(key=lambda edge: (edge.label.casefold() in REFUSALS, order[edge.target]))
        # A way back to what came before the decision is no way of its own.
        reached = [
            _reach(edge.target, following, decision) if order[edge.target] > order[decision] else set[str]() for edge in branches
        ]
        for number, nodes in enumerate(reached):
            others = set[str]().union(*(each for place, each in enumerate(reached) if place != number))
            own = [node_id for node_id in nodes - others if order[node_id] > order[decision]]
            for node_id in own if len(own) <= SHORT_WAY else {branches[number].target} & set(own):
                ways[node_id] = BRANCHES[min(number, len(BRANCHES) - 1)]
    return ways


def _reach(start: str, following: Mapping[str, list[str]], stop: str) -> set[str]:
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        node_id = waiting.pop()
        if node_id not in reached and node_id != stop:
            reached.add(node_id)
            waiting += following[node_id]
    return reached
