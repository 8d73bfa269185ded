"""Ids within a scene, whatever an extractor gives: unique, and the same from one scene to the next for the same thing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from s2v.analysis.content import Content, EdgeDraft, Label, NodeDraft
from s2v.analysis.language import PlainParser, Talk
from s2v.analysis.speech import read_speech
from s2v.analysis.storyboard import ScenePlan, make_scene
from s2v.analysis.text import make_transcript
from s2v.v1.diagram_pb2 import DiagramType, EdgeKind, NodeKind

TALK: Talk = PlainParser().parse(read_speech(make_transcript("The pump fills the tank. The tank feeds the pump again.")))
WORDS = len(TALK.speech)
KINDS = (NodeKind.NODE_KIND_STEP, NodeKind.NODE_KIND_ITEM, NodeKind.NODE_KIND_CAUSE)


@st.composite
def contents(draw: st.DrawFn) -> Content:
    """Draws what an extractor could give: nodes that look alike, edges told twice, loops."""
    places = draw(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, WORDS - 1)), max_size=8))
    nodes = tuple(
        NodeDraft(kind, TALK.speech.texts[word], Label(TALK.speech.texts[word], (word,)), (word, word + 1))
        for kind, word in places
    )
    ends = st.integers(0, len(nodes) - 1) if nodes else st.nothing()
    pairs = draw(st.lists(st.tuples(ends, ends), max_size=10)) if nodes else []
    edges = tuple(EdgeDraft(EdgeKind.EDGE_KIND_SEQUENCE, source, target) for source, target in pairs)
    return Content(DiagramType.DIAGRAM_TYPE_FLOWCHART, nodes, edges)


def _plan(content: Content) -> ScenePlan:
    return ScenePlan(
        TALK.sentences, 0.0, TALK.speech.duration, content, None, DiagramType.DIAGRAM_TYPE_UNSPECIFIED, title=None, continues=""
    )


@given(st.lists(contents(), min_size=1, max_size=4))
def test_ids_are_unique_within_every_scene(told: list[Content]) -> None:
    previous = None
    for number, content in enumerate(told):
        scene = make_scene(TALK, number, _plan(content), previous)
        nodes = [node.id for node in scene.diagram.nodes]
        edges = [edge.id for edge in scene.diagram.edges]
        assert len(nodes) == len(content.nodes) == len(set(nodes))
        assert len(edges) == len(content.edges) == len(set(edges))
        assert all(edge.source in nodes and edge.target in nodes for edge in scene.diagram.edges)
        previous = scene


@given(contents())
def test_what_is_shown_again_keeps_its_id(content: Content) -> None:
    first = make_scene(TALK, 0, _plan(content), None)
    second = make_scene(TALK, 1, _plan(content), first)
    known = {
        (node.kind, node.label): {one.id for one in first.diagram.nodes if one.label == node.label}
        for node in first.diagram.nodes
    }
    looks = [(node.kind, node.label) for node in second.diagram.nodes]
    for node in second.diagram.nodes:
        if looks.count((node.kind, node.label)) == 1:
            assert node.id in known[node.kind, node.label]
