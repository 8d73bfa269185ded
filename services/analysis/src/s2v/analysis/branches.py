"""Branches: which branch of which decision a clause goes on with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from s2v.analysis.chart import Chart, Decision, Tail
from s2v.analysis.clauses import Clause, Role
from s2v.analysis.conditions import Condition, make_condition, opposite
from s2v.analysis.questions import brief_answer
from s2v.v1.diagram_pb2 import NodeKind

LOOK_AHEAD = 3
"""Sentences in which the other branch of a decision is looked for."""


def answer_briefly(chart: Chart, main: Clause) -> bool:
    """Returns whether a sentence begins "If so, …" or "If not, …", and goes on with a branch of the open decision."""
    sentence = main.verb.sent
    answer = brief_answer(sentence)
    if chart.decision is None or answer is None:
        return False
    word = chart.talk.word(sentence[0])
    switch(chart, answer, (word, word + 2))
    return True


def ask(chart: Chart, question: Clause) -> bool:
    """Opens a decision for a question, inside of the branch told last if one is open; returns whether it can be drawn."""
    condition = make_condition(chart.talk, [question])
    if condition is None:
        return False
    outer, chart.decision = chart.decision, None
    if condition.named is not None and chart.last is not None:
        chart.last = replace(chart.last, object=condition.named)
    node = chart.add(condition.node, None)
    chart.decision = Decision(node, condition, joining=_other_ends(outer) if outer is not None else [])
    return True


def _other_ends(decision: Decision) -> list[Tail]:
    """The ends of a decision apart from the branch told last, which goes on."""
    other = not decision.last
    if other in decision.exits:
        return decision.joining
    return [*decision.joining, *decision.branches.get(other, [Tail(decision.node, "yes" if other else "no")])]


def open_branch(chart: Chart, conditions: Sequence[Clause], main: Clause) -> bool:
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
                switch(chart, False, relation.words, relation.labels[1])
            else:
                switch(chart, relation.answer, (word, word + 1))
            return True
        if len(decision.branches) > 1 or _is_told_in_branch(chart, decision, condition):
            chart.close()
        elif decision.branches:
            answered = next(iter(decision.branches))
            chart.tails = [Tail(decision.node, "no" if answered else "yes")]
            ends = [] if answered in decision.exits else decision.branches[answered]
            chart.decision = None
            node = chart.add(condition.node, None)
            chart.decision = Decision(node, condition, joining=[*decision.joining, *ends], chained=True)
            switch(chart, condition.answer, (word, word + 1))
            return True
    known = _known_outcome(chart, condition)
    if known is not None:
        chart.tails = [Tail(known, cue=(word, word + 1))]
        return True
    node = chart.add(condition.node, None)
    chart.decision = Decision(node, condition)
    switch(chart, condition.answer, (word, word + 1))
    return True


def _is_told_in_branch(chart: Chart, decision: Decision, condition: Condition) -> bool:
    """Whether a condition asks about something that the last branch brought up: it belongs to the branch, not beside it."""
    told = [node for node in chart.nodes[decision.node + 1 :] if node.kind == NodeKind.NODE_KIND_STEP]
    known = {lemma for node in chart.nodes[: decision.node + 1] for lemma in node.topics}
    return bool(condition.subject) and any(condition.subject in node.topics for node in told) and condition.subject not in known


def _known_outcome(chart: Chart, condition: Condition) -> int | None:
    """The open end that a condition only names again: "… or the office confirms it. If it confirms, …"."""
    if len(chart.tails) + len(chart.refused) < 2:
        return None
    for tail in chart.tails:
        topics = chart.nodes[tail.node].topics
        if condition.predicate_lemma in topics and condition.answer and not condition.negated:
            return tail.node
    return None


def answered_later(chart: Chart, following: Sequence[Sequence[Clause]]) -> bool:
    """Returns whether one of the next sentences still tells the other branch of the open decision."""
    decision = chart.decision
    if decision is None or len(decision.branches) != 1:
        return False
    for clauses in following[:LOOK_AHEAD]:
        if any(clause.otherwise is not None and clause.role is Role.MAIN for clause in clauses):
            return True
        answer = brief_answer(clauses[0].verb.sent) if clauses else None
        if answer is not None:
            return answer not in decision.branches
        conditions = [clause for clause in clauses if clause.role is Role.CONDITION]
        condition = make_condition(chart.talk, conditions) if conditions else None
        if condition is not None:
            relation = opposite(decision.condition, condition)
            return relation is not None and relation.answer not in decision.branches
    return False


def switch(chart: Chart, answer: bool, cue: tuple[int, int], label: str = "") -> None:
    """Goes on with another branch of the open decision."""
    decision = chart.decision
    if decision is None:
        return
    decision.last = answer
    chart.tails = [Tail(decision.node, label or ("yes" if answer else "no"), cue)]


def _rename(chart: Chart, decision: Decision, label: str) -> None:
    """Gives the first branch of a decision the word that was said for it."""
    span = decision.condition.predicate
    for number, edge in enumerate(chart.edges):
        if edge.source == decision.node and edge.label == "yes":
            chart.edges[number] = replace(edge, label=label, cue=span)
    chart.nodes[decision.node] = decision.condition.open_node


def goes_on(chart: Chart, clause: Clause) -> bool:
    """Returns whether a clause without a condition goes on with the branch told last."""
    decision = chart.decision
    if decision is None or decision.last not in decision.branches:
        return False
    if len(decision.branches) == 2 and decision.exits:
        return True
    if all(tail.node == decision.node and tail.label not in ("yes", "no") for tail in chart.tails):
        # The branch has only a name so far: "That is a cache miss. So the application asks the database."
        return True
    if clause.verb.sent[0].lower_ == "and" and len(decision.branches) == 1:
        return True
    if any(
        child.dep_ == "prep" and child.lower_ in ("after", "until", "within") and child.i < clause.verb.i
        for child in clause.verb.children
    ):
        return not clause.cues and len(decision.branches) == 1
    subject = clause.subject
    pronoun = subject is not None and subject.pos_ == "PRON" and subject.lower_ in ("it", "they", "he", "she")
    return pronoun and any(cue.lower_ == "then" for cue in clause.cues)


def names_branch(chart: Chart, clause: Clause) -> bool:
    """Returns whether a clause such as "That is a cache hit" names the branch, instead of "yes" or "no"."""
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
    chart.tails = [Tail(chart.decision.node, text, span)]
    chart.decision.branches[chart.decision.last] = chart.tails
    return True
