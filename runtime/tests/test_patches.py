"""Users' patches change what they name and nothing else; one that no longer matches is reported."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s2v.runtime.patches import patch_storyboard, patch_words
from s2v.v1.diagram_pb2 import Diagram, DiagramType, Edge, Evidence, Node, NodeKind, SpokenEvidence, WordSpan
from s2v.v1.edit_pb2 import Edit, LabelPatch, Patch, SceneMerge, SceneSplit, TypePatch, WordPatch
from s2v.v1.storyboard_pb2 import Scene, Storyboard
from s2v.v1.transcript_pb2 import Segment, Word

FLOW, NONE = DiagramType.DIAGRAM_TYPE_FLOWCHART, DiagramType.DIAGRAM_TYPE_NONE
STARTS = [0.5 * number for number in range(40)]


def make_segments() -> list[Segment]:
    words = ["the", "rooter", "forwards", "the", "packet", "to", "to", "the", "server"]
    return [Segment(words=[Word(text=text, start_seconds=number, end_seconds=number + 0.9) for number, text in enumerate(words)])]


def texts(segments: list[Segment]) -> list[str]:
    return [word.text for segment in segments for word in segment.words]


def edit(*patches: Patch, revision: int = 1) -> Edit:
    return Edit(revision=revision, user="ann", patches=patches)


def word(text: str, was: str, start: float) -> Patch:
    return Patch(word=WordPatch(text=text, was=was, start_seconds=start))


def make_board() -> Storyboard:
    """Two scenes of 10 s: a flow of three nodes (words 1, 8, 15), and one that shows the last of them again with another."""

    def node(name: str, place: int) -> Node:
        spoken = Evidence(spoken=SpokenEvidence(spans=[WordSpan(begin=place, end=place + 1)]))
        step = NodeKind.NODE_KIND_STEP
        return Node(id=name, kind=step, phrase=name, label=f"label {name}", evidence=spoken, reveal_seconds=STARTS[place])

    def edge(name: str, source: Node, target: Node) -> Edge:
        return Edge(id=name, source=source.id, target=target.id, reveal_seconds=max(source.reveal_seconds, target.reveal_seconds))

    a, b, c, d = node("n1", 1), node("n2", 8), node("n3", 15), node("n4", 30)
    first = Diagram(type=FLOW, nodes=[a, b, c], edges=[edge("e1", a, b), edge("e2", b, c)])
    second = Diagram(type=FLOW, nodes=[c, d], edges=[edge("e3", c, d)])
    return Storyboard(
        scenes=[
            Scene(id="s01", start_seconds=0, end_seconds=10, words=WordSpan(begin=0, end=20), title="Path", diagram=first),
            Scene(id="s02", start_seconds=10, end_seconds=20, words=WordSpan(begin=20, end=40), diagram=second),
        ],
        duration_seconds=20,
    )


def test_a_word_is_corrected_where_it_was_heard_and_several_share_its_time():
    segments = make_segments()
    assert not patch_words(segments, [edit(word("edge router", "rooter", 1.0)), edit(word("", "to", 6.2), revision=2)])
    assert texts(segments) == ["the", "edge", "router", "forwards", "the", "packet", "to", "the", "server"]
    edge, router = segments[0].words[1:3]
    assert edge.end_seconds == router.start_seconds == pytest.approx(1 + 0.9 * 4 / 10)
    assert router.end_seconds == pytest.approx(1.9)
    assert segments[0].words[6].start_seconds == 5  # the other "to" stays


def test_a_word_that_is_not_heard_there_any_more_is_reported_and_the_rest_is_done():
    segments = make_segments()
    patches = edit(word("switch", "router", 1.0), word("message", "packet", 4.0), word("x", "server", 2.0), revision=7)
    unmatched = patch_words(segments, [patches])
    assert [(one.revision, one.patch) for one in unmatched] == [(7, 0), (7, 2)]
    assert "'router'" in unmatched[0].reason
    assert "message" in texts(segments)


def test_a_label_changes_wherever_the_node_is_shown_and_its_evidence_is_the_edit():
    board = make_board()
    patch = Patch(label=LabelPatch(node_id="n3", label="DNS server", was="label n3"))
    assert not patch_storyboard(board, STARTS, [edit(patch, revision=4)])
    shown = [node for scene in board.scenes for node in scene.diagram.nodes if node.id == "n3"]
    assert [(node.label, node.evidence.edited.user, node.evidence.edited.revision) for node in shown] == [
        ("DNS server", "ann", 4)
    ] * 2
    assert {node.reveal_seconds for node in shown} == {STARTS[15]}
    assert board.scenes[0].diagram.nodes[0].evidence.HasField("spoken")


def test_a_label_follows_its_node_to_another_id_and_never_goes_to_another_node():
    board = make_board()
    moved = Patch(label=LabelPatch(node_id="n1", label="new", was="label n2"))
    gone = Patch(label=LabelPatch(node_id="n2", label="other", was="something else"))
    assert [one.patch for one in patch_storyboard(board, STARTS, [edit(moved, gone)])] == [1]
    assert [node.label for node in board.scenes[0].diagram.nodes] == ["label n1", "new", "label n3"]


def test_edits_are_applied_in_order():
    board = make_board()
    log = [
        edit(Patch(label=LabelPatch(node_id="n1", label="one", was="label n1"))),
        edit(Patch(label=LabelPatch(node_id="n1", label="two", was="one")), revision=2),
    ]
    assert not patch_storyboard(board, STARTS, log)
    node = board.scenes[0].diagram.nodes[0]
    assert (node.label, node.evidence.edited.revision) == ("two", 2)


def test_another_type_keeps_nodes_and_edges_and_a_key_phrase_keeps_the_title():
    board = make_board()
    log = [
        edit(
            Patch(type=TypePatch(scene_id="s01", type=DiagramType.DIAGRAM_TYPE_CAUSE_EFFECT, was=FLOW)),
            Patch(type=TypePatch(scene_id="s02", type=NONE, was=FLOW)),
            Patch(type=TypePatch(scene_id="s01", type=NONE, was=FLOW)),
            Patch(type=TypePatch(scene_id="s02", type=FLOW, was=NONE)),
        )
    ]
    assert [one.patch for one in patch_storyboard(board, STARTS, log)] == [2, 3]
    first, second = (scene.diagram for scene in board.scenes)
    assert [node.kind for node in first.nodes] == [NodeKind.NODE_KIND_CAUSE] * 2 + [NodeKind.NODE_KIND_EFFECT]
    assert [alternative.type for alternative in first.alternatives] == [FLOW]
    assert [node.label for node in second.nodes] == ["label n3"]


@given(word_number=st.integers(1, 19), again=st.booleans())
def test_a_split_scene_loses_nothing_and_merging_it_brings_it_back(word_number: int, again: bool):
    board, before = make_board(), make_board()
    patches = [Patch(split=SceneSplit(scene_id="s01", at_seconds=STARTS[word_number]))]
    if again:
        patches.append(Patch(merge=SceneMerge(scene_id="s01", next_scene_id="s01-1-1")))
    assert not patch_storyboard(board, STARTS, [edit(*patches)])
    bounds = [(scene.start_seconds, scene.end_seconds) for scene in board.scenes]
    assert [start for start, _ in bounds[1:]] == [end for _, end in bounds[:-1]]
    drawn = [scene.diagram for scene in board.scenes if scene.diagram.type != NONE]
    nodes = {node.id for diagram in drawn for node in diagram.nodes}
    assert {node.id for scene in before.scenes for node in scene.diagram.nodes} <= nodes
    edges = sorted(edge.id for diagram in drawn for edge in diagram.edges)
    assert edges == ["e1", "e2", "e3"]
    for diagram in drawn:
        ids = {node.id for node in diagram.nodes}
        assert all({edge.source, edge.target} <= ids for edge in diagram.edges)
    if again:
        assert [scene.id for scene in board.scenes] == ["s01", "s02"]
        assert {node.id for node in board.scenes[0].diagram.nodes} == {"n1", "n2", "n3"}


def test_what_both_of_two_merged_scenes_tell_is_there_once():
    board = make_board()
    one, other = (scene.diagram for scene in board.scenes)
    told = Edge(id="e4", source="n2", target="n3", label=" Asks", reveal_seconds=12)
    one.edges[1].label = "asks"
    other.nodes.add().CopyFrom(one.nodes[1])
    other.nodes[-1].reveal_seconds = 12
    other.nodes[-1].quantity.label = "20 ms"
    other.edges.extend([told, Edge(id="e5", source="n2", target="n3", label="answers", reveal_seconds=13)])
    merge = Patch(merge=SceneMerge(scene_id="s01", next_scene_id="s02"))
    assert not patch_storyboard(board, STARTS, [edit(merge)])
    diagram = board.scenes[0].diagram
    assert [node.id for node in diagram.nodes] == ["n1", "n2", "n3", "n4"]
    assert [(node.quantity.label, node.reveal_seconds) for node in diagram.nodes[1:3]] == [("20 ms", 4.0), ("", 7.5)]
    assert [edge.id for edge in diagram.edges] == ["e1", "e2", "e3", "e5"]
    assert diagram.edges[1].reveal_seconds == STARTS[15]


@pytest.mark.parametrize(("title", "shown"), [("", "Each part can fail"), ("Path", "Path")])
@pytest.mark.parametrize("at", [2.5, 7.5])
def test_a_split_key_phrase_leaves_no_part_empty(title: str, shown: str, at: float):
    board = make_board()
    scene = board.scenes[0]
    phrase = Node(id="n1", kind=NodeKind.NODE_KIND_PHRASE, label="Each part can fail", reveal_seconds=STARTS[10])
    scene.diagram.CopyFrom(Diagram(type=NONE, nodes=[phrase]))
    scene.title = title
    assert not patch_storyboard(board, STARTS, [edit(Patch(split=SceneSplit(scene_id="s01", at_seconds=at)))])
    first, second = (part.diagram.nodes[0] for part in board.scenes[:2])
    spoken, silent = (second, first) if at < STARTS[10] else (first, second)
    assert (spoken.label, spoken.reveal_seconds) == ("Each part can fail", STARTS[10])
    assert (silent.label, silent.reveal_seconds) == (shown, 0.0 if silent is first else at)


def test_scenes_that_cannot_be_cut_or_joined_are_reported():
    board = make_board()
    board.scenes[1].diagram.type = DiagramType.DIAGRAM_TYPE_CYCLE
    log = [
        edit(
            Patch(split=SceneSplit(scene_id="s01", at_seconds=15)),
            Patch(split=SceneSplit(scene_id="s09", at_seconds=15)),
            Patch(merge=SceneMerge(scene_id="s01", next_scene_id="s02")),
            Patch(merge=SceneMerge(scene_id="s02", next_scene_id="")),
        )
    ]
    unmatched = patch_storyboard(board, STARTS, log)
    assert [one.patch for one in unmatched] == [0, 1, 2, 3]
    assert "same type" in unmatched[2].reason
