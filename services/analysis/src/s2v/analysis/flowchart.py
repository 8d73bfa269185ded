"""Flowcharts: steps, decisions and their branches, from the clauses of a scene.

Steps follow one another in the order in which they are told, save where "before", "after" or "while" say otherwise. A condition
becomes a decision, and so does a question that "If so, …" or "If not, …" answers; its clause is the branch "yes", an opposite
condition or "otherwise" the branch "no". They join at the next unconditional step, unless one of them ends the matter ("… shows
the page at once").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from spacy.tokens import Span

from s2v.analysis.branches import answer_briefly, answered_later, ask, goes_on, names_branch, open_branch, switch
from s2v.analysis.chart import Chart
from s2v.analysis.clauses import Clause, Role, find_clauses
from s2v.analysis.content import Content
from s2v.analysis.language import Talk
from s2v.analysis.lexicon import (
    EXIT_ADVERBS,
    EXIT_VERBS,
    FAILURE_NOUNS,
    MEASURE_VERBS,
    PARALLEL_MARKS,
    PARALLEL_PHRASES,
    REFUSING_VERBS,
    STATIVE_VERBS,
)
from s2v.analysis.loops import go_back
from s2v.analysis.quantities import find_quantity
from s2v.analysis.questions import brief_answer, find_question, is_question
from s2v.analysis.steps import Step, make_steps
from s2v.v1.diagram_pb2 import DiagramType, NodeKind


def extract_flowchart(talk: Talk, sentences: Sequence[Span]) -> Content:
    """Returns the steps and decisions told in consecutive sentences; nothing when there are none."""
    chart = Chart(talk, talk.references(sentences))
    told = _read(sentences)
    for number, sentence in enumerate(told):
        if sentence.is_question:
            _ask(chart, sentence)
        else:
            _tell(
                chart, sentence, [later.clauses for later in takewhile(lambda later: not later.is_question, told[number + 1 :])]
            )
    return _finish(chart)


@dataclass(frozen=True)
class _Sentence:
    """What a sentence tells."""

    clauses: Sequence[Clause]
    is_question: bool
    asked: Clause | None
    """What it asks, if the next sentence answers it by "If so, …" or "If not, …"."""


def _read(sentences: Sequence[Span]) -> list[_Sentence]:
    """Reads sentences, without the questions that are not answered by the next one."""
    told: list[_Sentence] = []
    for number, sentence in enumerate(sentences):
        answered = number + 1 < len(sentences) and brief_answer(sentences[number + 1]) is not None
        if answered or not is_question(sentence):
            clauses = find_clauses(sentence)
            told.append(_Sentence(clauses, is_question(sentence), find_question(sentence, clauses) if answered else None))
    return told


def _ask(chart: Chart, sentence: _Sentence) -> None:
    """Opens the decision of a question, in a branch if it begins with an answer itself ("If not, is it …?")."""
    chart.join()
    if not sentence.clauses or not answer_briefly(chart, sentence.clauses[0]):
        chart.close()
    if sentence.asked is None or not ask(chart, sentence.asked):
        chart.close()


def _tell(chart: Chart, sentence: _Sentence, following: Sequence[Sequence[Clause]]) -> None:
    """Adds a sentence."""
    clauses, asked = sentence.clauses, sentence.asked
    mains = [clause for clause in clauses if clause.role in (Role.MAIN, Role.RELATIVE)]
    opened = bool(mains) and answer_briefly(chart, mains[0])
    if mains and not opened and brief_answer(mains[0].verb.sent) is not None:
        # What was asked can't be drawn, nor what the answer follows.
        chart.fork([])
    ends = chart.tails
    for main in mains:
        owned = [clause for clause in clauses if clause.owner.i == main.verb.i and clause.verb.i != main.verb.i]
        conditions = [
            clause for clause in owned if clause.role is Role.CONDITION and not (asked is not None and clause.verb == asked.verb)
        ]
        if conditions:
            chart.join()
            opened = open_branch(chart, conditions, main)
            if not opened:
                continue
        elif main.otherwise is not None and chart.decision is not None:
            switch(chart, not chart.decision.last, (chart.talk.word(main.otherwise), chart.talk.word(main.otherwise) + 1))
            opened = True
        elif chart.decision is not None and not opened and not goes_on(chart, main) and not answered_later(chart, following):
            chart.close()
            ends = chart.tails
        if conditions and names_branch(chart, main):
            continue
        if asked is not None and asked.owner == main.verb and ask(chart, asked):
            continue
        _tell_main(chart, main, owned)
        if chart.decision is not None:
            chart.decision.branches[chart.decision.last] = [*chart.parked, *chart.tails]
    chart.join()
    chart.before_sentence = ends


def _tell_main(chart: Chart, main: Clause, owned: Sequence[Clause]) -> None:
    """Adds the steps of a main clause with those told as before, after or beside it."""
    if main.alternative:
        chart.fork(chart.before_clause)
    elif chart.nodes and _is_meanwhile(main):
        chart.fork(chart.before_sentence)
    ends = chart.tails
    for clause in owned:
        if clause.role is Role.AFTER:
            _add_steps(chart, clause)
    early = [clause for clause in owned if clause.role is Role.PARALLEL and clause.verb.i < main.verb.i]
    if early and make_steps(chart.talk, main, chart.last, chart.references):
        fork = chart.tails
        if _add_steps(chart, early[0]):
            chart.fork(fork)
    before_main = chart.tails
    told = _add_steps(chart, main)
    for clause in owned:
        if clause.role is Role.PARALLEL and clause not in early and told:
            chart.fork(before_main)
            _add_steps(chart, clause)
        elif clause.role is Role.BEFORE:
            _add_steps(chart, clause)
    if told:
        chart.before_clause = ends if not main.alternative else chart.before_clause


def _is_meanwhile(main: Clause) -> bool:
    """Whether a clause says that it happens beside what was told before: "meanwhile", "at the same time", "in parallel"."""
    for child in (*main.verb.children, *main.core.children):
        if child.i < main.core.i and child.dep_ in ("advmod", "npadvmod") and child.lower_ in PARALLEL_MARKS:
            return True
        if child.dep_ == "prep" and " ".join(token.lower_ for token in child.subtree if not token.is_punct) in PARALLEL_PHRASES:
            return True
    return False


def _add_steps(chart: Chart, clause: Clause) -> bool:
    """Adds the steps that a clause tells; returns whether there were any."""
    if go_back(chart, clause):
        return True
    measured = find_quantity(chart.talk, clause.core)
    if measured is not None and clause.core.lemma_ in MEASURE_VERBS | STATIVE_VERBS:
        if chart.nodes and clause.role is Role.RELATIVE and chart.nodes[-1].quantity is None:
            chart.nodes[-1] = replace(chart.nodes[-1], quantity=measured[0])
        return False
    steps = make_steps(chart.talk, clause, chart.last, chart.references, measured[1] if measured else frozenset())
    if not steps and measured:
        steps, measured = make_steps(chart.talk, clause, chart.last, chart.references), None
    for number, step in enumerate(steps):
        node = step.node if number or measured is None else replace(step.node, quantity=measured[0])
        place = chart.add(node, _cue(chart.talk, step, clause))
        if clause.core.lemma_ in REFUSING_VERBS or node.topics & FAILURE_NOUNS:
            chart.refused.add(place)
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


def _finish(chart: Chart) -> Content:
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
