"""Loops of a flowchart: clauses that send the process back to a step that was told before."""

from __future__ import annotations

from spacy.tokens import Token

from s2v.analysis.chart import Chart
from s2v.analysis.clauses import Clause
from s2v.analysis.labels import content_lemmas
from s2v.analysis.lexicon import STEP_NOUNS
from s2v.analysis.numbers import read_number, read_ordinal
from s2v.v1.diagram_pb2 import NodeKind

_REPEATING = frozenset({"repeat", "redo", "restart"})
_MOVING = frozenset({"go", "return", "jump", "loop", "move", "come", "get"})
_STARTS = frozenset({"start", "beginning", "top", "outset"})


def go_back(chart: Chart, clause: Clause) -> bool:
    """Connects the open ends to the step that a clause goes back to; returns whether it names one.

    Such as "the recommendation is repeated", "go back to step two", "the process starts again", "check the seal again".
    """
    target = _find_target(chart, clause)
    if target is None:
        return False
    word = chart.talk.word(clause.core)
    for tail in chart.tails:
        chart.connect(tail, target, (word, word + 1))
    decision = chart.decision
    if decision is not None:
        decision.exits.add(decision.last)
    return True


def _find_target(chart: Chart, clause: Clause) -> int | None:
    steps = [number for number, node in enumerate(chart.nodes) if node.kind != NodeKind.NODE_KIND_DECISION]
    if not steps:
        return None
    core = clause.core
    adverbs = {child.lower_ for child in core.children if child.dep_ in ("advmod", "prt")}
    if core.lemma_ in _REPEATING:
        thing = clause.object if clause.object is not None else clause.subject
        return _named(chart, steps, thing) if thing is not None else None
    if core.lemma_ in ("start", "begin") and adverbs & {"again", "over"} and clause.object is None:
        return steps[0]
    if core.lemma_ in _MOVING and (core.lemma_ == "return" or "back" in adverbs):
        # The parser may take "step" for a verb: the words behind "to" are read, whatever they are to one another.
        goal = [token for token in core.subtree if token.i > core.i]
        if any(token.lemma_.lower() in _STARTS for token in goal):
            return steps[0]
        for noun in (token for token in goal if token.lemma_.lower() in STEP_NOUNS):
            return _numbered(steps, noun)
    if "again" in adverbs and clause.object is not None:
        wanted = content_lemmas([core, clause.object])
        return next((number for number in steps[:-1] if len(wanted) > 1 and wanted <= chart.nodes[number].topics), None)
    return None


def _named(chart: Chart, steps: list[int], noun: Token) -> int | None:
    """The first step that speaks of a thing."""
    if noun.lemma_.lower() in STEP_NOUNS | {"process", "procedure", "cycle"}:
        return steps[0]
    wanted = content_lemmas([noun])
    return next((number for number in steps if wanted and wanted <= chart.nodes[number].topics), None)


def _numbered(steps: list[int], noun: Token) -> int | None:
    for child in noun.children:
        number = read_ordinal(child.text)
        if number is None and child.tag_ == "CD":
            value = read_number([child.text])
            number = int(value) if value is not None else None
        if number is not None and 1 <= number <= len(steps):
            return steps[number - 1]
    return None
