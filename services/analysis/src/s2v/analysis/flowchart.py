"""Flowcharts: steps, decisions and their branches, from the clauses of a scene.

Steps follow one another in the order in which they are told, save where "before", "after" or "while" say otherwise. A condition
becomes a decision; its clause is the branch "yes", an opposite condition or "otherwise" the branch "no". They join at the next
unconditional step, unless one of them ends the matter ("… shows the page at once").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from spacy.tokens import Span

from s2v.analysis.clauses import Clause, Role, find_clauses
from s2v.analysis.conditions import Condition, make_condition, opposite
from s2v.analysis.content import Content, EdgeDraft, NodeDraft
from s2v.analysis.language import Talk
from s2v.analysis.lexicon import EXIT_ADVERBS, EXIT_VERBS, MEASURE_VERBS, PARALLEL_MARKS, STATIVE_VERBS
from s2v.analysis.quantities import find_quantity
from s2v.analysis.steps import Step, make_steps
from s2v.v1.diagram_pb2 import DiagramType, EdgeKind, NodeKind


@dataclass(frozen=True)
class _Tail:
    """An open end that the next step connects to."""

    node: int
    label: str = ""
    cue: tuple[int, int] | None = None


@dataclass
class _Decision:
    """A decision whose branches are still being told."""

    node: int
    condition: Condition
    branches: dict[bool, list[_Tail]] = field(default_factory=dict)
    """Open ends of the branches told so far, by answer."""
    exits: set[bool] = field(default_factory=set)
    """Branches that end the matter."""
    last: bool = True
    """The branch told last."""

    def tails(self) -> list[_Tail]:
        """Returns the ends that the next unconditional step joins."""
        told = [tail for answer, ends in self.branches.items() if answer not in self.exits for tail in ends]
        missing = [] if len(self.branches) > 1 else [_Tail(self.node, "no" if True in self.branches else "yes")]
        return told + missing


@dataclass
class _Chart:
    """A flowchart in the making."""

    talk: Talk
    nodes: list[NodeDraft] = field(default_factory=list)
    edges: list[EdgeDraft] = field(default_factory=list)
    tails: list[_Tail] = field(default_factory=list)
    before: list[_Tail] = field(default_factory=list)
    """The ends that the last step was connected to, for steps beside it."""
    decision: _Decision | None = None
    last: Step | None = None
    """The step told last."""

    def add(self, node: NodeDraft, cue: tuple[int, int] | None, *, beside: bool = False) -> int:
        """Adds a node after the open ends, or beside the last node; the same step told again is the same node."""
        place = next((number for number, known in enumerate(self.nodes) if known.label.text == node.label.text), None)
        if place is None:
            place = len(self.nodes)
            self.nodes.append(node)
        else:
            known = self.nodes[place]
            self.nodes[place] = replace(known, repeats=(*known.repeats, node.span))
        if beside:
            for tail in self.before:
                self.connect(tail, place, cue)
            self.tails = [*self.tails, _Tail(place)]
        else:
            for tail in self.tails:
                self.connect(tail, place, cue)
            self.before = self.tails
            self.tails = [_Tail(place)]
        return place

    def connect(self, tail: _Tail, target: int, cue: tuple[int, int] | None) -> None:
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
            self.before = self.tails
            self.decision = None


def extract_flowchart(talk: Talk, sentences: Sequence[Span]) -> Content:
    """Returns the steps and decisions told in consecutive sentences; nothing when there are none."""
    chart = _Chart(talk)
    for sentence in sentences:
        if sentence.text.rstrip("\"'”) ").endswith("?"):
            continue
        _tell(chart, find_clauses(sentence))
    return _finish(chart)


def _tell(chart: _Chart, clauses: list[Clause]) -> None:
    """Adds a sentence."""
    mains = [clause for clause in clauses if clause.role in (Role.MAIN, Role.RELATIVE)]
    opened = False
    if mains:
        opened = _answer_briefly(chart, mains[0])
    for main in mains:
        owned = [clause for clause in clauses if clause.owner.i == main.verb.i and clause.verb.i != main.verb.i]
        conditions = [clause for clause in owned if clause.role is Role.CONDITION]
        if conditions:
            opened = _open_branch(chart, conditions, main)
            if not opened:
                continue
        elif main.otherwise is not None and chart.decision is not None:
            _switch(chart, not chart.decision.last, (chart.talk.word(main.otherwise), chart.talk.word(main.otherwise) + 1))
            opened = True
        elif chart.decision is not None and not opened and not _goes_on(chart, main):
            chart.close()
        for clause in owned:
            if clause.role is Role.AFTER:
                _add_steps(chart, clause)
        if conditions and _names_branch(chart, main):
            continue
        beside = main.alternative or any(
            child.lower_ in PARALLEL_MARKS and child.dep_ == "advmod" for child in main.verb.children
        )
        early = [clause for clause in owned if clause.role is Role.PARALLEL and clause.verb.i < main.verb.i]
        if early and make_steps(chart.talk, main, chart.last):
            beside = _add_steps(chart, early[0])
        told = _add_steps(chart, main, beside=beside and bool(chart.nodes))
        for clause in owned:
            if clause.role is Role.PARALLEL and clause not in early and told:
                _add_steps(chart, clause, beside=True)
            elif clause.role is Role.BEFORE:
                _add_steps(chart, clause)
        if chart.decision is not None:
            chart.decision.branches[chart.decision.last] = chart.tails


def _answer_briefly(chart: _Chart, main: Clause) -> bool:
    """Such as "If so, …" and "If not, …" go on with a branch of the open decision."""
    sentence = main.verb.sent
    words = [token.lower_ for token in sentence[:2]]
    if chart.decision is None or words not in (["if", "so"], ["if", "yes"], ["if", "not"], ["if", "no"]):
        return False
    word = chart.talk.word(sentence[0])
    _switch(chart, words[1] in ("so", "yes"), (word, word + 2))
    return True


def _open_branch(chart: _Chart, conditions: Sequence[Clause], main: Clause) -> bool:
    """Starts a branch for a condition: of the open decision when it answers it, else of a new one."""
    condition = make_condition(chart.talk, conditions)
    if condition is None:
        return False
    if condition.named is not None and chart.last is not None:
        chart.last = replace(chart.last, object=condition.named)
    decision = chart.decision
    mark = conditions[0].mark
    word = chart.talk.word(mark if mark is not None else conditions[0].verb)
    if decision is not None:
        relation = opposite(decision.condition, condition)
        if relation is not None and (relation.answer not in decision.branches or relation.labels is not None):
            if relation.labels is not None:
                _rename(chart, decision, relation.labels[0])
                _switch(chart, False, relation.words, relation.labels[1])
            else:
                _switch(chart, relation.answer, (word, word + 1))
            return True
        if len(decision.branches) > 1:
            chart.close()
        else:
            answered = next(iter(decision.branches))
            chart.tails = [_Tail(decision.node, "no" if answered else "yes")]
            pending = [] if answered in decision.exits else decision.branches[answered]
            chart.decision = None
            node = chart.add(condition.node, None)
            chart.decision = _Decision(node, condition)
            _switch(chart, condition.answer, (word, word + 1))
            chart.decision.branches[condition.answer] = list(chart.tails)
            chart.before = pending
            return True
    node = chart.add(condition.node, None)
    chart.decision = _Decision(node, condition)
    _switch(chart, condition.answer, (word, word + 1))
    return True


def _switch(chart: _Chart, answer: bool, cue: tuple[int, int], label: str = "") -> None:
    """Goes on with another branch of the open decision."""
    decision = chart.decision
    if decision is None:
        return
    decision.last = answer
    chart.tails = [_Tail(decision.node, label or ("yes" if answer else "no"), cue)]
    chart.before = chart.tails


def _rename(chart: _Chart, decision: _Decision, label: str) -> None:
    """Gives the first branch of a decision the word that was said for it."""
    span = decision.condition.predicate
    for number, edge in enumerate(chart.edges):
        if edge.source == decision.node and edge.label == "yes":
            chart.edges[number] = replace(edge, label=label, cue=span)
    chart.nodes[decision.node] = decision.condition.open_node


def _goes_on(chart: _Chart, clause: Clause) -> bool:
    """Whether a clause without a condition goes on with the branch told last."""
    decision = chart.decision
    if decision is None or decision.last not in decision.branches:
        return False
    if len(decision.branches) == 2 and decision.exits:
        return True
    if any(
        child.dep_ == "prep" and child.lower_ in ("after", "until", "within") and child.i < clause.verb.i
        for child in clause.verb.children
    ):
        return not clause.cues and len(decision.branches) == 1
    subject = clause.subject
    pronoun = subject is not None and subject.pos_ == "PRON" and subject.lower_ in ("it", "they", "he", "she")
    return pronoun and any(cue.lower_ == "then" for cue in clause.cues)


def _names_branch(chart: _Chart, clause: Clause) -> bool:
    """Such as "That is a cache hit" names the branch: the name stands on its edge instead of "yes" or "no"."""
    subject = clause.subject
    if clause.verb.lemma_ != "be" or subject is None or subject.lower_ not in ("that", "this", "it") or chart.decision is None:
        return False
    name = next((child for child in clause.verb.children if child.dep_ == "attr"), None)
    if name is None or len(chart.tails) != 1:
        return False
    modifiers = [child for child in name.children if child.dep_ in ("compound", "amod") and child.i < name.i][-1:]
    tokens = [*modifiers, name]
    text = " ".join(token.text for token in tokens)
    if len(text) > 20 or chart.tails[0].node != chart.decision.node:
        return False
    span = (chart.talk.word(tokens[0]), chart.talk.word(name) + 1)
    chart.tails = [_Tail(chart.decision.node, text, span)]
    chart.decision.branches[chart.decision.last] = chart.tails
    return True


def _add_steps(chart: _Chart, clause: Clause, *, beside: bool = False) -> bool:
    """Adds the steps that a clause tells; returns whether there were any."""
    measured = find_quantity(chart.talk, clause.core)
    if measured is not None and clause.core.lemma_ in MEASURE_VERBS | STATIVE_VERBS:
        if chart.nodes and clause.role is Role.RELATIVE and chart.nodes[-1].quantity is None:
            chart.nodes[-1] = replace(chart.nodes[-1], quantity=measured[0])
        return False
    steps = make_steps(chart.talk, clause, chart.last, measured[1] if measured else frozenset())
    if not steps and measured:
        steps, measured = make_steps(chart.talk, clause, chart.last), None
    for number, step in enumerate(steps):
        node = step.node if number or measured is None else replace(step.node, quantity=measured[0])
        chart.add(node, _cue(chart.talk, step, clause), beside=beside)
    if steps:
        chart.last = steps[-1]
        decision = chart.decision
        if decision is not None and _exits(clause):
            decision.exits.add(decision.last)
    return bool(steps)


def _cue(talk: Talk, step: Step, clause: Clause) -> tuple[int, int] | None:
    words = sorted({talk.word(token) for token in (step.cue or clause.cues)})
    return (words[0], words[-1] + 1) if words else None


def _exits(clause: Clause) -> bool:
    adverbs = {token.lower_ for child in clause.core.children if child.dep_ in ("advmod", "prep") for token in child.subtree}
    return clause.core.lemma_ in EXIT_VERBS or bool(adverbs & EXIT_ADVERBS)


def _finish(chart: _Chart) -> Content:
    """Drops decisions that came to nothing and puts nodes into the order of speech."""
    chart.close()
    useless = {
        number
        for number, node in enumerate(chart.nodes)
        if node.kind == NodeKind.NODE_KIND_DECISION and not any(edge.source == number for edge in chart.edges)
    }
    kept = [number for number in range(len(chart.nodes)) if number not in useless]
    kept.sort(key=lambda number: chart.nodes[number].label.words[0])
    place = {number: rank for rank, number in enumerate(kept)}
    edges = tuple(
        replace(edge, source=place[edge.source], target=place[edge.target])
        for edge in chart.edges
        if edge.source in place and edge.target in place
    )
    return Content(DiagramType.DIAGRAM_TYPE_FLOWCHART, tuple(chart.nodes[number] for number in kept), edges)
