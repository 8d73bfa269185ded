"""What is drawn when the classifier is in two minds: a picture, another picture or the speaker's own words."""

from __future__ import annotations

import pytest

from s2v.analysis.choice import choose, is_torn
from s2v.analysis.classification import NAMES, Ranking
from s2v.analysis.content import Content, EdgeDraft, Label, NodeDraft
from s2v.analysis.extractors import EXTRACTORS
from s2v.v1.diagram_pb2 import DiagramType, EdgeKind, NodeKind

PHRASE = Content(DiagramType.DIAGRAM_TYPE_NONE)
KINDS = {name: kind for kind, name in NAMES.items()}


def rank(**chances: float) -> Ranking:
    """Returns a ranking in which the types not named share what is left."""
    given = {KINDS[name.replace("_", "-")]: chance for name, chance in chances.items()}
    rest = (1 - sum(given.values())) / (len(NAMES) - len(given))
    ordered = sorted(((given.get(kind, rest), kind) for kind in NAMES), reverse=True)
    return Ranking(tuple(kind for _, kind in ordered), tuple(chance for chance, _ in ordered))


def draw(*names: str) -> dict[DiagramType.ValueType, Content]:
    """Returns contents of which those named are worth drawing."""
    nodes = tuple(
        NodeDraft(NodeKind.NODE_KIND_STEP, word, Label(word, (place,)), (place, place + 1)) for place, word in enumerate("abc")
    )
    edges = (EdgeDraft(EdgeKind.EDGE_KIND_SEQUENCE, 0, 1), EdgeDraft(EdgeKind.EDGE_KIND_SEQUENCE, 1, 2))
    return {kind: Content(kind, nodes, edges) if NAMES[kind] in names else Content(kind) for kind in EXTRACTORS}


@pytest.mark.parametrize(
    ("ranking", "drawn", "shown"),
    [
        pytest.param(rank(cycle=0.6, none=0.3), ["cycle"], "cycle", id="likely"),
        pytest.param(rank(cycle=0.4, none=0.2), ["cycle"], "cycle", id="unsure, but no key phrase either"),
        pytest.param(rank(cycle=0.4, none=0.35), ["cycle"], "none", id="hardly likelier than none"),
        pytest.param(rank(cycle=0.25), ["cycle"], "none", id="too uncertain"),
        pytest.param(rank(cycle=0.5, flowchart=0.4), ["flowchart"], "flowchart", id="the second stands in"),
        pytest.param(rank(cycle=0.8, flowchart=0.1), ["flowchart"], "none", id="a far second does not"),
        pytest.param(rank(none=0.5, cycle=0.4), ["cycle"], "none", id="none"),
    ],
)
def test_what_is_shown(ranking: Ranking, drawn: list[str], shown: str) -> None:
    assert NAMES[choose(ranking, draw(*drawn), PHRASE).content.type] == shown


def test_two_diagrams_tear_a_scene_and_none_does_not() -> None:
    assert is_torn(rank(cycle=0.4, cause_effect=0.35))
    assert not is_torn(rank(cycle=0.6, cause_effect=0.35)), "one is likely"
    assert not is_torn(rank(cycle=0.4, none=0.35)), "the rival is no diagram"
    assert not is_torn(rank(cycle=0.45)), "there is no rival"
